//! The view of made-up hosts.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod disks;
mod file_systems;
mod hostile;
mod information;
mod resolving;
mod stacks;
mod tree;
