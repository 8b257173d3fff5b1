//! Tests that need the laboratory: LVM on a kernel of its own.

mod access;
mod conformance;
mod harness;
