//! A service that keeps everything in memory, and does what a test tells it to.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

use uuid::Uuid;
use vss_model::{
    Error, ErrorKind, ObjectType, OperationId, ProviderId, ResultCode, SessionId, SetId,
    SnapshotId, SnapshotProperties, Timestamp,
};
use vss_service::{
    AdoptLun, AuditRecord, BackupComponents, BreakPlan, CancelAnswer, CopySummary, DeleteOutcome,
    Listener, Lun, LunChange, LunDetail, NewLun, Object, OperationKind, OperationState, Queries,
    Refusal, Served, Service, SetRecord, SetSummary, SourceObject, Status, VolumeName, VssAsync,
};

use crate::samples;

pub(crate) fn pending(id: OperationId, kind: OperationKind) -> OperationState {
    OperationState {
        operation: id,
        kind,
        set: SetId::from_uuid(Uuid::from_u128(7)),
        started: Timestamp(1),
        version: 1,
        code: ResultCode::VSS_S_ASYNC_PENDING,
        cancel_requested: false,
        past_no_return: false,
        cut_off: false,
        disks: Vec::new(),
        copying: None,
        error: None,
        report: None,
    }
}

/// A running operation, and its handle.
#[derive(Clone)]
pub(crate) struct Running {
    fake: Weak<Fake>,
    state: Arc<(Mutex<OperationState>, Condvar)>,
}

impl Running {
    pub(crate) fn now(&self) -> OperationState {
        self.state.0.lock().unwrap().clone()
    }

    /// Changes the state, and tells it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut OperationState)) {
        {
            let mut state = self.state.0.lock().unwrap();
            change(&mut state);
            state.version += 1;
            self.state.1.notify_all();
        }
        if let Some(fake) = self.fake.upgrade() {
            fake.tell(self);
        }
    }

    pub(crate) fn finish(&self) {
        self.change(|state| {
            state.code = ResultCode::VSS_S_ASYNC_FINISHED;
            state.report = Some(Arc::new(samples::audit(u32::MAX)));
        });
    }

    /// As the engine waits: on the caller's thread.
    pub(crate) fn wait_for_end(&self) {
        let mut state = self.state.0.lock().unwrap();
        while state.is_pending() {
            state = self.state.1.wait(state).unwrap();
        }
    }
}

impl VssAsync for Running {
    fn operation(&self) -> OperationId {
        self.now().operation
    }

    fn set(&self) -> SetId {
        self.now().set
    }

    fn state(&self) -> Result<OperationState, Error> {
        Ok(self.now())
    }

    fn next(&self, _: u64, _: Option<Duration>) -> Result<OperationState, Error> {
        panic!("the server waits by itself");
    }

    fn wait(&self, _: Option<Duration>) -> Result<(), Error> {
        panic!("the server waits by itself");
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        let now = self.now();
        match now.code {
            ResultCode::VSS_S_ASYNC_PENDING => {
                self.change(|state| state.cancel_requested = true);
                Ok(CancelAnswer::Taken)
            }
            ResultCode::VSS_S_ASYNC_FINISHED => Ok(CancelAnswer::Finished),
            ResultCode::VSS_S_ASYNC_CANCELLED => Ok(CancelAnswer::Cancelled),
            code => Ok(CancelAnswer::Failed(code)),
        }
    }
}

/// A handle of an operation that ends right after somebody has looked at it.
struct EndsWhenSeen(Running);

impl VssAsync for EndsWhenSeen {
    fn operation(&self) -> OperationId {
        self.0.operation()
    }

    fn set(&self) -> SetId {
        self.0.set()
    }

    fn state(&self) -> Result<OperationState, Error> {
        let seen = self.0.now();
        self.0.finish();
        Ok(seen)
    }

    fn next(&self, seen: u64, limit: Option<Duration>) -> Result<OperationState, Error> {
        self.0.next(seen, limit)
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), Error> {
        self.0.wait(limit)
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        self.0.cancel()
    }
}

#[derive(Default)]
pub(crate) struct Inside {
    /// Operations that the service knows, running or over.
    pub(crate) operations: HashMap<OperationId, Running>,
    /// Calls, as `name argument…`.
    pub(crate) calls: Vec<String>,
    /// Sessions that were released.
    pub(crate) released: Vec<SessionId>,
    pub(crate) refusals: Vec<Refusal>,
    /// What the next call of `sets` ends with.
    pub(crate) failure: Option<Error>,
    /// While true, releases wait.
    pub(crate) holds_releases: bool,
    /// While true, operations end right after they are looked at.
    pub(crate) ends_when_seen: bool,
    sessions: u128,
}

