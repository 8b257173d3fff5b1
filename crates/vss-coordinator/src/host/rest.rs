//! File systems and devices at rest: frozen and suspended by the keeper, a process apart.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vss_model::Error;
use vss_provider::MappedDevice;

/// A file system to be frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemAtRest {
    /// One of the places where it is mounted.
    pub mount_point: PathBuf,
    /// Major and minor number that files on it bear.
    pub device: (u32, u32),
    /// How many other file systems it lies upon; the highest is frozen first.
    pub level: u32,
}

/// What a creation brings to rest; in the journal from before the first freeze.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ground {
    /// File systems to freeze.
    pub file_systems: Vec<FileSystemAtRest>,
    /// Devices to suspend once the file systems are frozen.
    pub devices: Vec<MappedDevice>,
}

impl Ground {
    /// True when nothing is to be brought to rest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file_systems.is_empty() && self.devices.is_empty()
    }
}

/// What became of a file system that was to be frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freezing {
    /// It is frozen.
    Frozen,
    /// Its kind cannot be frozen.
    Unsupported,
    /// Somebody else has frozen it, and may thaw it at any time.
    AlreadyFrozen,
}

/// How it was when everything was let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// From the first freeze to the last thaw.
    pub frozen: Duration,
    /// From the first suspension to the last resumption; zero without devices.
    pub suspended: Duration,
    /// What was let go of before it was asked for, in words.
    pub lost: Vec<String>,
    /// Devices that somebody else had resumed by then.
    pub resumed: Vec<MappedDevice>,
}

/// File systems and devices on their way to rest and back. Dropping it lets go of everything.
pub trait AtRest: Send {
    /// Writes out what the file systems have in memory. May take long.
    ///
    /// # Errors
    /// A file system could not be written.
    fn flush(&mut self) -> Result<(), Error>;

    /// Freezes the file systems; from here on the deadline runs. In the order of the ground.
    ///
    /// # Errors
    /// One could not be frozen; everything is let go of.
    fn freeze(&mut self) -> Result<Vec<Freezing>, Error>;

    /// Suspends the devices.
    ///
    /// # Errors
    /// One could not be suspended; everything is let go of.
    fn suspend(&mut self) -> Result<(), Error>;

    /// Lets go: devices first, then file systems.
    ///
    /// # Errors
    /// The keeper died, and what was at rest may have been written to.
    fn release(self: Box<Self>) -> Result<Released, Error>;
}
