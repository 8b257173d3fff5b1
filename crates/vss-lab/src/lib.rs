//! A real kernel as an ordinary process, for tests that need block devices of their own.
//!
//! The kernel is User-Mode Linux. Its root is the host's, read-only; `/tmp`, `/run` and a few more places
//! are memory. [`Machine`] boots it and hears what it says; [`guest`] is for tests inside.

#[doc(hidden)]
pub mod boot;
#[doc(hidden)]
pub mod guard;
pub mod guest;
mod machine;

pub use machine::{Exit, Machine, MachineError, Setup, unavailable};
