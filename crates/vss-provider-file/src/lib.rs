//! The embedded array: a hardware provider whose LUNs are raw image files in one folder.
//!
//! Needs no root and no array. LUNs are made ([`FileArray::create`]) or taken in
//! ([`FileArray::adopt`]), shown to the host as links in a folder of its own and copied by shared
//! extents where the file system can, else by their data.
//!
//! ```
//! use vss_provider::{HardwareProvider, Provider};
//! use vss_provider_file::{Change, FileArray};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let top = tempfile::tempdir()?;
//! # let top = top.path();
//! let array = FileArray::open(&top.join("array"), &top.join("host"))?;
//! array.on_load()?;
//! let lun = array.create("db", 64 << 20, 512, true)?;
//! assert_eq!(lun.device, Some(top.join("host/db")));
//! assert_eq!(array.presented_luns()?.len(), 1);
//! assert_eq!(array.mask("db")?, Change::Changed);
//! assert_eq!(array.mask("db")?, Change::AlreadySo);
//! # Ok(())
//! # }
//! ```

mod array;
mod attach;
mod catalogue;
mod copy;
mod error;
mod folders;
mod identity;
mod load;
mod manage;
mod name;
mod provider;
mod rows;
mod sets;
mod split;

pub use array::{FileArray, Lun, Original};
pub use identity::PROVIDER_ID;
pub use manage::{Adopt, Change};
pub use sets::CopyProgress;
