//! The program as people and scripts use it: every test runs the binary on a state folder of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod background;
mod beside;
mod connect;
mod daemon;
mod demo;
#[path = "../../src/commands/demo/disks.rs"]
#[expect(
    dead_code,
    reason = "the demonstration needs more of them than the tests"
)]
mod disks;
mod docs;
mod follow;
mod ids;
mod interrupt;
mod json;
mod life;
mod lun;
mod output;
mod usage;
mod vssd;
mod world;
