//! The real library on a real state folder: what `crash-driver` runs, and what recovers after it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use vss_coordinator::{AnyProvider, Caller, Coordinator, LinuxHost, StateDir, StatePaths};
use vss_model::{Context, Error, ErrorKind, OperationId, ProviderId, SetId};
use vss_provider_file::{Adopt, FileArray};
use vss_service::{AuditRecord, SourceObject};

use crate::disks::ORIGINALS;
use crate::{Outcome, fail};

/// Volumes of the sets that are made: two of them on one LUN.
const VOLUMES: [&str; 4] = ["alpha/1", "alpha/2", "beta/1", "gamma"];

/// Held for reading while a service is open, for writing while a process is started: until it has
/// become another program, a new process holds the locks of all state folders that are open here.
pub(crate) static OPEN: RwLock<()> = RwLock::new(());

/// The service, open on a state folder. One at a time in a thread.
pub struct Service {
    coordinator: Coordinator,
    array: Arc<FileArray>,
    _open: RwLockReadGuard<'static, ()>,
}

/// Names of the original LUNs.
pub fn originals() -> impl Iterator<Item = &'static str> {
    ORIGINALS.iter().map(|disk| disk.name)
}

impl Service {
    /// Opens the service, which recovers what a crash cut off.
    ///
    /// # Errors
    /// The folder is in use, or recovery failed.
    pub fn open(state: &Path) -> Outcome<Self> {
        let open = OPEN.read().unwrap_or_else(PoisonError::into_inner);
        let paths = StatePaths::new(state);
        let (array, host) = (paths.array(), paths.host());
        let state = StateDir::acquire(paths)?;
        let array = Arc::new(FileArray::open(&array, &host)?);
        let provider = AnyProvider::Hardware(array.clone());
        let coordinator = Coordinator::open(state, Arc::new(LinuxHost), vec![provider])?;
        Ok(Self {
            coordinator,
            array,
            _open: open,
        })
    }

    /// Makes the originals; `workshop` is an empty folder on the same file system.
    ///
    /// # Errors
    /// As the array.
    pub fn init(&self, workshop: &Path) -> Outcome {
        for disk in &ORIGINALS {
            let path = workshop.join(disk.name);
            disk.build(&path)?;
            self.array
                .adopt(disk.name, &path, Adopt::Move, Some(disk.sector), true)?;
        }
        Ok(())
    }

    /// Makes a set of all volumes.
    ///
    /// # Errors
    /// As `DoSnapshotSet`.
    pub fn create(&self) -> Result<SetId, Error> {
        let session = self
            .coordinator
            .create_backup_components(Caller::Privileged);
        session.initialize_for_backup()?;
        session.set_context(Context::NAS_ROLLBACK.bits())?;
        session.allow_torn(true)?;
        let set = session.start_snapshot_set()?;
        for volume in VOLUMES {
            session.add_to_snapshot_set(volume, ProviderId::NULL)?;
        }
        let job = session.do_snapshot_set(None)?;
        job.wait(None);
        match job.error() {
            None => Ok(set),
            Some(error) => Err(again(&error)),
        }
    }

    /// Breaks a set.
    ///
    /// # Errors
    /// As `BreakSnapshotSetEx` and its job.
    pub fn break_set(&self, set: SetId, flags: u32) -> Result<OperationId, Error> {
        let session = self.coordinator.administration(Caller::Privileged)?;
        let mut slot = None;
        session.break_snapshot_set_ex(set, flags, None, Some(&mut slot))?;
        let job = slot.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the break gave no job"))?;
        job.wait(None);
        match job.error() {
            None => Ok(job.operation()),
            Some(error) => Err(again(&error)),
        }
    }

    /// Deletes a set.
    ///
    /// # Errors
    /// As `DeleteSnapshots`; a copy that stays is an error too.
    pub fn delete(&self, set: SetId) -> Result<(), Error> {
        let session = self.coordinator.administration(Caller::Privileged)?;
        let deleted = session.delete_snapshots(SourceObject::Set(set), None)?;
        match deleted.failure {
            None => Ok(()),
            Some((_, error)) => Err(error),
        }
    }

