//! One client: does this and that, and repeats what it got no answer to.

use fastrand::Rng;
use uuid::Uuid;
use vss_api::client::Client as Connection;
use vss_model::{
    Context, Error, ErrorKind, ObjectType, OperationId, ProviderId, ResultCode, SetId, SnapshotId,
};
use vss_service::{
    CancelAnswer, OperationKind, OperationState, Queries, Service, SourceObject, VssAsync,
    is_connection_lost,
};

use crate::daemon::connect;
use crate::model::{End, Operation, Shared};

/// The legal flags of a break.
const FLAGS: [u32; 7] = [0x0, 0x1, 0x2, 0x4, 0x6, 0x8, 0xA];
/// More sets than this are not kept.
const MOST_SETS: usize = 40;
/// More disks of broken sets than this are not kept.
const MOST_DISKS: usize = 60;

pub(crate) struct Client<'a> {
    shared: &'a Shared,
    rng: Rng,
    connection: Option<Connection>,
    start: u64,
}

impl<'a> Client<'a> {
    pub(crate) fn new(shared: &'a Shared, rng: Rng) -> Self {
        Self {
            shared,
            rng,
            connection: None,
            start: 0,
        }
    }

    pub(crate) fn run(mut self) {
        while !self.shared.is_stopped() {
            let (sets, disks) = {
                let model = self.shared.model();
                (model.sets.len(), model.disks.len())
            };
            match self.rng.u8(0..100) {
                0..20 if sets < MOST_SETS => self.create(),
                0..20 => self.delete(),
                20..50 => self.look(),
                50..75 => self.break_set(),
                75..80 => self.delete(),
                _ if disks > MOST_DISKS || self.rng.bool() => self.delete_disk(),
                _ => self.look(),
            }
        }
    }

    /// Calls until there is an answer, each time on a connection that works.
    fn until_answered<T>(
        &mut self,
        mut call: impl FnMut(&mut Rng, &Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            if self.connection.is_none() {
                self.start = self.shared.gate.starts();
                self.connection = connect(&self.shared.socket);
            }
            let Some(connection) = self.connection.clone() else {
                self.shared.gate.wait_for_next(self.start);
                continue;
            };
            match call(&mut self.rng, &connection) {
                Err(error) if is_connection_lost(&error) => {
                    self.shared.model().lost += 1;
                    self.connection = None;
                    self.shared.gate.wait_for_next(self.start);
                }
                answer => return answer,
            }
        }
    }

    fn new_id(&mut self) -> OperationId {
        OperationId::from_uuid(Uuid::from_u128(self.rng.u128(..)))
    }

    fn create(&mut self) {
        let id = self.new_id();
        let auto_release = self.rng.u8(0..4) == 0;
        let first = self.rng.usize(0..self.shared.volumes);
        let count = self.rng.usize(1..=3);
        let volumes: Vec<String> = (0..count)
            .map(|number| format!("disk{}", (first + number) % self.shared.volumes))
            .collect();
        let answer = self.until_answered(|rng, connection| {
            // An earlier try may have begun it.
            if let Some(state) = begun(connection, id)? {
                return Ok(state);
            }
            let session = connection.create_backup_components()?;
            session.initialize_for_backup()?;
            let context = if auto_release {
                Context::BACKUP
            } else {
                Context::NAS_ROLLBACK
            };
            session.set_context(context.bits())?;
            session.start_snapshot_set()?;
            if rng.u8(0..20) == 0 {
                session.abort_backup()?;
                return Err(Error::new(ErrorKind::BadState, "given up"));
            }
            for volume in &volumes {
                session.add_to_snapshot_set(volume, ProviderId::NULL)?;
            }
            let operation = session.do_snapshot_set(Some(id))?;
            end_of(rng, &*operation)
        });
        let (set, end) = match &answer {
            Ok(state) => (state.set, End::Ended(state.code)),
            Err(error) => (SetId::NULL, End::Refused(error.code())),
        };
        let mut model = self.shared.model();
        if end.is_finished() && !auto_release {
            model.sets.push(set);
        }
        drop(model);
        self.shared.note(Operation {
            id,
            kind: OperationKind::Create,
            set,
            auto_release,
            end,
        });
    }

