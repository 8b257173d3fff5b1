//! `cargo xtask power`: power cuts of a whole host, as many as one likes.

use crate::run::{cargo, nothing_left, status, take_option};
use crate::{Outcome, failed};

/// What copies can be made on there.
const STORAGE: &[&str] = &["thin", "lio"];

/// Runs the tests that cut the power of a machine, on one kind of storage or on all.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let cuts = take_option(&mut arguments, "--cuts")?;
    let storage = take_option(&mut arguments, "--storage")?;
    nothing_left(&arguments)?;
    let mut programs = cargo(["build", "--quiet", "--bins"]);
    programs.args(["--package", "vss-keeper", "--package", "vss-lab"]);
    let mut command = cargo(["test", "--package", "vss", "--test", "power", "--"]);
    command.args(["--nocapture", "--test-threads=2"]);
    if let Some(cuts) = cuts {
        if !is_choice(&cuts) {
            return failed(format!(
                "--cuts wants a number, \"all\" or steps as in \"@7,9\", not {cuts:?}"
            ));
        }
        command.env("VSS_POWER_CUTS", cuts);
    }
    if let Some(storage) = storage {
        if !STORAGE.contains(&storage.as_str()) {
            return failed(format!(
                "--storage wants one of {}, not {storage:?}",
                STORAGE.join(", ")
            ));
        }
        command.arg(format!("on_{storage}"));
    }
    status(&mut programs)?;
    status(&mut command)
}

/// Whether the tests understand this as a choice of steps.
fn is_choice(cuts: &str) -> bool {
    match cuts.strip_prefix('@') {
        Some(steps) => steps.split(',').all(|step| step.parse::<usize>().is_ok()),
        None => cuts == "all" || cuts.parse::<usize>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_choice, run};

    #[test]
    fn only_choices_of_steps_are_taken() {
        for good in ["0", "12", "all", "@7", "@7,9"] {
            assert!(is_choice(good), "{good}");
        }
        for bad in ["", "some", "-1", "@", "@7,", "@all", "7,9"] {
            assert!(!is_choice(bad), "{bad}");
        }
        for words in [["--cuts", "some"], ["--storage", "tape"], ["--all", "1"]] {
            let words = words.map(str::to_owned);
            assert!(run(&words).is_err(), "{words:?}");
        }
    }
}
