//! The service `Requester`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use uuid::Uuid;
use vss_model::{Error, ErrorKind, ObjectType, OperationId, SessionId, SetId, SnapshotId};
use vss_service::{BackupComponents, SourceObject, VssAsync};

use crate::errors::to_status;
use crate::server::blocking::{answer, bad_request, blocking};
use crate::server::hub::Starting;
use crate::server::session_stream::SessionStream;
use crate::server::sessions::Session;
use crate::server::{Handlers, Peer};
use crate::v1;
use crate::v1::requester_server::Requester;
use crate::wire::{Fault, Wire, id, id_if_any, id_or_null, list_to, path_to};

/// The caller. Whoever is not known was refused before.
fn caller<T>(request: &Request<T>) -> Result<String, Status> {
    let peer = request.extensions().get::<Peer>();
    peer.map(|peer| peer.name.clone()).ok_or_else(|| {
        to_status(&Error::new(
            ErrorKind::AccessDenied,
            "the caller is not known",
        ))
    })
}

/// Reads a field of a request.
fn field<T>(read: Result<T, Fault>) -> Result<T, Status> {
    read.map_err(|fault| bad_request(&fault))
}

/// The caller's id for an operation, else a new one.
pub(super) fn operation_id(given: Option<&str>) -> Result<OperationId, Status> {
    let id = field(id_if_any(given, "operation_id"))?;
    Ok(id.unwrap_or_else(|| OperationId::from_uuid(Uuid::new_v4())))
}

impl Handlers {
    fn session<T>(&self, request: &Request<T>, text: &str) -> Result<Arc<Session>, Status> {
        let owner = caller(request)?;
        let id: SessionId = field(id(text, "session_id"))?;
        let session = self.shared.sessions.get(&owner, id);
        session.map_err(|error| to_status(&error))
    }

    /// Makes a call on a session of the caller.
    async fn on_session<R, T: Send + 'static>(
        &self,
        request: Request<R>,
        session_id: impl FnOnce(&R) -> &str,
        call: impl FnOnce(&dyn BackupComponents, R) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status>
    where
        R: Send + 'static,
    {
        let session = self.session(&request, session_id(request.get_ref()))?;
        let request = request.into_inner();
        answer(move || call(session.components(), request)).await
    }

    pub(super) fn starting(&self, id: OperationId) -> Result<Starting, Status> {
        self.shared.hub.start(id).map_err(|error| to_status(&error))
    }
}

/// The handle of an operation that was just started, for the answer.
fn started(starting: Starting, handle: &dyn VssAsync) -> (String, String) {
    starting.started(handle);
    (handle.operation().to_string(), handle.set().to_string())
}

fn prepared(
    components: Box<dyn BackupComponents>,
    context: Option<u32>,
) -> Result<Box<dyn BackupComponents>, Error> {
    if let Some(context) = context {
        components.initialize_for_backup()?;
        components.set_context(context)?;
    }
    Ok(components)
}

#[tonic::async_trait]
impl Requester for Handlers {
    type OpenSessionStream = SessionStream;

    async fn open_session(
        &self,
        request: Request<v1::OpenSessionRequest>,
    ) -> Result<Response<SessionStream>, Status> {
        let owner = caller(&request)?;
        let context = request.into_inner().context;
        let seat = self.shared.sessions.seat(&owner);
        let seat = seat.map_err(|error| to_status(&error))?;
        let busy = self.serving.begin();
        let shared = Arc::clone(&self.shared);
        // The guard is there before the caller can go away: on every way out the session is released.
        let guard = blocking(move || {
            let components = prepared(shared.service.create_backup_components()?, context)?;
            let session = Session::new(components, seat, busy);
            shared.sessions.open(&owner, session)
        })
        .await
        .map_err(|error| to_status(&error))?;
        Ok(Response::new(SessionStream::new(guard, &self.serving)))
    }

    async fn release_session(
        &self,
        request: Request<v1::ReleaseSessionRequest>,
    ) -> Result<Response<v1::ReleaseSessionResponse>, Status> {
        let owner = caller(&request)?;
        let id = field(id(&request.get_ref().session_id, "session_id"))?;
        let released = self.shared.sessions.release(&owner, id);
        let mut released = released.map_err(|error| to_status(&error))?;
        // Nothing is ever sent: the error is the end of the session.
        while released.changed().await.is_ok() {}
        Ok(Response::new(v1::ReleaseSessionResponse {}))
    }

