//! Machines, seen from the outside.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod machine;
mod power;
mod support;
