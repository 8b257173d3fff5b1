//! A right provider with one defect.

mod luns;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;
use vss_model::{
    IdentifierType, LunInformation, ProviderProperties, ProviderType, ProviderVersionId,
    ResultCode, SetId,
};
use vss_provider::fake::{FakeLun, SimpleArray};
use vss_provider::{CreateSnapshotSet, HardwareProvider, Provider, ProviderError, ProviderResult};

/// The one thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    IsSoftware,
    VersionChanges,
    RefusesTwoLuns,
    AcceptsForeign,
    AcceptsMixed,
    TouchesInterconnects,
    RefusesOwnCopies,
    AgreesToDifferential,
    FillInLeavesPadding,
    FillInClaimsForeign,
    ListsMaskedOriginals,
    CopiesAtEndPrepare,
    CopiesAtPostCommit,
    MarksOriginalForAMoment,
    CopiesFirstLunOnly,
    CopiesTwice,
    ForgetsSectorSize,
    KeepsAbandonedSet,
    UnknownSetIsFine,
    UnknownSetIsVetoed,
    LocatesAnything,
    InventsCodes,
    SharesCopies,
    TargetsInArrayOrder,
    GivesSignature,
    BorrowsIdentifier,
    HasVendorIdentifierOnly,
    NewIdentifierEachTime,
    VisibleAtPostCommit,
    RevisionDiffers,
    LocatesOnce,
    LosesWrites,
    AbortDoesNothing,
    AbortLeaksAfterCommit,
    AbortFailsForUnknown,
    AbortTakesAll,
    MaskDoesNothing,
    MaskDeletes,
    MasksOnce,
    MasksAll,
    NotifyMasks,
    ReadWriteIsSwept,
    EmptyDoesNothing,
    EmptiesOnce,
    EmptiesSet,
    EmptiesOriginals,
    MaskingRenames,
    KeepsHalfMade,
    LosesCommitted,
    LosesFinished,
    UnmasksAtRestart,
    ReusesNumbers,
}

/// One volume that was announced.
struct Begun {
    set: SetId,
    devices: Vec<PathBuf>,
    luns: Vec<LunInformation>,
}

/// The array with a defect in front of it.
pub(crate) struct Broken {
    pub(crate) array: SimpleArray,
    defect: Defect,
    dir: PathBuf,
    /// Grows whenever a defect needs another number.
    counter: AtomicU64,
    /// What this run was told to prepare.
    begun: Mutex<Vec<Begun>>,
}

fn veto() -> ProviderError {
    ProviderError::veto("defect")
}

