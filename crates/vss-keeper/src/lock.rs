//! Locks that tell whether a keeper may still hold something.
//!
//! A process that was killed is gone for its parent while one of its threads still waits in the
//! kernel for a freeze to complete; the freeze then stands with nobody to end it, and a thaw that
//! came before has missed it. The kernel gives a lock back only with the last thread, so whoever has
//! waited for the lock thaws late enough.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::plan::{FileSystem, MappedDevice};

/// Memory that only root writes to, and that a boot empties as it ends every freeze.
const FOLDER: &str = "/run/vss-keeper";

/// The lock's file name for a file system.
pub(crate) fn of_file_system(system: &FileSystem) -> String {
    format!("fs-{}-{}", system.device.0, system.device.1)
}

/// The lock's file name for a device.
pub(crate) fn of_device(device: &MappedDevice) -> String {
    format!("dm-{}", device.key()).replace('/', "_")
}

/// Taken by a keeper until its last thread is gone. Keepers do not exclude each other: the kernel
/// does, as the second freeze of a file system fails.
pub(crate) fn hold(name: &str) -> io::Result<File> {
    let file = open(name)?;
    rustix::fs::flock(&file, FlockOperation::LockShared)?;
    Ok(file)
}

/// Waits until no keeper has the lock, and keeps new ones from taking it until the file is dropped.
pub(crate) fn wait(name: &str) -> io::Result<File> {
    let file = open(name)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Locks stay as empty files: removing one could part those who wait for it from those who come.
fn open(name: &str) -> io::Result<File> {
    let folder = Path::new(FOLDER);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(name))
}
