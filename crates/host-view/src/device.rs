//! One block device.

use std::path::PathBuf;

use crate::dev_no::DevNo;

/// A block device as sysfs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    /// Its number.
    pub number: DevNo,
    /// The kernel's name, `sda1`, as `/dev` has it (sysfs writes `!` for `/`).
    pub name: String,
    /// Size in sectors of 512 bytes, whatever the logical sector size.
    pub sectors: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Whether the kernel refuses writes.
    pub read_only: bool,
    /// Whether the medium can be taken out.
    pub removable: bool,
    /// What part of which disk this is, if it is one.
    pub partition: Option<Partition>,
    /// The devices that it is made of, without partitions' disks; in order of number.
    pub slaves: Vec<DevNo>,
    /// Device mapper.
    pub dm: Option<Dm>,
    /// Software RAID.
    pub md: Option<Md>,
    /// Loop device that has a file.
    pub loop_file: Option<Loop>,
}

/// What part of a disk a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The disk.
    pub disk: DevNo,
    /// Counted from 1.
    pub number: u32,
    /// First sector, in sectors of 512 bytes.
    pub start: u64,
}

/// What the device mapper says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dm {
    /// Name under `/dev/mapper`.
    pub name: String,
    /// Who made it and what it is; may be empty.
    pub uuid: String,
}

impl Dm {
    /// True for a multipath device, whose slaves are paths of one LUN.
    #[must_use]
    pub fn is_multipath(&self) -> bool {
        self.uuid.starts_with("mpath-")
    }

    /// The number of the partition that kpartx made this for.
    #[must_use]
    pub fn kpartx_partition(&self) -> Option<u32> {
        let (number, _) = self.uuid.strip_prefix("part")?.split_once('-')?;
        number.parse().ok()
    }

    /// True for the inner devices of LVM: the uuid `LVM-`, 64 characters, then what it is (`-tpool`,
    /// `-real`, `-cow`), or one of the names that LVM keeps for them (`_rimage_0`).
    #[must_use]
    pub fn is_lvm_internal(&self) -> bool {
        let Some(rest) = self.uuid.strip_prefix("LVM-") else {
            return false;
        };
        let has_layer = rest
            .get(64..)
            .is_some_and(|layer| layer.starts_with('-') || layer.starts_with('_'));
        // A lone hyphen parts group and volume; those within names are doubled.
        let plain = self.name.replace("--", "__");
        let volume = plain.split('-').nth(1).unwrap_or_default();
        has_layer || RESERVED.iter().any(|name| volume.contains(name))
    }
}

/// Names that LVM gives to inner volumes and refuses for others; those whose uuid says what they are
/// left out.
const RESERVED: [&str; 7] = [
    "_rimage_", "_rmeta_", "_mimage_", "_mlog", "_corig", "_vorigin", "_pmspare",
];

/// What software RAID says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Md {
    /// `raid1` and so on; may be empty.
    pub level: String,
    /// As sysfs shows it; older kernels do not.
    pub uuid: Option<String>,
}

/// What a loop device shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// The file, without the kernel's mark of a deleted one.
    pub file: PathBuf,
    /// The file has no name any more.
    pub deleted: bool,
    /// Where in the file the device begins, in bytes.
    pub offset: u64,
    /// How much of the file it shows, in bytes; 0 is all.
    pub size_limit: u64,
    /// It goes away with its last user.
    pub autoclear: bool,
    /// The kernel looks for partitions on it.
    pub partscan: bool,
}

impl BlockDevice {
    /// The devices right beneath: a partition's disk, else the slaves.
    #[must_use]
    pub fn below(&self) -> Vec<DevNo> {
        match self.partition {
            Some(partition) => vec![partition.disk],
            None => self.slaves.clone(),
        }
    }

    /// True for a multipath device.
    #[must_use]
    pub fn is_multipath(&self) -> bool {
        self.dm.as_ref().is_some_and(Dm::is_multipath)
    }
}
