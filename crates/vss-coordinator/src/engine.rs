//! What all operations share: catalogue, providers, host, and who works on what.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use disk_identity::Identifier;
use vss_model::{
    Error, ErrorKind, LunInformation, OperationId, SessionId, SetId, SnapshotId, Timestamp,
};
use vss_service::{AuditRecord, OperationKind};

use crate::catalogue::{Catalogue, CatalogueReader, JournalEntry};
use crate::host::Host;
use crate::operations::Operations;
use crate::providers::Providers;
use crate::state_dir::StateDir;

/// Most readers that are kept open.
const IDLE_READERS: usize = 16;

/// The shared parts of a coordinator.
pub(crate) struct Engine {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) providers: Providers,
    catalogue: Mutex<Catalogue>,
    catalogue_path: PathBuf,
    work: Mutex<Work>,
    /// Held by the one undo that runs.
    undo: Mutex<()>,
    /// Held while copies are mounted or unmounted. An operation that takes copies away has their set first
    /// and then this: a mount that has begun is waited for, a later one finds the set in work.
    mounts: Mutex<()>,
    /// Identifiers that running operations are about to give to disks.
    claims: Mutex<HashMap<Identifier, OperationId>>,
    /// Told whenever a set becomes free.
    freed: Condvar,
    pub(crate) operations: Arc<Operations>,
    /// Readers that nobody uses at the moment.
    readers: Mutex<Vec<CatalogueReader>>,
    /// Held as long as anything may still be changed, also by jobs that outlive their coordinator.
    state: StateDir,
}

/// For how long a session may keep the right to create without doing anything about its set, once
/// somebody else wants it.
const IDLE_SET: Duration = Duration::from_secs(60);

/// The right to create, and what its session does with it.
struct CreationRight {
    session: SessionId,
    /// When the session last did something about its set, by the host's monotonic clock.
    touched: Duration,
    /// True from `DoSnapshotSet` on.
    working: bool,
}

/// Who works on what.
#[derive(Default)]
struct Work {
    /// From `StartSnapshotSet` to the end of `DoSnapshotSet` creation is exclusive on the machine.
    creation: Option<CreationRight>,
    /// Sets in work, with the operation's name.
    busy: HashMap<SetId, &'static str>,
    /// What an earlier run began and this start could not end.
    stuck: Vec<Stuck>,
}

/// An operation that a crash cut off and that the start could neither finish nor undo.
///
/// Its intent stays in the journal, for the next start; until then no other operation on its set begins, and
/// no other undo of its disks. Only the whole set of a break may be deleted, which gives the break up.
#[derive(Debug, Clone)]
pub struct Stuck {
    /// The operation.
    pub operation: OperationId,
    /// Its kind.
    pub kind: OperationKind,
    /// When it began.
    pub started: Timestamp,
    /// Its set; null for an undo.
    pub set: SetId,
    /// The LUNs of an undo, which are of no set.
    pub luns: Vec<LunInformation>,
    /// Why it could not be ended: `VSS_E_BAD_STATE`, with the cause. Whoever wants to work on the same
    /// disks is refused with it.
    pub error: Arc<Error>,
}

impl Work {
    fn is_free(&self, set: SetId) -> Result<(), Error> {
        match self.stuck.iter().find(|stuck| stuck.set == set) {
            Some(stuck) => Err(Error::clone(&stuck.error)),
            None => self.is_idle(set),
        }
    }

    fn is_idle(&self, set: SetId) -> Result<(), Error> {
        match self.busy.get(&set) {
            None => Ok(()),
            Some(running) => Err(Error::new(
                ErrorKind::BadState,
                format!("a {running} of shadow copy set {set} is running"),
            )
            .with_hint("wait for it to end: vss history")),
        }
    }
}

impl Engine {
    pub(crate) fn new(
        host: Arc<dyn Host>,
        providers: Providers,
        state: StateDir,
        catalogue: Catalogue,
    ) -> Self {
        Self {
            host,
            providers,
            catalogue: Mutex::new(catalogue),
            catalogue_path: state.paths().catalogue(),
            work: Mutex::new(Work::default()),
            undo: Mutex::new(()),
            mounts: Mutex::new(()),
            claims: Mutex::new(HashMap::new()),
            freed: Condvar::new(),
            operations: Arc::default(),
            readers: Mutex::default(),
            state,
        }
    }