    fn a_set(&mut self) -> Option<SetId> {
        let model = self.shared.model();
        let count = model.sets.len();
        (count > 0).then(|| model.sets[self.rng.usize(0..count)])
    }

    fn break_set(&mut self) {
        let Some(set) = self.a_set() else { return };
        let id = self.new_id();
        let flags = FLAGS[self.rng.usize(0..FLAGS.len())];
        let answer = self.until_answered(|rng, connection| {
            if let Some(state) = begun(connection, id)? {
                return Ok(state);
            }
            let session = connection.administration()?;
            let mut slot = None;
            session.break_snapshot_set_ex(set, flags, Some(id), Some(&mut slot))?;
            // The operation goes on when its session is gone.
            if rng.bool() {
                drop(session);
            }
            end_of(rng, &*slot.unwrap())
        });
        let end = match &answer {
            Ok(state) => End::Ended(state.code),
            Err(error) => End::Refused(error.code()),
        };
        if end.is_finished() {
            let disks = self.until_answered(|_, connection| {
                let record = connection.record(id)?;
                Ok(record.disks.into_iter().map(|disk| disk.lun))
            });
            let mut model = self.shared.model();
            model.sets.retain(|one| *one != set);
            model.disks.extend(disks.unwrap());
        }
        self.shared.note(Operation {
            id,
            kind: OperationKind::Break,
            set,
            auto_release: false,
            end,
        });
    }

    fn delete(&mut self) {
        let Some(set) = self.a_set() else { return };
        let id = self.new_id();
        let answer = self.until_answered(|_, connection| {
            let session = connection.administration()?;
            session.delete_snapshots(SourceObject::Set(set), Some(id))
        });
        let end = match &answer {
            Ok(outcome) => match &outcome.failure {
                None => End::Ended(ResultCode::VSS_S_ASYNC_FINISHED),
                Some((_, error)) => End::Ended(error.code()),
            },
            Err(error) => End::Refused(error.code()),
        };
        if end.is_finished() {
            self.shared.model().sets.retain(|one| *one != set);
        }
        self.shared.note(Operation {
            id,
            kind: OperationKind::Delete,
            set,
            auto_release: false,
            end,
        });
    }

    /// Deletes a disk that was a copy once.
    fn delete_disk(&mut self) {
        let disk = {
            let mut model = self.shared.model();
            let count = model.disks.len();
            if count == 0 {
                return;
            }
            let index = self.rng.usize(0..count);
            model.disks.swap_remove(index)
        };
        let answer = self
            .until_answered(|_, connection| connection.delete_luns(std::slice::from_ref(&disk)));
        match answer {
            Ok(_) => {}
            // An earlier try got through.
            Err(error) if error.kind() == ErrorKind::ObjectNotFound => {}
            Err(error) => panic!("disk {disk} cannot be deleted: {}", error.chain()),
        }
        self.shared.model().deleted.insert(disk);
    }

    fn look(&mut self) {
        let what = self.rng.u8(0..5);
        let answer = self.until_answered(|_, connection| match what {
            0 => connection.sets().map(drop),
            1 => connection.status().map(drop),
            2 => connection.luns().map(drop),
            3 => connection.history(20).map(drop),
            _ => connection
                .administration()?
                .query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)
                .map(drop),
        });
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::BadState, "{}", error.chain());
        }
        self.shared.model().queries += 1;
    }
}

/// How an operation ended that an earlier try has begun.
fn begun(connection: &Connection, id: OperationId) -> Result<Option<OperationState>, Error> {
    match connection.operation(id) {
        Ok(operation) => {
            operation.wait(None)?;
            operation.state().map(Some)
        }
        Err(error) if error.kind() == ErrorKind::ObjectNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits for the end, sometimes after a cancel.
fn end_of(rng: &mut Rng, operation: &dyn VssAsync) -> Result<OperationState, Error> {
    if rng.u8(0..5) == 0 {
        let answer = operation.cancel()?;
        assert!(!matches!(answer, CancelAnswer::Failed(code) if code == ResultCode::S_OK));
    }
    operation.wait(None)?;
    operation.state()
}
