//! Requester sessions.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::task::AbortHandle;
use tonic::transport::Channel;
use tonic::{Response, Status};
use vss_model::{
    Error, ErrorKind, ObjectType, OperationId, ProviderId, SessionId, SetId, SnapshotId,
    SnapshotProperties,
};
use vss_service::{AuditRecord, BackupComponents, DeleteOutcome, SourceObject, VssAsync};

use crate::client::dial::lost;
use crate::client::link::{ANSWER_BYTES, Link, Place, bad_answer, failure};
use crate::client::operation::Operation;
use crate::client::queries::{message, messages};
use crate::client::service::operation_id;
use crate::v1;
use crate::v1::requester_client::RequesterClient;
use crate::wire::{Fault, Wire, handle, id, path_from};

fn requester(channel: Channel) -> RequesterClient<Channel> {
    RequesterClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}

/// A session. A task holds its stream; when that ends, the session is over.
pub(super) struct Session {
    link: Arc<Link>,
    place: Place,
    id: SessionId,
    /// Why the session is over, once it is.
    over: Arc<OnceLock<String>>,
    stream: AbortHandle,
}

impl Session {
    /// Opens a session; with a context, one that is initialised and set to it.
    pub(super) fn open(link: Arc<Link>, context: Option<u32>) -> Result<Self, Error> {
        let place = link.place()?;
        let request = v1::OpenSessionRequest { context };
        let mut events = link.on(place.channel.clone(), |channel| async move {
            requester(channel).open_session(request).await
        })?;
        let endpoint = link.endpoint().clone();
        let (first, mut events) = link.run(async move {
            match events.message().await {
                Ok(Some(first)) => Ok((first, events)),
                Ok(None) => Err(lost(&endpoint, "the service is stopping".to_owned())),
                Err(status) => Err(failure(&endpoint, &status)),
            }
        })?;
        let Some(v1::session_event::Event::Opened(opened)) = first.event else {
            return Err(bad_answer(&Fault::new("event", "is not the opening")));
        };
        let id = id(&opened.session_id, "opened.session_id").map_err(|f| bad_answer(&f))?;
        let over = Arc::new(OnceLock::new());
        let told = Arc::clone(&over);
        let stream = link.handle().spawn(async move {
            let why = loop {
                match events.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break "the service ended the session".to_owned(),
                    Err(status) => break format!("the session was lost: {}", status.message()),
                }
            };
            // Nobody else sets it.
            let _ = told.set(why);
        });
        Ok(Self {
            link,
            place,
            id,
            over,
            stream: stream.abort_handle(),
        })
    }

    fn lost(&self) -> Option<Error> {
        let why = self.over.get()?.clone();
        Some(lost(self.link.endpoint(), why))
    }

    fn on<T: Send + 'static, F>(
        &self,
        is_long: bool,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        if let Some(error) = self.lost() {
            return Err(error);
        }
        let answer = if is_long {
            self.link.long(call)
        } else {
            self.link.short(call)
        };
        // A daemon that has come back does not know the session of the one before.
        answer.map_err(|error| match self.lost() {
            Some(lost) if error.kind() == ErrorKind::BadState => lost,
            _ => error,
        })
    }

    fn short<T: Send + 'static, F>(&self, call: impl FnOnce(Channel) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        self.on(false, call)
    }

    fn long<T: Send + 'static, F>(&self, call: impl FnOnce(Channel) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        self.on(true, call)
    }

    fn text(&self) -> String {
        self.id.to_string()
    }

    fn handle(&self, operation: &str, set: &str) -> Result<Box<dyn VssAsync>, Error> {
        let (id, set) = handle(operation, set).map_err(|fault| bad_answer(&fault))?;
        Ok(Box::new(Operation::new(Arc::clone(&self.link), id, set)))
    }
}

impl Drop for Session {
    /// Waits for the release: auto-release copies are gone afterwards, as with the engine itself.
    fn drop(&mut self) {
        if self.over.get().is_none() {
            let request = v1::ReleaseSessionRequest {
                session_id: self.text(),
            };
            // An error says that the connection is gone, and the session with it.
            let _ = self
                .link
                .on(self.place.channel.clone(), |channel| async move {
                    requester(channel).release_session(request).await
                });
        }
        self.stream.abort();
    }
}

impl BackupComponents for Session {
    fn session_id(&self) -> SessionId {
        self.id
    }

    fn initialize_for_backup(&self) -> Result<(), Error> {
        let request = v1::InitializeForBackupRequest {
            session_id: self.text(),
        };
        self.short(|channel| async move { requester(channel).initialize_for_backup(request).await })
            .map(|_| ())
    }

    fn set_context(&self, context: u32) -> Result<(), Error> {
        let request = v1::SetContextRequest {
            session_id: self.text(),
            context,
        };
        self.short(|channel| async move { requester(channel).set_context(request).await })
            .map(|_| ())
    }

    fn allow_torn(&self, allow: bool) -> Result<(), Error> {
        let request = v1::AllowTornRequest {
            session_id: self.text(),
            allow,
        };
        self.short(|channel| async move { requester(channel).allow_torn(request).await })
            .map(|_| ())
    }

