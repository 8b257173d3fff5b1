//! A requester session (`IVssBackupComponents` to `Ex2`, spec: requester §4 and §5).

mod copies;
mod files;
mod select;
mod service;
mod volumes;

pub(crate) use copies::break_flags;
pub use volumes::volume_name;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vss_model::{
    BreakFlags, Context, Error, ErrorKind, ObjectType, OperationId, ProviderId, SessionId, SetId,
    SnapshotAttributes, SnapshotId, SnapshotProperties,
};
use vss_service::OperationKind;

use crate::coordinator::Caller;
use crate::create::{self, CreateRequest, VolumeRequest};
use crate::delete;
use crate::engine::Engine;
use crate::job::{Job, OperationHead};
use crate::operations::Admission;

/// Volumes in one set (spec: requester §14).
pub const MAX_VOLUMES: usize = 64;

/// Where a session stands in the order of calls.
///
/// ```text
/// Fresh ── InitializeForBackup ──► Ready ── StartSnapshotSet ──► SetOpen ── DoSnapshotSet ──► Done
///                                                       AbortBackup ◄──┘
/// ```
#[derive(Debug)]
enum Phase {
    Fresh,
    Ready,
    SetOpen(OpenSet),
    Done,
}

#[derive(Debug)]
struct OpenSet {
    id: SetId,
    volumes: Vec<VolumeRequest>,
}

#[derive(Debug)]
struct Session {
    phase: Phase,
    context: Option<Context>,
    allow_torn: bool,
    /// The set that dies with this session.
    auto_release: Option<Job>,
}

/// One requester object: one operation. Its drop is its release, which ends auto-release copies.
pub struct Requester {
    engine: Arc<Engine>,
    id: SessionId,
    caller: Caller,
    session: Mutex<Session>,
}

impl Requester {
    pub(crate) const fn new(engine: Arc<Engine>, id: SessionId, caller: Caller) -> Self {
        Self {
            engine,
            id,
            caller,
            session: Mutex::new(Session {
                phase: Phase::Fresh,
                context: None,
                allow_torn: false,
                auto_release: None,
            }),
        }
    }

