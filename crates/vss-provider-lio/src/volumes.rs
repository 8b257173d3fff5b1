//! Backstores on volumes that another provider copies: its LUNs lie under ours.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::slice;

use uuid::Uuid;
use vss_model::{LunInformation, SetId, SnapshotAttributes, SnapshotId};
use vss_provider::{Access, HardwareProvider, PresentedLun, ProviderError, ProviderResult};

use crate::records::{Record, State, Storage};
use crate::state::LioProvider;

/// Makes the id of the set below from that above: the provider of the volumes may be asked for copies of the
/// same set by others.
const BELOW: u128 = 0x9d1c_7e60_33b5_0000_0000_4f2a_8be1_d057;

pub(crate) fn lower_set(set: SetId) -> SetId {
    SetId::from_uuid(Uuid::from_u128(set.as_uuid().as_u128() ^ BELOW))
}

/// The volume under a copy: its original, and itself once it is known.
fn volume(record: &Record) -> Option<(&LunInformation, Option<&LunInformation>)> {
    match &record.storage {
        Storage::Volume { original, copy, .. } => Some((original, copy.as_deref())),
        Storage::File { .. } => None,
    }
}

fn number(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|meta| meta.rdev())
}

impl LioProvider {
    fn lower(&self) -> Result<&dyn HardwareProvider, ProviderError> {
        self.volumes
            .as_deref()
            .ok_or_else(|| ProviderError::veto("there is no provider of volumes under backstores"))
    }

    /// The volume on which a backstore lies.
    ///
    /// # Errors
    /// It lies on none that can be copied.
    pub(crate) fn volume_at(
        &self,
        store: &str,
        path: &Path,
    ) -> Result<PresentedLun, ProviderError> {
        let wanted = number(path);
        let found = match &self.volumes {
            Some(volumes) => volumes
                .presented_luns()?
                .into_iter()
                .find(|lun| wanted.is_some() && number(&lun.device) == wanted),
            None => None,
        };
        let refused = || {
            ProviderError::veto(format!(
                "the backstore {store:?} lies on {}, which is no volume that can be copied",
                path.display()
            ))
            .with_hint("iblock backstores belong on thin volumes")
        };
        let lun = found.ok_or_else(refused)?;
        let supported = self.lower()?.are_luns_supported(
            SnapshotAttributes::empty(),
            slice::from_ref(&lun.device),
            &mut [lun.information.clone()],
        )?;
        if supported { Ok(lun) } else { Err(refused()) }
    }

    /// Calls the provider below for the set that it has for this one, if it has one.
    pub(crate) fn with_lower_set(
        &self,
        set: SetId,
        call: impl FnOnce(&dyn HardwareProvider, SetId) -> ProviderResult<()>,
    ) -> ProviderResult<()> {
        if self
            .records
            .of_set(set)
            .iter()
            .any(|record| volume(record).is_some())
        {
            call(self.lower()?, lower_set(set))
        } else {
            Ok(())
        }
    }

    /// Sets volumes aside for the copies of a set.
    pub(crate) fn prepare_volumes(&self, records: &[Record]) -> Result<(), ProviderError> {
        let mut below = None;
        for record in records {
            let Some((original, _)) = volume(record) else {
                continue;
            };
            let lower = self.lower()?;
            let device = lower
                .presented_luns()?
                .into_iter()
                .find(|lun| lun.information.is_same_lun(original))
                .map(|lun| lun.device)
                .ok_or_else(|| {
                    ProviderError::veto(format!("the volume under {:?} is gone", record.name))
                })?;
            let set = lower_set(record.set);
            lower.begin_prepare_snapshot(
                set,
                SnapshotId::from_uuid(record.serial),
                SnapshotAttributes::empty(),
                &[device],
                &mut [original.clone()],
            )?;
            below = Some(set);
        }
        match below {
            Some(set) => self.lower()?.end_prepare_snapshots(set),
            None => Ok(()),
        }
    }

    pub(crate) fn commit_volumes(&self, records: &[Record]) -> Result<(), ProviderError> {
        match records.iter().find(|record| volume(record).is_some()) {
            Some(record) => self.lower()?.commit_snapshots(lower_set(record.set)),
            None => Ok(()),
        }
    }

    /// Learns which volumes the copies are, and makes them visible to the target.
    pub(crate) fn settle_volumes(&self, records: &mut [Record]) -> Result<(), ProviderError> {
        let originals: Vec<LunInformation> = records
            .iter()
            .filter_map(|record| volume(record).map(|(original, _)| original.clone()))
            .collect();
        let Some(set) = records
            .iter()
            .find(|record| volume(record).is_some())
            .map(|record| lower_set(record.set))
        else {
            return Ok(());
        };
        let lower = self.lower()?;
        lower.post_commit_snapshots(set, u32::try_from(originals.len()).unwrap_or(u32::MAX))?;
        let devices = vec![PathBuf::new(); originals.len()];
        let copies = lower.get_target_luns(&devices, &originals)?;
        lower.locate_luns(&copies)?;
        let mut copies = copies.into_iter();
        for record in records {
            if let Storage::Volume { copy, .. } = &mut record.storage {
                *copy = copies.next().map(Box::new);
                self.records.put(record)?;
            }
        }
        Ok(())
    }

    /// Where the volume of a copy can be opened; it is made visible if need be.
    pub(crate) fn volume_of(&self, record: &Record) -> Result<PathBuf, ProviderError> {
        let lower = self.lower()?;
        let Some((_, Some(copy))) = volume(record) else {
            return Err(ProviderError::veto(format!(
                "the volume of the copy {:?} was not taken",
                record.name
            )));
        };
        lower.locate_luns(slice::from_ref(copy))?;
        lower
            .presented_luns()?
            .into_iter()
            .find(|lun| lun.information.is_same_lun(copy))
            .map(|lun| lun.device)
            .ok_or_else(|| {
                ProviderError::veto(format!(
                    "the volume of the copy {:?} did not appear",
                    record.name
                ))
            })
    }

    pub(crate) fn destroy_volume(&self, record: &Record) -> Result<(), ProviderError> {
        let lower = self.lower()?;
        match volume(record) {
            Some((_, Some(copy))) if record.state == State::Ready => {
                lower.on_lun_empty(Path::new(""), copy)
            }
            // The others of the set are given up too.
            Some(_) => lower.abort_snapshots(lower_set(record.set)),
            None => Ok(()),
        }
    }

    /// Tells the provider below what its LUNs are from now on. Writes are refused by the disk above, if at
    /// all: the target has the volume open for writing.
    pub(crate) fn set_volume_access(
        &self,
        records: &[Record],
        access: Access,
    ) -> Result<(), ProviderError> {
        let copies: Vec<LunInformation> = records
            .iter()
            .filter_map(|record| volume(record)?.1.cloned())
            .collect();
        if copies.is_empty() {
            return Ok(());
        }
        let access = match access {
            Access::Copy => Access::Copy,
            Access::ReadOnly | Access::ReadWrite => Access::ReadWrite,
        };
        self.lower()?.set_access(&copies, access)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vss_model::SetId;

    use super::lower_set;

    #[test]
    fn sets_below_are_others() {
        let set = SetId::from_uuid(Uuid::new_v4());
        assert_ne!(lower_set(set), set);
        assert_eq!(lower_set(lower_set(set)), set);
        assert_eq!(lower_set(set).as_uuid().get_version_num(), 4);
    }
}
