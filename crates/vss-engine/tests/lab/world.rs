//! A service on a state folder of its own, with two originals.

use std::fs::File;
use std::path::{Path, PathBuf};

use disk_identity::{Identity, observe};
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_lab::guest::{in_lab, without_udev};
use vss_model::{Context, ProviderId, ResultCode, SetId};
use vss_service::{Queries, Service};

use crate::storage::Storage;

pub(crate) struct World<S: Storage> {
    pub(crate) service: Embedded,
    pub(crate) storage: S,
    pub(crate) originals: Vec<PathBuf>,
    _state: tempfile::TempDir,
}

impl<S: Storage + Default> World<S> {
    pub(crate) fn new() -> Self {
        in_lab();
        without_udev();
        let state = tempfile::tempdir_in("/var/lib/vss").unwrap();
        let service = Embedded::open(StatePaths::new(state.path().join("state"))).unwrap();
        let mut storage = S::default();
        let originals = storage.originals(&service);
        Self {
            service,
            storage,
            originals,
            _state: state,
        }
    }

    /// A persistent set of both originals; the devices of its copies.
    pub(crate) fn create(&self) -> (SetId, Vec<PathBuf>) {
        self.create_in(Context::NAS_ROLLBACK).0
    }

    /// The same in some context; the session is given too, with which such copies may end.
    pub(crate) fn create_in(
        &self,
        context: Context,
    ) -> (
        (SetId, Vec<PathBuf>),
        Box<dyn vss_service::BackupComponents>,
    ) {
        self.create_of(context, &self.originals)
    }

    /// The same of these volumes.
    pub(crate) fn create_of(
        &self,
        context: Context,
        volumes: &[PathBuf],
    ) -> (
        (SetId, Vec<PathBuf>),
        Box<dyn vss_service::BackupComponents>,
    ) {
        let session = self.service.create_backup_components().unwrap();
        session.initialize_for_backup().unwrap();
        session.set_context(context.bits()).unwrap();
        let set = session.start_snapshot_set().unwrap();
        for original in volumes {
            session
                .add_to_snapshot_set(&original.display().to_string(), ProviderId::NULL)
                .unwrap();
        }
        let operation = session.do_snapshot_set(None).unwrap();
        operation.wait(None).unwrap();
        let state = operation.state().unwrap();
        assert_eq!(
            state.code,
            ResultCode::VSS_S_ASYNC_FINISHED,
            "{:?}",
            state.error.map(|error| error.chain())
        );
        let devices = self
            .service
            .set(set)
            .unwrap()
            .copies
            .iter()
            .map(|copy| PathBuf::from(&copy.properties.snapshot_device_object))
            .collect();
        ((set, devices), session)
    }

    /// `BreakSnapshotSetEx`, waited for: the code of the call, or of the operation.
    pub(crate) fn break_ex(&self, set: SetId, flags: u32) -> Result<ResultCode, ResultCode> {
        let session = self.service.administration().unwrap();
        let mut slot = None;
        match session.break_snapshot_set_ex(set, flags, None, Some(&mut slot)) {
            Err(error) => Err(error.code()),
            Ok(()) => {
                let operation = slot.unwrap();
                operation.wait(None).unwrap();
                Ok(operation.query_status().unwrap())
            }
        }
    }

    pub(crate) fn is_listed(&self, set: SetId) -> bool {
        self.service
            .sets()
            .unwrap()
            .iter()
            .any(|one| one.set_id == set)
    }
}

/// Who a disk is.
pub(crate) fn identity(device: &Path) -> Identity {
    let file = File::open(device).unwrap();
    // What the kernel remembers of a disk that was written by another way must not count.
    vss_lab::guest::drop_caches();
    observe(&file, None).unwrap().identity().clone()
}
