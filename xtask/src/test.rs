//! `cargo xtask test`: everything that CI checks, in one run that tells all.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::run::{cargo, lines, nothing_left, output, status, take_flag, typed};
use crate::tally::Tally;
use crate::{Outcome, com, lab, setup};

/// A step that is over.
struct Step {
    name: &'static str,
    time: Duration,
    outcome: Result<(), String>,
}

/// Sets up, checks the format and the lints, runs all tests, and sums up.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let install = !take_flag(&mut arguments, "--no-setup");
    nothing_left(&arguments)?;

    let mut tally = Tally::default();
    let mut steps = Vec::new();
    steps.push(step("set-up", || {
        setup::prepare(install);
        Ok(())
    }));
    if has_component("fmt") {
        steps.push(step("format", || {
            status(&mut cargo(["fmt", "--all", "--check"]))
        }));
    } else {
        tally.skip(
            "format",
            "rustfmt is not installed: rustup component add rustfmt",
        );
    }
    if has_component("clippy") {
        let mut clippy = cargo(["clippy", "--workspace", "--all-targets", "--quiet"]);
        clippy.args(["--", "--deny", "warnings"]);
        // To cargo those of the lab and of Wine are no tests unless they are named.
        let mut lab = cargo(["clippy", "--workspace", "--test", "*-lab", "--quiet"]);
        lab.args(["--test", "*-com", "--", "--deny", "warnings"]);
        steps.push(step("lints", || {
            announced(&mut clippy, status)?;
            announced(&mut lab, status)
        }));
    } else {
        tally.skip(
            "lints",
            "clippy is not installed: rustup component add clippy",
        );
    }
    steps.push(step("tests", || tests(&mut tally)));
    let failing_so_far = tally.failed();
    steps.push(step("lab", || lab::all(&mut tally)));
    let failing_in_lab = tally.failed() - failing_so_far;
    steps.push(step("com", || com::all(&mut tally)));
    let failing_in_com = tally.failed() - failing_so_far - failing_in_lab;

    for step in steps.iter().filter(|step| step.outcome.is_err()) {
        // Failing tests have been counted one by one.
        let counted = match step.name {
            "tests" => failing_so_far,
            "lab" => failing_in_lab,
            "com" => failing_in_com,
            _ => 0,
        };
        if counted == 0 {
            tally.failed_step(step.name);
        }
    }
    println!("\nsummary");
    for step in &steps {
        let seconds = step.time.as_secs_f64();
        match &step.outcome {
            Ok(()) => println!("  {:8} {seconds:6.1} s  ok", step.name),
            Err(why) => println!("  {:8} {seconds:6.1} s  FAILED: {why}", step.name),
        }
    }
    tally.conclude(Ok(()))
}

fn step(name: &'static str, work: impl FnOnce() -> Outcome) -> Step {
    println!("\n== {name}");
    let start = Instant::now();
    let outcome = work().map_err(|failure| {
        println!("{failure}");
        failure.0
    });
    Step {
        name,
        time: start.elapsed(),
        outcome,
    }
}

fn announced(command: &mut Command, run: impl FnOnce(&mut Command) -> Outcome) -> Outcome {
    println!("{}", typed(command));
    run(command)
}

/// Unit, integration and documentation tests; each program runs although another one failed.
fn tests(tally: &mut Tally) -> Outcome {
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"]);
    // The output of tests that pass tells what they skipped.
    command.args(["--", "--show-output"]);
    // Test programs must speak English to be understood.
    command.env("LC_ALL", "C.UTF-8");
    announced(&mut command, |command| {
        lines(command, |line| tally.line(line))
    })
}

fn has_component(name: &str) -> bool {
    output(&mut cargo([name, "--version"])).is_some()
}