impl Broken {
    pub(crate) fn open(dir: &Path, defect: Defect) -> Self {
        if defect == Defect::ReusesNumbers {
            forget_numbers(&dir.join("array.json"));
        }
        Self {
            array: SimpleArray::open(dir, 1).unwrap(),
            defect,
            dir: dir.to_owned(),
            counter: AtomicU64::new(0),
            begun: Mutex::new(Vec::new()),
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn tick(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn has_begun(&self, set: SetId) -> bool {
        self.begun
            .lock()
            .unwrap()
            .iter()
            .any(|begun| begun.set == set)
    }

    fn copies(&self) -> Vec<FakeLun> {
        let mut luns = self.array.luns();
        luns.retain(|lun| lun.set.is_some());
        luns
    }

    /// The originals of a set that this run began: devices and LUNs.
    fn announced(&self, set: SetId) -> (Vec<PathBuf>, Vec<LunInformation>) {
        let begun = self.begun.lock().unwrap();
        let mut all = (Vec::new(), Vec::new());
        for volume in begun.iter().filter(|volume| volume.set == set) {
            all.0.extend(volume.devices.iter().cloned());
            all.1.extend(volume.luns.iter().cloned());
        }
        all
    }

    /// Writes to the originals of a set; a second time takes it back.
    fn flip_a_byte(&self, set: SetId) {
        if self.is(Defect::MarksOriginalForAMoment) {
            for device in self.announced(set).0 {
                let mut bytes = fs::read(&device).unwrap();
                bytes[15_000] ^= 0xFF;
                fs::write(&device, bytes).unwrap();
            }
        }
    }

    /// How this provider describes a LUN.
    fn dress(&self, mut lun: LunInformation) -> LunInformation {
        let is_copy = self.array.find(&lun).is_some_and(|lun| lun.set.is_some());
        if self.is(Defect::BorrowsIdentifier) && is_copy {
            let original = &self.array.luns()[0].information;
            lun.identifiers.extend(original.identifiers.iter().cloned());
        }
        if self.is(Defect::HasVendorIdentifierOnly) && is_copy {
            lun.identifiers[0].identifier_type = IdentifierType::VendorSpecific;
        }
        lun
    }

    fn phase(&self, set: SetId, work: impl FnOnce() -> ProviderResult<()>) -> ProviderResult<()> {
        match (self.defect, work()) {
            (Defect::UnknownSetIsFine, Err(error))
                if error.code == ResultCode::VSS_E_OBJECT_NOT_FOUND && !self.has_begun(set) =>
            {
                Ok(())
            }
            (Defect::UnknownSetIsVetoed, Err(error))
                if error.code == ResultCode::VSS_E_OBJECT_NOT_FOUND && !self.has_begun(set) =>
            {
                Err(veto())
            }
            (_, result) => result,
        }
    }
}

/// Makes the array give out numbers again that are free.
fn forget_numbers(record: &Path) {
    let Ok(bytes) = fs::read(record) else { return };
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let highest = value["luns"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|lun| lun["number"].as_u64())
        .max();
    value["next"] = (highest.unwrap_or(0) + 1).into();
    fs::write(record, serde_json::to_vec(&value).unwrap()).unwrap();
}

impl Provider for Broken {
    fn properties(&self) -> ProviderProperties {
        let mut properties = self.array.properties();
        if self.is(Defect::IsSoftware) {
            properties.provider_type = ProviderType::Software;
        }
        if self.is(Defect::VersionChanges) {
            let id = Uuid::from_u128(u128::from(self.tick()));
            properties.provider_version_id = ProviderVersionId::from_uuid(id);
        }
        properties
    }

    fn on_load(&self) -> ProviderResult<()> {
        match self.defect {
            Defect::KeepsHalfMade => return Ok(()),
            Defect::LosesCommitted => {
                if let Ok(sets) = fs::read_to_string(self.dir.join("sets")) {
                    for set in sets.lines() {
                        self.array.abort_snapshots(set.parse().unwrap())?;
                    }
                }
            }
            Defect::LosesFinished => {
                for copy in self.copies() {
                    self.array.remove_lun(&copy.name).unwrap();
                }
            }
            Defect::UnmasksAtRestart => {
                for lun in self.array.luns() {
                    self.array.present(&lun.name).unwrap();
                }
            }
            Defect::ReadWriteIsSwept => {
                if let Ok(names) = fs::read_to_string(self.dir.join("left")) {
                    for name in names.lines() {
                        self.array.remove_lun(name).unwrap();
                    }
                }
            }
            _ => {}
        }
        self.array.on_load()
    }
}

impl CreateSnapshotSet for Broken {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.phase(set, || self.array.end_prepare_snapshots(set))?;
        if self.is(Defect::CopiesAtEndPrepare) {
            self.array.pre_commit_snapshots(set)?;
            self.array.commit_snapshots(set)?;
        }
        Ok(())
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.phase(set, || self.array.pre_commit_snapshots(set))
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        if self.is(Defect::CopiesAtPostCommit) && self.has_begun(set) {
            return Ok(());
        }
        self.phase(set, || self.array.commit_snapshots(set))?;
        self.flip_a_byte(set);
        Ok(())
    }

    fn post_commit_snapshots(&self, set: SetId, count: u32) -> ProviderResult<()> {
        if self.is(Defect::CopiesAtPostCommit) && self.has_begun(set) {
            self.array.commit_snapshots(set)?;
        }
        self.phase(set, || self.array.post_commit_snapshots(set, count))?;
        self.flip_a_byte(set);
        if self.is(Defect::VisibleAtPostCommit) {
            let (devices, luns) = self.announced(set);
            let targets = self.array.get_target_luns(&devices, &luns)?;
            self.array.locate_luns(&targets)?;
        }
        Ok(())
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.phase(set, || self.array.pre_final_commit_snapshots(set))
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.phase(set, || self.array.post_final_commit_snapshots(set))
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let copies: Vec<FakeLun> = self
            .copies()
            .into_iter()
            .filter(|lun| lun.set == Some(set))
            .collect();
        match self.defect {
            Defect::AbortDoesNothing => return Ok(()),
            Defect::AbortLeaksAfterCommit if copies.iter().any(|lun| !lun.reserved) => {
                return Ok(());
            }
            Defect::AbortFailsForUnknown if copies.is_empty() => {
                return Err(ProviderError::new(
                    ResultCode::VSS_E_OBJECT_NOT_FOUND,
                    "unknown",
                ));
            }
            Defect::AbortTakesAll => {
                for copy in self.copies() {
                    self.array.remove_lun(&copy.name).unwrap();
                }
            }
            Defect::KeepsHalfMade if !self.has_begun(set) => return Ok(()),
            _ => {}
        }
        self.array.abort_snapshots(set)
    }
}
