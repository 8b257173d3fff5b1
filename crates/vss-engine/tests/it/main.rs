//! The service of a state folder with the real array.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod copying;
mod luns;
mod offline;
mod world;
