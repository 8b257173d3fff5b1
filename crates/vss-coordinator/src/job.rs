//! A running operation (`IVssAsync`): status, wait, cancel, progress by disk.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vss_model::{
    BreakFlags, Error, ErrorKind, OperationId, ResultCode, SetId, SnapshotId, Timestamp,
};
use vss_service::{
    AuditRecord, CancelAnswer, CopyProgress, DiskProgress, DiskStage, OperationKind,
    OperationState, VssAsync,
};

use crate::operations::Listeners;

#[derive(Debug)]
enum Outcome {
    Pending,
    Finished(Arc<AuditRecord>),
    Cancelled,
    Failed(Arc<Error>),
}

#[derive(Debug)]
struct State {
    outcome: Outcome,
    version: u64,
    cancel_requested: bool,
    past_no_return: bool,
    cut_off: bool,
    disks: Vec<DiskProgress>,
    copying: Option<CopyProgress>,
}

/// What is fixed about an operation when it begins.
#[derive(Debug, Clone)]
pub(crate) struct OperationHead {
    pub(crate) operation: OperationId,
    pub(crate) kind: OperationKind,
    pub(crate) set: SetId,
    pub(crate) started: Timestamp,
    /// The flags of a break.
    pub(crate) flags: Option<BreakFlags>,
    /// The operation that an undo takes back.
    pub(crate) undone: Option<OperationId>,
    /// The copies that it makes, breaks or deletes, as far as they are known when it begins.
    pub(crate) copies: Vec<SnapshotId>,
}

struct Shared {
    head: OperationHead,
    state: Mutex<State>,
    changed: Condvar,
    listeners: Listeners,
}

/// A handle of an operation in work. Dropping it does not stop the operation.
#[derive(Clone)]
pub struct Job {
    shared: Arc<Shared>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("head", &self.shared.head)
            .field("state", &*self.lock())
            .finish()
    }
}

impl Job {
    /// An operation that has just begun.
    pub(crate) fn new(head: OperationHead, listeners: Listeners) -> Self {
        Self {
            shared: Arc::new(Shared {
                head,
                state: Mutex::new(State {
                    outcome: Outcome::Pending,
                    version: 1,
                    cancel_requested: false,
                    past_no_return: false,
                    cut_off: false,
                    disks: Vec::new(),
                    copying: None,
                }),
                changed: Condvar::new(),
                listeners,
            }),
        }
    }

