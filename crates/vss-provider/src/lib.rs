//! The provider traits, a recording fake and the conformance suite which every provider runs.
//!
//! A provider makes and keeps the copies; the coordinator decides when. A hardware provider's copies
//! are LUNs, and only they can be broken.

mod error;
mod hardware;
mod provider;
mod software;

pub use error::{ProviderError, ProviderResult};
pub use hardware::{HardwareProvider, HardwareProviderEx, PresentedLun};
pub use provider::{CreateSnapshotSet, Provider};
pub use software::SoftwareProvider;
