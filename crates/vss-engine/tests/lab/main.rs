//! The numbered checks of the contract (spec: break §12) on real storage: loop devices, thin volumes, SCSI
//! LUNs of the kernel's target.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod checks;
mod storage;
mod watch;
mod world;
