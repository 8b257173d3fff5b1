//! Why a view could not be had, or a name not be understood.

use std::io;
use std::path::PathBuf;

use crate::dev_no::DevNo;

/// The host could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// A file or folder of the kernel's could not be read.
    #[error("could not read {path}")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A line of the kernel's mount table does not have its form.
    #[error("line {line} of {path} is no mount: “{text}”")]
    Mount {
        /// The mount table.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The line itself.
        text: String,
    },
}

/// A name does not stand for a volume that could be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name could not be looked up.
    #[error("could not look up {path}")]
    Look {
        /// The name as given.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file or folder in the middle of a file system.
    #[error("{path} lies inside the volume mounted at {mount_point}; name {mount_point} instead")]
    InsideMount {
        /// The name, links followed.
        path: PathBuf,
        /// Where its file system is mounted.
        mount_point: PathBuf,
    },
    /// No mount of this process's holds the path.
    #[error("{path} is neither a block device nor on any mount that can be seen from here")]
    NowhereMounted {
        /// The name, links followed.
        path: PathBuf,
    },
    /// A block device that sysfs does not show.
    #[error("the kernel shows no block device {device}, which {path} stands for")]
    NoSuchDevice {
        /// The name, links followed.
        path: PathBuf,
        /// Its number.
        device: DevNo,
    },
    /// A file system that lies on no block device of this host.
    #[error("{path} is a file system of type {fs_type}, which lies on no block device of this host{}", hint(.below))]
    NoBlockDevice {
        /// The mount point.
        path: PathBuf,
        /// Type as in the mount table.
        fs_type: String,
        /// What it is made of: an overlay's folders, a network share's name.
        below: Vec<PathBuf>,
    },
}

impl ResolveError {
    /// True when there is nothing of that name at all.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Look { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NoSuchDevice { .. } => true,
            _ => false,
        }
    }
}

fn hint(below: &[PathBuf]) -> String {
    if below.is_empty() {
        return String::new();
    }
    let names: Vec<_> = below.iter().map(|p| p.display().to_string()).collect();
    format!(" but upon {}", names.join(", "))
}
