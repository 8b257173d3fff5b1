//! The project's own chores: `cargo xtask CHORE`.
//!
//! One file for each chore; [`run`] starts programs for all of them. No dependencies, so that a
//! fresh clone gets from here to the first test quickly.

mod bench;
mod com;
mod crash;
mod deb;
mod deny;
mod docs;
mod fuzz;
mod lab;
mod power;
mod run;
mod setup;
mod storm;
mod tally;
mod test;

use std::fmt;
use std::process::ExitCode;

/// How a chore ends: what went wrong, in words.
type Outcome = Result<(), Failure>;

/// Why a chore failed.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failure in these words.
fn failed<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(message.into()))
}

/// Something that can be asked for.
struct Chore {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "test",
        arguments: "[--no-setup]",
        about: "everything that CI checks: format, lints, tests; installs what the tests use",
        run: test::run,
    },
    Chore {
        name: "lab",
        arguments: "[PACKAGE [FILTER]] [--list] [--no-setup] [--env NAME=VALUE]... [--limit SECONDS]",
        about: "the tests that need block devices, in a kernel of their own; part of `test`",
        run: lab::run,
    },
    Chore {
        name: "com",
        arguments: "[FILTER] [--rounds N] [--no-setup]",
        about: "vssapi.dll against C++ programs under Wine; part of `test`",
        run: com::run,
    },
    Chore {
        name: "bench",
        arguments: "[--quick] [--dir DIR] [--out FILE] [--only CASE] [--disks N]",
        about: "measures the release build against its goals; writes bench-result.json",
        run: bench::run,
    },
    Chore {
        name: "fuzz",
        arguments: "[TARGET [--runs N]]",
        about: "runs a fuzz target with cargo-fuzz; without a target, lists them",
        run: fuzz::run,
    },
    Chore {
        name: "crash",
        arguments: "[--rounds N]",
        about: "kills the service again and again and checks what is left",
        run: crash::run,
    },
    Chore {
        name: "power",
        arguments: "[--cuts N|all|@STEP,...] [--storage thin|lio]",
        about: "cuts the power of a whole host at steps of commands and checks what is left",
        run: power::run,
    },
    Chore {
        name: "storm",
        arguments: "[--seconds N] [--seed N]",
        about: "64 clients against a daemon that is killed again and again, and what is left",
        run: storm::run,
    },
    Chore {
        name: "deb",
        arguments: "[--no-setup]",
        about: "builds the Debian package and tries it under a systemd; installs cargo-deb",
        run: deb::run,
    },
    Chore {
        name: "docs",
        arguments: "",
        about: "writes man pages, completions, references and the default settings anew",
        run: docs::run,
    },
    Chore {
        name: "deny",
        arguments: "",
        about: "checks licences, advisories and sources of dependencies with cargo-deny",
        run: deny::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return ExitCode::SUCCESS;
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == name) else {
        eprint!("there is no chore {name:?}\n\n{}", help());
        return ExitCode::from(2);
    };
    if rest.iter().any(|word| word == "--help" || word == "-h") {
        println!(
            "cargo xtask {} {}\n    {}",
            chore.name, chore.arguments, chore.about
        );
        return ExitCode::SUCCESS;
    }
    match (chore.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The last line of `test` is its count, so that chore has told everything by now.
            if !failure.0.is_empty() {
                eprintln!("cargo xtask {name}: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text = "cargo xtask CHORE\n\n".to_owned();
    for chore in CHORES {
        text += &format!(
            "  {} {}\n      {}\n",
            chore.name, chore.arguments, chore.about
        );
    }
    text
}
