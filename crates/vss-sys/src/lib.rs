//! The system calls of openvss that need unsafe code or care, behind safe functions.
//!
//! - [`Lease`] holds later writers of a file back for a moment, and proves that there are none now.
//! - [`block`] asks and sets what a block device says of itself.
//! - [`loop_device`] makes block devices of files.
//! - [`dm`] asks the device mapper, suspends and resumes its devices.
//! - [`freeze`] freezes and thaws a mounted file system.
//! - [`FileLock`] keeps other processes out of a folder, and ends when it is let go of.
//! - [`make_open_folder`] makes folders that others may enter, whatever the umask is.
//! - [`peer_credentials`] tells who is at the other end of a Unix socket.
//!
//! ```
//! use vss_sys::Lease;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = tempfile::NamedTempFile::new()?;
//! # let path = file.into_temp_path();
//! let lease = Lease::hold_writes(std::fs::File::open(&path)?)?;
//! // Nobody has the file open for writing, and whoever tries now waits.
//! assert!(!lease.is_wanted()?);
//! # Ok(())
//! # }
//! ```

pub mod block;
pub mod dm;
mod folder;
pub mod freeze;
mod lease;
mod lock;
pub mod loop_device;
mod peer;

pub use folder::make_open_folder;
pub use lease::{Lease, LeaseError, break_time};
pub use lock::FileLock;
pub use peer::{PeerCredentials, peer_credentials};
