//! Runs one operation of the real library on a state folder, and prints one line of JSON.
//!
//! The line is written while the service is still open: whatever it reports must be durable by then.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crash_lab::service::{Command, Service};
use crash_lab::{Failure, Outcome};

fn run(words: &[String]) -> Outcome<ExitCode> {
    let (state, words) = words
        .split_first()
        .ok_or_else(|| Failure("the state folder is missing".to_owned()))?;
    let command = Command::parse(words)?;
    let state = Path::new(state);
    let service = Service::open(state)?;
    let (line, code) = match command.run(&service, state)? {
        Ok(value) => (serde_json::json!({ "ok": value }), ExitCode::SUCCESS),
        Err(error) => (
            serde_json::json!({ "error": error.chain(), "code": error.code().0 }),
            ExitCode::FAILURE,
        ),
    };
    writeln!(std::io::stdout(), "{line}")?;
    drop(service);
    Ok(code)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(code) => code,
        Err(failure) => {
            let line = serde_json::json!({ "error": failure.0, "code": 0 });
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stdout(), "{line}");
            ExitCode::FAILURE
        }
    }
}
