//! `vssapi.dll` called by C++ programs under Wine, with a real daemon and real images behind it.
//!
//! The programs are those of `tests/cpp`, built by another compiler with headers of another project,
//! so that the binary interface has a judge of its own. What they did is looked at from this side too.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod breaks;
mod control;
mod disks;
mod files;
mod gone;
mod layout;
mod life;
mod objects;
mod order;
mod place;
mod program;
mod rounds;
mod threads;
