//! Disks that udev leaves alone for a while.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Disks that are being changed.
///
/// The kernel says that a disk may have changed when a descriptor that can write to it is closed for good,
/// and udev then reads all of it that has a name to give. As long as this lives, one descriptor of each
/// disk that was opened with it stays open: udev looks once, at what the disk has become, and neither at
/// something on the way there nor in competition with it.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<Vec<File>>);

impl Quiet {
    /// Keeps a disk that is open for writing.
    pub(super) fn keep(&self, disk: &File) -> io::Result<()> {
        let same = disk.try_clone()?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(same);
        Ok(())
    }
}
