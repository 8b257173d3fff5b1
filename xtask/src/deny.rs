//! `cargo xtask deny`: licences, advisories and sources of dependencies.

use crate::Outcome;
use crate::run::{cargo, nothing_left, output, status};

/// Runs cargo-deny with the rules in `deny.toml`, if it is installed.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    nothing_left(arguments)?;
    if output(&mut cargo(["deny", "--version"])).is_none() {
        println!("skipped: deny (cargo-deny is not installed: cargo install --locked cargo-deny)");
        return Ok(());
    }
    status(&mut cargo(["deny", "--workspace", "check"]))
}
