//! `cargo xtask storm`: many clients against a daemon that is killed again and again.

use crate::run::{cargo, nothing_left, status, take_option};
use crate::{Failure, Outcome};

/// For how long, when nobody says.
const SECONDS: &str = "300";

/// Runs the storm for as long as one likes, on the release build.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let seconds = take_option(&mut arguments, "--seconds")?.unwrap_or_else(|| SECONDS.to_owned());
    let seed = take_option(&mut arguments, "--seed")?;
    nothing_left(&arguments)?;
    let number = |name: &str, text: &str| {
        text.parse::<u64>()
            .map_err(|_| Failure(format!("{name} wants a number, not {text:?}")))
    };
    let mut command = cargo([
        "test",
        "--release",
        "--package",
        "vssd",
        "--test",
        "storm",
        "--",
        "--nocapture",
    ]);
    command.env(
        "VSS_STORM_SECONDS",
        number("--seconds", &seconds)?.to_string(),
    );
    if let Some(seed) = seed {
        command.env("VSS_STORM_SEED", number("--seed", &seed)?.to_string());
    }
    status(&mut command)
}