    /// Tells parallel sessions apart (`GetSessionId`).
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.id
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Access first, then state: what every method but `InitializeForBackup` begins with.
    fn ready(&self) -> Result<MutexGuard<'_, Session>, Error> {
        self.caller.check_privilege()?;
        let session = self.session();
        if matches!(session.phase, Phase::Fresh) {
            return Err(
                Error::new(ErrorKind::BadState, "the session is not initialised")
                    .with_hint("call InitializeForBackup first"),
            );
        }
        Ok(session)
    }

    /// `InitializeForBackup` without a document; once.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`; `VSS_E_BAD_STATE` the second time.
    pub fn initialize_for_backup(&self) -> Result<(), Error> {
        self.caller.check_privilege()?;
        let mut session = self.session();
        if !matches!(session.phase, Phase::Fresh) {
            return Err(Error::new(
                ErrorKind::BadState,
                "the session is initialised already",
            ));
        }
        session.phase = Phase::Ready;
        Ok(())
    }

    /// `SetContext`; once, before a set is begun. The default is `VSS_CTX_BACKUP`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for an illegal value; `VSS_E_BAD_STATE` out of order.
    pub fn set_context(&self, context: u32) -> Result<(), Error> {
        let context = Context::from_bits(context).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, "the context is not valid").with_source(error)
        })?;
        let mut session = self.ready()?;
        if session.context.is_some() || !matches!(session.phase, Phase::Ready) {
            return Err(Error::new(
                ErrorKind::BadState,
                "the context is set once, before a set is begun",
            ));
        }
        session.context = Some(context);
        Ok(())
    }

    /// Lets `DoSnapshotSet` take copies whose writes cannot be held; the set is then called torn.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub fn allow_torn(&self, allow: bool) -> Result<(), Error> {
        self.ready()?.allow_torn = allow;
        Ok(())
    }

    /// `StartSnapshotSet`.
    ///
    /// # Errors
    /// `VSS_E_SNAPSHOT_SET_IN_PROGRESS` while another set is being created on this host;
    /// `VSS_E_BAD_STATE` out of order. A set that nothing was done about for 60 s gives way.
    pub fn start_snapshot_set(&self) -> Result<SetId, Error> {
        let mut session = self.ready()?;
        if !matches!(session.phase, Phase::Ready) || session.context == Some(Context::ALL) {
            return Err(Error::new(
                ErrorKind::BadState,
                "a session creates one set, and none in the context VSS_CTX_ALL",
            ));
        }
        self.engine.start_creation(self.id)?;
        let id = SetId::from_uuid(self.engine.host.new_uuid());
        session.phase = Phase::SetOpen(OpenSet {
            id,
            volumes: Vec::new(),
        });
        Ok(id)
    }

    /// `AddToSnapshotSet`: `volume` is `LUN` or `LUN/PARTITION`; a null provider lets the service
    /// choose, hardware before software.
    ///
    /// # Errors
    /// The codes of spec requester §5; nothing is changed by a failed call.
    pub fn add_to_snapshot_set(
        &self,
        volume: &str,
        provider: ProviderId,
    ) -> Result<SnapshotId, Error> {
        let mut session = self.ready()?;
        let volume = &*volume_name(volume);
        let context = session.context.unwrap_or(Context::BACKUP).attributes();
        let Phase::SetOpen(open) = &mut session.phase else {
            return Err(no_set_open());
        };
        if open.volumes.len() >= MAX_VOLUMES {
            return Err(Error::new(
                ErrorKind::MaximumNumberOfVolumesReached,
                format!("a shadow copy set holds at most {MAX_VOLUMES} volumes"),
            )
            .with_hint("split them over several sets"));
        }
        if open.volumes.iter().any(|known| known.volume == volume) {
            return Err(Error::new(
                ErrorKind::ObjectAlreadyExists,
                format!("volume {volume} is in the set already"),
            ));
        }
        if context.contains(SnapshotAttributes::TRANSPORTABLE)
            && context.intersects(
                SnapshotAttributes::ROLLBACK_RECOVERY | SnapshotAttributes::TXF_RECOVERY,
            )
        {
            return Err(Error::new(
                ErrorKind::UnsupportedContext,
                "auto-recovery does not go with transportable copies",
            ));
        }
        if let Err(error) = self.engine.touch_creation(self.id, false) {
            session.phase = Phase::Done;
            return Err(error);
        }
        let snapshot = SnapshotId::from_uuid(self.engine.host.new_uuid());
        let request = self.select(open.id, snapshot, context, volume, provider)?;
        open.volumes.push(request);
        // The provider may have taken long.
        self.engine.touch_creation(self.id, false)?;
        Ok(snapshot)
    }

    /// `DoSnapshotSet`: starts the creation and gives the job.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order. Everything else comes through the job.
    pub fn do_snapshot_set(&self, id: Option<OperationId>) -> Result<Job, Error> {
        let mut session = self.ready()?;
        let is_same = |head: &OperationHead| head.kind == OperationKind::Create;
        if let Some(job) = self.engine.known(id, is_same)? {
            return Ok(job);
        }
        let context = session.context.unwrap_or(Context::BACKUP);
        let allow_torn = session.allow_torn;
        let open = match std::mem::replace(&mut session.phase, Phase::Done) {
            Phase::SetOpen(open) => open,
            other => {
                session.phase = other;
                return Err(no_set_open());
            }
        };
        self.engine.touch_creation(self.id, true)?;
        // From here on the creation right goes back whatever happens.
        let right = CreationRight {
            engine: Arc::clone(&self.engine),
            session: self.id,
        };
        let copies = open.volumes.iter().map(|volume| volume.snapshot).collect();
        let head = self.head(id, OperationKind::Create, open.id, None, copies);
        let request = CreateRequest {
            operation: head.operation,
            set: open.id,
            context,
            started: head.started,
            volumes: open.volumes,
            allow_torn,
        };
        let admitted = match self.engine.admit(head, is_same)? {
            Admission::New(admitted) => admitted,
            Admission::Known(job) => return Ok(job),
        };
        let engine = Arc::clone(&self.engine);
        let job = admitted.spawn(move |job| {
            let result = create::run(&engine, &request, job);
            drop(right);
            result
        })?;
        if context.is_auto_release() {
            session.auto_release = Some(job.clone());
        }
        Ok(job)
    }

    fn head(
        &self,
        id: Option<OperationId>,
        kind: OperationKind,
        set: SetId,
        flags: Option<BreakFlags>,
        copies: Vec<SnapshotId>,
    ) -> OperationHead {
        OperationHead {
            operation: id.unwrap_or_else(|| self.engine.new_operation()),
            kind,
            set,
            started: self.engine.host.now(),
            flags,
            undone: None,
            copies,
        }
    }

    /// `AbortBackup`: gives up a set that is not created yet; no effect when there is none.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`, `VSS_E_BAD_STATE` before initialisation.
    pub fn abort_backup(&self) -> Result<(), Error> {
        let mut session = self.ready()?;
        // Providers are not told before EndPrepareSnapshots; they see the next set id (provider §9).
        if matches!(session.phase, Phase::SetOpen(_)) {
            session.phase = Phase::Done;
            self.engine.end_creation(self.id);
        }
        Ok(())
    }

    /// `Query` for copies: those of the session's context. Never waits for a running operation.
    ///
    /// # Errors
    /// `E_INVALIDARG` unless the arguments are (null, none, snapshot); `VSS_E_BAD_STATE` before
    /// initialisation.
    pub fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
    ) -> Result<Vec<SnapshotProperties>, Error> {
        if !queried.is_null()
            || queried_type != ObjectType::None
            || returned != ObjectType::Snapshot
        {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a query asks for all snapshots: null id, no type, type snapshot",
            ));
        }
        let context = self.ready()?.context.unwrap_or(Context::BACKUP);
        self.engine.reader()?.copies(context)
    }

    /// `GetSnapshotProperties`.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    pub fn get_snapshot_properties(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        drop(self.ready()?);
        self.engine
            .reader()?
            .copy(id)?
            .ok_or_else(|| copies::copy_not_found(id))
    }
}

