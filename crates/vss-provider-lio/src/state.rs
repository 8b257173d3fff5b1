//! The provider: where it looks, what it remembers, and the sets that are being made.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vss_model::{LunInformation, SetId};
use vss_provider::{HardwareProvider, ProviderError};

use crate::identity::information;
use crate::records::Records;
use crate::sets::SetUnderWay;
use crate::tree::{Backstore, Roots};

/// The provider of copies of SCSI LUNs of this host's own target.
pub struct LioProvider {
    pub(crate) roots: Roots,
    /// Copies what `iblock` backstores lie on.
    pub(crate) volumes: Option<Arc<dyn HardwareProvider>>,
    pub(crate) records: Records,
    sets: Mutex<BTreeMap<SetId, SetUnderWay>>,
    /// Held while the target is changed.
    change: Mutex<()>,
    problems: Mutex<Vec<String>>,
}

impl LioProvider {
    /// Opens the provider with its records in `folder`, which is made if need be.
    ///
    /// A host without the target's modules has no LUNs; that is no error. One process at a time may have a
    /// folder open.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: &Path) -> Result<Self, ProviderError> {
        Self::open_at(folder, Roots::default())
    }

    /// As [`open`](Self::open), with the kernel's trees elsewhere.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open_at(folder: &Path, roots: Roots) -> Result<Self, ProviderError> {
        let (records, problems) = Records::open(folder)?;
        Ok(Self {
            roots,
            volumes: None,
            records,
            sets: Mutex::default(),
            change: Mutex::default(),
            problems: Mutex::new(problems),
        })
    }

    /// Lets backstores on block devices be copied too, by the provider whose LUNs these devices are.
    ///
    /// It must be an object for this purpose alone: it sees sets of its own, which would end those of another
    /// caller. Its `on_load` is called by this provider's.
    #[must_use]
    pub fn on_volumes_of(mut self, provider: Arc<dyn HardwareProvider>) -> Self {
        self.volumes = Some(provider);
        self
    }

    /// What went wrong without stopping the provider: records that are damaged, copies that could not be
    /// brought back at load. Each is told once.
    #[must_use]
    pub fn take_problems(&self) -> Vec<String> {
        std::mem::take(&mut self.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn tell_problem(&self, problem: String) {
        self.problems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(problem);
    }

    pub(crate) fn begin_change(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sets(&self) -> MutexGuard<'_, BTreeMap<SetId, SetUnderWay>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backstore of this target that the information speaks of.
    pub(crate) fn store_of(
        &self,
        lun: &LunInformation,
    ) -> Result<Option<Backstore>, ProviderError> {
        Ok(self
            .roots
            .backstores()?
            .into_iter()
            .find(|store| !store.serial.is_empty() && store.information().is_same_lun(lun)))
    }
}

/// The folder and the trees; the rest changes all the time.
impl fmt::Debug for LioProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LioProvider")
            .field("roots", &self.roots)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl Backstore {
    /// What a bus says of it.
    pub(crate) fn information(&self) -> LunInformation {
        information(&self.inquiry, &self.serial)
    }
}
