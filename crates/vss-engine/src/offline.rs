//! Looking at a state folder without holding it: takes no lock and waits for nobody.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use vss_coordinator::{Host, Job, LinuxHost, StateDir, StatePaths, Stuck, volume_name};
use vss_model::{Error, ErrorKind, OperationId, SetId, SnapshotId, SnapshotProperties};
use vss_service::{
    AuditRecord, CancelAnswer, CopySummary, Lun, LunDetail, Object, OperationState, Queries,
    Refusal, SetRecord, SetSummary, Status, VolumeName, VssAsync,
};

use crate::embedded::Embedded;
use crate::records::{Records, not_found};

/// How often the catalogue is looked at for what another process does.
const TICK: Duration = Duration::from_millis(50);

/// The records of a state folder that this process does not hold.
#[derive(Debug)]
pub struct Offline {
    records: Records,
    in_work: bool,
    /// What could not be ended when this began to look.
    stuck: Vec<Stuck>,
}

/// What looking found cut off and ended first.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The records of what was ended.
    pub records: Vec<AuditRecord>,
    /// Why something could not be.
    pub failures: Vec<Arc<Error>>,
}

impl Offline {
    /// Opens the records; a folder that is not there reads as empty and is not made.
    ///
    /// Nothing that a crash left half done is shown: if something is unfinished and nobody is at it,
    /// it is recovered first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn open(paths: StatePaths) -> Result<(Self, Recovered), Error> {
        let mut view = Self {
            records: Records::new(paths.clone()),
            in_work: false,
            stuck: Vec::new(),
        };
        let mut recovered = Recovered::default();
        if view.records.unfinished()?.is_empty() {
            return Ok((view, recovered));
        }
        match StateDir::acquire(paths) {
            Ok(state) => {
                // An open reader must not keep the recovery from its database.
                view.records.close();
                match Embedded::on(state) {
                    Ok(service) => {
                        recovered.records = service.recovered().to_vec();
                        view.stuck = service.stuck();
                        let errors = view.stuck.iter().map(|one| Arc::clone(&one.error));
                        recovered.failures = errors.collect();
                    }
                    // Looking must still be possible on the worst of days.
                    Err(error) => recovered.failures.push(Arc::new(error)),
                }
            }
            Err(error) if error.kind() == ErrorKind::BadState => view.in_work = true,
            // Not ours to recover.
            Err(_) => {}
        }
        Ok((view, recovered))
    }
}

impl Queries for Offline {
    fn status(&self) -> Result<Status, Error> {
        let mut status = self.records.status(LinuxHost.machine_name())?;
        status.operations = self.operations()?;
        status.providers = self.records.providers()?;
        Ok(status)
    }

    fn sets(&self) -> Result<Vec<SetSummary>, Error> {
        self.records.sets()
    }

    fn copies(&self) -> Result<Vec<CopySummary>, Error> {
        self.records.copies()
    }

    fn set(&self, id: SetId) -> Result<SetRecord, Error> {
        self.records.set(id)
    }

    fn copy(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        self.records.copy(id)
    }

    fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error> {
        self.records.find(digits, most)
    }

    fn operations(&self) -> Result<Vec<OperationState>, Error> {
        let mut unfinished = self.records.unfinished_with(&self.stuck)?;
        for one in &mut unfinished {
            one.cut_off = !self.in_work;
        }
        Ok(unfinished)
    }

    fn operation(&self, id: OperationId) -> Result<Box<dyn VssAsync>, Error> {
        let elsewhere = Elsewhere {
            records: Records::new(self.records.paths().clone()),
            id,
            set: SetId::NULL,
        };
        let state = elsewhere.look()?;
        Ok(Box::new(Elsewhere {
            set: state.set,
            ..elsewhere
        }))
    }

    fn record(&self, id: OperationId) -> Result<AuditRecord, Error> {
        self.records.record(id)
    }

    fn creation(&self, set: SetId) -> Result<AuditRecord, Error> {
        self.records.creation(set)
    }

    fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        self.records.history(limit)
    }

    fn refusals(&self, limit: usize) -> Result<Vec<Refusal>, Error> {
        self.records.refusals(limit)
    }

    /// Names are the daemon's settings: here there are none.
    fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        Ok(Vec::new())
    }

    fn resolve_volumes(&self, names: &[String]) -> Result<Vec<String>, Error> {
        Ok(names.iter().map(|name| volume_name(name)).collect())
    }

    fn luns(&self) -> Result<Vec<Lun>, Error> {
        self.records.luns()
    }

    fn lun(&self, name: &str) -> Result<LunDetail, Error> {
        self.records.lun(name)
    }
}

/// An operation of another process, known by what the catalogue says of it.
struct Elsewhere {
    records: Records,
    id: OperationId,
    set: SetId,
}

impl Elsewhere {
    fn look(&self) -> Result<OperationState, Error> {
        // In this order: what ends between two looks is found by the second.
        let unfinished = self.records.unfinished()?;
        match self.records.record(self.id) {
            Ok(record) => Ok(Job::of_record(record).state()),
            Err(error) if error.kind() == ErrorKind::ObjectNotFound => unfinished
                .into_iter()
                .find(|one| one.operation == self.id)
                .ok_or_else(|| not_found("operation", &self.id.to_string())),
            Err(error) => Err(error),
        }
    }

    fn is_held(&self) -> Result<bool, Error> {
        match StateDir::acquire(self.records.paths().clone()) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::BadState => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl VssAsync for Elsewhere {
    fn operation(&self) -> OperationId {
        self.id
    }

    fn set(&self) -> SetId {
        self.set
    }

    fn state(&self) -> Result<OperationState, Error> {
        let mut state = self.look()?;
        if state.is_pending() && self.is_held()? {
            state.cut_off = false;
        }
        Ok(state)
    }

    fn next(&self, seen: u64, limit: Option<Duration>) -> Result<OperationState, Error> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let state = self.state()?;
            let late = deadline.is_some_and(|end| Instant::now() >= end);
            if !state.is_pending() || state.cut_off || state.version > seen || late {
                return Ok(state);
            }
            // Nothing tells when another process is done.
            thread::sleep(TICK);
        }
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), Error> {
        self.next(u64::MAX, limit).map(drop)
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        if let Some(answer) = CancelAnswer::of_ended(self.state()?.code) {
            return Ok(answer);
        }
        let holder = StateDir::acquire(self.records.paths().clone()).err();
        Err(Error::new(
            ErrorKind::BadState,
            "only the process that runs the operation can cancel it, and there is no daemon",
        )
        .with_hint(match holder {
            Some(error) => format!("{error}: interrupt that process (kill -INT)"),
            None => {
                "nobody runs it any more: any vss command that changes something ends it".to_owned()
            }
        }))
    }
}
