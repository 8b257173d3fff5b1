//! Tests that need the laboratory: LVM on a kernel of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod access;
mod conformance;
mod harness;
