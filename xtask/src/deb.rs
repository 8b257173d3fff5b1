//! `cargo xtask deb`: builds the Debian package and tries it, also under a systemd of its own.

use std::process::Command;

use crate::run::{cargo, nothing_left, output, root, status, take_flag};
use crate::{Outcome, failed};

/// Builds and checks the package; what the machine does not allow is skipped by name.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let no_setup = take_flag(&mut arguments, "--no-setup");
    nothing_left(&arguments)?;
    if output(&mut cargo(["deb", "--version"])).is_none() {
        if no_setup {
            println!("skipped: deb (cargo-deb is not installed: cargo install --locked cargo-deb)");
            return Ok(());
        }
        println!("installing cargo-deb with cargo install --locked cargo-deb");
        status(&mut cargo(["install", "--locked", "cargo-deb"]))?;
        if output(&mut cargo(["deb", "--version"])).is_none() {
            return failed("cargo-deb is installed, but cargo does not find it; look at PATH");
        }
    }
    status(Command::new(root().join("packaging/check-deb.sh")).current_dir(root()))
}
