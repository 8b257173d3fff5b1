//! How these tests reach the service: in their own process.

use std::sync::Arc;

use vss_coordinator::{Caller, Coordinator, StatePaths};
use vss_engine::Embedded;
use vss_model::Error;
use vss_service::{BackupComponents, Service};

pub(crate) struct Tier {
    service: Embedded,
    coordinator: Arc<Coordinator>,
    paths: StatePaths,
}

impl Tier {
    pub(crate) fn new(coordinator: Coordinator, paths: StatePaths) -> Self {
        let coordinator = Arc::new(coordinator);
        Self {
            service: Embedded::over(Arc::clone(&coordinator), paths.clone(), Caller::Privileged),
            coordinator,
            paths,
        }
    }

    pub(crate) fn service(&self) -> &dyn Service {
        &self.service
    }

    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// A session of somebody without backup privilege.
    pub(crate) fn unprivileged(&self) -> Result<Box<dyn BackupComponents>, Error> {
        let coordinator = Arc::clone(&self.coordinator);
        Embedded::over(coordinator, self.paths.clone(), Caller::Unprivileged)
            .create_backup_components()
    }
}
