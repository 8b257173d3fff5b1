//! A running operation (`IVssAsync`): status, wait, cancel, progress by disk.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use vss_model::{Error, ErrorKind, OperationId, ResultCode, SetId};

/// How far one disk of an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskStage {
    /// Nothing has happened to it.
    Waiting,
    /// Its table is being written, or it is being copied or masked.
    Working,
    /// What was planned is durable.
    Done,
    /// Something went wrong with it.
    Failed,
}

/// Progress of one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskProgress {
    /// Name of the LUN.
    pub lun: String,
    /// How far it is.
    pub stage: DiskStage,
}

/// What a call to [`Job::cancel`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// The request was taken (`S_OK`). Past the point of no return the operation still runs to its end.
    Taken,
    /// The operation is over (`VSS_S_ASYNC_FINISHED`).
    Finished,
    /// It was cancelled already (`VSS_S_ASYNC_CANCELLED`).
    Cancelled,
    /// It had failed already, with this code.
    Failed(ResultCode),
}

#[derive(Debug)]
enum Outcome<T> {
    Pending,
    Finished(Arc<T>),
    Cancelled,
    Failed(Arc<Error>),
}

#[derive(Debug)]
struct State<T> {
    outcome: Outcome<T>,
    cancel_requested: bool,
    past_no_return: bool,
    disks: Vec<DiskProgress>,
}

#[derive(Debug)]
struct Shared<T> {
    operation: OperationId,
    set: SetId,
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// A handle of an operation in work. Dropping it does not stop the operation.
#[derive(Debug)]
pub struct Job<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Job<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Send + Sync + 'static> Job<T> {
    /// Starts `work` on a thread of its own.
    ///
    /// # Errors
    /// `E_OUTOFMEMORY` when no thread is to be had.
    pub(crate) fn spawn(
        operation: OperationId,
        set: SetId,
        work: impl FnOnce(&Job<T>) -> Result<T, JobFailure> + Send + 'static,
    ) -> Result<Self, Error> {
        let job = Self::detached(operation, set);
        let worker = job.clone();
        thread::Builder::new()
            .name(format!("op-{}", &operation.to_string()[..8]))
            .spawn(move || {
                // A worker that dies must not leave its waiters hanging.
                let guard = FinishGuard { job: &worker };
                let outcome = match work(&worker) {
                    Ok(value) => Outcome::Finished(Arc::new(value)),
                    Err(JobFailure::Cancelled) => Outcome::Cancelled,
                    Err(JobFailure::Failed(error)) => Outcome::Failed(Arc::new(error)),
                };
                worker.finish(outcome);
                drop(guard);
            })
            .map_err(|error| {
                Error::new(ErrorKind::OutOfMemory, "could not start a worker thread")
                    .with_source(error)
            })?;
        Ok(job)
    }
}

impl<T> Job<T> {
    /// A handle with no thread behind it, for work that nobody waits for.
    pub(crate) fn detached(operation: OperationId, set: SetId) -> Self {
        Self {
            shared: Arc::new(Shared {
                operation,
                set,
                state: Mutex::new(State {
                    outcome: Outcome::Pending,
                    cancel_requested: false,
                    past_no_return: false,
                    disks: Vec::new(),
                }),
                changed: Condvar::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, outcome: Outcome<T>) {
        let mut state = self.state();
        if matches!(state.outcome, Outcome::Pending) {
            state.outcome = outcome;
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The operation's id, under which its audit record can be read later.
    #[must_use]
    pub fn operation(&self) -> OperationId {
        self.shared.operation
    }

    /// The set it works on.
    #[must_use]
    pub fn set(&self) -> SetId {
        self.shared.set
    }

    /// Pending, finished, cancelled, or the failure (`QueryStatus`).
    #[must_use]
    pub fn query_status(&self) -> ResultCode {
        match &self.state().outcome {
            Outcome::Pending => ResultCode::VSS_S_ASYNC_PENDING,
            Outcome::Finished(_) => ResultCode::VSS_S_ASYNC_FINISHED,
            Outcome::Cancelled => ResultCode::VSS_S_ASYNC_CANCELLED,
            Outcome::Failed(error) => error.code(),
        }
    }

    /// The failure, once there is one.
    #[must_use]
    pub fn error(&self) -> Option<Arc<Error>> {
        match &self.state().outcome {
            Outcome::Failed(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// What the operation gave, once it is finished.
    #[must_use]
    pub fn report(&self) -> Option<Arc<T>> {
        match &self.state().outcome {
            Outcome::Finished(report) => Some(Arc::clone(report)),
            _ => None,
        }
    }

    /// Waits for the end, or for the time limit, and says nothing of how it ended (`Wait`, spec:
    /// requester §9). `None` waits without limit.
    pub fn wait(&self, limit: Option<Duration>) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state();
        while matches!(state.outcome, Outcome::Pending) {
            state = match deadline {
                None => self
                    .shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        return;
                    };
                    self.shared
                        .changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Asks for the operation to be given up (`Cancel`): honoured until the point of no return
    /// (spec: break §2.2 rule 4).
    pub fn cancel(&self) -> CancelAnswer {
        let mut state = self.state();
        match &state.outcome {
            Outcome::Finished(_) => CancelAnswer::Finished,
            Outcome::Cancelled => CancelAnswer::Cancelled,
            Outcome::Failed(error) => CancelAnswer::Failed(error.code()),
            Outcome::Pending => {
                state.cancel_requested = true;
                CancelAnswer::Taken
            }
        }
    }

    /// How far each disk is.
    #[must_use]
    pub fn progress(&self) -> Vec<DiskProgress> {
        self.state().disks.clone()
    }

    /// True once nothing can be cancelled any more.
    #[must_use]
    pub fn is_past_no_return(&self) -> bool {
        self.state().past_no_return
    }

    pub(crate) fn set_disks(&self, names: impl IntoIterator<Item = String>) {
        self.state().disks = names
            .into_iter()
            .map(|lun| DiskProgress {
                lun,
                stage: DiskStage::Waiting,
            })
            .collect();
    }

    pub(crate) fn disk_stage(&self, lun: &str, stage: DiskStage) {
        if let Some(disk) = self.state().disks.iter_mut().find(|disk| disk.lun == lun) {
            disk.stage = stage;
        }
    }

    /// Gives up here if that was asked for.
    pub(crate) fn check_cancel(&self) -> Result<(), JobFailure> {
        if self.state().cancel_requested {
            Err(JobFailure::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Passes the point of no return, unless a cancel came first.
    pub(crate) fn pass_no_return(&self) -> Result<(), JobFailure> {
        let mut state = self.state();
        if state.cancel_requested {
            return Err(JobFailure::Cancelled);
        }
        state.past_no_return = true;
        Ok(())
    }
}

/// Why an operation did not finish.
#[derive(Debug)]
pub(crate) enum JobFailure {
    /// Its requester cancelled it.
    Cancelled,
    /// It failed.
    Failed(Error),
}

impl From<Error> for JobFailure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct FinishGuard<'a, T> {
    job: &'a Job<T>,
}

impl<T> Drop for FinishGuard<'_, T> {
    fn drop(&mut self) {
        self.job.finish(Outcome::Failed(Arc::new(Error::new(
            ErrorKind::Unexpected,
            "the worker of this operation died; the next start finishes or undoes it",
        ))));
    }
}