/// Release: a set that was not created is given up, auto-release copies are deleted.
impl Drop for Requester {
    fn drop(&mut self) {
        let released = {
            let mut session = self.session();
            if matches!(session.phase, Phase::SetOpen(_)) {
                self.engine.end_creation(self.id);
            }
            session.phase = Phase::Done;
            session.auto_release.take()
        };
        let Some(job) = released else { return };
        job.cancel();
        job.wait(None);
        let set = job.set();
        // A break that runs on the set takes it out of our hands.
        let _lock = self.engine.wait_for_set(set, "release");
        if let Ok(record) = self.visible(set) {
            let copies: Vec<SnapshotId> = record.copies.iter().map(|copy| copy.id()).collect();
            // What cannot be deleted now is deleted by the next start.
            let head = self.head(None, OperationKind::Delete, set, None, copies.clone());
            if let Ok(admitted) = self.engine.admit_own(head) {
                let _ = delete::delete(&self.engine, admitted, &record, &copies, None);
            }
        }
    }
}

struct CreationRight {
    engine: Arc<Engine>,
    session: SessionId,
}

impl Drop for CreationRight {
    fn drop(&mut self) {
        self.engine.end_creation(self.session);
    }
}

fn no_set_open() -> Error {
    Error::new(ErrorKind::BadState, "no shadow copy set is open")
        .with_hint("call StartSnapshotSet first")
}