    fn start_snapshot_set(&self) -> Result<SetId, Error> {
        let request = v1::StartSnapshotSetRequest {
            session_id: self.text(),
        };
        let answer = self
            .short(|channel| async move { requester(channel).start_snapshot_set(request).await })?;
        id(&answer.set_id, "set_id").map_err(|fault| bad_answer(&fault))
    }

    fn add_to_snapshot_set(&self, volume: &str, provider: ProviderId) -> Result<SnapshotId, Error> {
        let request = v1::AddToSnapshotSetRequest {
            session_id: self.text(),
            volume: volume.to_owned(),
            provider_id: provider.to_string(),
        };
        let answer = self
            .long(|channel| async move { requester(channel).add_to_snapshot_set(request).await })?;
        id(&answer.snapshot_id, "snapshot_id").map_err(|fault| bad_answer(&fault))
    }

    fn is_volume_supported(&self, volume: &str, provider: ProviderId) -> Result<bool, Error> {
        let request = v1::IsVolumeSupportedRequest {
            session_id: self.text(),
            volume: volume.to_owned(),
            provider_id: provider.to_string(),
        };
        self.long(|channel| async move { requester(channel).is_volume_supported(request).await })
            .map(|answer| answer.supported)
    }

    fn do_snapshot_set(&self, id: Option<OperationId>) -> Result<Box<dyn VssAsync>, Error> {
        let request = v1::DoSnapshotSetRequest {
            session_id: self.text(),
            operation_id: operation_id(id),
        };
        let answer =
            self.short(|channel| async move { requester(channel).do_snapshot_set(request).await })?;
        self.handle(&answer.operation_id, &answer.set_id)
    }

    fn abort_backup(&self) -> Result<(), Error> {
        let request = v1::AbortBackupRequest {
            session_id: self.text(),
        };
        self.long(|channel| async move { requester(channel).abort_backup(request).await })
            .map(|_| ())
    }

    fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
    ) -> Result<Vec<SnapshotProperties>, Error> {
        let request = v1::QueryRequest {
            session_id: self.text(),
            queried_id: queried.to_string(),
            queried_type: queried_type.value(),
            returned_type: returned.value(),
        };
        let answer =
            self.short(|channel| async move { requester(channel).query(request).await })?;
        messages(answer.snapshots, "snapshots")
    }

    fn get_snapshot_properties(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        let request = v1::GetSnapshotPropertiesRequest {
            session_id: self.text(),
            snapshot_id: id.to_string(),
        };
        let answer = self.short(|channel| async move {
            requester(channel).get_snapshot_properties(request).await
        })?;
        message(answer.properties, "properties")
    }

    fn mount_snapshot(&self, id: SnapshotId) -> Result<PathBuf, Error> {
        let request = v1::MountSnapshotRequest {
            session_id: self.text(),
            snapshot_id: id.to_string(),
        };
        self.long(|channel| async move { requester(channel).mount_snapshot(request).await })
            .map(|answer| path_from(answer.path))
    }

    fn delete_snapshots(
        &self,
        object: SourceObject,
        id: Option<OperationId>,
    ) -> Result<DeleteOutcome, Error> {
        use v1::delete_snapshots_request::Source;
        let source = match object {
            SourceObject::Set(set) => Source::SetId(set.to_string()),
            SourceObject::Snapshot(copy) => Source::SnapshotId(copy.to_string()),
        };
        let request = v1::DeleteSnapshotsRequest {
            session_id: self.text(),
            source: Some(source),
            operation_id: operation_id(id),
        };
        let answer =
            self.long(|channel| async move { requester(channel).delete_snapshots(request).await })?;
        DeleteOutcome::from_wire(answer).map_err(|fault| bad_answer(&fault))
    }

    fn break_snapshot_set(
        &self,
        set: SetId,
        id: Option<OperationId>,
    ) -> Result<Arc<AuditRecord>, Error> {
        let request = v1::BreakSnapshotSetRequest {
            session_id: self.text(),
            set_id: set.to_string(),
            operation_id: operation_id(id),
        };
        let answer = self
            .long(|channel| async move { requester(channel).break_snapshot_set(request).await })?;
        message(answer.report, "report")
    }

    fn break_snapshot_set_ex(
        &self,
        set: SetId,
        flags: u32,
        id: Option<OperationId>,
        pp_async: Option<&mut Option<Box<dyn VssAsync>>>,
    ) -> Result<(), Error> {
        let Some(slot) = pp_async else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "BreakSnapshotSetEx needs a place for the operation",
            ));
        };
        *slot = None;
        let request = v1::BreakSnapshotSetExRequest {
            session_id: self.text(),
            set_id: set.to_string(),
            flags,
            operation_id: operation_id(id),
        };
        let answer = self.short(|channel| async move {
            requester(channel).break_snapshot_set_ex(request).await
        })?;
        *slot = Some(self.handle(&answer.operation_id, &answer.set_id)?);
        Ok(())
    }
}
