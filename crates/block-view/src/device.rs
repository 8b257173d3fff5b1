//! Block devices, as sysfs has them.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::number::DevNo;

/// A device of the device mapper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its name, unescaped as the kernel has it.
    pub name: String,
    /// Its UUID; empty for one that was made without.
    pub uuid: String,
}

impl Mapped {
    /// A multipath device: another name for each of its slaves.
    #[must_use]
    pub fn is_multipath(&self) -> bool {
        self.uuid.starts_with("mpath-")
    }

    /// The number of a partition that `kpartx` mapped.
    #[must_use]
    pub fn partition(&self) -> Option<u32> {
        let (number, _) = self.uuid.strip_prefix("part")?.split_once('-')?;
        number.parse().ok()
    }

    /// A device that LVM made for its own use and that nobody else opens: UUID `LVM-`, 64 characters,
    /// and a suffix.
    #[must_use]
    pub fn is_lvm_internal(&self) -> bool {
        self.uuid
            .strip_prefix("LVM-")
            .is_some_and(|rest| rest.len() > 64)
    }
}

/// A block device with a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    /// Its number.
    pub number: DevNo,
    /// The kernel's name, as in `/sys/class/block`.
    pub name: String,
    /// Size in sectors of 512 bytes, whatever its own sectors are.
    pub sectors: u64,
    /// Whether the kernel refuses writes.
    pub read_only: bool,
    /// The disk that it is a partition of, and its number there.
    pub partition: Option<(DevNo, u32)>,
    /// What it lies upon, for a device of the device mapper or of md.
    pub slaves: Vec<DevNo>,
    /// What the device mapper says of it.
    pub mapped: Option<Mapped>,
    /// Whether it is a device of md.
    pub md: bool,
    /// The file behind a loop device, whether or not it is still there.
    pub backing_file: Option<PathBuf>,
}

/// Reads the device of this folder of `/sys/class/block`; `None` for one without a size, or one that is
/// just going away.
pub(crate) fn read(folder: &Path) -> Option<BlockDevice> {
    let sectors: u64 = word(&folder.join("size"))?.parse().ok()?;
    if sectors == 0 {
        return None;
    }
    let number = word(&folder.join("dev"))?.parse().ok()?;
    let mapped = word(&folder.join("dm/name")).map(|name| Mapped {
        name,
        uuid: word(&folder.join("dm/uuid")).unwrap_or_default(),
    });
    Some(BlockDevice {
        number,
        name: folder.file_name()?.to_str()?.to_owned(),
        sectors,
        read_only: word(&folder.join("ro")).is_some_and(|flag| flag != "0"),
        partition: partition(folder),
        slaves: slaves(&folder.join("slaves")),
        md: folder.join("md").is_dir(),
        backing_file: backing_file(&folder.join("loop/backing_file")),
        mapped,
    })
}

/// The folder of a partition lies in that of its disk.
fn partition(folder: &Path) -> Option<(DevNo, u32)> {
    let number = word(&folder.join("partition"))?.parse().ok()?;
    let real = fs::canonicalize(folder).ok()?;
    let disk = word(&real.parent()?.join("dev"))?.parse().ok()?;
    Some((disk, number))
}

fn slaves(folder: &Path) -> Vec<DevNo> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut slaves: Vec<DevNo> = entries
        .filter_map(|entry| word(&entry.ok()?.path().join("dev"))?.parse().ok())
        .collect();
    slaves.sort();
    slaves
}

fn backing_file(file: &Path) -> Option<PathBuf> {
    let text = fs::read(file).ok()?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(text)))
}

/// What a file of sysfs says, without space around it; `None` when it is not there or is no text.
pub(crate) fn word(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned())
}

/// Every block device with a size.
///
/// # Errors
/// The folder cannot be listed; one that is not there is empty.
pub(crate) fn all(sys: &Path) -> io::Result<Vec<BlockDevice>> {
    let entries = match fs::read_dir(sys.join("class/block")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut devices = Vec::new();
    for entry in entries {
        devices.extend(read(&entry?.path()));
    }
    devices.sort_by_key(|device: &BlockDevice| device.number);
    devices.dedup_by_key(|device| device.number);
    Ok(devices)
}
