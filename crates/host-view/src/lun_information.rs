//! Who a disk is to its array and bus.

use std::path::{Path, PathBuf};

use uuid::Uuid;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};

use crate::dev_no::DevNo;
use crate::device::BlockDevice;
use crate::sysfs;
use crate::view::HostView;
use crate::vpd;

/// Inquiry byte 7: commands can be queued.
const CMDQUE: u8 = 0x02;

impl HostView {
    /// LUN information of a whole disk, read from sysfs now; no program and no command to the disk.
    ///
    /// - SCSI: inquiry data and pages 0x80 and 0x83 as the kernel keeps them; where it has no page
    ///   0x83 that has its form, its `wwid`.
    /// - NVMe: NGUID, else EUI-64, as an EUI-64 identifier (as the NVMe SCSI translation has it), the
    ///   namespace's UUID as name string `uuid.…`; where it has none of them, `wwid` as name string.
    /// - virtio-blk with a serial number: that alone, no identifier.
    /// - Multipath: what its first path says.
    /// - All else, partitions too: none.
    #[must_use]
    pub fn lun_information(&self, device: DevNo) -> Option<LunInformation> {
        let device = self.device(device)?;
        if device.is_multipath() {
            return device
                .slaves
                .iter()
                .filter_map(|path| self.device(*path))
                .find_map(|path| self.information_of(path));
        }
        self.information_of(device)
    }

    fn information_of(&self, device: &BlockDevice) -> Option<LunInformation> {
        if device.partition.is_some() {
            return None;
        }
        let folder = self
            .roots
            .sys
            .join("block")
            .join(device.name.replace('/', "!"));
        if device.name.starts_with("nvme") {
            nvme(&folder)
        } else if device.name.starts_with("vd") {
            virtio(&folder)
        } else {
            scsi(&folder.join("device"))
        }
    }
}

fn information(bus_type: BusType) -> LunInformation {
    LunInformation {
        device_type: 0,
        device_type_modifier: 0,
        command_queueing: false,
        bus_type,
        vendor_id: String::new(),
        product_id: String::new(),
        product_revision: String::new(),
        serial_number: String::new(),
        disk_signature: Uuid::nil(),
        identifiers: Vec::new(),
        interconnects: Vec::new(),
    }
}

fn scsi(device: &Path) -> Option<LunInformation> {
    let text = |name| sysfs::text(&device.join(name)).unwrap_or_default();
    let device_type: u8 = sysfs::value(&device.join("type"))?;
    let mut found = information(scsi_bus(device));
    found.device_type = device_type;
    found.vendor_id = text("vendor");
    found.product_id = text("model");
    found.product_revision = text("rev");
    if let Ok(inquiry) = sysfs::bytes(&device.join("inquiry")) {
        found.device_type_modifier = inquiry.get(1).copied().unwrap_or(0) & 0x7F;
        found.command_queueing = inquiry.get(7).copied().unwrap_or(0) & CMDQUE != 0;
    }
    if let Ok(page) = sysfs::bytes(&device.join("vpd_pg80")) {
        found.serial_number = vpd::serial_number(&page).unwrap_or_default();
    }
    if let Ok(page) = sysfs::bytes(&device.join("vpd_pg83")) {
        found.identifiers = vpd::identifiers(&page).unwrap_or_default();
    }
    if found.identifiers.is_empty() {
        found.identifiers = wwid(&device.join("wwid")).into_iter().collect();
    }
    Some(found)
}

/// The bus, by the devices that the disk hangs on.
fn scsi_bus(device: &Path) -> BusType {
    let way: PathBuf = device.canonicalize().unwrap_or_else(|_| device.into());
    let way = way.to_string_lossy();
    let buses = [
        ("/session", BusType::IScsi),
        ("/usb", BusType::Usb),
        ("/rport-", BusType::Fibre),
        ("/end_device-", BusType::Sas),
        ("/ata", BusType::Sata),
    ];
    buses
        .iter()
        .find(|(part, _)| way.contains(part))
        .map_or(BusType::Scsi, |(_, bus)| *bus)
}

fn nvme(disk: &Path) -> Option<LunInformation> {
    let text = |name| sysfs::text(&disk.join(name)).unwrap_or_default();
    let mut found = information(BusType::NVMe);
    found.command_queueing = true;
    found.vendor_id = "NVMe".into();
    found.product_id = text("device/model");
    found.product_revision = text("device/firmware_rev");
    found.serial_number = text("device/serial");
    let eui = |name, length: usize| {
        let bytes = vpd::hex(&sysfs::text(&disk.join(name))?)?;
        (bytes.len() == length && bytes.iter().any(|b| *b != 0)).then_some(StorageIdentifier {
            code_set: IdentifierCodeSet::Binary,
            identifier_type: IdentifierType::Eui64,
            bytes,
        })
    };
    found
        .identifiers
        .extend(eui("nguid", 16).or_else(|| eui("eui", 8)));
    if let Some(uuid) = sysfs::value::<Uuid>(&disk.join("uuid")).filter(|uuid| !uuid.is_nil()) {
        // Older kernels show the NGUID here when there is no UUID.
        if !found
            .identifiers
            .iter()
            .any(|id| id.bytes == uuid.as_bytes())
        {
            found
                .identifiers
                .extend(vpd::identifier_of_wwid(&format!("uuid.{uuid}")));
        }
    }
    if found.identifiers.is_empty() {
        found.identifiers = wwid(&disk.join("wwid")).into_iter().collect();
    }
    (!found.identifiers.is_empty() || !found.serial_number.is_empty()).then_some(found)
}

fn virtio(disk: &Path) -> Option<LunInformation> {
    let mut found = information(BusType::Virtual);
    found.vendor_id = "VIRTIO".into();
    found.serial_number = sysfs::text(&disk.join("serial"))?;
    Some(found)
}

fn wwid(path: &Path) -> Option<StorageIdentifier> {
    vpd::identifier_of_wwid(&sysfs::text(path)?)
}
