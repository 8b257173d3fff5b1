//! `vss wait`: until an operation is over.

use std::time::{Duration, Instant};

use clap::Args;
use vss_model::{Error, ErrorKind, OperationId, ResultCode};
use vss_service::{OperationState, VssAsync};

use crate::app::App;
use crate::commands::show::print_record;
use crate::failure::{Failure, beginning};
use crate::ids::{self, IdArg};
use crate::work;

/// For how long the service is asked to wait at a time.
const TURN: Duration = Duration::from_secs(10);

/// Wait for the end of an operation, and show it
///
/// The exit code is 0 when it has finished, 1 when it failed, was cancelled or is not over in time.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Id of the operation; a unique prefix is enough
    #[arg(value_name = "OPERATION")]
    operation: IdArg,
    /// Wait no longer than that
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &WaitArgs) -> Result<(), Failure> {
    let mut queries = app.queries()?;
    let id = ids::operation(&*queries, &args.operation)?;
    let end = end(&*queries.operation(id).map_err(never_began)?, args.timeout)?;
    let Some(state) = end else {
        return Err(Failure::Pending(id, args.timeout.unwrap_or_default()));
    };
    if state.cut_off && state.is_pending() {
        // Whoever ran it is gone; looking anew ends what it left.
        queries = app.queries()?;
    }
    let record = queries.record(id).map_err(|error| {
        if error.kind() == ErrorKind::ObjectNotFound {
            not_ended(id)
        } else {
            error
        }
    })?;
    print_record(app, &record)?;
    if record.code == ResultCode::VSS_S_ASYNC_FINISHED {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// The state at the end; `None` when the time is over first.
fn end(operation: &dyn VssAsync, timeout: Option<u64>) -> Result<Option<OperationState>, Error> {
    let deadline =
        timeout.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    let lost = beginning(operation.operation());
    let mut state = operation.state().map_err(&lost)?;
    while !state.is_settled() {
        let left = deadline.map_or(TURN, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Ok(None);
        }
        state = work::next(operation, state.version, left.min(TURN)).map_err(&lost)?;
    }
    Ok(Some(state))
}

/// Says of an operation that is unknown what that means.
pub(crate) fn never_began(error: Error) -> Error {
    if error.kind() != ErrorKind::ObjectNotFound {
        return error;
    }
    error.with_hint(
        "an operation with this id never began, or not on this state; vss history lists what was done",
    )
}

fn not_ended(id: OperationId) -> Error {
    Error::new(
        ErrorKind::BadState,
        format!("operation {id} was cut off and could not be ended yet"),
    )
    .with_hint("vss history says what keeps it from ending; the next start tries again")
}
