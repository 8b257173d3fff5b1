//! The provider traits.

use std::path::{Path, PathBuf};

use vss_model::{
    HardwareOptions, LunInformation, ProviderProperties, ResultCode, SetId, SnapshotAttributes,
    SnapshotId,
};
use vss_provider::failure::{invalid, within};
use vss_provider::{
    Access, CreateSnapshotSet, HardwareProvider, HardwareProviderEx, MappedDevice, PresentedLun,
    Provider, ProviderError, ProviderResult, must_be_parallel,
};

use crate::identity::properties;
use crate::records::{Kept, Record};
use crate::state::LioProvider;

/// Codes of the phases after the preparation, besides those that every method has.
const UNKNOWN_SET: &[ResultCode] = &[ResultCode::VSS_E_OBJECT_NOT_FOUND];

/// Codes of the phases that need room.
const NEEDS_ROOM: &[ResultCode] = &[
    ResultCode::VSS_E_OBJECT_NOT_FOUND,
    ResultCode::VSS_E_INSUFFICIENT_STORAGE,
];

impl Provider for LioProvider {
    fn properties(&self) -> ProviderProperties {
        properties()
    }

    /// Copies that cannot be brought back do not stop the others:
    /// [`take_problems`](LioProvider::take_problems) tells of them.
    fn on_load(&self) -> ProviderResult<()> {
        let _change = self.begin_change();
        if let Some(volumes) = &self.volumes {
            volumes.on_load()?;
        }
        self.restore();
        Ok(())
    }

    fn on_unload(&self, force: bool) -> ProviderResult<bool> {
        Ok(force || !self.is_creating())
    }
}

impl CreateSnapshotSet for LioProvider {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.prepare(set).map_err(within(NEEDS_ROOM))
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.pre_commit(set).map_err(within(UNKNOWN_SET))
    }

    fn suspensions(&self, set: SetId) -> ProviderResult<Vec<MappedDevice>> {
        let mut devices = Vec::new();
        self.with_lower_set(set, |volumes, lower| {
            devices = volumes.suspensions(lower)?;
            Ok(())
        })
        .map_err(within(&[]))?;
        Ok(devices)
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.commit(set).map_err(within(NEEDS_ROOM))
    }

    /// `count` counts the copies of all providers, so it says nothing about ours.
    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.settle(set).map_err(within(NEEDS_ROOM))
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.pre_finish(set).map_err(within(UNKNOWN_SET))
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.finish(set).map_err(within(UNKNOWN_SET))
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.give_up(set).map_err(within(UNKNOWN_SET))
    }
}

