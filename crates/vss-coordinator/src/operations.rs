//! The operations in work, and who is told of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, info_span, warn};
use vss_model::{Error, ErrorKind, OperationId, ResultCode};
use vss_service::{AuditRecord, Listener, OperationKind};

use crate::engine::Engine;
use crate::job::{Job, JobFailure, OperationHead};

/// Who is told of every change of every operation.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Arc<RwLock<Vec<Listener>>>);

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listeners")
    }
}

impl Listeners {
    pub(crate) fn add(&self, listener: Listener) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    pub(crate) fn tell(&self, job: &Job) {
        for listener in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            listener(job);
        }
    }
}

/// How many failures are kept in memory.
const FAILURES_KEPT: usize = 64;

#[derive(Default)]
struct Inner {
    closing: bool,
    running: Vec<Job>,
    /// Those that are over, with somebody still being told.
    ending: usize,
    /// The last failures, since not every failure leaves a record.
    failed: VecDeque<Job>,
}

/// The operations in work.
#[derive(Default)]
pub(crate) struct Operations {
    inner: Mutex<Inner>,
    /// Told whenever an operation is over.
    over: Condvar,
    pub(crate) listeners: Listeners,
}

/// Whether an operation is new, or one that its id names already.
pub(crate) enum Admission {
    /// It may begin.
    New(Admitted),
    /// It has begun before.
    Known(Job),
}

impl Operations {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All in work, oldest first.
    pub(crate) fn running(&self) -> Vec<Job> {
        self.lock().running.clone()
    }

    pub(crate) fn get(&self, id: OperationId) -> Option<Job> {
        let inner = self.lock();
        inner
            .running
            .iter()
            .find(|job| job.operation() == id)
            .cloned()
    }

    fn get_failed(&self, id: OperationId) -> Option<Job> {
        let inner = self.lock();
        inner
            .failed
            .iter()
            .find(|job| job.operation() == id)
            .cloned()
    }

    /// The creation in work; there is one at most.
    pub(crate) fn creation(&self) -> Option<Job> {
        let inner = self.lock();
        inner
            .running
            .iter()
            .find(|job| job.head().kind == OperationKind::Create)
            .cloned()
    }

    /// Refuses while the service shuts down.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.lock().closing {
            return Err(Error::new(
                ErrorKind::BadState,
                "the service is shutting down and begins nothing new",
            )
            .with_hint("try again once it runs again; what it had begun is finished by then"));
        }
        Ok(())
    }

    /// Begins nothing new, asks what runs to stop, and waits for it. True when nothing is left.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        let deadline = Instant::now().checked_add(limit);
        let running = {
            let mut inner = self.lock();
            inner.closing = true;
            inner.running.clone()
        };
        for job in running {
            job.cancel();
        }
        let mut inner = self.lock();
        while !inner.running.is_empty() || inner.ending > 0 {
            let left = deadline.and_then(|end| end.checked_duration_since(Instant::now()));
            let Some(left) = left else { return false };
            inner = self
                .over
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

impl Engine {
    /// What an operation id that a caller gave stands for, if it stands for anything yet.
    pub(crate) fn known(
        &self,
        id: Option<OperationId>,
        is_same: impl Fn(&OperationHead) -> bool,
    ) -> Result<Option<Job>, Error> {
        let Some(id) = id else { return Ok(None) };
        let Some(job) = self.find_operation(id)? else {
            return Ok(None);
        };
        same(job, is_same).map(Some)
    }

    /// An operation, running, over, or cut off.
    pub(crate) fn find_operation(&self, id: OperationId) -> Result<Option<Job>, Error> {
        if let Some(job) = self.operations.get(id) {
            return Ok(Some(job));
        }
        // In this order: what ends between two looks is found by the second.
        let reader = self.reader()?;
        let journalled = reader
            .unfinished()?
            .into_iter()
            .find(|one| one.operation == id);
        if let Some(record) = reader.operation(id)? {
            return Ok(Some(Job::of_record(record)));
        }
        if let Some(job) = self.operations.get_failed(id) {
            return Ok(Some(job));
        }
        Ok(journalled.as_ref().map(Job::of_journal))
    }

    /// Admits an operation under its id.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` while the service shuts down, `E_INVALIDARG` for an id that stands for
    /// something else.
    pub(crate) fn admit(
        self: &Arc<Self>,
        head: OperationHead,
        is_same: impl Fn(&OperationHead) -> bool,
    ) -> Result<Admission, Error> {
        self.operations.check_open()?;
        self.enter(head, is_same)
    }

    /// Admits an operation of the service itself, which also takes place while it shuts down.
    pub(crate) fn admit_own(self: &Arc<Self>, head: OperationHead) -> Result<Admitted, Error> {
        match self.enter(head, |_| false)? {
            Admission::New(admitted) => Ok(admitted),
            // `same` has refused it.
            Admission::Known(job) => Err(taken(&job)),
        }
    }

    fn enter(
        self: &Arc<Self>,
        head: OperationHead,
        is_same: impl Fn(&OperationHead) -> bool,
    ) -> Result<Admission, Error> {
        let job = {
            let mut inner = self.operations.lock();
            let known = inner
                .running
                .iter()
                .find(|job| job.operation() == head.operation);
            if let Some(known) = known.cloned() {
                drop(inner);
                return same(known, is_same).map(Admission::Known);
            }
            let job = Job::new(head, self.operations.listeners.clone());
            inner.running.push(job.clone());
            job
        };
        Ok(Admission::New(Admitted {
            job,
            operations: Arc::clone(&self.operations),
        }))
    }
}

fn same(job: Job, is_same: impl Fn(&OperationHead) -> bool) -> Result<Job, Error> {
    if is_same(job.head()) {
        Ok(job)
    } else {
        Err(taken(&job))
    }
}

fn taken(job: &Job) -> Error {
    let head = job.head();
    Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "operation id {} is in use: it names a {} of set {}",
            head.operation,
            head.kind.name(),
            head.set
        ),
    )
    .with_hint("give every operation a fresh id, and the same id only to a repeat")
}

