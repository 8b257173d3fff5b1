//! Every disk once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vss_model::{IdentifierType, LunInformation};

use crate::dev_no::DevNo;
use crate::device::BlockDevice;
use crate::view::HostView;

/// Majors of memory disks, floppies and optical drives, which carry no identity.
const NO_DISKS: [u32; 3] = [1, 2, 11];

/// A disk, with everything by which it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The node to use: the multipath device, else the first path.
    pub node: DevNo,
    /// All nodes of this one disk, `node` first, the others in order of number.
    pub nodes: Vec<DevNo>,
    /// What it is.
    pub kind: DiskKind,
    /// Size in sectors of 512 bytes.
    pub sectors: u64,
    /// Who it is to its array and bus, where there is such.
    pub information: Option<LunInformation>,
}

/// What a disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskKind {
    /// A disk of a bus, a hypervisor or a network, by one path or several.
    Disk,
    /// A file attached as a loop device.
    Loop {
        /// The file.
        file: PathBuf,
        /// Where in it the disk begins, in bytes.
        offset: u64,
    },
    /// A volume of the device mapper (logical volume, decrypted device), which may be used as a
    /// disk.
    DeviceMapper,
    /// A software RAID.
    Md,
}

impl Disk {
    /// The file of a loop device.
    #[must_use]
    pub fn backing_file(&self) -> Option<&Path> {
        match &self.kind {
            DiskKind::Loop { file, .. } => Some(file),
            _ => None,
        }
    }
}

impl HostView {
    /// Every distinct disk, in order of number of its first node.
    ///
    /// One disk are: a multipath device and its paths; SCSI and NVMe devices of one size that share a
    /// unique page 0x83 identifier (of the T10 kind: and the serial number), or where neither has any,
    /// serial number, vendor and model; loop
    /// devices of one file and offset. No disks are: partitions (kpartx's too), inner devices of
    /// LVM, devices without a size or with a size of none, memory disks, floppies, optical drives.
    #[must_use]
    pub fn disks(&self) -> Vec<Disk> {
        let mut disks: Vec<Disk> = Vec::new();
        let mut taken = BTreeSet::new();
        for device in self.devices().filter(|device| device.is_multipath()) {
            let mut nodes = vec![device.number];
            nodes.extend(&device.slaves);
            taken.extend(nodes.iter().copied());
            disks.push(Disk {
                node: device.number,
                nodes,
                kind: DiskKind::Disk,
                sectors: device.sectors,
                information: self.lun_information(device.number),
            });
        }
        for device in self.devices() {
            let Some(kind) = kind_of(device) else {
                continue;
            };
            if taken.contains(&device.number) {
                continue;
            }
            let information = self.lun_information(device.number);
            let same = disks.iter_mut().find(|disk| {
                disk.sectors == device.sectors && is_same(disk, &kind, information.as_ref())
            });
            match same {
                Some(disk) => disk.nodes.push(device.number),
                None => disks.push(Disk {
                    node: device.number,
                    nodes: vec![device.number],
                    kind,
                    sectors: device.sectors,
                    information,
                }),
            }
        }
        for disk in &mut disks {
            disk.nodes[1..].sort_unstable();
        }
        disks.sort_by_key(|disk| disk.nodes.iter().min().copied());
        disks
    }
}

fn kind_of(device: &BlockDevice) -> Option<DiskKind> {
    if device.partition.is_some()
        || device.sectors == 0
        || NO_DISKS.contains(&device.number.major)
        || device.name.starts_with("zram")
    {
        return None;
    }
    if let Some(dm) = &device.dm {
        let inner = dm.is_lvm_internal() || dm.kpartx_partition().is_some();
        return (!inner).then_some(DiskKind::DeviceMapper);
    }
    if device.md.is_some() {
        return Some(DiskKind::Md);
    }
    Some(match &device.loop_file {
        Some(file) => DiskKind::Loop {
            file: file.file.clone(),
            offset: file.offset,
        },
        None => DiskKind::Disk,
    })
}

fn is_same(disk: &Disk, kind: &DiskKind, information: Option<&LunInformation>) -> bool {
    if disk.kind != *kind {
        return false;
    }
    match (kind, &disk.information, information) {
        (DiskKind::Loop { .. }, _, _) => true,
        (DiskKind::Disk, Some(a), Some(b)) => match (a.lun_id(), b.lun_id()) {
            (Some(_), Some(_)) => a.is_same_lun(b) && (share_number(a, b) || share_serial(a, b)),
            (None, None) => {
                share_serial(a, b) && a.vendor_id == b.vendor_id && a.product_id == b.product_id
            }
            _ => false,
        },
        _ => false,
    }
}

/// Vendors make up T10 names themselves, and some do so from the model alone when a LUN has no serial
/// number; two disks taken for one would hide the second.
fn share_number(a: &LunInformation, b: &LunInformation) -> bool {
    a.identifiers.iter().any(|id| {
        id.is_unique_kind()
            && id.identifier_type != IdentifierType::VendorId
            && !id.bytes.is_empty()
            && b.identifiers.contains(id)
    })
}

fn share_serial(a: &LunInformation, b: &LunInformation) -> bool {
    !a.serial_number.is_empty() && a.serial_number == b.serial_number
}