    /// One that is over, as its record has it.
    #[must_use]
    pub fn of_record(record: AuditRecord) -> Self {
        let job = Self::new(
            OperationHead {
                operation: record.operation,
                kind: record.kind,
                set: record.set,
                started: record.started,
                flags: record.flags,
                undone: record.undone,
                copies: record.copies.clone(),
            },
            Listeners::default(),
        );
        if record.code == ResultCode::VSS_S_ASYNC_FINISHED {
            let done = |lun: &str| DiskProgress {
                lun: lun.to_owned(),
                stage: DiskStage::Done,
            };
            job.lock().disks = record.disks.iter().map(|disk| done(&disk.lun)).collect();
        }
        let outcome = match record.code {
            ResultCode::VSS_S_ASYNC_FINISHED => Outcome::Finished(Arc::new(record)),
            ResultCode::VSS_S_ASYNC_CANCELLED => Outcome::Cancelled,
            code => {
                let error = Error::new(
                    ErrorKind::from_code(code).unwrap_or(ErrorKind::Unexpected),
                    record
                        .error
                        .unwrap_or_else(|| "the operation failed".to_owned()),
                );
                Outcome::Failed(Arc::new(match record.hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }))
            }
        };
        job.lock().outcome = outcome;
        job
    }

    /// One that was cut off, or could not be ended, as the journal has it: the next start ends it.
    pub(crate) fn of_journal(entry: &OperationState) -> Self {
        let job = Self::new(
            OperationHead {
                operation: entry.operation,
                kind: entry.kind,
                set: entry.set,
                started: entry.started,
                flags: None,
                undone: None,
                copies: Vec::new(),
            },
            Listeners::default(),
        );
        job.lock().cut_off = true;
        job
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells everybody who waits or listens.
    fn change(&self, change: impl FnOnce(&mut State)) {
        {
            let mut state = self.lock();
            change(&mut state);
            state.version += 1;
        }
        self.tell();
    }

    /// Tells everybody who waits or listens.
    pub(crate) fn tell(&self) {
        self.shared.changed.notify_all();
        self.shared.listeners.tell(self);
    }

    pub(crate) fn head(&self) -> &OperationHead {
        &self.shared.head
    }

    /// Ends the operation. The first end counts.
    pub(crate) fn finish(&self, result: Result<AuditRecord, JobFailure>) {
        self.change(|state| {
            if matches!(state.outcome, Outcome::Pending) {
                state.copying = None;
                state.outcome = match result {
                    Ok(report) => Outcome::Finished(Arc::new(report)),
                    Err(JobFailure::Cancelled) => Outcome::Cancelled,
                    Err(JobFailure::Failed(error)) => Outcome::Failed(Arc::new(error)),
                };
            }
        });
    }

    /// The operation's id, under which its audit record can be read later.
    #[must_use]
    pub fn operation(&self) -> OperationId {
        self.shared.head.operation
    }

    /// The set it works on.
    #[must_use]
    pub fn set(&self) -> SetId {
        self.shared.head.set
    }

    /// Pending, finished, cancelled, or the failure (`QueryStatus`).
    #[must_use]
    pub fn query_status(&self) -> ResultCode {
        code(&self.lock().outcome)
    }

    /// The failure, once there is one.
    #[must_use]
    pub fn error(&self) -> Option<Arc<Error>> {
        match &self.lock().outcome {
            Outcome::Failed(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// What the operation gave, once it is finished.
    #[must_use]
    pub fn report(&self) -> Option<Arc<AuditRecord>> {
        match &self.lock().outcome {
            Outcome::Finished(report) => Some(Arc::clone(report)),
            _ => None,
        }
    }

    /// What the operation gave, or why it gave nothing.
    pub(crate) fn result(&self) -> Result<AuditRecord, Error> {
        match &self.lock().outcome {
            Outcome::Finished(report) => Ok(AuditRecord::clone(report)),
            Outcome::Failed(error) => Err(Error::clone(error)),
            Outcome::Cancelled | Outcome::Pending => Err(Error::new(
                ErrorKind::Unexpected,
                "the operation ended without a result",
            )
            .with_hint("see vss history")),
        }
    }

    /// How the operation stands.
    #[must_use]
    pub fn state(&self) -> OperationState {
        self.state_of(&self.lock())
    }

    fn state_of(&self, state: &State) -> OperationState {
        let head = &self.shared.head;
        OperationState {
            operation: head.operation,
            kind: head.kind,
            set: head.set,
            started: head.started,
            version: state.version,
            code: code(&state.outcome),
            cancel_requested: state.cancel_requested,
            past_no_return: state.past_no_return,
            cut_off: state.cut_off,
            disks: state.disks.clone(),
            copying: state.copying.clone(),
            error: match &state.outcome {
                Outcome::Failed(error) => Some(Arc::clone(error)),
                _ => None,
            },
            report: match &state.outcome {
                Outcome::Finished(report) => Some(Arc::clone(report)),
                _ => None,
            },
        }
    }

    /// Waits for the end, or for the time limit, and says nothing of how it ended (`Wait`, spec:
    /// requester §9). `None` waits without limit.
    pub fn wait(&self, limit: Option<Duration>) {
        drop(self.wait_until(limit, |_| false));
    }

    /// Waits until `enough` holds of the pending operation, the end, or the time limit.
    fn wait_until(
        &self,
        limit: Option<Duration>,
        enough: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let changed = &self.shared.changed;
        let mut state = self.lock();
        while matches!(state.outcome, Outcome::Pending) && !state.cut_off && !enough(&state) {
            state = match deadline {
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        return state;
                    };
                    changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        state
    }

    /// Asks for the operation to be given up (`Cancel`): honoured until the point of no return
    /// (spec: break §2.2 rule 4).
    pub fn cancel(&self) -> CancelAnswer {
        {
            let mut state = self.lock();
            if let Some(answer) = CancelAnswer::of_ended(code(&state.outcome)) {
                return answer;
            }
            state.cancel_requested = true;
            state.version += 1;
        }
        self.tell();
        CancelAnswer::Taken
    }

    /// How far each disk is.
    #[must_use]
    pub fn progress(&self) -> Vec<DiskProgress> {
        self.lock().disks.clone()
    }

    /// True once nothing can be cancelled any more.
    #[must_use]
    pub fn is_past_no_return(&self) -> bool {
        self.lock().past_no_return
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.lock().cancel_requested
    }

    pub(crate) fn set_disks(&self, names: impl IntoIterator<Item = String>) {
        let disks = names
            .into_iter()
            .map(|lun| DiskProgress {
                lun,
                stage: DiskStage::Waiting,
            })
            .collect();
        self.change(|state| state.disks = disks);
    }

    pub(crate) fn disk_stage(&self, lun: &str, stage: DiskStage) {
        self.change(|state| {
            if let Some(disk) = state.disks.iter_mut().find(|disk| disk.lun == lun) {
                disk.stage = stage;
            }
        });
    }

    pub(crate) fn copying(&self, progress: CopyProgress) {
        self.change(|state| state.copying = Some(progress));
    }

    /// Gives up here if that was asked for.
    pub(crate) fn check_cancel(&self) -> Result<(), JobFailure> {
        if self.is_cancel_requested() {
            Err(JobFailure::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Passes the point of no return, unless a cancel came first.
    pub(crate) fn pass_no_return(&self) -> Result<(), JobFailure> {
        {
            let mut state = self.lock();
            if state.cancel_requested {
                return Err(JobFailure::Cancelled);
            }
            state.past_no_return = true;
            state.copying = None;
            state.version += 1;
        }
        self.tell();
        Ok(())
    }
}

fn code(outcome: &Outcome) -> ResultCode {
    match outcome {
        Outcome::Pending => ResultCode::VSS_S_ASYNC_PENDING,
        Outcome::Finished(_) => ResultCode::VSS_S_ASYNC_FINISHED,
        Outcome::Cancelled => ResultCode::VSS_S_ASYNC_CANCELLED,
        Outcome::Failed(error) => error.code(),
    }
}

impl VssAsync for Job {
    fn operation(&self) -> OperationId {
        self.operation()
    }

    fn set(&self) -> SetId {
        self.set()
    }

    fn state(&self) -> Result<OperationState, Error> {
        Ok(self.state())
    }

    fn next(&self, seen: u64, limit: Option<Duration>) -> Result<OperationState, Error> {
        let state = self.wait_until(limit, |state| state.version > seen);
        Ok(self.state_of(&state))
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), Error> {
        self.wait(limit);
        Ok(())
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        if self.lock().cut_off {
            return Err(Error::new(
                ErrorKind::BadState,
                format!(
                    "operation {} was cut off, and nobody runs it",
                    self.operation()
                ),
            )
            .with_hint("the next start of the service ends it"));
        }
        Ok(self.cancel())
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
