//! The server and the client, over sockets, around a service that keeps everything in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod access;
mod errors;
mod fake;
mod limits;
mod records;
mod reference;
mod rig;
mod samples;
mod sessions;
mod stop;
mod transport;
mod waits;
