//! The tests of the coordinator once more, through a server and its socket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

#[path = "../it/checks.rs"]
mod checks;
#[path = "../it/creation.rs"]
mod creation;
#[path = "../it/faults.rs"]
mod faults;
#[path = "../it/host.rs"]
mod host;
#[path = "../it/ids.rs"]
mod ids;
#[path = "../it/images.rs"]
mod images;
#[path = "../it/jobs.rs"]
mod jobs;
#[path = "../it/matrix.rs"]
mod matrix;
#[path = "../it/oracles.rs"]
mod oracles;
#[path = "../it/refusals.rs"]
mod refusals;
#[path = "../it/rest.rs"]
mod rest;
#[path = "../it/rivals.rs"]
mod rivals;
#[path = "../it/shutdown.rs"]
mod shutdown;
#[path = "../it/stuck.rs"]
mod stuck;
mod tier;
#[path = "../it/undo.rs"]
mod undo;
#[path = "../it/world.rs"]
mod world;
