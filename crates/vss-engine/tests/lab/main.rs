//! The numbered checks of the contract (spec: break §12) on real storage: loop devices, thin volumes, SCSI
//! LUNs of the kernel's target.

mod checks;
mod storage;
mod world;
