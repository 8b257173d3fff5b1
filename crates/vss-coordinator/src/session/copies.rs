//! What a session does with copies that are there: deletes and breaks them (spec: requester §5, break
//! §2).

use std::sync::Arc;

use vss_model::{
    BreakFlags, Error, ErrorKind, HardwareOptions, OperationId, ProviderId, SetId, SnapshotId,
};
use vss_service::{AuditRecord, DeleteOutcome, OperationKind, SetRecord, SetState, SourceObject};

use super::Requester;
use crate::break_set::{self, BreakRequest};
use crate::coordinator::set_not_found;
use crate::delete;
use crate::engine::{SetLock, Stuck};
use crate::job::{Job, OperationHead};
use crate::operations::Admission;
use crate::providers::AnyProvider;

impl Requester {
    /// `DeleteSnapshots`: one copy after the other, up to the first failure. A repeat with the same
    /// operation id gives the outcome of the first call.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` while the set is in work.
    pub fn delete_snapshots(
        &self,
        object: SourceObject,
        id: Option<OperationId>,
    ) -> Result<DeleteOutcome, Error> {
        drop(self.ready()?);
        let is_same = |head: &OperationHead| {
            head.kind == OperationKind::Delete
                && match object {
                    SourceObject::Set(set) => head.set == set,
                    // The set of a copy that is gone is not known any more.
                    SourceObject::Snapshot(_) => true,
                }
        };
        if let Some(job) = self.engine.known(id, is_same)? {
            return self.outcome_of(&job);
        }
        let set = match object {
            SourceObject::Set(set) => set,
            SourceObject::Snapshot(copy) => {
                let found = self.engine.catalogue().set_of_copy(copy)?;
                found.ok_or_else(|| copy_not_found(copy))?
            }
        };
        // Unknown ids are not found even while something else runs.
        let copies = match object {
            SourceObject::Set(_) => ids(&self.providers_of(set)?),
            SourceObject::Snapshot(copy) => {
                self.providers_of(set)?;
                vec![copy]
            }
        };
        let head = self.head(id, OperationKind::Delete, set, None, copies);
        let admitted = match self.engine.admit(head, is_same)? {
            Admission::New(admitted) => admitted,
            Admission::Known(job) => return self.outcome_of(&job),
        };
        let taken = match object {
            SourceObject::Set(_) => self.take_whole(set, "deletion"),
            SourceObject::Snapshot(_) => self
                .take(set, "deletion")
                .map(|(record, lock)| (record, lock, None)),
        };
        let (record, _lock, given_up) = match taken {
            Ok(taken) => taken,
            Err(error) => return Err(admitted.refuse(error)),
        };
        let copies: Vec<SnapshotId> = match object {
            SourceObject::Set(_) => record.copies.iter().map(|copy| copy.id()).collect(),
            SourceObject::Snapshot(copy) => {
                if record.copies.iter().all(|one| one.id() != copy) {
                    return Err(admitted.refuse(copy_not_found(copy)));
                }
                vec![copy]
            }
        };
        delete::delete(&self.engine, admitted, &record, &copies, given_up)
    }

    /// The outcome of a deletion that an earlier call began.
    fn outcome_of(&self, job: &Job) -> Result<DeleteOutcome, Error> {
        job.wait(None);
        match self.engine.reader()?.operation(job.operation())? {
            Some(record) => Ok(delete::outcome_of(record)),
            None => Err(job.result().err().unwrap_or_else(|| {
                Error::new(ErrorKind::Unexpected, "the deletion left no record")
            })),
        }
    }

    /// Locks a set and reads it, in this order, so that what is read stays true.
    fn take(&self, id: SetId, operation: &'static str) -> Result<(SetRecord, SetLock), Error> {
        // Unknown ids are not found even while something else runs.
        self.providers_of(id)?;
        let lock = self.engine.lock_set(id, operation)?;
        Ok((self.visible(id)?, lock))
    }

    /// The same to delete all of it, which gives a break up that could not be ended.
    fn take_whole(
        &self,
        id: SetId,
        operation: &'static str,
    ) -> Result<(SetRecord, SetLock, Option<Stuck>), Error> {
        self.providers_of(id)?;
        let (lock, given_up) = self.engine.lock_whole_set(id, operation)?;
        Ok((self.visible(id)?, lock, given_up))
    }

