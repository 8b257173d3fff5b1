//! The orderly stop: operations first, then sessions; a second signal ends the wait.

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use vss_service::{OperationState, Served};

/// How long sessions may take for their release when nothing is in work any more.
const RELEASE: Duration = Duration::from_secs(15);
/// The same when the time limit is over anyway.
const HASTY_RELEASE: Duration = Duration::from_secs(1);

/// The signals that the daemon listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits to be told to stop, and gives the signal's name.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    tracing::info!("SIGHUP has no effect: settings count from the next start");
                }
            }
        }
    }
}

/// Ends the service: no new operations; those that run finish or stop before their point of no
/// return; then `stop` is sent, which releases the sessions, and `serving` comes to its end.
///
/// Gives 0 when nothing was left; 1 after the limit, and after a second signal.
pub(crate) async fn stop(
    service: &Arc<dyn Served>,
    limit: Duration,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
    signals: &mut Signals,
) -> ExitCode {
    let ending = Arc::clone(service);
    let ending = spawn_blocking(move || ending.shut_down(limit));
    let Some(ended) = unless_hurried(signals, ending).await else {
        return ExitCode::FAILURE;
    };
    let done = match ended {
        Ok(done) => done,
        Err(error) => {
            tracing::error!("the end of running operations could not be waited for: {error}");
            false
        }
    };
    if !done {
        let left = Arc::clone(service);
        // The list needs the catalogue, and a blocking thread.
        let left = spawn_blocking(move || left.operations());
        match timeout(HASTY_RELEASE, left).await {
            Ok(Ok(Ok(left))) => left.iter().for_each(tell_left),
            _ => tracing::error!("the time limit is over, and what is left cannot be listed"),
        }
    }
    // A receiver that is gone has ended already.
    let _ = stop.send(());
    let grace = if done { RELEASE } else { HASTY_RELEASE };
    let Some(released) = unless_hurried(signals, timeout(grace, serving)).await else {
        return ExitCode::FAILURE;
    };
    match released {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!("the last connections ended badly: {error}"),
        Ok(Err(error)) => tracing::warn!("the last connections ended badly: {error}"),
        Err(_) => {
            tracing::error!("some sessions could not be released in time; the next start does it");
            return ExitCode::FAILURE;
        }
    }
    if done {
        tracing::info!("stopped");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What comes of it, unless a second signal comes first.
async fn unless_hurried<T>(signals: &mut Signals, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        result = work => Some(result),
        signal = signals.stop() => {
            tracing::warn!("{signal} again: stopped at once; the next start ends what is left");
            None
        }
    }
}

fn tell_left(state: &OperationState) {
    tracing::error!(
        operation = %state.operation,
        "the time limit is over, and the {} of set {} is not; the next start ends it",
        state.kind.name(),
        state.set
    );
}