/// An operation that may run. It is over, one way or another, when this is dropped.
///
/// It holds no engine: whoever was told of the end may open the state folder anew.
pub(crate) struct Admitted {
    job: Job,
    operations: Arc<Operations>,
}

impl Admitted {
    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Does not begin after all; whoever repeated the call meanwhile is told why.
    pub(crate) fn refuse(self, error: Error) -> Error {
        self.end(Err(JobFailure::Failed(error.clone())));
        error
    }

    /// Runs to the end on a thread of its own.
    ///
    /// # Errors
    /// `E_OUTOFMEMORY` when no thread is to be had.
    pub(crate) fn spawn(
        self,
        work: impl FnOnce(&Job) -> Result<AuditRecord, JobFailure> + Send + 'static,
    ) -> Result<Job, Error> {
        let job = self.job.clone();
        let name = format!("op-{}", &job.operation().to_string()[..8]);
        thread::Builder::new()
            .name(name)
            .spawn(move || self.run(work))
            .map_err(|error| {
                Error::new(ErrorKind::OutOfMemory, "could not start a worker thread")
                    .with_source(error)
            })?;
        Ok(job)
    }

    /// Runs to the end on this thread.
    pub(crate) fn run(self, work: impl FnOnce(&Job) -> Result<AuditRecord, JobFailure>) {
        let head = self.job.head();
        let copies: Vec<String> = head.copies.iter().map(ToString::to_string).collect();
        let span = info_span!(
            "operation",
            operation = %head.operation,
            kind = head.kind.name(),
            set = %head.set,
            copies = copies.join(","),
        );
        let _entered = span.enter();
        // The words name it too: a plain listing of the journal shows nothing else.
        let what = format!(
            "{} {} of set {}",
            head.kind.name(),
            head.operation,
            head.set
        );
        info!("{what} began");
        self.job.tell();
        let result = work(&self.job);
        match &result {
            Ok(_) => info!(code = %ResultCode::VSS_S_ASYNC_FINISHED, "{what} finished"),
            Err(JobFailure::Cancelled) => warn!(
                code = %ResultCode::VSS_S_ASYNC_CANCELLED,
                "{what} was cancelled"
            ),
            Err(JobFailure::Failed(error)) => {
                let (code, reason) = (error.code(), error.chain());
                error!(code = %code, reason, "{what} failed with {code}: {reason}");
            }
        }
        if matches!(result, Err(JobFailure::Failed(_))) {
            let mut inner = self.operations.lock();
            if inner.failed.len() >= FAILURES_KEPT {
                inner.failed.pop_front();
            }
            inner.failed.push_back(self.job.clone());
        }
        self.end(result);
    }

    /// Takes the operation out of those in work, then tells how it ended: whoever was told finds it
    /// over.
    fn end(&self, result: Result<AuditRecord, JobFailure>) {
        self.leave();
        self.job.finish(result);
    }

    fn leave(&self) {
        let operation = self.job.operation();
        let mut inner = self.operations.lock();
        let before = inner.running.len();
        inner.running.retain(|job| job.operation() != operation);
        inner.ending += before - inner.running.len();
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        // A worker that died must not leave its waiters hanging.
        if self.job.state().is_pending() {
            self.end(Err(JobFailure::Failed(Error::new(
                ErrorKind::Unexpected,
                "the worker of this operation died; the next start finishes or undoes it",
            ))));
        }
        self.operations.lock().ending -= 1;
        self.operations.over.notify_all();
    }
}
