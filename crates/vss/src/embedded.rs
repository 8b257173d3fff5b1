//! The engine in this process, on a state folder that it holds.

use std::sync::Arc;

use vss_coordinator::{
    AnyProvider, AuditRecord, BackupComponents, Caller, Coordinator, LinuxHost, StateDir,
};
use vss_model::{Error, ResultCode};
use vss_provider_file::FileArray;

use crate::app::App;
use crate::failure::{Failure, provider_error};

/// The open state folder of a command that changes something.
pub(crate) struct Service {
    /// The service on it.
    pub(crate) coordinator: Coordinator,
    /// The array, which the coordinator knows as a provider.
    pub(crate) array: Arc<FileArray>,
    caller: Caller,
}

impl Service {
    /// Takes the state folder and says on stderr what was recovered.
    ///
    /// # Errors
    /// Another process holds it; it cannot be used; something cut off cannot be ended.
    pub(crate) fn open(app: &App) -> Result<Self, Failure> {
        let service = Self::on(StateDir::acquire(app.paths.clone())?)?;
        service.announce(app);
        Ok(service)
    }

    /// On a folder that this process holds already; says nothing.
    pub(crate) fn on(state: StateDir) -> Result<Self, Error> {
        let caller = if state.is_privileged() {
            Caller::Privileged
        } else {
            Caller::Unprivileged
        };
        let paths = state.paths();
        let array = FileArray::open(&paths.array(), &paths.host()).map_err(provider_error)?;
        let array = Arc::new(array);
        let provider: Arc<FileArray> = Arc::clone(&array);
        let coordinator = Coordinator::open(
            state,
            Arc::new(LinuxHost),
            vec![AnyProvider::Hardware(provider)],
        )?;
        Ok(Self {
            coordinator,
            array,
            caller,
        })
    }

    /// Says what this start recovered. Scripts find it in the history, marked as recovered.
    pub(crate) fn announce(&self, app: &App) {
        if !app.json {
            for line in self.recovered() {
                eprintln!("{line}");
            }
        }
    }

    /// What this start recovered, a line for each operation.
    pub(crate) fn recovered(&self) -> Vec<String> {
        self.coordinator.recovered().iter().map(told).collect()
    }

    /// A requester session for a creation.
    pub(crate) fn session(&self) -> BackupComponents {
        self.coordinator.create_backup_components(self.caller)
    }

    /// A requester session for administration.
    ///
    /// # Errors
    /// `E_ACCESSDENIED`.
    pub(crate) fn administration(&self) -> Result<BackupComponents, Error> {
        self.coordinator.administration(self.caller)
    }
}

/// What became of an operation that was cut off.
fn told(record: &AuditRecord) -> String {
    let what = match record.undone {
        Some(operation) => format!("undo of operation {operation}"),
        None => format!("{} of set {}", record.kind.name(), record.set),
    };
    if record.code == ResultCode::VSS_S_ASYNC_FINISHED {
        format!("recovered: finished {what} that was cut off")
    } else {
        format!(
            "recovered: took back {what} that was cut off ({}); see vss show {}",
            record.code, record.operation
        )
    }
}
