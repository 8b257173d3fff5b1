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
    let operation = queries.operation(id).map_err(never_began)?;
    let answer = operation.cancel()?;
    // Only what is seen afterwards tells whether the point of no return came first.
    let state = operation.state()?;
    let answer = judge(answer, &state);
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
        Answer::Taken => Ok(()),
        Answer::TooLate | Answer::Over => Err(Failure::Told),
    }
}

fn judge(answer: CancelAnswer, state: &OperationState) -> Answer {
    match answer {
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
        for (answer, code, past, wanted) in [
            (CancelAnswer::Taken, pending, false, Answer::Taken),
            (CancelAnswer::Taken, cancelled, false, Answer::Taken),
            (CancelAnswer::Taken, pending, true, Answer::TooLate),
            (CancelAnswer::Taken, finished, true, Answer::TooLate),
            (CancelAnswer::Finished, finished, true, Answer::Over),
            (CancelAnswer::Cancelled, cancelled, false, Answer::Over),
        ] {
            assert_eq!(judge(answer, &state(code, past)), wanted);
        }
    }
}
