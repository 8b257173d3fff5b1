//! Tests of the daemon: the real program, in folders of its own, through the real client.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod access;
mod activation;
mod child;
mod crash;
mod daemon;
mod disks;
mod documents;
mod figures;
mod flood;
mod life;
mod loopback;
mod stop;
mod tls;
