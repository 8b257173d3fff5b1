//! The engine in this process, on a state folder that it holds.

use std::sync::Arc;
use std::time::Duration;

use vss_coordinator::{
    AnyProvider, Caller, Coordinator, Host, LinuxHost, StateDir, StatePaths, Stuck, volume_name,
};
use vss_model::{Error, ErrorKind, OperationId, SetId, SnapshotId, SnapshotProperties, Timestamp};
use vss_provider_file::FileArray;
use vss_service::{
    AdoptLun, AuditRecord, BackupComponents, BreakPlan, CopyProgress, CopySummary, Listener, Lun,
    LunChange, LunDetail, NewLun, Object, OperationState, Queries, Refusal, Served, Service,
    SetRecord, SetSummary, Status, VolumeName, VssAsync,
};

use crate::luns::Luns;
use crate::records::{Records, not_found, provider_error};
use crate::storage;

/// The service on a state folder that this process holds.
pub struct Embedded {
    coordinator: Arc<Coordinator>,
    array: Option<Arc<FileArray>>,
    told: Vec<String>,
    volume_names: Vec<VolumeName>,
    records: Records,
    caller: Caller,
    machine: String,
    started: Timestamp,
}

impl Embedded {
    /// Takes a state folder, and finishes or undoes what a crash cut off there.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE`, naming the holder, when another process has it; it cannot be used.
    pub fn open(paths: StatePaths) -> Result<Self, Error> {
        Self::on(StateDir::acquire(paths)?)
    }

    /// On a folder that this process holds already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(state: StateDir) -> Result<Self, Error> {
        let caller = if state.is_privileged() {
            Caller::Privileged
        } else {
            Caller::Unprivileged
        };
        let paths = state.paths().clone();
        let array = FileArray::open(&paths.array(), &paths.host()).map_err(provider_error)?;
        let array = Arc::new(array);
        let lio = storage::lio(&paths)?;
        let mut providers = vec![AnyProvider::Hardware(Arc::<FileArray>::clone(&array))];
        providers.extend(storage::providers(lio.as_ref()));
        let coordinator = Arc::new(Coordinator::open(state, Arc::new(LinuxHost), providers)?);
        let mut told: Vec<String> = coordinator
            .restored()
            .iter()
            .map(|(set, event)| format!("set {set}: {}", event.message))
            .collect();
        told.extend(lio.iter().flat_map(|lio| lio.take_problems()));
        told.extend(coordinator.stuck().iter().map(|stuck| {
            let hint = stuck.error.hint().unwrap_or_default();
            format!("{}; {hint}", stuck.error.chain())
        }));
        // The array lives as long as the coordinator that holds it.
        let progress_to = Arc::downgrade(&coordinator);
        array.on_progress(Some(Arc::new(move |progress| {
            progress_to.upgrade().is_none_or(|coordinator| {
                coordinator.copying(CopyProgress {
                    lun: progress.lun,
                    index: progress.index as u64,
                    count: progress.count as u64,
                    done_bytes: progress.done_bytes,
                    total_bytes: progress.total_bytes,
                })
            })
        })));
        let mut service = Self::over(coordinator, paths, caller);
        service.array = Some(array);
        service.told = told;
        Ok(service)
    }

    /// Over a coordinator with other providers: LUNs are then no concern of this service.
    #[must_use]
    pub fn over(coordinator: Arc<Coordinator>, paths: StatePaths, caller: Caller) -> Self {
        Self {
            coordinator,
            array: None,
            told: Vec::new(),
            volume_names: Vec::new(),
            records: Records::new(paths),
            caller,
            machine: LinuxHost.machine_name(),
            started: LinuxHost.now(),
        }
    }

    /// The same service, with names for volumes; without this it has none.
    #[must_use]
    pub fn with_volume_names(mut self, names: Vec<VolumeName>) -> Self {
        self.volume_names = names;
        self
    }

    /// Operations of an earlier run that this start finished or undid.
    #[must_use]
    pub fn recovered(&self) -> &[AuditRecord] {
        self.coordinator.recovered()
    }

    /// Operations of an earlier run that this start could not end; the next one tries again.
    #[must_use]
    pub fn stuck(&self) -> Vec<Stuck> {
        self.coordinator.stuck()
    }

    /// What the start could not bring back to this host or not end, and what else an administrator should
    /// know.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }

    fn array(&self) -> Result<Luns<'_>, Error> {
        self.caller.check_privilege()?;
        let array = self.array.as_deref().ok_or_else(no_array)?;
        Ok(Luns {
            array,
            coordinator: &self.coordinator,
        })
    }
}

