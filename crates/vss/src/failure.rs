//! How a command ends when it does not end well: what is said on stderr, and the exit code.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use vss_model::{Error, ErrorKind, OperationId, ResultCode};
use vss_service::is_connection_lost;

use crate::output::Paint;

/// Exit code of a command that failed.
const FAILED: u8 = 1;
/// Exit code of wrong usage.
const USAGE: u8 = 2;

/// Why a command did not come to a good end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service, or something on the way to it, failed.
    Error(Arc<Error>),
    /// An operation that had begun failed; its record is in the history.
    Operation(Arc<Error>, OperationId),
    /// The operation was given up because the user asked for it.
    Cancelled(OperationId),
    /// The operation was still running when the time to wait for it was over, in seconds.
    Pending(OperationId, u64),
    /// What there is to say was said already.
    Told,
    /// Nobody reads the output any more. No failure: `vss list | head` is fine.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(Arc::new(error))
    }
}

/// Failures to write to stdout; every other I/O error gets a text of its own where it happens.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Error::new(ErrorKind::Unexpected, "could not write the output")
            .with_source(error)
            .into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// An error of a call that was to begin an operation. Where the answer was lost, nobody knows whether
/// it began: the hint then names the way to find out.
pub(crate) fn beginning(operation: OperationId) -> impl Fn(Error) -> Error {
    move |error| {
        if !is_connection_lost(&error) {
            return error;
        }
        let find_out = format!("vss wait {operation} finds out what became of it");
        let hint = match error.hint() {
            Some(hint) => format!("{hint}; {find_out}"),
            None => find_out,
        };
        error.with_hint(hint)
    }
}

/// An error as scripts read it.
#[derive(Debug, Serialize)]
struct ErrorObject<'a> {
    error: ErrorBody<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    code: String,
    name: Option<&'static str>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl Failure {
    /// Says what went wrong and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        match self {
            Self::Closed => ExitCode::SUCCESS,
            Self::Told => ExitCode::from(FAILED),
            Self::Error(error) => {
                say(json, error.code(), &error.chain(), error.hint(), None);
                ExitCode::from(FAILED)
            }
            Self::Operation(error, operation) => {
                let record = Some(*operation);
                say(json, error.code(), &error.chain(), error.hint(), record);
                ExitCode::from(FAILED)
            }
            Self::Cancelled(operation) => {
                let code = ResultCode::VSS_S_ASYNC_CANCELLED;
                let message = "cancelled as you asked; nothing was changed";
                say(json, code, message, None, Some(*operation));
                ExitCode::from(FAILED)
            }
            Self::Pending(operation, seconds) => {
                let code = ResultCode::VSS_S_ASYNC_PENDING;
                let message = format!("operation {operation} is not over after {seconds} s");
                let hint = format!(
                    "vss watch {operation} shows how far it is, vss cancel {operation} asks for its end"
                );
                say(json, code, &message, Some(&hint), None);
                ExitCode::from(FAILED)
            }
        }
    }
}

/// Says an error of which the command does not end.
pub(crate) fn tell(json: bool, error: &Error) {
    say(json, error.code(), &error.chain(), error.hint(), None);
}

fn say(
    json: bool,
    code: ResultCode,
    message: &str,
    hint: Option<&str>,
    record: Option<OperationId>,
) {
    if json {
        let object = ErrorObject {
            error: ErrorBody {
                code: code.hex(),
                name: code.name(),
                message,
                hint,
            },
        };
        // Strings and options of strings always serialize.
        eprintln!("{}", serde_json::to_string(&object).unwrap_or_default());
        return;
    }
    let paint = Paint::stderr();
    eprintln!("{} {}", paint.red("error:"), crate::output::plain(message));
    eprintln!("{} {code}", paint.dim("code:"));
    if let Some(hint) = hint {
        eprintln!("{} {}", paint.dim("hint:"), crate::output::plain(hint));
    }
    if let Some(operation) = record {
        eprintln!("{} vss show {operation}", paint.dim("record:"));
    }
}

/// What clap has to say: help on stdout, else the error, as text or as JSON.
pub(crate) fn wrong_usage(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone away is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if json {
        let text = error.render().to_string();
        let message = text
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let hint = Some("vss --help shows the usage");
        say(true, ResultCode::E_INVALIDARG, &message, hint, None);
    } else {
        let _ = error.print();
    }
    ExitCode::from(USAGE)
}
