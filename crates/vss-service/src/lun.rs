//! LUNs of the embedded array.

use std::path::PathBuf;

use disk_identity::Identity;
use vss_model::SetId;

/// A LUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lun {
    /// Its name, unique in the array.
    pub name: String,
    /// Who it is on the bus, as `naa.600…`.
    pub id: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Bytes that it takes up on the file system; extents shared with others count as its own.
    pub allocated_bytes: u64,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Whether this host sees it.
    pub presented: bool,
    /// Whether it refuses writes.
    pub read_only: bool,
    /// The image file.
    pub image: PathBuf,
    /// True when the image file is not there.
    pub image_missing: bool,
    /// Where the host sees it.
    pub device: Option<PathBuf>,
    /// True when the image stayed in its place, with a link to it in the array.
    pub linked: bool,
    /// The original, for a LUN that was made as a copy; it stays after a break.
    pub copy_of: Option<String>,
    /// The set whose copies it carries now.
    pub set: Option<SetId>,
}

/// A LUN, and who the disk on it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LunDetail {
    /// The LUN.
    pub lun: Lun,
    /// Who its disk is; else why nobody can say, causes included.
    pub identity: Result<Identity, String>,
    /// What is odd about its tables.
    pub warnings: Vec<String>,
}

/// An empty LUN to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLun {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its logical sector size in bytes: 512 or 4096.
    pub sector_size: u32,
    /// Whether this host shall see it.
    pub present: bool,
}

/// What becomes of a file that is adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// It is moved into the array.
    Move,
    /// It stays, with a link to it in the array.
    Link,
}

/// An image file that becomes a LUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptLun {
    /// The LUN's name.
    pub name: String,
    /// The file, by its absolute path on the machine of the service.
    pub file: PathBuf,
    /// What becomes of the file.
    pub how: Adopt,
    /// Its logical sector size in bytes; `None` for where a GPT stands, else 512.
    pub sector_size: Option<u32>,
    /// Whether this host shall see it.
    pub present: bool,
}

/// What was done to a LUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LunChange {
    /// Its name.
    pub name: String,
    /// False when it was so already.
    pub changed: bool,
    /// Where the host sees it, if it does.
    pub device: Option<PathBuf>,
}
