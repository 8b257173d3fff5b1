//! The coordinator as a whole, on a fake array and a scripted host.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod checks;
mod creation;
mod faults;
mod host;
mod ids;
mod images;
mod jobs;
mod matrix;
mod oracles;
mod refusals;
mod rest;
mod rivals;
mod shutdown;
mod stuck;
mod tier;
mod undo;
mod world;
