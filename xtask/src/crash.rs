//! `cargo xtask crash`: the crash laboratory, for as long as one likes.

use crate::run::{cargo, nothing_left, status, take_option};
use crate::{Failure, Outcome};

/// Runs the crash laboratory's tests with a number of random rounds.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let rounds = take_option(&mut arguments, "--rounds")?;
    nothing_left(&arguments)?;
    let mut command = cargo(["test", "--package", "crash-lab", "--", "--nocapture"]);
    if let Some(rounds) = rounds {
        let rounds: u64 = rounds
            .parse()
            .map_err(|_| Failure(format!("--rounds wants a number, not {rounds:?}")))?;
        command.env("VSS_CRASH_ROUNDS", rounds.to_string());
    }
    status(&mut command)
}
