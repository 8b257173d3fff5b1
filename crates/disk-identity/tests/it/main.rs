//! Tests of the crate through its public interface, against images made by hand and by the
//! standard tools, and against a checker which shares no code with it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::host_endian_bytes,
    reason = "helpers of tests fail by panicking"
)]

mod checker;
mod cuts;
mod gpt;
mod hostile;
mod images;
mod mbr;
mod oracles;
mod patch;
mod random;
mod rebuild;
mod tools;
