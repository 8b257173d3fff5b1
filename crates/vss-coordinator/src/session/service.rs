//! The session as callers of the service know it.

use std::path::PathBuf;
use std::sync::Arc;

use vss_model::{
    Error, ObjectType, OperationId, ProviderId, SessionId, SetId, SnapshotId, SnapshotProperties,
};
use vss_service::{AuditRecord, BackupComponents, DeleteOutcome, SourceObject, VssAsync};

use super::Requester;

impl BackupComponents for Requester {
    fn session_id(&self) -> SessionId {
        self.session_id()
    }

    fn initialize_for_backup(&self) -> Result<(), Error> {
        self.initialize_for_backup()
    }

    fn set_context(&self, context: u32) -> Result<(), Error> {
        self.set_context(context)
    }

    fn allow_torn(&self, allow: bool) -> Result<(), Error> {
        self.allow_torn(allow)
    }

    fn start_snapshot_set(&self) -> Result<SetId, Error> {
        self.start_snapshot_set()
    }

    fn add_to_snapshot_set(&self, volume: &str, provider: ProviderId) -> Result<SnapshotId, Error> {
        self.add_to_snapshot_set(volume, provider)
    }

    fn is_volume_supported(&self, volume: &str, provider: ProviderId) -> Result<bool, Error> {
        self.is_volume_supported(volume, provider)
    }

    fn do_snapshot_set(&self, id: Option<OperationId>) -> Result<Box<dyn VssAsync>, Error> {
        Ok(Box::new(self.do_snapshot_set(id)?))
    }

    fn abort_backup(&self) -> Result<(), Error> {
        self.abort_backup()
    }

    fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
    ) -> Result<Vec<SnapshotProperties>, Error> {
        self.query(queried, queried_type, returned)
    }

    fn get_snapshot_properties(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        self.get_snapshot_properties(id)
    }

    fn mount_snapshot(&self, id: SnapshotId) -> Result<PathBuf, Error> {
        self.mount_snapshot(id)
    }

    fn delete_snapshots(
        &self,
        object: SourceObject,
        id: Option<OperationId>,
    ) -> Result<DeleteOutcome, Error> {
        self.delete_snapshots(object, id)
    }

    fn break_snapshot_set(
        &self,
        set: SetId,
        id: Option<OperationId>,
    ) -> Result<Arc<AuditRecord>, Error> {
        self.break_snapshot_set(set, id)
    }

    fn break_snapshot_set_ex(
        &self,
        set: SetId,
        flags: u32,
        id: Option<OperationId>,
        pp_async: Option<&mut Option<Box<dyn VssAsync>>>,
    ) -> Result<(), Error> {
        let Some(slot) = pp_async else {
            return self.break_snapshot_set_ex(set, flags, id, None);
        };
        let mut job = None;
        *slot = None;
        self.break_snapshot_set_ex(set, flags, id, Some(&mut job))?;
        *slot = job.map(|job| Box::new(job) as Box<dyn VssAsync>);
        Ok(())
    }
}