impl HardwareProvider for LioProvider {
    /// Fails with the reason for a LUN of this target that cannot be copied.
    fn are_luns_supported(
        &self,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<bool> {
        must_be_parallel(devices.len(), luns.len())?;
        if luns.is_empty() || !is_supported(context) {
            return Ok(false);
        }
        let mut stores = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            match self.store_of(lun).map_err(within(&[]))? {
                Some(store) => stores.push(store),
                None => return Ok(false),
            }
        }
        for (lun, store) in luns.iter_mut().zip(stores) {
            self.must_be_copyable(&store).map_err(within(&[]))?;
            let mut known = store.information();
            known.disk_signature = lun.disk_signature;
            known.interconnects = std::mem::take(&mut lun.interconnects);
            *lun = known;
        }
        Ok(true)
    }

    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        // A LUN that says who it is is believed; the path is asked for those that say nothing.
        if lun.lun_id().is_none() {
            let seen = self.visible().map_err(within(&[]))?;
            return Ok(seen
                .into_iter()
                .find(|one| one.device == device)
                .map(|one| *lun = one.information)
                .is_some());
        }
        if let Some(record) = self.records.find(lun) {
            *lun = record.information();
            return Ok(true);
        }
        let store = self.store_of(lun).map_err(within(&[]))?;
        Ok(store.map(|store| *lun = store.information()).is_some())
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        _snapshot: SnapshotId,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<()> {
        must_be_parallel(devices.len(), luns.len())?;
        if !is_supported(context) {
            return Err(ProviderError::new(
                ResultCode::VSS_E_UNSUPPORTED_CONTEXT,
                format!(
                    "copies of the kind 0x{:x} are not to be had",
                    context.bits()
                ),
            ));
        }
        let mut originals = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            let store = self.store_of(lun).map_err(within(&[]))?.ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                    format!("{} is not of this host's target", called(lun)),
                )
            })?;
            originals.push(store.serial);
        }
        self.announce(set, &originals).map_err(within(&[]))
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        must_be_parallel(devices.len(), sources.len())?;
        let copies = self.last_copies();
        sources
            .iter()
            .map(|source| {
                copies
                    .get(&source.serial_number)
                    .map(Record::information)
                    .ok_or_else(|| {
                        invalid(format!(
                            "{} has no copy in the set committed last",
                            called(source)
                        ))
                    })
            })
            .collect()
    }

    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()> {
        let _change = self.begin_change();
        for record in self.distinct(luns)? {
            self.show(record).map_err(within(&[]))?;
        }
        Ok(())
    }

    fn on_lun_empty(&self, _device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let _change = self.begin_change();
        if let Some(record) = self.records.find(lun) {
            return self.clear(&[record]).map_err(within(&[]));
        }
        match self.store_of(lun).map_err(within(&[]))? {
            Some(store) => Err(invalid(format!(
                "LUN {:?} is not a shadow copy and is kept",
                store.name
            ))),
            None => Ok(()),
        }
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        self.visible().map_err(within(&[]))
    }

    /// The fabrics have no write protection for this host alone, so that this is remembered, and keeps the
    /// provider from ever destroying an ordinary disk.
    fn set_access(&self, luns: &[LunInformation], access: Access) -> ProviderResult<()> {
        let _change = self.begin_change();
        let records = self.distinct(luns)?;
        self.set_volume_access(&records, access)
            .map_err(within(&[]))?;
        for mut record in records {
            record.access = Kept::from(access);
            self.records.put(&record).map_err(within(&[]))?;
        }
        Ok(())
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        Some(self)
    }
}

impl HardwareProviderEx for LioProvider {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        must_be_parallel(snapshot_luns.len(), original_luns.len())?;
        match flags {
            HardwareOptions::DO_MASK_LUNS => {
                let _change = self.begin_change();
                let records = self.distinct(snapshot_luns)?;
                self.hide_all(&records).map_err(within(&[]))
            }
            // A LUN is as writable before as after.
            HardwareOptions::NOTIFY_READ_WRITE
            | HardwareOptions::NOTIFY_LUN_PRE_RECOVERY
            | HardwareOptions::NOTIFY_LUN_POST_RECOVERY => Ok(()),
            _ => Err(invalid(format!(
                "0x{:x} is not one change of a LUN's state",
                flags.bits()
            ))),
        }
    }
}

impl LioProvider {
    /// The copies described, each once.
    fn distinct(&self, luns: &[LunInformation]) -> ProviderResult<Vec<Record>> {
        let mut records: Vec<Record> = Vec::with_capacity(luns.len());
        for lun in luns {
            records.push(
                self.records.find(lun).ok_or_else(|| {
                    invalid(format!("{} is no copy of this provider", called(lun)))
                })?,
            );
        }
        records.sort_unstable_by_key(|record| record.serial);
        records.dedup_by_key(|record| record.serial);
        Ok(records)
    }
}

/// Whether copies of this kind are to be had.
fn is_supported(context: SnapshotAttributes) -> bool {
    !context.intersects(
        SnapshotAttributes::DIFFERENTIAL
            | SnapshotAttributes::CLIENT_ACCESSIBLE
            | SnapshotAttributes::FILE_SHARE,
    )
}

/// A LUN in a message.
fn called(lun: &LunInformation) -> String {
    lun.lun_id().map_or_else(
        || "LUN without a name of its own".to_owned(),
        |id| format!("LUN {id}"),
    )
}