    fn providers_of(&self, id: SetId) -> Result<Vec<(SnapshotId, ProviderId)>, Error> {
        self.engine
            .catalogue()
            .providers_of(id)?
            .ok_or_else(|| set_not_found(id))
    }

    pub(super) fn visible(&self, id: SetId) -> Result<SetRecord, Error> {
        self.engine
            .catalogue()
            .set(id)?
            .filter(|set| set.state == SetState::Created)
            .ok_or_else(|| set_not_found(id))
    }

    /// `BreakSnapshotSet`: the copies become ordinary read-only volumes. Returns when that is done.
    ///
    /// # Errors
    /// As spec break §2.1; never `VSS_E_BREAK_REVERT_ID_FAILED`.
    pub fn break_snapshot_set(
        &self,
        set: SetId,
        id: Option<OperationId>,
    ) -> Result<Arc<AuditRecord>, Error> {
        let job = self.start_break(set, BreakFlags::PLAIN, id)?;
        job.wait(None);
        job.result().map(Arc::new)
    }

    /// `BreakSnapshotSetEx`: checks all that arguments and catalogue can tell, in the order of spec
    /// break §2.2, and starts the rest as a job. `pp_async` of `None` stands for a null pointer; on
    /// failure the slot holds `None`. A repeat with the same operation id gives the first one's job.
    ///
    /// # Errors
    /// As the column "sync" of spec break §2.2.
    pub fn break_snapshot_set_ex(
        &self,
        set: SetId,
        flags: u32,
        id: Option<OperationId>,
        pp_async: Option<&mut Option<Job>>,
    ) -> Result<(), Error> {
        let Some(slot) = pp_async else {
            return Err(Error::new(ErrorKind::InvalidArgument, "ppAsync is null"));
        };
        *slot = None;
        drop(self.ready()?);
        *slot = Some(self.start_break(set, break_flags(flags)?, id)?);
        Ok(())
    }

    fn start_break(
        &self,
        set: SetId,
        flags: BreakFlags,
        id: Option<OperationId>,
    ) -> Result<Job, Error> {
        drop(self.ready()?);
        let is_same = |head: &OperationHead| {
            head.kind == OperationKind::Break && head.set == set && head.flags == Some(flags)
        };
        if let Some(job) = self.engine.known(id, is_same)? {
            return Ok(job);
        }
        let copies = self.providers_of(set)?;
        for (copy, provider) in &copies {
            let provider = self.engine.providers.get(*provider)?;
            let AnyProvider::Hardware(provider) = provider else {
                return Err(Error::new(
                    ErrorKind::ProviderVeto,
                    format!(
                        "copy {} of the set is held by the software provider {}; only copies of hardware providers can be broken",
                        copy,
                        provider.properties().provider_name
                    ),
                )
                .with_hint("delete the set instead: vss delete"));
            };
            if flags.bits() == HardwareOptions::BREAKEX_MASK_LUNS.bits() && provider.ex().is_none()
            {
                return Err(Error::new(
                    ErrorKind::LegacyProvider,
                    format!(
                        "provider {} is too old to mask LUNs",
                        provider.properties().provider_name
                    ),
                ));
            }
        }
        let head = self.head(id, OperationKind::Break, set, Some(flags), ids(&copies));
        let (operation, started) = (head.operation, head.started);
        let admitted = match self.engine.admit(head, is_same)? {
            Admission::New(admitted) => admitted,
            Admission::Known(job) => return Ok(job),
        };
        let (set, lock) = match self.take(set, "break") {
            Ok(taken) => taken,
            Err(error) => return Err(admitted.refuse(error)),
        };
        let request = BreakRequest {
            operation,
            set,
            flags,
            started,
            recovered: false,
        };
        let engine = Arc::clone(&self.engine);
        admitted.spawn(move |job| {
            let result = break_set::run(&engine, &request, job);
            drop(lock);
            result
        })
    }
}

/// Reads the flags of a break.
pub(crate) fn break_flags(flags: u32) -> Result<BreakFlags, Error> {
    BreakFlags::from_bits(flags).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, "the break flags are not valid")
            .with_hint("legal are 0x0, 0x1, 0x2, 0x4, 0x6, 0x8 and 0xA")
            .with_source(error)
    })
}

fn ids(copies: &[(SnapshotId, ProviderId)]) -> Vec<SnapshotId> {
    copies.iter().map(|(copy, _)| *copy).collect()
}

pub(super) fn copy_not_found(id: SnapshotId) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no shadow copy {id}"),
    )
    .with_hint("vss list shows the copies")
}
