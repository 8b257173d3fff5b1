//! What an `IVssBackupComponents` object does, without its pointers (spec: requester §4 and §5).
//!
//! A [`Requester`] adds to the session of the service what only this interface has: the order of calls
//! with writers, documents, and the names of Windows. Arguments that are wrong in themselves (null
//! pointers) are refused before it is asked; the rest is decided here or by the service.

mod backup;
mod components;
mod operation;
mod order;
mod properties;
mod restore;
mod snapshots;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use vss_model::{Error, ResultCode, SessionId, SetId};
use vss_service::{BackupComponents, Service};

pub(crate) use components::ComponentKey;
pub(crate) use operation::Operation;
pub(crate) use snapshots::{Found, is_snapshotted};

use crate::document::{BackupComponentsDocument, WriterMetadata};
use crate::volumes::{Drives, TableEntry, Volumes};
use order::{Call, Order};

/// One requester object: one backup, one restore or one piece of administration. Its drop releases the
/// session: a set that was not created is given up, auto-release copies are deleted.
pub(crate) struct Requester {
    service: Arc<dyn Service>,
    drives: Arc<dyn Drives>,
    session: Box<dyn BackupComponents>,
    volumes: OnceLock<Volumes>,
    state: Mutex<State>,
}

/// What calls change.
struct State {
    order: Order,
    document: BackupComponentsDocument,
    /// The writers that were gathered.
    writers: Vec<WriterMetadata>,
    /// The set that was begun.
    set: Option<SetId>,
    /// The creation, once `DoSnapshotSet` has begun it.
    creation: Option<Operation>,
}

impl Requester {
    /// A new object (`CreateVssBackupComponents`).
    ///
    /// # Errors
    /// `E_ACCESSDENIED`; the service cannot be reached, or takes no more sessions.
    pub(crate) fn new(service: Arc<dyn Service>, drives: Arc<dyn Drives>) -> Result<Self, Error> {
        let session = service.create_backup_components()?;
        Ok(Self {
            service,
            drives,
            session,
            volumes: OnceLock::new(),
            state: Mutex::new(State {
                order: Order::new(),
                document: BackupComponentsDocument::default(),
                writers: Vec::new(),
                set: None,
                creation: None,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a call that changes what may come next: no other such call comes between.
    fn begin(&self, call: Call) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state();
        state.look_after_creation()?;
        state.order.allow(call)?;
        Ok(state)
    }

    /// For a call that changes nothing of the order: others need not wait for it.
    fn check(&self, call: Call) -> Result<(), Error> {
        self.state().order.allow(call)
    }

    /// `GetSessionId`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn session_id(&self) -> Result<SessionId, Error> {
        self.check(Call::Any)?;
        Ok(self.session.session_id())
    }

    /// `GetRootAndLogicalPrefixPaths`: both are the root of the path's volume, as far as paths of this
    /// machine go.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation; `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_VOLUME_NOT_SUPPORTED`.
    pub(crate) fn root_of(&self, path: &str) -> Result<String, Error> {
        self.check(Call::Any)?;
        self.volumes()?.root_of(path)
    }

    /// The names of volumes. The daemon reads its settings when it starts, and the session does not
    /// outlive it: they are asked for once.
    fn volumes(&self) -> Result<&Volumes, Error> {
        if let Some(volumes) = self.volumes.get() {
            return Ok(volumes);
        }
        let volumes = volumes_of(&*self.service, &self.drives)?;
        Ok(self.volumes.get_or_init(|| volumes))
    }
}

/// The names of volumes, as the settings of the daemon are now.
///
/// # Errors
/// The service cannot be reached.
pub(crate) fn volumes_of(
    service: &dyn Service,
    drives: &Arc<dyn Drives>,
) -> Result<Volumes, Error> {
    let table = service
        .volume_names()?
        .into_iter()
        .map(|entry| TableEntry {
            windows: entry.name,
            host: entry.volume,
        })
        .collect();
    Volumes::new(Arc::clone(drives), table, |paths| {
        service.resolve_volumes(paths)
    })
}

impl State {
    /// Finds out whether the creation is over, while it is not known to be.
    fn look_after_creation(&mut self) -> Result<(), Error> {
        if self.order.creating
            && let Some(creation) = &self.creation
        {
            self.order.creating = creation.status()? == ResultCode::VSS_S_ASYNC_PENDING;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
