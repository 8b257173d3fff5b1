//! The host at one moment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::device::{self, BlockDevice};
use crate::mounts::{self, Mount};
use crate::number::DevNo;

/// Where the kernel shows itself; a test has folders of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            sys: "/sys".into(),
            proc: "/proc".into(),
            dev: "/dev".into(),
        }
    }
}

/// The host could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("could not read {path}")]
#[non_exhaustive]
pub struct ViewError {
    /// What could not be read.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Block devices and mounts, as they were at one moment.
#[derive(Debug, Clone)]
pub struct HostView {
    pub(crate) roots: Roots,
    pub(crate) devices: BTreeMap<DevNo, BlockDevice>,
    pub(crate) mounts: Vec<Mount>,
}

impl HostView {
    /// Takes the host in.
    ///
    /// # Errors
    /// The block devices or the mounts cannot be listed. A single device that cannot be read is left
    /// out.
    pub fn read(roots: &Roots) -> Result<Self, ViewError> {
        let devices = device::all(&roots.sys).map_err(|source| ViewError {
            path: roots.sys.join("class/block"),
            source,
        })?;
        let file = roots.proc.join("self/mountinfo");
        let mounts = fs::read(&file).map_err(|source| ViewError { path: file, source })?;
        Ok(Self {
            roots: roots.clone(),
            devices: devices
                .into_iter()
                .map(|device| (device.number, device))
                .collect(),
            mounts: mounts::parse(&mounts),
        })
    }

    /// A host without devices and mounts.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            roots: Roots::default(),
            devices: BTreeMap::new(),
            mounts: Vec::new(),
        }
    }

    /// A device.
    #[must_use]
    pub fn device(&self, number: DevNo) -> Option<&BlockDevice> {
        self.devices.get(&number)
    }

    /// All devices, by number.
    pub fn devices(&self) -> impl Iterator<Item = &BlockDevice> {
        self.devices.values()
    }

    /// All mounts, in the kernel's order: of two at one place, the later one is seen.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// Where a device can be opened: `/dev/mapper/NAME` for one of the device mapper, else `/dev/NAME`.
    #[must_use]
    pub fn device_path(&self, number: DevNo) -> PathBuf {
        match self.device(number) {
            Some(device) => match &device.mapped {
                Some(mapped) => self.roots.dev.join("mapper").join(&mapped.name),
                // The kernel writes a slash in a name as an exclamation mark.
                None => self.roots.dev.join(device.name.replace('!', "/")),
            },
            None => self.roots.dev.join(format!("block/{number}")),
        }
    }

    /// A device's path, for people.
    #[must_use]
    pub fn name_of(&self, number: DevNo) -> String {
        self.device_path(number).display().to_string()
    }

    /// The partition with this number of a disk.
    #[must_use]
    pub fn partition(&self, disk: DevNo, number: u32) -> Option<DevNo> {
        self.devices
            .values()
            .find(|device| device.partition == Some((disk, number)))
            .map(|device| device.number)
    }

    /// The file system that a path lies on, told by the list of mounts.
    #[must_use]
    pub fn file_system_device(&self, path: &Path) -> Option<DevNo> {
        self.mount_of(path).map(|mount| mount.device)
    }

    /// The mount that a path lies on: the deepest place, and the last mount there.
    pub(crate) fn mount_of(&self, path: &Path) -> Option<&Mount> {
        let real = fs::canonicalize(path);
        let path = real.as_deref().unwrap_or(path);
        let mut found: Option<&Mount> = None;
        for mount in &self.mounts {
            let deeper = found.is_none_or(|found| {
                mount.mount_point.components().count() >= found.mount_point.components().count()
            });
            if path.starts_with(&mount.mount_point) && deeper {
                found = Some(mount);
            }
        }
        found
    }
}
