//! From a name to a volume.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::dev_no::DevNo;
use crate::error::ResolveError;
use crate::mounts::Mount;
use crate::view::HostView;

/// What a mount point or a device path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The mount point or device path, links followed.
    pub name: PathBuf,
    /// The block devices of it, in order of number: one, but for file systems on several.
    pub devices: Vec<DevNo>,
    /// `st_dev` of the mounted file system, if it is mounted.
    pub file_system: Option<DevNo>,
    /// Type of the mounted file system, if it is mounted.
    pub fs_type: Option<String>,
    /// Everywhere that the file system's own root is mounted, best first; if it is nowhere, where
    /// parts of it are. May hold points that another mount hides.
    pub mount_points: Vec<PathBuf>,
}

impl HostView {
    /// The volume that a name stands for: the root of a mount, or a block device by any path.
    ///
    /// Where mounts lie upon each other, the topmost counts. A device of a mounted file system on
    /// several devices stands for the whole file system.
    ///
    /// # Errors
    ///
    /// [`ResolveError::Look`] when there is no such name, [`ResolveError::InsideMount`] for files
    /// and folders inside a file system, [`ResolveError::NoBlockDevice`] for tmpfs, network shares,
    /// overlays and the like, [`ResolveError::NoSuchDevice`] for a node without a device.
    pub fn resolve(&self, name: &Path) -> Result<Volume, ResolveError> {
        let failed = |source| ResolveError::Look {
            path: name.into(),
            source,
        };
        let path = name.canonicalize().map_err(failed)?;
        let data = path.metadata().map_err(failed)?;
        if data.file_type().is_block_device() {
            return self.volume_of_device(&path, DevNo::from_raw(data.rdev()));
        }
        self.volume_at(&path)
    }

    /// The volume of the block device with this number; `path` is what to call it.
    ///
    /// # Errors
    ///
    /// [`ResolveError::NoSuchDevice`] when sysfs does not show it.
    pub fn volume_of_device(&self, path: &Path, device: DevNo) -> Result<Volume, ResolveError> {
        if !self.devices.contains_key(&device) {
            return Err(ResolveError::NoSuchDevice {
                path: path.into(),
                device,
            });
        }
        let mounted = self
            .mounts
            .iter()
            .find(|mount| self.devices_of(mount).contains(&device));
        Ok(match mounted {
            Some(mount) => self.volume_of_mount(path, mount),
            None => Volume {
                name: path.into(),
                devices: vec![device],
                file_system: None,
                fs_type: None,
                mount_points: Vec::new(),
            },
        })
    }

    /// The volume mounted at a path without links.
    ///
    /// # Errors
    ///
    /// As [`HostView::resolve`], but for [`ResolveError::Look`]: the path itself is not looked at.
    pub fn volume_at(&self, path: &Path) -> Result<Volume, ResolveError> {
        let Some(mount) = self.mount_of(path) else {
            return Err(ResolveError::NowhereMounted { path: path.into() });
        };
        if mount.point != path {
            return Err(ResolveError::InsideMount {
                path: path.into(),
                mount_point: mount.point.clone(),
            });
        }
        if self.devices_of(mount).is_empty() {
            return Err(ResolveError::NoBlockDevice {
                path: path.into(),
                fs_type: mount.fs_type.clone(),
                below: made_of(mount),
            });
        }
        Ok(self.volume_of_mount(path, mount))
    }

    fn volume_of_mount(&self, name: &Path, mount: &Mount) -> Volume {
        let all: Vec<_> = self
            .mounts
            .iter()
            .filter(|other| other.device == mount.device)
            .collect();
        Volume {
            name: name.into(),
            devices: self.devices_of(mount),
            file_system: Some(mount.st_dev),
            fs_type: Some(mount.fs_type.clone()),
            mount_points: best_first(&all)
                .into_iter()
                .map(|mount| mount.point.clone())
                .collect(),
        }
    }
}

/// Mounts of one file system: of its own root before those of its parts, writable before read-only,
/// else in the kernel's order. Parts only if there is no root.
pub(crate) fn best_first<'a>(mounts: &[&'a Mount]) -> Vec<&'a Mount> {
    let is_root = |mount: &Mount| mount.root == Path::new("/");
    let any_root = mounts.iter().any(|mount| is_root(mount));
    let mut best: Vec<_> = mounts
        .iter()
        .copied()
        .filter(|mount| is_root(mount) || !any_root)
        .collect();
    best.sort_by_key(|mount| mount.read_only);
    best
}

/// What a file system without a block device is made of, as far as its mount says.
pub(crate) fn made_of(mount: &Mount) -> Vec<PathBuf> {
    match mount.fs_type.as_str() {
        "overlay" => ["upperdir", "lowerdir"]
            .iter()
            .filter_map(|name| mount.option(name))
            .flat_map(|value| {
                value
                    .as_bytes()
                    .split(|byte| *byte == b':')
                    .filter(|path| !path.is_empty())
                    .map(|path| PathBuf::from(OsStr::from_bytes(path)))
                    .collect::<Vec<_>>()
            })
            .collect(),
        "tmpfs" | "ramfs" | "proc" | "sysfs" | "devtmpfs" => Vec::new(),
        _ => vec![mount.source.clone()],
    }
}
