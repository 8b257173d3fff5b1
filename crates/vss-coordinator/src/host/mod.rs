//! What the coordinator needs of the host: time, ids, devices and a hold on writes.
//!
//! Everything goes through [`Host`], so that tests can script what the host shows and make any
//! access fail.

mod disks;
mod keeper;
mod linux;
mod mounts;
mod quiet;
mod rest;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use disk_identity::{DiskWrite, Identity};
use host_view::{DevNo, HostView};
use uuid::Uuid;
use vss_model::{Error, SnapshotId, Timestamp};

pub use linux::LinuxHost;
pub use quiet::Quiet;
pub use rest::{AtRest, FileSystemAtRest, Freezing, Ground, Released};

/// Where copies that are block devices have their names.
pub(crate) const COPY_NAMES: &str = "/dev/vss/";

/// The folder in which the files of copies are mounted. Programs of Windows look for the device objects of
/// copies by names of this form; one link of theirs leads to the folder above.
pub(crate) const COPY_FILES: &str = "/run/vss/globalroot/Device";

/// An open disk.
pub type Disk = Box<dyn DiskWrite + Send + Sync>;

/// A disk that the host itself shows, apart from the LUNs which providers present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostDisk {
    /// Where it can be opened.
    pub device: PathBuf,
    /// The numbers of all its block devices: more than one where several paths lead to it.
    pub numbers: Vec<DevNo>,
    /// The file behind it, for a loop device.
    pub backing_file: Option<PathBuf>,
    /// Who it is.
    pub identity: Identity,
}

/// What a hold on writes came to for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// Nobody else writes until the hold is released.
    Held,
    /// Somebody has it open for writing.
    OpenForWriting,
    /// The host has no means to hold writes of this device.
    Unsupported,
}

/// A hold on the writes of several devices; released on drop.
pub trait Hold: Send {
    /// What was reached, device by device, in the order asked for.
    fn states(&self) -> Vec<HoldState>;

    /// True when every device that was held has been held without a gap until now.
    fn is_unbroken(&self) -> bool;
}

/// The host as the coordinator sees it.
pub trait Host: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Time since a fixed point in the past, for measuring.
    fn monotonic(&self) -> Duration;

    /// A fresh random GUID.
    fn new_uuid(&self) -> Uuid;

    /// The name of this machine.
    fn machine_name(&self) -> String;

    /// Opens a disk for reading.
    ///
    /// # Errors
    /// As `open(2)`.
    fn open(&self, device: &Path) -> io::Result<Disk>;

    /// Opens a disk for reading and writing, also one that is set read-only, which it stays. udev looks at
    /// a block device when both the disk and `quiet` are dropped.
    ///
    /// # Errors
    /// As `open(2)` and `fcntl(2)`.
    fn open_for_update(&self, device: &Path, quiet: &Quiet) -> io::Result<Disk>;

    /// Makes the device refuse or accept writes of others: the read-only flag of a block device, the
    /// write permissions of an image file. Durable for an image file when it returns.
    ///
    /// # Errors
    /// As `ioctl(2)` and `chmod(2)`.
    fn set_read_only(&self, device: &Path, read_only: bool) -> io::Result<()>;

    /// Whether the device refuses writes.
    ///
    /// # Errors
    /// As `stat(2)`.
    fn is_read_only(&self, device: &Path) -> io::Result<bool>;

    /// The disks of the host, as far as this process may look.
    ///
    /// # Errors
    /// The list itself could not be read; a single disk that cannot be read is left out.
    fn disks(&self) -> io::Result<Vec<HostDisk>>;

    /// Flushes image files and holds their writes.
    ///
    /// # Errors
    /// An image could not be opened or flushed.
    fn hold_writes(&self, images: &[PathBuf]) -> io::Result<Box<dyn Hold>>;

    /// The block devices, mounts and disks as they are now, and how they lie upon each other.
    ///
    /// # Errors
    /// The list of block devices or of mounts could not be read.
    fn view(&self) -> io::Result<HostView>;

    /// The number of a block device; `None` for anything else.
    fn device_number(&self, path: &Path) -> Option<DevNo>;

    /// Gets ready to bring file systems and devices to rest. Nothing is at rest yet.
    ///
    /// # Errors
    /// The keeper cannot be started, or one of them is not what it was.
    fn rest(&self, ground: &Ground) -> Result<Box<dyn AtRest>, Error>;

    /// Lets go of what an earlier process may have left at rest. Says what it did; repeatable.
    fn let_go(&self, ground: &Ground) -> Vec<String>;

    /// Makes or, without a device, removes the name by which people find a copy. `None` where copies
    /// have no such names: the device itself is the name.
    ///
    /// # Errors
    /// As `symlink(2)`.
    fn name_copy(&self, copy: SnapshotId, device: Option<&Path>) -> io::Result<Option<PathBuf>>;

    /// Mounts the file system of a copy at a place of its own, read-only, and gives the place. One that is
    /// mounted there stays.
    ///
    /// # Errors
    /// What lies on the device is no file system that this kernel can mount; as `mount(2)`.
    fn mount_copy(&self, copy: SnapshotId, device: &Path) -> io::Result<PathBuf>;

    /// Unmounts a copy from its place; nothing for one that is not mounted there.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] while somebody has files of it open; as `umount(2)`.
    fn unmount_copy(&self, copy: SnapshotId) -> io::Result<()>;

    /// This run of the host's kernel; nil where that cannot be told.
    fn boot(&self) -> Uuid;
}
