//! From what people call a volume to its block devices.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::number::DevNo;
use crate::view::HostView;

/// A volume: block devices that carry a file system, or raw data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Where it can be opened; the first of its devices.
    pub device: PathBuf,
    /// Its devices; more than one for a file system over several.
    pub devices: Vec<DevNo>,
    /// The mount point by which it was named.
    pub mount_point: Option<PathBuf>,
    /// The file system, if it was named by its mount point.
    pub fs_type: Option<String>,
}

/// A name that is no volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nothing has that name.
    #[error("there is no {0}")]
    NotFound(PathBuf),
    /// It cannot be looked at.
    #[error("could not look at {path}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A device without a size, or one that the kernel does not list.
    #[error("{0} is a block device without a medium")]
    NoMedium(PathBuf),
    /// A folder or file that is not the root of a mount.
    #[error("{path} is not a mount point; it lies on the file system mounted at {mount_point}")]
    InsideMount {
        /// What was named.
        path: PathBuf,
        /// Where its file system is mounted.
        mount_point: PathBuf,
    },
    /// A bind mount shows a part of a file system.
    #[error("{path} shows only the folder {root} of its file system ({source_name})")]
    PartOfFileSystem {
        /// What was named.
        path: PathBuf,
        /// The folder that is mounted there.
        root: PathBuf,
        /// The file system.
        source_name: PathBuf,
    },
    /// A file system that lies on no block device.
    #[error("{path} is a file system of the kind {fs_type}, which lies on no block device")]
    NoBlockDevice {
        /// What was named.
        path: PathBuf,
        /// The kind.
        fs_type: String,
    },
}

impl ResolveError {
    /// True when nothing has that name.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

impl HostView {
    /// Finds a volume by its mount point, or by the path of its block device, links included.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub fn resolve(&self, name: &Path) -> Result<Volume, ResolveError> {
        let failed = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                ResolveError::NotFound(name.to_owned())
            } else {
                ResolveError::Io {
                    path: name.to_owned(),
                    source,
                }
            }
        };
        let meta = fs::metadata(name).map_err(failed)?;
        if meta.file_type().is_block_device() {
            let number = DevNo::from_raw(meta.rdev());
            if self.device(number).is_none() {
                return Err(ResolveError::NoMedium(name.to_owned()));
            }
            return Ok(self.volume(vec![number], None, None));
        }
        let real = fs::canonicalize(name).map_err(failed)?;
        self.resolve_mount(&real)
    }

    /// Finds a volume by its mount point, a path without links.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub fn resolve_mount(&self, place: &Path) -> Result<Volume, ResolveError> {
        let Some(mount) = self.mount_of(place) else {
            return Err(ResolveError::NotFound(place.to_owned()));
        };
        if mount.mount_point != place {
            return Err(ResolveError::InsideMount {
                path: place.to_owned(),
                mount_point: mount.mount_point.clone(),
            });
        }
        let devices = self.devices_of(mount);
        if devices.is_empty() {
            return Err(ResolveError::NoBlockDevice {
                path: place.to_owned(),
                fs_type: mount.fs_type.clone(),
            });
        }
        // A subvolume is a root of its own; a folder of another file system is not.
        if mount.root != Path::new("/") && mount.fs_type != "btrfs" {
            return Err(ResolveError::PartOfFileSystem {
                path: place.to_owned(),
                root: mount.root.clone(),
                source_name: mount.source.clone(),
            });
        }
        Ok(self.volume(devices, Some(place.to_owned()), Some(mount.fs_type.clone())))
    }

    fn volume(
        &self,
        devices: Vec<DevNo>,
        mount_point: Option<PathBuf>,
        fs_type: Option<String>,
    ) -> Volume {
        Volume {
            device: devices
                .first()
                .map(|first| self.device_path(*first))
                .unwrap_or_default(),
            devices,
            mount_point,
            fs_type,
        }
    }
}
