//! Waiting for an operation: progress for who looks, Ctrl-C for who has seen enough.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use vss_model::{Error, ErrorKind, ResultCode};
use vss_service::{AuditRecord, CancelAnswer, OperationState, VssAsync};

use crate::app::App;
use crate::failure::{Failure, beginning};
use crate::progress::{self, PARTS};

/// How often is looked whether somebody has pressed Ctrl-C.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// What ends sooner needs no progress bar.
const PATIENCE: Duration = Duration::from_millis(200);

/// Ctrl-C and termination, noted instead of obeyed for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    registered: Vec<SigId>,
}

impl Interrupt {
    /// From now on.
    ///
    /// # Errors
    /// The system does not let signals be handled.
    pub(crate) fn watch() -> Result<Self, Error> {
        let asked = Arc::new(AtomicBool::new(false));
        let mut registered = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            let id = signal_hook::flag::register(signal, Arc::clone(&asked)).map_err(|error| {
                Error::new(ErrorKind::Unexpected, "could not watch for Ctrl-C").with_source(error)
            })?;
            registered.push(id);
        }
        Ok(Self { asked, registered })
    }

    /// True once for each time that somebody asked.
    pub(crate) fn take(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// The state after `seen`, or the same one after at most `limit`.
///
/// # Errors
/// The service cannot be reached.
pub(crate) fn next(
    operation: &dyn VssAsync,
    seen: u64,
    limit: Duration,
) -> Result<OperationState, Error> {
    let asked = Instant::now();
    let state = operation.next(seen, Some(limit))?;
    // A service that is about to stop answers at once; it shall not be asked without a pause.
    if state.is_pending() && state.version <= seen {
        thread::sleep(limit.saturating_sub(asked.elapsed()));
    }
    Ok(state)
}

/// Waits for the end of an operation; Ctrl-C asks it to stop.
///
/// # Errors
/// What the operation ended with, unless it is `VSS_S_ASYNC_FINISHED`; the service cannot be reached.
pub(crate) fn wait(
    app: &App,
    operation: &dyn VssAsync,
    what: &str,
) -> Result<Arc<AuditRecord>, Failure> {
    let lost = beginning(operation.operation());
    let interrupt = Interrupt::watch()?;
    let began = Instant::now();
    let show = !app.json && std::io::stderr().is_terminal();
    let mut bar: Option<ProgressBar> = None;
    let mut state = operation.state().map_err(&lost)?;
    while !state.is_settled() {
        if interrupt.take() {
            let said = stop(operation, what);
            match &bar {
                _ if app.json => {}
                Some(bar) => bar.println(said),
                None => eprintln!("{said}"),
            }
        }
        if show && began.elapsed() > PATIENCE {
            progress::draw(bar.get_or_insert_with(|| new_bar(what)), &state);
        }
        state = next(operation, state.version, TICK).map_err(&lost)?;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    ended(&state)
}

/// How an operation ended.
fn ended(state: &OperationState) -> Result<Arc<AuditRecord>, Failure> {
    let operation = state.operation;
    let what = progress::word(state.kind);
    let without = |how: String| -> Failure {
        Error::new(ErrorKind::Unexpected, format!("the {what} {how}"))
            .with_hint(format!("see vss show {operation}"))
            .into()
    };
    match state.code {
        ResultCode::VSS_S_ASYNC_FINISHED => state
            .report
            .clone()
            .ok_or_else(|| without("ended without a result".to_owned())),
        ResultCode::VSS_S_ASYNC_CANCELLED => Err(Failure::Cancelled(operation)),
        ResultCode::VSS_S_ASYNC_PENDING => Err(without("was cut off".to_owned())),
        code => Err(match &state.error {
            Some(error) => Failure::Operation(Arc::clone(error), operation),
            None => without(format!("ended with {code}")),
        }),
    }
}

/// Asks for the operation to be given up, and says what comes of it.
fn stop(operation: &dyn VssAsync, what: &str) -> String {
    let asked = operation
        .cancel()
        .and_then(|answer| Ok((answer, operation.state()?)));
    match asked {
        Ok((CancelAnswer::Taken, state)) if state.past_no_return => {
            format!(
                "too late to cancel the {what}: it has begun to change disks and goes on to its end"
            )
        }
        Ok((CancelAnswer::Taken, _)) => {
            format!("cancelling the {what}, once the step in work is done…")
        }
        Ok(_) => format!("the {what} is over already"),
        Err(error) => format!("could not cancel the {what}: {}", error.chain()),
    }
}

fn new_bar(what: &str) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    progress::styled(ProgressBar::with_draw_target(Some(PARTS), target), what)
}
