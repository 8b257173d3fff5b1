//! What a path stands on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dev_no::DevNo;
use crate::error::ResolveError;
use crate::mounts::Mount;
use crate::resolve::made_of;
use crate::view::HostView;

/// The file system that holds a path, and all that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Where the file system is mounted.
    pub mount_point: PathBuf,
    /// Its `st_dev`.
    pub file_system: DevNo,
    /// Type as in the mount table.
    pub fs_type: String,
    /// Its block devices; none for a file system without any.
    pub devices: Vec<DevNo>,
    /// Every block device beneath it: through partitions, device mapper, RAID, files of loop
    /// devices and the folders of an overlay.
    pub under: BTreeSet<DevNo>,
    /// The numbers of every file system in that stack, its own included: `st_dev` of each mount and the
    /// mount table's. A path hangs when one of them is frozen.
    pub file_systems: BTreeSet<DevNo>,
}

impl HostView {
    /// What a path stands on, such as the folder that must go on working while others are frozen.
    ///
    /// # Errors
    ///
    /// [`ResolveError::Look`] when there is no such path, [`ResolveError::NowhereMounted`] when no
    /// mount that can be seen holds it.
    pub fn file_system_of(&self, path: &Path) -> Result<Ground, ResolveError> {
        let real = path.canonicalize().map_err(|source| ResolveError::Look {
            path: path.into(),
            source,
        })?;
        self.ground_of(&real)
    }

    /// As [`HostView::file_system_of`], for a path without links that is not looked at.
    ///
    /// # Errors
    ///
    /// [`ResolveError::NowhereMounted`] when no mount that can be seen holds it.
    pub fn ground_of(&self, path: &Path) -> Result<Ground, ResolveError> {
        let mount = self
            .mount_of(path)
            .ok_or_else(|| ResolveError::NowhereMounted { path: path.into() })?;
        let mut ground = Ground {
            mount_point: mount.point.clone(),
            file_system: mount.st_dev,
            fs_type: mount.fs_type.clone(),
            devices: self.devices_of(mount),
            under: BTreeSet::new(),
            file_systems: BTreeSet::new(),
        };
        let mut open: Vec<&Mount> = vec![mount];
        let mut seen = BTreeSet::new();
        while let Some(mount) = open.pop() {
            if !seen.insert(mount.id) {
                continue;
            }
            ground.file_systems.insert(mount.device);
            let same = self
                .mounts
                .iter()
                .filter(|other| other.device == mount.device);
            ground.file_systems.extend(same.map(|other| other.st_dev));
            let below = self.all_below(&self.devices_of(mount));
            open.extend(self.mounts_below(&below));
            ground.under.extend(below);
            if mount.fs_type == "overlay" {
                open.extend(made_of(mount).iter().filter_map(|path| self.mount_of(path)));
            }
        }
        Ok(ground)
    }
}
