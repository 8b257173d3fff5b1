//! Shadow copies of SCSI LUNs of the in-kernel target (LIO).
//!
//! The originals are the LUNs that an administrator mapped for this host, over the loopback fabric or
//! iSCSI; a copy is a backstore with a serial number of its own, mapped beside its original. What the
//! target holds in configfs is gone after a reboot: [`LioProvider`] keeps records of its copies, and brings
//! them back.
//!
//! ```no_run
//! use vss_provider::{HardwareProvider, Provider};
//! use vss_provider_lio::LioProvider;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = LioProvider::open("/var/lib/vss/lio".as_ref())?;
//! provider.on_load()?;
//! for lun in provider.presented_luns()? {
//!     println!("{} {}", lun.name, lun.device.display());
//! }
//! # Ok(())
//! # }
//! ```

mod disk;
mod files;
mod identity;
mod iscsi;
mod name;
mod present;
mod provider;
mod records;
mod sets;
mod state;
mod storage;
mod target;
mod tree;
mod volumes;

pub use identity::{PROVIDER_ID, properties};
pub use state::LioProvider;
pub use tree::Roots;