    async fn initialize_for_backup(
        &self,
        request: Request<v1::InitializeForBackupRequest>,
    ) -> Result<Response<v1::InitializeForBackupResponse>, Status> {
        self.on_session(
            request,
            |request| &request.session_id,
            |session, _| {
                session.initialize_for_backup()?;
                Ok(v1::InitializeForBackupResponse {})
            },
        )
        .await
    }

    async fn set_context(
        &self,
        request: Request<v1::SetContextRequest>,
    ) -> Result<Response<v1::SetContextResponse>, Status> {
        self.on_session(
            request,
            |request| &request.session_id,
            |session, request| {
                session.set_context(request.context)?;
                Ok(v1::SetContextResponse {})
            },
        )
        .await
    }

    async fn allow_torn(
        &self,
        request: Request<v1::AllowTornRequest>,
    ) -> Result<Response<v1::AllowTornResponse>, Status> {
        self.on_session(
            request,
            |request| &request.session_id,
            |session, request| {
                session.allow_torn(request.allow)?;
                Ok(v1::AllowTornResponse {})
            },
        )
        .await
    }

    async fn start_snapshot_set(
        &self,
        request: Request<v1::StartSnapshotSetRequest>,
    ) -> Result<Response<v1::StartSnapshotSetResponse>, Status> {
        self.on_session(
            request,
            |request| &request.session_id,
            |session, _| {
                Ok(v1::StartSnapshotSetResponse {
                    set_id: session.start_snapshot_set()?.to_string(),
                })
            },
        )
        .await
    }

    async fn add_to_snapshot_set(
        &self,
        request: Request<v1::AddToSnapshotSetRequest>,
    ) -> Result<Response<v1::AddToSnapshotSetResponse>, Status> {
        let provider = field(id_or_null(&request.get_ref().provider_id, "provider_id"))?;
        self.on_session(
            request,
            |request| &request.session_id,
            move |session, request| {
                let snapshot = session.add_to_snapshot_set(&request.volume, provider)?;
                Ok(v1::AddToSnapshotSetResponse {
                    snapshot_id: snapshot.to_string(),
                })
            },
        )
        .await
    }

    async fn is_volume_supported(
        &self,
        request: Request<v1::IsVolumeSupportedRequest>,
    ) -> Result<Response<v1::IsVolumeSupportedResponse>, Status> {
        let provider = field(id_or_null(&request.get_ref().provider_id, "provider_id"))?;
        self.on_session(
            request,
            |request| &request.session_id,
            move |session, request| {
                Ok(v1::IsVolumeSupportedResponse {
                    supported: session.is_volume_supported(&request.volume, provider)?,
                })
            },
        )
        .await
    }

    async fn do_snapshot_set(
        &self,
        request: Request<v1::DoSnapshotSetRequest>,
    ) -> Result<Response<v1::DoSnapshotSetResponse>, Status> {
        let id = operation_id(request.get_ref().operation_id.as_deref())?;
        let session = self.session(&request, &request.get_ref().session_id)?;
        let starting = self.starting(id)?;
        answer(move || {
            let handle = session.components().do_snapshot_set(Some(id))?;
            let (operation_id, set_id) = started(starting, &*handle);
            Ok(v1::DoSnapshotSetResponse {
                operation_id,
                set_id,
            })
        })
        .await
    }

    async fn abort_backup(
        &self,
        request: Request<v1::AbortBackupRequest>,
    ) -> Result<Response<v1::AbortBackupResponse>, Status> {
        self.on_session(
            request,
            |request| &request.session_id,
            |session, _| {
                session.abort_backup()?;
                Ok(v1::AbortBackupResponse {})
            },
        )
        .await
    }

    async fn query(
        &self,
        request: Request<v1::QueryRequest>,
    ) -> Result<Response<v1::QueryResponse>, Status> {
        let arguments = request.get_ref();
        let queried: SnapshotId = field(id_or_null(&arguments.queried_id, "queried_id"))?;
        let object_type = |number: i32, name: &str| {
            let known = ObjectType::from_value(number);
            field(known.ok_or_else(|| Fault::new(name, format!("{number} is no known value"))))
        };
        let queried_type = object_type(arguments.queried_type, "queried_type")?;
        let returned = object_type(arguments.returned_type, "returned_type")?;
        self.on_session(
            request,
            |request| &request.session_id,
            move |session, _| {
                let snapshots = session.query(queried, queried_type, returned)?;
                Ok(v1::QueryResponse {
                    snapshots: list_to(&snapshots),
                })
            },
        )
        .await
    }

