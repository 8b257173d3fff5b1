//! `cargo xtask fuzz`: a fuzz target on the stable toolchain.

use std::fs;

use crate::run::{cargo, nothing_left, output, root, status, take_option};
use crate::{Failure, Outcome, failed};

/// Runs one target, or lists all.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let runs = take_option(&mut arguments, "--runs")?;
    let targets = targets();
    if arguments.is_empty() {
        for target in targets {
            println!("{target}");
        }
        return Ok(());
    }
    let target = arguments.remove(0);
    nothing_left(&arguments)?;
    if !targets.contains(&target) {
        return failed(format!(
            "there is no fuzz target {target:?}; there are: {}",
            targets.join(" ")
        ));
    }
    if output(&mut cargo(["fuzz", "--version"])).is_none() {
        return failed("cargo-fuzz is not installed: cargo install --locked cargo-fuzz");
    }
    // New inputs go into a folder of their own; the ones in the repository are only read.
    let found = root().join("fuzz/corpus-run").join(&target);
    fs::create_dir_all(&found)
        .map_err(|error| Failure(format!("could not make {}: {error}", found.display())))?;
    let mut command = cargo(["fuzz", "run", &target]);
    command.arg(&found);
    let seeds = root().join("fuzz/seeds").join(&target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    if let Some(runs) = runs {
        let runs: u64 = runs
            .parse()
            .map_err(|_| Failure(format!("--runs wants a number, not {runs:?}")))?;
        command.args(["--".to_owned(), format!("-runs={runs}")]);
    }
    // The sanitizer needs unstable options, which the stable compiler takes with this variable.
    status(command.env("RUSTC_BOOTSTRAP", "1"))
}

/// The names of the targets, which are those of their files.
fn targets() -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join("fuzz/fuzz_targets")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some(name.strip_suffix(".rs")?.to_owned())
        })
        .collect();
    names.sort();
    names
}