fn no_array() -> Error {
    Error::new(
        ErrorKind::NotSupported,
        "this service has no embedded array",
    )
    .with_hint("manage the LUNs with the tools of their storage")
}

impl Queries for Embedded {
    fn status(&self) -> Result<Status, Error> {
        let mut status = self.records.status(self.machine.clone())?;
        status.started = Some(self.started);
        status.providers = self.coordinator.providers();
        status.operations = self.operations()?;
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
        let mut found = self.records.find(digits, most)?;
        // One that has not reached the journal yet is only known here.
        for job in self.coordinator.operations() {
            let id = job.operation();
            let known = found.iter().any(|object| {
                matches!(object, Object::Operation(other) | Object::Unfinished(other) if *other == id)
            });
            let fits = id.as_uuid().simple().to_string().starts_with(digits);
            if fits && !known && found.len() < most {
                found.push(Object::Unfinished(id));
            }
        }
        Ok(found)
    }

    fn operations(&self) -> Result<Vec<OperationState>, Error> {
        let running = self.coordinator.operations();
        let mut states: Vec<OperationState> = running.iter().map(|job| job.state()).collect();
        // What could not be ended waits in the journal for the next start.
        for entry in self.records.unfinished_with(&self.stuck())? {
            let known = states.iter().any(|one| one.operation == entry.operation);
            if !known
                && self
                    .coordinator
                    .operations()
                    .iter()
                    .all(|job| job.operation() != entry.operation)
            {
                states.push(entry);
            }
        }
        Ok(states)
    }

    fn operation(&self, id: OperationId) -> Result<Box<dyn VssAsync>, Error> {
        self.coordinator.operation(id, self.caller)
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

    fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        Ok(self.volume_names.clone())
    }

    fn resolve_volumes(&self, names: &[String]) -> Result<Vec<String>, Error> {
        Ok(names.iter().map(|name| volume_name(name)).collect())
    }

    fn luns(&self) -> Result<Vec<Lun>, Error> {
        self.array.as_ref().ok_or_else(no_array)?;
        self.records.luns()
    }

    fn lun(&self, name: &str) -> Result<LunDetail, Error> {
        self.array.as_ref().ok_or_else(no_array)?;
        self.records.lun(name)
    }
}

impl Service for Embedded {
    fn create_backup_components(&self) -> Result<Box<dyn BackupComponents>, Error> {
        self.caller.check_privilege()?;
        Ok(Box::new(
            self.coordinator.create_backup_components(self.caller),
        ))
    }

    fn plan_break(&self, set: SetId, flags: u32) -> Result<BreakPlan, Error> {
        self.caller.check_privilege()?;
        self.coordinator.plan_break(set, flags)
    }

    fn undo(&self, operation: OperationId, id: Option<OperationId>) -> Result<AuditRecord, Error> {
        self.caller.check_privilege()?;
        if operation.is_null() {
            return Err(not_found("finished operation", &operation.to_string()));
        }
        self.coordinator.undo(operation, id)
    }

    fn create_lun(&self, lun: &NewLun) -> Result<Lun, Error> {
        self.array()?.create(lun)
    }

    fn adopt_lun(&self, lun: &AdoptLun) -> Result<Lun, Error> {
        self.array()?.adopt(lun)
    }

    fn mask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.array()?.mask(names)
    }

    fn unmask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.array()?.unmask(names)
    }

    fn attach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.array()?.attach(names)
    }

    fn detach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.array()?.detach(names)
    }

    fn delete_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        self.array()?.delete(names)
    }
}

impl Served for Embedded {
    fn listen(&self, listener: Listener) {
        self.coordinator.listen(listener);
    }

    fn record_refusals(&self, refusals: &[Refusal]) -> Result<(), Error> {
        self.coordinator.record_refusals(refusals)
    }

    fn shut_down(&self, limit: Duration) -> bool {
        self.coordinator.shut_down(limit)
    }
}