    /// Takes an operation back.
    ///
    /// # Errors
    /// As the coordinator's undo.
    pub fn undo(&self, operation: OperationId) -> Result<AuditRecord, Error> {
        self.coordinator.undo(operation, None)
    }

    /// Masks a LUN.
    ///
    /// # Errors
    /// As the array.
    pub fn mask(&self, name: &str) -> Outcome {
        self.array.mask(name)?;
        Ok(())
    }

    /// The whole record of a set, as text.
    ///
    /// # Errors
    /// There is none.
    pub fn set_text(&self, set: SetId) -> Result<String, Error> {
        Ok(format!("{:?}", self.coordinator.set(set)?))
    }

    /// Operations that opening ended.
    #[must_use]
    pub fn recovered(&self) -> &[AuditRecord] {
        self.coordinator.recovered()
    }
}

/// An error of a job, which others may hold too.
fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.chain())
}

/// One command of `crash-driver`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Makes the originals.
    Init,
    /// Makes a set.
    Create,
    /// Breaks a set with these flags.
    Break(SetId, u32),
    /// Deletes a set.
    Delete(SetId),
    /// Takes an operation back.
    Undo(OperationId),
    /// Masks a LUN.
    Mask(String),
    /// Opens the service and closes it.
    Recover,
}

impl Command {
    /// The words on the command line.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Init => vec!["init".to_owned()],
            Self::Create => vec!["create".to_owned()],
            Self::Break(set, flags) => {
                vec!["break".to_owned(), set.to_string(), format!("{flags:#x}")]
            }
            Self::Delete(set) => vec!["delete".to_owned(), set.to_string()],
            Self::Undo(operation) => vec!["undo".to_owned(), operation.to_string()],
            Self::Mask(name) => vec!["mask".to_owned(), name.clone()],
            Self::Recover => vec!["recover".to_owned()],
        }
    }

    /// Reads a command line.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(words: &[String]) -> Outcome<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["init"] => Ok(Self::Init),
            ["create"] => Ok(Self::Create),
            ["break", set, flags] => {
                let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16)?;
                Ok(Self::Break(set.parse()?, flags))
            }
            ["delete", set] => Ok(Self::Delete(set.parse()?)),
            ["undo", operation] => Ok(Self::Undo(operation.parse()?)),
            ["mask", name] => Ok(Self::Mask((*name).to_owned())),
            ["recover"] => Ok(Self::Recover),
            _ => fail(
                "usage: crash-driver STATE init | create | break SET FLAGS | delete SET | undo OPERATION | mask NAME | recover",
            ),
        }
    }

    /// Carries the command out; gives what it made, as JSON. `Err` of the inner result is an answer
    /// of the service with its code.
    ///
    /// # Errors
    /// The service does not open, or the array failed.
    pub fn run(
        &self,
        service: &Service,
        state: &Path,
    ) -> Outcome<Result<serde_json::Value, Error>> {
        Ok(match self {
            Self::Init => {
                let workshop = tempfile::tempdir_in(state.parent().unwrap_or(state))?;
                service.init(workshop.path())?;
                Ok(serde_json::Value::Null)
            }
            Self::Create => service
                .create()
                .map(|set| serde_json::json!({ "set": set.to_string() })),
            Self::Break(set, flags) => service
                .break_set(*set, *flags)
                .map(|operation| serde_json::json!({ "operation": operation.to_string() })),
            Self::Delete(set) => service.delete(*set).map(|()| serde_json::Value::Null),
            Self::Undo(operation) => service
                .undo(*operation)
                .map(|record| serde_json::json!({ "operation": record.operation.to_string() })),
            Self::Mask(name) => {
                service.mask(name)?;
                Ok(serde_json::Value::Null)
            }
            Self::Recover => Ok(serde_json::json!({ "ended": service.recovered().len() })),
        })
    }
}

/// Where the parts of a state folder are.
#[must_use]
pub fn parts(state: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let paths = StatePaths::new(state);
    (paths.array(), paths.host(), paths.catalogue())
}
