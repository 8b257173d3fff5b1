//! The provider traits, a recording fake and the conformance suite which every provider runs.
//!
//! A provider makes and keeps the copies; the coordinator decides when. A hardware provider's copies
//! are LUNs, and only they can be broken.
//!
//! Who writes a provider starts at [`HardwareProvider`] and lets
//! [`conformance_tests!`](crate::conformance_tests) say whether it is right. Who tests a
//! coordinator starts at [`fake::FakeProvider`].

mod codes;
pub mod conformance;
mod error;
pub mod failure;
pub mod fake;
mod hardware;
mod provider;
mod software;

pub use codes::{Method, allowed_codes, is_allowed_code, is_allowed_from};
pub use error::{ProviderError, ProviderResult, must_be_parallel};
pub use hardware::{Access, HardwareProvider, HardwareProviderEx, PresentedLun};
pub use provider::{CreateSnapshotSet, MappedDevice, Provider};
pub use software::SoftwareProvider;
