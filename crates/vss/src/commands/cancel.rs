//! `vss cancel`: an operation is asked to stop.

use clap::Args;
use serde::Serialize;
use vss_model::{OperationId, ResultCode};
use vss_service::{CancelAnswer, OperationState};

use crate::app::App;
use crate::commands::wait::never_began;
use crate::failure::Failure;
use crate::ids::{self, IdArg};
use crate::output::{Paint, ResultJson, plain, print_json, print_text};
use crate::progress::{standing, word};

/// Ask for a running operation to be given up
///
/// It is given up at the next step that allows it, and changes nothing then. Once it has begun to
/// change disks it goes on to its end. The exit code is 0 only if the cancel was taken in time.
///
/// An undo that was cut off and that no start can end, because a disk of it is lost, is given up at
/// once: its other disks are as they were before it.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// Id of the operation; a unique prefix is enough
    #[arg(value_name = "OPERATION")]
    operation: IdArg,
}

/// What the cancel came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// The operation will be given up, or was.
    Taken,
    /// It has begun to change disks and goes on to its end.
    TooLate,
    /// It was over already.
    Over,
    /// It was cut off, and is given up.
    GivenUp,
}

#[derive(Debug, Serialize)]
struct CancelJson {
    operation: OperationId,
    answer: Answer,
    result: ResultJson,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &CancelArgs) -> Result<(), Failure> {
    let queries = app.queries()?;
    let id = ids::operation(&*queries, &args.operation)?;
    let mut operation = queries.operation(id).map_err(never_began)?;
    let before = operation.state()?;
    let cut_off = before.cut_off && before.is_pending();
    if cut_off {
        // Looking is not enough to change its disks.
        operation = app.service_again()?.operation(id)?;
    }
    let answer = operation.cancel()?;
    // Only what is seen afterwards tells whether the point of no return came first.
    let state = operation.state()?;
    let answer = judge(answer, cut_off, &state);
    if app.json {
        print_json(&CancelJson {
            operation: id,
            answer,
            result: state.code.into(),
        })?;
    } else {
        print_text(&text(answer, &state, Paint::stdout()))?;
    }
    match answer {
        Answer::Taken | Answer::GivenUp => Ok(()),
        Answer::TooLate | Answer::Over => Err(Failure::Told),
    }
}

fn judge(answer: CancelAnswer, cut_off: bool, state: &OperationState) -> Answer {
    match answer {
        CancelAnswer::Taken if cut_off => Answer::GivenUp,
        CancelAnswer::Taken => match state.code {
            ResultCode::VSS_S_ASYNC_CANCELLED => Answer::Taken,
            ResultCode::VSS_S_ASYNC_PENDING if !state.past_no_return => Answer::Taken,
            _ => Answer::TooLate,
        },
        CancelAnswer::Finished | CancelAnswer::Cancelled | CancelAnswer::Failed(_) => Answer::Over,
    }
}

fn text(answer: Answer, state: &OperationState, paint: Paint) -> String {
    let (id, what) = (state.operation, word(state.kind));
    match answer {
        Answer::Taken => format!(
            "{} the {what}, once the step in work is done; vss wait {id} tells how it ended\n",
            paint.green("cancelling")
        ),
        Answer::TooLate => format!(
            "{} to cancel the {what}: it has begun to change disks and goes on to its end; vss wait {id} tells how it ended\n",
            paint.yellow("too late")
        ),
        Answer::GivenUp => format!(
            "{} the {what}: its disks are as they were before it, but for those that cannot be reached; vss show {id} tells which\n",
            paint.yellow("given up")
        ),
        Answer::Over => format!(
            "the {what} is over already: {}\nhow it went: vss show {id}\n",
            plain(&standing(state))
        ),
    }
}

#[cfg(test)]
mod tests {
    use vss_model::{OperationId, ResultCode, SetId, Timestamp};
    use vss_service::{CancelAnswer, OperationKind, OperationState};

    use super::{Answer, judge};

    #[test]
    fn the_point_of_no_return_decides() {
        let state = |code, past_no_return| OperationState {
            operation: OperationId::NULL,
            kind: OperationKind::Break,
            set: SetId::NULL,
            started: Timestamp(0),
            version: 1,
            code,
            cancel_requested: true,
            past_no_return,
            cut_off: false,
            disks: Vec::new(),
            copying: None,
            error: None,
            report: None,
        };
        let pending = ResultCode::VSS_S_ASYNC_PENDING;
        let cancelled = ResultCode::VSS_S_ASYNC_CANCELLED;
        let finished = ResultCode::VSS_S_ASYNC_FINISHED;
        let failed = ResultCode::VSS_E_UNEXPECTED;
        for (answer, cut_off, code, past, wanted) in [
            (CancelAnswer::Taken, false, pending, false, Answer::Taken),
            (CancelAnswer::Taken, false, cancelled, false, Answer::Taken),
            (CancelAnswer::Taken, false, pending, true, Answer::TooLate),
            (CancelAnswer::Taken, false, finished, true, Answer::TooLate),
            (CancelAnswer::Finished, false, finished, true, Answer::Over),
            (
                CancelAnswer::Cancelled,
                false,
                cancelled,
                false,
                Answer::Over,
            ),
            (CancelAnswer::Taken, true, failed, true, Answer::GivenUp),
            (
                CancelAnswer::Failed(failed),
                true,
                failed,
                true,
                Answer::Over,
            ),
        ] {
            assert_eq!(judge(answer, cut_off, &state(code, past)), wanted);
        }
    }
}
