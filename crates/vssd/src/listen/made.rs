//! Files that this process has made, and takes away with it.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that this process has made. It is removed on drop, if it is still the same.
#[derive(Debug)]
pub(super) struct Made {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Kept open, where it can be: so no other file gets its number.
    _open: Option<File>,
}

impl Made {
    /// The file that has this metadata now.
    pub(super) fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            _open: None,
        }
    }

    /// A file that is open; it may be moved to its path later.
    pub(super) fn open(path: &Path, file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            _open: Some(file),
        })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| metadata.dev() == self.device && metadata.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("could not remove {}: {error}", self.path.display());
        }
    }
}
