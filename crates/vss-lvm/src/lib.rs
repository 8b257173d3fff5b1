//! Shadow copies of LVM volumes.
//!
//! [`LvmThin`] is a hardware provider: its LUNs are thin volumes, each with a life of its own, and their
//! copies can be broken. [`LvmSnapshot`] is a software provider: classic snapshots, which cannot.
//!
//! ```no_run
//! use vss_lvm::LvmThin;
//! use vss_provider::HardwareProvider;
//!
//! # fn main() -> Result<(), vss_provider::ProviderError> {
//! for lun in LvmThin::new().presented_luns()? {
//!     println!("{} at {}", lun.name, lun.device.display());
//! }
//! # Ok(())
//! # }
//! ```

mod classic;
mod error;
mod lvm;
mod mapper;
mod names;
mod program;
mod thin;

pub use classic::{LvmSnapshot, SNAPSHOT_PROVIDER_ID};
pub use program::ProgramError;
pub use thin::{LvmThin, THIN_PROVIDER_ID};