    /// The state folder, whose file system must never be frozen.
    pub(crate) fn state_root(&self) -> &Path {
        self.state.paths().root()
    }

    pub(crate) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        // A transaction that panicked was rolled back, so the catalogue behind the lock is whole.
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader that nobody else uses meanwhile and that waits for nobody.
    pub(crate) fn reader(&self) -> Result<Reader<'_>, Error> {
        let idle = self.readers().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => CatalogueReader::open(&self.catalogue_path)?,
        };
        Ok(Reader {
            engine: self,
            reader: Some(reader),
        })
    }

    fn readers(&self) -> MutexGuard<'_, Vec<CatalogueReader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn new_operation(&self) -> OperationId {
        OperationId::from_uuid(self.host.new_uuid())
    }

    /// Records an intent durably.
    pub(crate) fn begin(&self, entry: &JournalEntry) -> Result<(), Error> {
        self.catalogue().begin(entry)
    }

    /// Records the end of an operation durably.
    pub(crate) fn finish(
        &self,
        set: SetId,
        gone: &[SnapshotId],
        audit: &mut AuditRecord,
    ) -> Result<(), Error> {
        audit.finished = self.host.now();
        self.catalogue().finish(set, gone, audit)
    }

    /// Plans under the eyes of all others: `plan` sees the identifiers that other operations are about
    /// to give, and what it decides to give is claimed until the guard is dropped.
    pub(crate) fn claim<T>(
        self: &Arc<Self>,
        operation: OperationId,
        plan: impl FnOnce(&HashMap<Identifier, OperationId>) -> Result<(T, Vec<Identifier>), Error>,
    ) -> Result<(T, Claim), Error> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let (value, ids) = plan(&claims)?;
        claims.extend(ids.into_iter().map(|id| (id, operation)));
        let engine = Arc::clone(self);
        Ok((value, Claim { engine, operation }))
    }

    /// Sets the disks of an operation aside that could not be ended, and the identifiers that it was about
    /// to give.
    pub(crate) fn set_aside(&self, stuck: Stuck, ids: Vec<Identifier>) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.extend(ids.into_iter().map(|id| (id, stuck.operation)));
        drop(claims);
        self.work().stuck.push(stuck);
    }

    /// What an earlier run began and this start could not end.
    pub(crate) fn stuck(&self) -> Vec<Stuck> {
        self.work().stuck.clone()
    }

    /// True while the disks of a set are set aside.
    pub(crate) fn is_set_aside(&self, set: SetId) -> bool {
        self.work().stuck.iter().any(|stuck| stuck.set == set)
    }

    /// Refuses to touch a LUN that an undo was changing when it was cut off.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE`.
    pub(crate) fn check_lun(&self, lun: &LunInformation) -> Result<(), Error> {
        let work = self.work();
        let stuck = work
            .stuck
            .iter()
            .find(|stuck| stuck.luns.iter().any(|one| one.is_same_lun(lun)));
        stuck.map_or(Ok(()), |stuck| Err(Error::clone(&stuck.error)))
    }

    /// Forgets an operation that could not be ended and that is off the journal by now.
    pub(crate) fn give_up(&self, operation: OperationId) {
        self.work()
            .stuck
            .retain(|stuck| stuck.operation != operation);
        self.claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, claimer| *claimer != operation);
    }

    /// Takes a set to delete all of it, also one whose break could not be ended: that break comes with it.
    ///
    /// # Errors
    /// As [`lock_set`](Self::lock_set).
    pub(crate) fn lock_whole_set(
        self: &Arc<Self>,
        set: SetId,
        operation: &'static str,
    ) -> Result<(SetLock, Option<Stuck>), Error> {
        let work = self.work();
        let given_up = work
            .stuck
            .iter()
            .find(|stuck| stuck.set == set && stuck.kind == OperationKind::Break)
            .cloned();
        match given_up {
            Some(_) => work.is_idle(set)?,
            None => work.is_free(set)?,
        }
        Ok((self.take_set(work, set, operation), given_up))
    }

    /// Waits until no other undo runs.
    pub(crate) fn undo_right(&self) -> MutexGuard<'_, ()> {
        self.undo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the identifiers that operations are about to give, and keeps others from being given
    /// while `work` runs.
    pub(crate) fn with_claims<T>(
        &self,
        work: impl FnOnce(&HashMap<Identifier, OperationId>) -> T,
    ) -> T {
        work(&self.claims.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// True while an operation works on the set, from its creation on.
    pub(crate) fn is_in_work(&self, set: SetId) -> bool {
        self.work().busy.contains_key(&set)
            || self.operations.running().iter().any(|job| job.set() == set)
    }

    /// Takes the creation right of the machine for a session.
    pub(crate) fn start_creation(&self, session: SessionId) -> Result<(), Error> {
        self.operations.check_open()?;
        let now = self.host.monotonic();
        let mut work = self.work();
        // A client that is stuck must not keep everybody else from creating.
        let held = work
            .creation
            .as_ref()
            .is_some_and(|right| right.working || now.saturating_sub(right.touched) < IDLE_SET);
        if held {
            return Err(Error::new(
                ErrorKind::SnapshotSetInProgress,
                "another shadow copy set is being created on this host",
            )
            .with_hint("wait until it is finished and try again"));
        }
        work.creation = Some(CreationRight {
            session,
            touched: now,
            working: false,
        });
        Ok(())
    }

    /// Notes that a session does something about its set; `working` from `DoSnapshotSet` on.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` when somebody else has the right by now.
    pub(crate) fn touch_creation(&self, session: SessionId, working: bool) -> Result<(), Error> {
        let now = self.host.monotonic();
        let mut work = self.work();
        match &mut work.creation {
            Some(right) if right.session == session => {
                right.touched = now;
                right.working = working;
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::BadState,
                format!(
                    "the shadow copy set was given up: nothing was done about it for {} s, and somebody else wanted to create one",
                    IDLE_SET.as_secs()
                ),
            )
            .with_hint("begin anew with StartSnapshotSet in a new session")),
        }
    }

    /// Gives the creation right back, if the session has it.
    pub(crate) fn end_creation(&self, session: SessionId) {
        let mut work = self.work();
        if work
            .creation
            .as_ref()
            .is_some_and(|right| right.session == session)
        {
            work.creation = None;
        }
    }

    /// Takes a set for an operation.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` while another operation works on it (spec: break §6.3).
    pub(crate) fn lock_set(
        self: &Arc<Self>,
        set: SetId,
        operation: &'static str,
    ) -> Result<SetLock, Error> {
        let work = self.work();
        work.is_free(set)?;
        Ok(self.take_set(work, set, operation))
    }

    /// The right to mount copies of a set.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` while the set is in work.
    pub(crate) fn mounting(&self, set: SetId) -> Result<MutexGuard<'_, ()>, Error> {
        let right = self.unmounting();
        self.work().is_free(set)?;
        Ok(right)
    }

    /// The right to unmount copies, for whoever has their set.
    pub(crate) fn unmounting(&self) -> MutexGuard<'_, ()> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a set for an operation, waiting for the one that has it.
    pub(crate) fn wait_for_set(self: &Arc<Self>, set: SetId, operation: &'static str) -> SetLock {
        let mut work = self.work();
        while work.busy.contains_key(&set) {
            work = self
                .freed
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.take_set(work, set, operation)
    }

    fn take_set(
        self: &Arc<Self>,
        mut work: MutexGuard<'_, Work>,
        set: SetId,
        operation: &'static str,
    ) -> SetLock {
        work.busy.insert(set, operation);
        SetLock {
            engine: Arc::clone(self),
            set,
        }
    }
}

/// Identifiers claimed by an operation; free again when this is dropped.
pub(crate) struct Claim {
    engine: Arc<Engine>,
    operation: OperationId,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.engine
            .claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, operation| *operation != self.operation);
    }
}

/// A reader of the catalogue, given back when this is dropped.
pub(crate) struct Reader<'a> {
    engine: &'a Engine,
    reader: Option<CatalogueReader>,
}

impl Deref for Reader<'_> {
    type Target = CatalogueReader;

    fn deref(&self) -> &CatalogueReader {
        self.reader
            .as_ref()
            .expect("a reader is there until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            let mut idle = self.engine.readers();
            if idle.len() < IDLE_READERS {
                idle.push(reader);
            }
        }
    }
}

/// A set in work; free again when this is dropped.
pub(crate) struct SetLock {
    engine: Arc<Engine>,
    set: SetId,
}

impl Drop for SetLock {
    fn drop(&mut self) {
        self.engine.work().busy.remove(&self.set);
        self.engine.freed.notify_all();
    }
}