    async fn get_snapshot_properties(
        &self,
        request: Request<v1::GetSnapshotPropertiesRequest>,
    ) -> Result<Response<v1::GetSnapshotPropertiesResponse>, Status> {
        let copy = field(id(&request.get_ref().snapshot_id, "snapshot_id"))?;
        self.on_session(
            request,
            |request| &request.session_id,
            move |session, _| {
                Ok(v1::GetSnapshotPropertiesResponse {
                    properties: Some(session.get_snapshot_properties(copy)?.to_wire()),
                })
            },
        )
        .await
    }

    async fn mount_snapshot(
        &self,
        request: Request<v1::MountSnapshotRequest>,
    ) -> Result<Response<v1::MountSnapshotResponse>, Status> {
        let copy: SnapshotId = field(id(&request.get_ref().snapshot_id, "snapshot_id"))?;
        self.on_session(
            request,
            |request| &request.session_id,
            move |session, _| {
                Ok(v1::MountSnapshotResponse {
                    path: path_to(&session.mount_snapshot(copy)?),
                })
            },
        )
        .await
    }

    async fn delete_snapshots(
        &self,
        request: Request<v1::DeleteSnapshotsRequest>,
    ) -> Result<Response<v1::DeleteSnapshotsResponse>, Status> {
        use v1::delete_snapshots_request::Source;
        let source = match &request.get_ref().source {
            Some(Source::SetId(set)) => SourceObject::Set(field(id(set, "set_id"))?),
            Some(Source::SnapshotId(copy)) => {
                SourceObject::Snapshot(field(id(copy, "snapshot_id"))?)
            }
            None => return Err(bad_request(&Fault::new("source", "is missing"))),
        };
        let operation = operation_id(request.get_ref().operation_id.as_deref())?;
        let session = self.session(&request, &request.get_ref().session_id)?;
        let starting = self.starting(operation)?;
        answer(move || {
            let _until_the_end = starting;
            let outcome = session
                .components()
                .delete_snapshots(source, Some(operation))?;
            Ok(outcome.to_wire())
        })
        .await
    }

    async fn break_snapshot_set(
        &self,
        request: Request<v1::BreakSnapshotSetRequest>,
    ) -> Result<Response<v1::BreakSnapshotSetResponse>, Status> {
        let set: SetId = field(id(&request.get_ref().set_id, "set_id"))?;
        let operation = operation_id(request.get_ref().operation_id.as_deref())?;
        let session = self.session(&request, &request.get_ref().session_id)?;
        let starting = self.starting(operation)?;
        answer(move || {
            let _until_the_end = starting;
            let report = session
                .components()
                .break_snapshot_set(set, Some(operation))?;
            Ok(v1::BreakSnapshotSetResponse {
                report: Some(report.to_wire()),
            })
        })
        .await
    }

    async fn break_snapshot_set_ex(
        &self,
        request: Request<v1::BreakSnapshotSetExRequest>,
    ) -> Result<Response<v1::BreakSnapshotSetExResponse>, Status> {
        let set: SetId = field(id(&request.get_ref().set_id, "set_id"))?;
        let flags = request.get_ref().flags;
        let operation = operation_id(request.get_ref().operation_id.as_deref())?;
        let session = self.session(&request, &request.get_ref().session_id)?;
        let starting = self.starting(operation)?;
        answer(move || {
            let mut handle = None;
            session.components().break_snapshot_set_ex(
                set,
                flags,
                Some(operation),
                Some(&mut handle),
            )?;
            let handle = handle.ok_or_else(|| {
                Error::new(
                    ErrorKind::Unexpected,
                    format!("the break of set {set} began without a handle"),
                )
            })?;
            let (operation_id, set_id) = started(starting, &*handle);
            Ok(v1::BreakSnapshotSetExResponse {
                operation_id,
                set_id,
            })
        })
        .await
    }
}
