//! The provider traits over the tiny array.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use vss_model::{
    ClassId, HardwareOptions, LunInformation, ProviderId, ProviderProperties, ProviderType,
    ProviderVersionId, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};

use crate::error::{ProviderError, ProviderResult};
use crate::fake::array::SimpleArray;
use crate::fake::record::{CopyOf, Phase, Record, SetRecord};
use crate::hardware::{HardwareProvider, HardwareProviderEx, PresentedLun};
use crate::provider::{CreateSnapshotSet, Provider};

/// First of the ids of fake providers; the seed is added.
const PROVIDER_ID: u128 = 0x4e1f_2a60_7c93_4d18_9b5e_0000_0000_0000;

fn storage(error: io::Error) -> ProviderError {
    ProviderError::veto("the fake array failed").with_source(error)
}

fn unknown_set(set: SetId) -> ProviderError {
    ProviderError::new(
        ResultCode::VSS_E_OBJECT_NOT_FOUND,
        format!("no creation of set {set} is under way"),
    )
}

fn parallel(devices: &[PathBuf], luns: &[LunInformation]) -> ProviderResult<()> {
    if devices.len() == luns.len() {
        Ok(())
    } else {
        Err(ProviderError::new(
            ResultCode::E_INVALIDARG,
            format!("{} devices for {} LUNs", devices.len(), luns.len()),
        ))
    }
}

impl SimpleArray {
    /// Takes a set from one phase to the next; a phase already reached is fine.
    fn advance(
        &self,
        set: SetId,
        to: Phase,
        from: Phase,
        work: impl FnOnce(&mut Record) -> ProviderResult<()>,
    ) -> ProviderResult<()> {
        let mut record = self.record();
        let phase = record.set_mut(set).ok_or_else(|| unknown_set(set))?.phase;
        if phase >= to {
            return Ok(());
        }
        if phase != from {
            return Err(ProviderError::veto(format!(
                "set {set} is {phase:?} and cannot become {to:?}"
            )));
        }
        work(&mut record)?;
        if let Some(entry) = record.set_mut(set) {
            entry.phase = to;
        }
        self.save(&record).map_err(storage)
    }

    /// Gives up sets under way and frees their copies.
    fn drop_sets(&self, record: &mut Record, sets: &[SetId]) -> ProviderResult<()> {
        if sets.is_empty() {
            return Ok(());
        }
        let copies: Vec<u64> = record
            .luns
            .iter()
            .filter(|lun| lun.copy.is_some_and(|copy| sets.contains(&copy.set)))
            .map(|lun| lun.number)
            .collect();
        record.sets.retain(|entry| !sets.contains(&entry.set));
        if record.last_committed.is_some_and(|set| sets.contains(&set)) {
            record.last_committed = None;
        }
        self.remove(record, &copies).map_err(storage)
    }

    /// Copies the images of a set; on failure its copies are empty again.
    fn take_copies(&self, record: &Record, set: SetId) -> ProviderResult<()> {
        let pairs: Vec<(u64, u64)> = record
            .copies_of_set(set)
            .filter_map(|lun| lun.copy.map(|copy| (copy.original, lun.number)))
            .collect();
        let copied = pairs.iter().try_for_each(|(original, copy)| {
            fs::copy(self.image(*original), self.image(*copy)).map(|_bytes| ())
        });
        copied.map_err(|error| {
            for (_, copy) in &pairs {
                // Best effort: the set is aborted next, which frees these files.
                let _ = fs::write(self.image(*copy), []);
            }
            storage(error)
        })
    }
}

impl Provider for SimpleArray {
    fn properties(&self) -> ProviderProperties {
        let id = Uuid::from_u128(PROVIDER_ID + u128::from(self.record().seed));
        ProviderProperties {
            provider_id: ProviderId::from_uuid(id),
            provider_name: "openvss fake array".into(),
            provider_type: ProviderType::Hardware,
            provider_version: "1".into(),
            provider_version_id: ProviderVersionId::from_uuid(id),
            class_id: ClassId::from_uuid(id),
        }
    }

    fn on_load(&self) -> ProviderResult<()> {
        let mut record = self.record();
        let half_made: Vec<SetId> = record
            .sets
            .iter()
            .filter(|entry| entry.phase < Phase::Committed)
            .map(|entry| entry.set)
            .collect();
        self.drop_sets(&mut record, &half_made)
    }
}

impl CreateSnapshotSet for SimpleArray {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.advance(set, Phase::Prepared, Phase::Preparing, |_| Ok(()))
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.advance(set, Phase::PreCommitted, Phase::Prepared, |_| Ok(()))
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.advance(set, Phase::Committed, Phase::PreCommitted, |record| {
            self.take_copies(record, set)?;
            record.last_committed = Some(set);
            Ok(())
        })
    }

    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.advance(set, Phase::PostCommitted, Phase::Committed, |_| Ok(()))
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.advance(set, Phase::PreFinalCommitted, Phase::PostCommitted, |_| {
            Ok(())
        })
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let mut record = self.record();
        let entry = record.set_mut(set).ok_or_else(|| unknown_set(set))?;
        if entry.phase != Phase::PreFinalCommitted {
            return Err(ProviderError::veto(format!(
                "set {set} is {:?} and cannot be finished",
                entry.phase
            )));
        }
        record.sets.retain(|entry| entry.set != set);
        self.save(&record).map_err(storage)
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let mut record = self.record();
        if record.set_mut(set).is_none() {
            return Ok(());
        }
        self.drop_sets(&mut record, &[set])
    }
}

