//! What is on record: the catalogue and the array, read beside whoever changes them.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disk_identity::{SectorSize, observe};
use vss_coordinator::{CatalogueReader, StatePaths, Stuck};
use vss_model::{
    Error, ErrorKind, OperationId, ProviderProperties, SetId, SnapshotId, SnapshotProperties,
};
use vss_provider::{Provider, ProviderError};
use vss_provider_file::FileArray;
use vss_service::{
    AuditRecord, CopySummary, FailedOperation, Lun, LunDetail, Object, OperationState, Refusal,
    SetRecord, SetSummary, Status,
};

/// Most readers that are kept open.
const IDLE_READERS: usize = 16;
/// How many failures a status names.
const FAILURES: usize = 5;

/// The records of a state folder.
#[derive(Debug)]
pub(crate) struct Records {
    paths: StatePaths,
    idle: Mutex<Vec<CatalogueReader>>,
}

impl Records {
    pub(crate) fn new(paths: StatePaths) -> Self {
        Self {
            paths,
            idle: Mutex::default(),
        }
    }

    pub(crate) fn paths(&self) -> &StatePaths {
        &self.paths
    }

    fn idle(&self) -> MutexGuard<'_, Vec<CatalogueReader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with a reader that nobody else uses meanwhile.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&CatalogueReader) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let idle = self.idle().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => CatalogueReader::open(&self.paths.catalogue()).map_err(|error| {
                if error.kind() == ErrorKind::AccessDenied && error.hint().is_none() {
                    error.with_hint("be root or the owner of the state folder, or name one of your own with --state DIR")
                } else {
                    error
                }
            })?,
        };
        let result = work(&reader);
        // One that found no catalogue would not see the one that is made later.
        if reader.is_open() {
            let mut idle = self.idle();
            if idle.len() < IDLE_READERS {
                idle.push(reader);
            }
        }
        result
    }

    /// Closes all readers.
    pub(crate) fn close(&self) {
        self.idle().clear();
    }

    pub(crate) fn sets(&self) -> Result<Vec<SetSummary>, Error> {
        self.read(CatalogueReader::sets)
    }

    pub(crate) fn copies(&self) -> Result<Vec<CopySummary>, Error> {
        self.read(CatalogueReader::copy_summaries)
    }

    pub(crate) fn set(&self, id: SetId) -> Result<SetRecord, Error> {
        self.read(|reader| reader.set(id))?
            .ok_or_else(|| not_found("shadow copy set", &id.to_string()))
    }

    pub(crate) fn copy(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        self.read(|reader| reader.copy(id))?
            .ok_or_else(|| not_found("shadow copy", &id.to_string()))
    }

    pub(crate) fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error> {
        self.read(|reader| reader.find(digits, most))
    }

    pub(crate) fn unfinished(&self) -> Result<Vec<OperationState>, Error> {
        self.read(CatalogueReader::unfinished)
    }

    /// The same, with the reasons why a start could not end them.
    pub(crate) fn unfinished_with(&self, stuck: &[Stuck]) -> Result<Vec<OperationState>, Error> {
        let mut unfinished = self.unfinished()?;
        for one in &mut unfinished {
            one.error = stuck
                .iter()
                .find(|stuck| stuck.operation == one.operation)
                .map(|stuck| Arc::clone(&stuck.error));
        }
        Ok(unfinished)
    }

    pub(crate) fn record(&self, id: OperationId) -> Result<AuditRecord, Error> {
        self.read(|reader| reader.operation(id))?
            .ok_or_else(|| not_found("finished operation", &id.to_string()))
    }

    pub(crate) fn creation(&self, set: SetId) -> Result<AuditRecord, Error> {
        self.read(|reader| reader.creation(set))?
            .ok_or_else(|| not_found("creation of a set", &set.to_string()))
    }

    pub(crate) fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        self.read(|reader| reader.history(limit))
    }

    pub(crate) fn refusals(&self, limit: usize) -> Result<Vec<Refusal>, Error> {
        self.read(|reader| reader.refusals(limit))
    }

    /// A status without what only a running service knows.
    pub(crate) fn status(&self, machine: String) -> Result<Status, Error> {
        let (sets, copies, refused, failures) = self.read(|reader| {
            let (sets, copies) = reader.counts()?;
            Ok((sets, copies, reader.refused()?, reader.failures(FAILURES)?))
        })?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: None,
            machine,
            state_dir: self.paths.root().to_owned(),
            providers: Vec::new(),
            operations: Vec::new(),
            failures: failures
                .into_iter()
                .map(|record| FailedOperation {
                    operation: record.operation,
                    kind: record.kind,
                    set: record.set,
                    finished: record.finished,
                    code: record.code,
                    error: record.error.unwrap_or_default(),
                })
                .collect(),
            sets,
            copies,
            sessions: 0,
            refused,
        })
    }

    pub(crate) fn luns(&self) -> Result<Vec<Lun>, Error> {
        let luns = self.array()?.list().map_err(provider_error)?;
        let sets: HashSet<SetId> = self.sets()?.iter().map(|set| set.set_id).collect();
        Ok(luns.into_iter().map(|lun| shown(lun, &sets)).collect())
    }

    pub(crate) fn lun(&self, name: &str) -> Result<LunDetail, Error> {
        let lun = self.array()?.get(name).map_err(lun_error)?;
        let sets: HashSet<SetId> = self.sets()?.iter().map(|set| set.set_id).collect();
        let size = SectorSize::try_from(lun.sector_size).ok();
        let image = lun.image.clone();
        let observation = look(&image, size);
        Ok(LunDetail {
            lun: shown(lun, &sets),
            warnings: observation
                .iter()
                .flat_map(|seen| seen.warnings())
                .map(ToString::to_string)
                .collect(),
            identity: match observation {
                Ok(seen) => Ok(seen.identity().clone()),
                Err(error) => Err(error.chain()),
            },
        })
    }

    /// The providers that a service on this folder would have.
    pub(crate) fn providers(&self) -> Result<Vec<ProviderProperties>, Error> {
        let mut all = vec![self.array()?.properties()];
        all.extend(crate::storage::properties());
        Ok(all)
    }

    fn array(&self) -> Result<FileArray, Error> {
        FileArray::open_read_only(&self.paths.array(), &self.paths.host()).map_err(provider_error)
    }
}

