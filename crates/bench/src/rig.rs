//! A state folder to measure on: original LUNs, sets of copies of them, and their end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vss_coordinator::{
    AnyProvider, Caller, Coordinator, Job, LinuxHost, Requester, StateDir, StatePaths,
};
use vss_model::{Context, HardwareOptions, ProviderId, SetId};
use vss_provider_file::FileArray;
use vss_service::{AuditRecord, SourceObject};

use crate::measure::timed;
use crate::{Result, gpt};

/// A coordinator with the embedded array on a folder of its own.
pub(crate) struct Rig {
    coordinator: Coordinator,
    pub(crate) array: Arc<FileArray>,
    pub(crate) root: PathBuf,
}

/// An identity-reverting break to read-write disks.
pub(crate) const BREAK_FLAGS: u32 = HardwareOptions::BREAKEX_MAKE_READ_WRITE.bits()
    | HardwareOptions::BREAKEX_REVERT_IDENTITY_ALL.bits();

impl Rig {
    /// Opens the state folder, as `vss --state ROOT` does.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let state = StateDir::acquire(StatePaths::new(root))?;
        let array = Arc::new(FileArray::open(
            &state.paths().array(),
            &state.paths().host(),
        )?);
        let providers = vec![AnyProvider::Hardware(Arc::clone(&array) as _)];
        Ok(Self {
            coordinator: Coordinator::open(state, Arc::new(LinuxHost), providers)?,
            array,
            root: root.to_owned(),
        })
    }

    /// Makes presented LUNs with partition tables.
    pub(crate) fn originals(&self, prefix: &str, count: usize, size: u64) -> Result<Vec<String>> {
        (0..count)
            .map(|number| {
                let lun = self
                    .array
                    .create(&format!("{prefix}-{number:03}"), size, 512, true)?;
                gpt::write(&lun.image)?;
                Ok(lun.name)
            })
            .collect()
    }

    /// Creates one set of the LUNs; gives its time from the first call to the end of the job.
    pub(crate) fn create(&self, luns: &[String]) -> Result<(Duration, SetId)> {
        let (time, (set, _session)) = timed(&self.root, || {
            let session = self
                .coordinator
                .create_backup_components(Caller::Privileged);
            session.initialize_for_backup()?;
            session.set_context(Context::NAS_ROLLBACK.bits())?;
            let set = session.start_snapshot_set()?;
            for lun in luns {
                session.add_to_snapshot_set(lun, ProviderId::NULL)?;
            }
            finished(&session.do_snapshot_set(None)?)?;
            Ok((set, session))
        })?;
        Ok((time, set))
    }

    /// Creates sets of at most 64 LUNs each and masks the originals.
    pub(crate) fn create_all(&self, luns: &[String]) -> Result<Vec<SetId>> {
        let sets = luns
            .chunks(vss_coordinator::MAX_VOLUMES)
            .map(|part| Ok(self.create(part)?.1))
            .collect::<Result<_>>()?;
        for lun in luns {
            self.array.mask(lun)?;
        }
        Ok(sets)
    }

    /// A session for breaks.
    pub(crate) fn session(&self) -> Result<Requester> {
        Ok(self.coordinator.administration(Caller::Privileged)?)
    }

    /// Breaks the sets, all at once; from the first call to the end of the last job.
    pub(crate) fn break_all(
        &self,
        session: &Requester,
        sets: &[SetId],
    ) -> Result<(Duration, Vec<Arc<AuditRecord>>)> {
        timed(&self.root, || {
            let mut jobs = Vec::new();
            for set in sets {
                let mut job = None;
                session.break_snapshot_set_ex(*set, BREAK_FLAGS, None, Some(&mut job))?;
                jobs.extend(job);
            }
            jobs.iter().map(finished).collect()
        })
    }

    /// Shows the originals again and deletes the disks that were made of their copies.
    pub(crate) fn clear(&self, luns: &[String]) -> Result<()> {
        for lun in self.array.list()? {
            if lun
                .copy_of
                .as_ref()
                .is_some_and(|original| luns.contains(&original.name))
            {
                self.array.delete(&lun.name)?;
            }
        }
        for lun in luns {
            self.array.present(lun)?;
        }
        Ok(())
    }

    /// Deletes a set with its LUNs.
    pub(crate) fn delete(&self, set: SetId) -> Result<()> {
        self.session()?
            .delete_snapshots(SourceObject::Set(set), None)?;
        Ok(())
    }
}

fn finished(job: &Job) -> Result<Arc<AuditRecord>> {
    job.wait(None);
    match (job.report(), job.error()) {
        (Some(report), _) => Ok(report),
        (None, Some(error)) => Err(error.chain().into()),
        (None, None) => Err("an operation was cancelled".into()),
    }
}