impl HardwareProvider for SimpleArray {
    fn are_luns_supported(
        &self,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<bool> {
        parallel(devices, luns)?;
        let record = self.record();
        Ok(!context.contains(SnapshotAttributes::DIFFERENTIAL)
            && luns.iter().all(|lun| record.by_information(lun).is_some()))
    }

    fn fill_in_lun_info(&self, _device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        let record = self.record();
        let Some(number) = record.by_information(lun).map(|known| known.number) else {
            return Ok(false);
        };
        *lun = record.information(number);
        Ok(true)
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        _snapshot: SnapshotId,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<()> {
        parallel(devices, luns)?;
        if context.contains(SnapshotAttributes::DIFFERENTIAL) {
            return Err(ProviderError::new(
                ResultCode::VSS_E_UNSUPPORTED_CONTEXT,
                "the fake array makes full copies only",
            ));
        }
        let mut record = self.record();
        let given_up: Vec<SetId> = record
            .sets
            .iter()
            .filter(|entry| entry.set != set && entry.phase == Phase::Preparing)
            .map(|entry| entry.set)
            .collect();
        self.drop_sets(&mut record, &given_up)?;
        let mut originals = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            let original = record.by_information(lun).ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                    format!("LUN {:?} is not of the fake array", lun.serial_number),
                )
            })?;
            originals.push((original.number, original.name.clone(), original.sector_size));
        }
        match record.set_mut(set) {
            None => record.sets.push(SetRecord {
                set,
                phase: Phase::Preparing,
            }),
            Some(entry) if entry.phase == Phase::Preparing => {}
            Some(entry) => {
                return Err(ProviderError::veto(format!(
                    "set {set} is {:?} and takes no more copies",
                    entry.phase
                )));
            }
        }
        for (original, name, sector_size) in originals {
            if record.copy_in_set(original, set).is_none() {
                let name = format!("{name}.{}", record.next);
                let number = record.add(name, sector_size, Some(CopyOf { original, set }));
                fs::write(self.image(number), []).map_err(storage)?;
            }
        }
        self.save(&record).map_err(storage)
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        parallel(devices, sources)?;
        let record = self.record();
        sources
            .iter()
            .map(|source| {
                let original = record.by_information(source)?;
                let copy = record.copy_in_set(original.number, record.last_committed?)?;
                Some(record.information(copy.number))
            })
            .collect::<Option<Vec<LunInformation>>>()
            .ok_or_else(|| {
                ProviderError::new(
                    ResultCode::E_INVALIDARG,
                    "a LUN has no copy in the set committed last",
                )
            })
    }

    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()> {
        let record = self.record();
        for lun in luns {
            let known = record.by_information(lun).ok_or_else(|| {
                ProviderError::new(
                    ResultCode::E_INVALIDARG,
                    format!("LUN {:?} is not of the fake array", lun.serial_number),
                )
            })?;
            self.show(known.number, &known.name).map_err(storage)?;
        }
        Ok(())
    }

    fn on_lun_empty(&self, _device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let mut record = self.record();
        let Some(known) = record.by_information(lun) else {
            return Ok(());
        };
        if known.copy.is_none() {
            return Err(ProviderError::new(
                ResultCode::E_INVALIDARG,
                format!("LUN {} is no copy", known.name),
            ));
        }
        let number = known.number;
        self.remove(&mut record, &[number]).map_err(storage)
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        let mut luns = self.luns();
        luns.retain(|lun| lun.presented);
        Ok(luns
            .into_iter()
            .map(|lun| PresentedLun {
                backing: None,
                device: self.device_path(&lun.name),
                name: lun.name,
                information: lun.information,
                sector_size: lun.sector_size,
            })
            .collect())
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        if self.legacy { None } else { Some(self) }
    }
}

impl HardwareProviderEx for SimpleArray {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        if snapshot_luns.len() != original_luns.len() || flags.bits().count_ones() != 1 {
            return Err(ProviderError::new(
                ResultCode::E_INVALIDARG,
                format!(
                    "{} copies of {} originals with flags 0x{:x}",
                    snapshot_luns.len(),
                    original_luns.len(),
                    flags.bits()
                ),
            ));
        }
        if flags != HardwareOptions::DO_MASK_LUNS {
            return Ok(());
        }
        let record = self.record();
        for lun in snapshot_luns {
            let known = record.by_information(lun).ok_or_else(|| {
                ProviderError::new(
                    ResultCode::E_INVALIDARG,
                    format!("LUN {:?} is not of the fake array", lun.serial_number),
                )
            })?;
            self.hide(&known.name).map_err(storage)?;
        }
        Ok(())
    }
}
