//! Tests that need the laboratory.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod conformance;
mod iscsi;
mod lio;
mod trouble;
mod wire;
