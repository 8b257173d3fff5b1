//! The provider traits over the array.

use std::path::{Path, PathBuf};

use vss_model::{
    HardwareOptions, LunInformation, ProviderProperties, ResultCode, SetId, SnapshotAttributes,
    SnapshotId,
};
use vss_provider::failure::{invalid, within};
use vss_provider::{
    Access, CreateSnapshotSet, HardwareProvider, HardwareProviderEx, PresentedLun, Provider,
    ProviderError, ProviderResult, must_be_parallel,
};

use crate::array::FileArray;
use crate::identity::{guid_of, information, properties};
use crate::rows::{self, LunRow};
use crate::sets::Phase;

/// Codes of the phases after the preparation, besides those that every method has.
const UNKNOWN_SET: &[ResultCode] = &[ResultCode::VSS_E_OBJECT_NOT_FOUND];

/// Codes of the phases that need room. `CommitSnapshots` is one of them here: without shared extents
/// it writes, others may have filled the file system since the preparation, and "no room" says more
/// than a veto. The code is of the general list, though not of that method's own (spec: provider §9).
const NEEDS_ROOM: &[ResultCode] = &[
    ResultCode::VSS_E_OBJECT_NOT_FOUND,
    ResultCode::VSS_E_INSUFFICIENT_STORAGE,
];

impl Provider for FileArray {
    fn properties(&self) -> ProviderProperties {
        properties()
    }

    fn on_load(&self) -> ProviderResult<()> {
        if self.catalogue.must_own().is_err() {
            return Ok(());
        }
        self.heal().map_err(within(&[]))
    }

    fn on_unload(&self, force: bool) -> ProviderResult<bool> {
        Ok(force || !self.is_creating())
    }
}

impl CreateSnapshotSet for FileArray {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.prepare(set).map_err(within(NEEDS_ROOM))
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.step(set, Phase::Prepared, Phase::PreCommitted)
            .map_err(within(UNKNOWN_SET))
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.split(set).map_err(within(NEEDS_ROOM))
    }

    /// `count` counts the copies of all providers, so it says nothing about ours.
    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.settle(set).map_err(within(UNKNOWN_SET))
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.step(set, Phase::PostCommitted, Phase::PreFinalCommitted)
            .map_err(within(UNKNOWN_SET))
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.finish_set(set).map_err(within(UNKNOWN_SET))
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.give_up(set).map_err(within(UNKNOWN_SET))
    }
}

impl HardwareProvider for FileArray {
    /// Copies are full LUNs that depend on nothing, so plex and transportable copies are to be had
    /// and differential ones are not.
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
        let mut normal = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            match self.row_of(lun).map_err(within(&[]))? {
                Some(row) => normal.push(information(row.guid)),
                None => return Ok(false),
            }
        }
        for (lun, mut known) in luns.iter_mut().zip(normal) {
            known.disk_signature = lun.disk_signature;
            known.interconnects = std::mem::take(&mut lun.interconnects);
            *lun = known;
        }
        Ok(true)
    }

    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        // A LUN that says who it is is believed; the path is asked for those that say nothing.
        let row = if lun.lun_id().is_some() {
            self.row_of(lun)
        } else {
            self.row_at(device)
        };
        match row.map_err(within(&[]))? {
            Some(row) => {
                *lun = information(row.guid);
                Ok(true)
            }
            None => Ok(false),
        }
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
                    "the embedded array makes full copies, and none of the kind 0x{:x}",
                    context.bits()
                ),
            ));
        }
        let mut originals = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            let guid = guid_of(lun).ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                    format!("{} is not of the embedded array", called(lun)),
                )
            })?;
            self.row_of_guid(guid)
                .map_err(within(&[]))?
                .ok_or_else(|| {
                    ProviderError::new(
                        ResultCode::VSS_E_OBJECT_NOT_FOUND,
                        format!("the array has no {}", called(lun)),
                    )
                })?;
            originals.push(guid);
        }
        self.announce(set, &originals).map_err(within(&[]))
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        must_be_parallel(devices.len(), sources.len())?;
        let copies = self.last_copies().map_err(within(&[]))?;
        sources
            .iter()
            .map(|source| {
                guid_of(source)
                    .and_then(|guid| copies.get(&guid))
                    .map(|copy| information(*copy))
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
        let _change = self.begin_change().map_err(within(&[]))?;
        let rows = self.distinct_rows(luns)?;
        self.show_all(&rows).map_err(within(&[]))
    }

    fn on_lun_empty(&self, _device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let _change = self.begin_change().map_err(within(&[]))?;
        let Some(row) = self.row_of(lun).map_err(within(&[]))? else {
            return Ok(());
        };
        if row.origin.is_none() {
            return Err(invalid(format!(
                "LUN {:?} is not a shadow copy and is kept",
                row.name
            )));
        }
        self.destroy(&[row]).map_err(within(&[]))
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        let rows = self
            .catalogue
            .read("list the LUNs", rows::presented)
            .map_err(within(&[]))?;
        Ok(rows
            .into_iter()
            .map(|row| PresentedLun {
                backing: row.attached.then(|| self.folders.image(&row.name)),
                device: self.device(&row),
                information: information(row.guid),
                sector_size: row.sector_size,
                name: row.name,
            })
            .collect())
    }

    /// The image of a LUN that is not attached is the device itself, whose state the host sets. That
    /// of an attached one decides how it is attached the next time.
    fn set_access(&self, luns: &[LunInformation], access: Access) -> ProviderResult<()> {
        let _change = self.begin_change().map_err(within(&[]))?;
        for row in self.distinct_rows(luns)? {
            if row.attached {
                self.folders
                    .set_writable(&row.name, access == Access::ReadWrite)
                    .map_err(within(&[]))?;
            }
        }
        Ok(())
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        Some(self)
    }
}

impl HardwareProviderEx for FileArray {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        must_be_parallel(snapshot_luns.len(), original_luns.len())?;
        match flags {
            HardwareOptions::DO_MASK_LUNS => {
                let _change = self.begin_change().map_err(within(&[]))?;
                let rows = self.distinct_rows(snapshot_luns)?;
                self.hide_all(&rows).map_err(within(&[]))
            }
            // A file is as writable before as after.
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

impl FileArray {
    /// The LUNs described, each once.
    fn distinct_rows(&self, luns: &[LunInformation]) -> ProviderResult<Vec<LunRow>> {
        let mut rows: Vec<LunRow> = Vec::with_capacity(luns.len());
        for lun in luns {
            rows.push(
                self.row_of(lun)
                    .map_err(within(&[]))?
                    .ok_or_else(|| invalid(format!("the array has no {}", called(lun))))?,
            );
        }
        rows.sort_unstable_by_key(|row| row.guid);
        rows.dedup_by_key(|row| row.guid);
        Ok(rows)
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