pub(crate) struct Fake {
    inside: Mutex<Inside>,
    changed: Condvar,
    listeners: Mutex<Vec<Listener>>,
    this: Weak<Self>,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            inside: Mutex::default(),
            changed: Condvar::new(),
            listeners: Mutex::default(),
            this: this.clone(),
        })
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    fn tell(&self, operation: &Running) {
        for listener in self.listeners.lock().unwrap().iter() {
            listener(operation);
        }
    }

    fn call(&self, text: String) {
        self.inside().calls.push(text);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.inside().calls.clone()
    }

    pub(crate) fn hold_releases(&self, hold: bool) {
        self.inside().holds_releases = hold;
        self.changed.notify_all();
    }

    /// Ends everything that waits here.
    pub(crate) fn let_go(&self) {
        self.hold_releases(false);
        let running: Vec<Running> = self.inside().operations.values().cloned().collect();
        for operation in running {
            if operation.now().is_pending() {
                operation.finish();
            }
        }
    }

    /// The operation with this id; begins it if there is none.
    pub(crate) fn begin(&self, id: OperationId, kind: OperationKind) -> Running {
        if let Some(known) = self.inside().operations.get(&id) {
            return known.clone();
        }
        let operation = self.begin_untold(id, kind);
        self.tell(&operation);
        operation
    }

    /// Begins an operation of which nobody is told before its first change.
    pub(crate) fn begin_untold(&self, id: OperationId, kind: OperationKind) -> Running {
        let state = Arc::new((Mutex::new(pending(id, kind)), Condvar::new()));
        let fake = self.this.clone();
        let operation = Running { fake, state };
        self.inside().operations.insert(id, operation.clone());
        operation
    }

    pub(crate) fn running(&self, id: OperationId) -> Option<Running> {
        self.inside().operations.get(&id).cloned()
    }
}

pub(crate) fn not_found(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::ObjectNotFound, format!("there is no {what}"))
}

impl Queries for Fake {
    fn status(&self) -> Result<Status, Error> {
        Ok(samples::status(u32::MAX))
    }

    fn sets(&self) -> Result<Vec<SetSummary>, Error> {
        match self.inside().failure.take() {
            Some(error) => Err(error),
            None => Ok(samples::set_summaries()),
        }
    }

    fn copies(&self) -> Result<Vec<CopySummary>, Error> {
        Ok(samples::copy_summaries())
    }

    fn set(&self, id: SetId) -> Result<SetRecord, Error> {
        let mask = u32::try_from(id.as_uuid().as_u128()).map_err(|_| not_found(id))?;
        Ok(samples::set(mask))
    }

    fn copy(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        let mask = u32::try_from(id.as_uuid().as_u128()).map_err(|_| not_found(id))?;
        Ok(samples::properties(mask))
    }

    fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error> {
        self.call(format!("find {digits} {most}"));
        Ok(samples::objects())
    }

    fn operations(&self) -> Result<Vec<OperationState>, Error> {
        let states = self
            .inside()
            .operations
            .values()
            .map(Running::now)
            .collect();
        Ok(Vec::into_iter(states)
            .filter(OperationState::is_pending)
            .collect())
    }

    fn operation(&self, id: OperationId) -> Result<Box<dyn VssAsync>, Error> {
        let known = self.running(id).ok_or_else(|| not_found(id))?;
        if self.inside().ends_when_seen {
            return Ok(Box::new(EndsWhenSeen(known)));
        }
        Ok(Box::new(known))
    }

    fn record(&self, id: OperationId) -> Result<AuditRecord, Error> {
        let mask = u32::try_from(id.as_uuid().as_u128()).map_err(|_| not_found(id))?;
        Ok(samples::audit(mask))
    }

    fn creation(&self, _: SetId) -> Result<AuditRecord, Error> {
        Ok(samples::audit(u32::MAX))
    }

    fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        self.call(format!("history {limit}"));
        Ok((0..64).map(samples::audit).collect())
    }

    fn refusals(&self, _: usize) -> Result<Vec<Refusal>, Error> {
        Ok(self.inside().refusals.clone())
    }

    fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        Ok(samples::volume_names())
    }

    fn resolve_volumes(&self, names: &[String]) -> Result<Vec<String>, Error> {
        Ok(names.iter().map(|name| format!("/real{name}")).collect())
    }

    fn luns(&self) -> Result<Vec<Lun>, Error> {
        Ok((0..16).map(samples::lun).collect())
    }

    fn lun(&self, name: &str) -> Result<LunDetail, Error> {
        assert_ne!(name, "panic", "asked to");
        samples::lun_detail(name)
    }
}

impl Service for Fake {
    fn create_backup_components(&self) -> Result<Box<dyn BackupComponents>, Error> {
        let mut inside = self.inside();
        inside.sessions += 1;
        Ok(Box::new(FakeSession {
            id: SessionId::from_uuid(Uuid::from_u128(inside.sessions)),
            fake: self.this.upgrade().unwrap(),
        }))
    }

    fn plan_break(&self, set: SetId, flags: u32) -> Result<BreakPlan, Error> {
        self.call(format!("plan_break {set} {flags}"));
        Ok(samples::plan())
    }

    fn undo(&self, operation: OperationId, id: Option<OperationId>) -> Result<AuditRecord, Error> {
        self.call(format!("undo {operation} {id:?}"));
        Ok(samples::audit(5))
    }

    fn create_lun(&self, lun: &NewLun) -> Result<Lun, Error> {
        self.call(format!("create_lun {lun:?}"));
        Ok(samples::lun(1))
    }

