//! The program on real block devices, in the laboratory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod kills;
mod loops;
mod refusals;
mod snapshots;
mod thin;
mod world;