fn look(image: &Path, size: Option<SectorSize>) -> Result<disk_identity::Observation, Error> {
    let failed = |step: &str| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not {step} {}", image.display()),
        )
    };
    let file = File::open(image).map_err(|error| failed("open").with_source(error))?;
    observe(&file, size).map_err(|error| failed("read the partition table of").with_source(error))
}

/// A LUN as callers see it. The array remembers for good in which set it was made; the catalogue knows
/// which sets there still are.
pub(crate) fn shown(lun: vss_provider_file::Lun, sets: &HashSet<SetId>) -> Lun {
    Lun {
        id: lun.id.to_string(),
        size_bytes: lun.size_bytes,
        allocated_bytes: lun.allocated_bytes,
        sector_size: lun.sector_size,
        presented: lun.presented,
        read_only: lun.read_only,
        image_missing: !lun.image.exists(),
        image: lun.image,
        device: lun.device,
        linked: lun.linked,
        copy_of: lun.copy_of.map(|original| original.name),
        set: lun.set.filter(|set| sets.contains(set)),
        name: lun.name,
    }
}

pub(crate) fn not_found(what: &str, id: &str) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no {what} {id}"),
    )
    .with_hint("vss list shows the sets and copies, vss history the operations")
}

/// An error of the array as one of the service.
pub(crate) fn provider_error(error: ProviderError) -> Error {
    let kind = ErrorKind::from_code(error.code).unwrap_or(ErrorKind::Unexpected);
    let mut converted = Error::new(kind, error.message);
    if let Some(hint) = error.hint {
        converted = converted.with_hint(hint);
    }
    match error.source {
        Some(source) => converted.with_source(source),
        None => converted,
    }
}

/// An error about one LUN; says where names can be found.
pub(crate) fn lun_error(error: ProviderError) -> Error {
    let error = provider_error(error);
    match error.hint() {
        Some(_) => error,
        None => error.with_hint("vss lun list shows the LUNs"),
    }
}