    fn adopt_lun(&self, lun: &AdoptLun) -> Result<Lun, Error> {
        self.call(format!("adopt_lun {lun:?}"));
        Ok(samples::lun(2))
    }

    fn mask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.call(format!("mask_luns {names:?}"));
        Ok(samples::changes())
    }

    fn unmask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.call(format!("unmask_luns {names:?}"));
        Ok(samples::changes())
    }

    fn attach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.call(format!("attach_luns {names:?}"));
        Ok(samples::changes())
    }

    fn detach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.call(format!("detach_luns {names:?}"));
        Ok(samples::changes())
    }

    fn delete_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.call(format!("delete_luns {names:?}"));
        Ok(samples::changes())
    }
}

impl Served for Fake {
    fn listen(&self, listener: Listener) {
        self.listeners.lock().unwrap().push(listener);
    }

    fn record_refusals(&self, refusals: &[Refusal]) -> Result<(), Error> {
        self.inside().refusals.extend_from_slice(refusals);
        Ok(())
    }

    fn shut_down(&self, _: Duration) -> bool {
        true
    }
}

struct FakeSession {
    id: SessionId,
    fake: Arc<Fake>,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        let mut inside = self.fake.inside();
        while inside.holds_releases {
            inside = self.fake.changed.wait(inside).unwrap();
        }
        inside.released.push(self.id);
    }
}

impl BackupComponents for FakeSession {
    fn session_id(&self) -> SessionId {
        self.id
    }

    fn initialize_for_backup(&self) -> Result<(), Error> {
        self.fake.call("initialize_for_backup".to_owned());
        Ok(())
    }

    fn set_context(&self, context: u32) -> Result<(), Error> {
        self.fake.call(format!("set_context {context:#x}"));
        if context == 0x4000_0000 {
            return Err(Error::new(ErrorKind::InvalidArgument, "illegal context"));
        }
        Ok(())
    }

    fn allow_torn(&self, allow: bool) -> Result<(), Error> {
        self.fake.call(format!("allow_torn {allow}"));
        Ok(())
    }

    fn start_snapshot_set(&self) -> Result<SetId, Error> {
        self.fake.call("start_snapshot_set".to_owned());
        Ok(SetId::from_uuid(Uuid::from_u128(7)))
    }

    fn add_to_snapshot_set(&self, volume: &str, provider: ProviderId) -> Result<SnapshotId, Error> {
        self.fake
            .call(format!("add_to_snapshot_set {volume} {provider}"));
        Ok(SnapshotId::from_uuid(Uuid::from_u128(8)))
    }

    fn is_volume_supported(&self, volume: &str, provider: ProviderId) -> Result<bool, Error> {
        self.fake
            .call(format!("is_volume_supported {volume} {provider}"));
        Ok(volume == "db/1")
    }

    fn mount_snapshot(&self, id: SnapshotId) -> Result<PathBuf, Error> {
        self.fake.call(format!("mount_snapshot {id}"));
        Ok(PathBuf::from("/mnt/\u{e4} b"))
    }

    fn do_snapshot_set(&self, id: Option<OperationId>) -> Result<Box<dyn VssAsync>, Error> {
        let id = id.unwrap();
        self.fake.call(format!("do_snapshot_set {id}"));
        Ok(Box::new(self.fake.begin(id, OperationKind::Create)))
    }

    fn abort_backup(&self) -> Result<(), Error> {
        self.fake.call("abort_backup".to_owned());
        Ok(())
    }

    fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
    ) -> Result<Vec<SnapshotProperties>, Error> {
        self.fake
            .call(format!("query {queried} {queried_type} {returned}"));
        Ok((0..4).map(samples::properties).collect())
    }

    fn get_snapshot_properties(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        self.fake.copy(id)
    }

    fn delete_snapshots(
        &self,
        object: SourceObject,
        id: Option<OperationId>,
    ) -> Result<DeleteOutcome, Error> {
        self.fake.call(format!("delete_snapshots {object:?}"));
        Ok(DeleteOutcome {
            operation: id.unwrap(),
            deleted: 3,
            failure: match object {
                SourceObject::Set(_) => None,
                SourceObject::Snapshot(copy) => Some((copy, samples::error())),
            },
        })
    }

    /// Runs until the test finishes it.
    fn break_snapshot_set(
        &self,
        _: SetId,
        id: Option<OperationId>,
    ) -> Result<Arc<AuditRecord>, Error> {
        let operation = self.fake.begin(id.unwrap(), OperationKind::Break);
        operation.wait_for_end();
        operation.now().report.ok_or_else(samples::error)
    }

    fn break_snapshot_set_ex(
        &self,
        set: SetId,
        flags: u32,
        id: Option<OperationId>,
        pp_async: Option<&mut Option<Box<dyn VssAsync>>>,
    ) -> Result<(), Error> {
        self.fake
            .call(format!("break_snapshot_set_ex {set} {flags}"));
        if flags == 0xC {
            return Err(samples::error());
        }
        *pp_async.unwrap() = Some(Box::new(self.fake.begin(id.unwrap(), OperationKind::Break)));
        Ok(())
    }
}
