//! The creation of a set: prepared by LVM, taken by the pool.

use uuid::Uuid;
use vss_model::{ResultCode, SetId};
use vss_provider::{CreateSnapshotSet, MappedDevice, ProviderError, ProviderResult};
use vss_sys::dm::DeviceMapper;

use super::{COPY_TAG, Copy, LvmThin, Made, Phase, by_group, look_up, set_tag, unknown_set};
use crate::error::{lvm_failed, not_found};
use crate::lvm::{self, Lv, NewThin};
use crate::mapper::{self, Thin};
use crate::names::{LvId, copy_name};

/// Part of a pool's metadata that must be free for copies to be made, as one in so many.
const METADATA_RESERVE: u64 = 50;

impl CreateSnapshotSet for LvmThin {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let Some(copies) = self.copies_due(set, Phase::Announced, Phase::Prepared)? else {
            return Ok(());
        };
        let originals: Vec<LvId> = copies.iter().map(|copy| copy.original.clone()).collect();
        let volumes = look_up(&originals).map_err(|error| ProviderError {
            code: ResultCode::VSS_E_OBJECT_NOT_FOUND,
            ..error
        })?;
        let mapper = mapper::must_open()?;
        for id in &originals {
            let thin = mapper::find(&mapper, id)?
                .ok_or_else(|| not_found(format!("thin volume {id} is not active any more")))?;
            check_pool(&mapper, &thin)?;
        }
        let aside = volumes
            .iter()
            .map(|original| new_copy(set, original))
            .collect::<ProviderResult<Vec<_>>>()?;
        let copies = originals
            .into_iter()
            .zip(set_aside(&aside)?)
            .map(|(original, made)| Copy {
                original,
                made: Some(made),
            })
            .collect();
        self.arrived(set, Phase::Prepared, Some(copies));
        Ok(())
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let Some(copies) = self.copies_due(set, Phase::Prepared, Phase::PreCommitted)? else {
            return Ok(());
        };
        let mapper = mapper::must_open()?;
        for copy in &copies {
            let origin = active_original(&mapper, copy)?;
            mapper::forget_thin(&mapper, origin.pool, made(copy)?.thin_id)?;
        }
        self.arrived(set, Phase::PreCommitted, None);
        Ok(())
    }

    fn suspensions(&self, set: SetId) -> ProviderResult<Vec<MappedDevice>> {
        let copies = match self.sets().get(&set) {
            Some(under_way) => under_way.copies.clone(),
            None => return Err(unknown_set(set)),
        };
        let mapper = mapper::must_open()?;
        copies
            .iter()
            .map(|copy| {
                let origin = active_original(&mapper, copy)?;
                Ok(MappedDevice {
                    name: origin.device_name,
                    uuid: origin.id.device_uuid(),
                })
            })
            .collect()
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let Some(copies) = self.copies_due(set, Phase::PreCommitted, Phase::Committed)? else {
            return Ok(());
        };
        let mapper = mapper::must_open()?;
        let work = copies
            .iter()
            .map(|copy| Ok((active_original(&mapper, copy)?, made(copy)?.thin_id)))
            .collect::<ProviderResult<Vec<_>>>()?;
        // All are suspended before the first is copied: the instant is one.
        let mut suspended = Vec::new();
        let mut result = Ok(());
        for (origin, _) in work.iter().filter(|(origin, _)| !origin.is_suspended) {
            result = mapper::suspend(&mapper, origin.number);
            if result.is_err() {
                break;
            }
            suspended.push(origin.number);
        }
        if result.is_ok() {
            result = work.iter().try_for_each(|(origin, copy)| {
                mapper::snapshot(&mapper, origin.pool, *copy, origin.thin_id)
            });
        }
        for number in suspended {
            let resumed = mapper::resume(&mapper, number);
            result = result.and(resumed);
        }
        result?;
        *self.last() = copies
            .iter()
            .filter_map(|copy| Some((copy.original.clone(), copy.made.as_ref()?.id.clone())))
            .collect();
        self.arrived(set, Phase::Committed, None);
        Ok(())
    }

    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.step(set, Phase::Committed, Phase::PostCommitted)
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.step(set, Phase::PostCommitted, Phase::PreFinalCommitted)
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let due = self.copies_due(set, Phase::PreFinalCommitted, Phase::PreFinalCommitted);
        match due {
            Ok(_) => {
                self.sets().remove(&set);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.sets().remove(&set);
        let tag = set_tag(set);
        let volumes = lvm::volumes().map_err(lvm_failed("list the logical volumes"))?;
        let doomed = volumes
            .iter()
            .filter(|lv| lv.has_tag(COPY_TAG) && lv.has_tag(&tag))
            .map(Lv::name);
        by_group(doomed, |names| {
            lvm::remove(names).map_err(lvm_failed("remove the volumes of a set that was given up"))
        })
    }
}

/// What LVM is to make for the copy of a volume.
fn new_copy(set: SetId, original: &Lv) -> ProviderResult<NewThin> {
    Ok(NewThin {
        group: original.vg_name.clone(),
        pool: original.pool_lv.clone(),
        name: copy_name(&original.lv_name, Uuid::new_v4()),
        size_bytes: original.size_bytes().ok_or_else(|| {
            ProviderError::veto(format!("LVM gives no size for {}", original.name()))
        })?,
        tags: vec![
            COPY_TAG.to_owned(),
            set_tag(set),
            format!("openvss.of={}", original.lv_name),
        ],
    })
}

/// Has LVM make these volumes.
fn set_aside(volumes: &[NewThin]) -> ProviderResult<Vec<Made>> {
    let failed = || lvm_failed("set volumes aside for the copies");
    if volumes.len() > 1 {
        lvm::try_create_thins(volumes).map_err(failed())?;
    } else {
        volumes
            .iter()
            .try_for_each(lvm::create_thin)
            .map_err(failed())?;
    }
    let mut there = list()?;
    let missing: Vec<&NewThin> = volumes
        .iter()
        .filter(|volume| find_made(&there, volume).is_none())
        .collect();
    if !missing.is_empty() {
        // By itself, each says why it cannot be made.
        for volume in missing {
            lvm::create_thin(volume).map_err(lvm_failed(&format!(
                "set volume {}/{} aside for a copy",
                volume.group, volume.name
            )))?;
        }
        there = list()?;
    }
    volumes
        .iter()
        .map(|volume| {
            find_made(&there, volume).ok_or_else(|| {
                ProviderError::veto(format!(
                    "LVM made {}/{}, but does not list it as a thin volume",
                    volume.group, volume.name
                ))
            })
        })
        .collect()
}

fn list() -> ProviderResult<Vec<Lv>> {
    lvm::volumes().map_err(lvm_failed("list the logical volumes"))
}

fn find_made(there: &[Lv], volume: &NewThin) -> Option<Made> {
    let lv = there
        .iter()
        .find(|lv| lv.vg_name == volume.group && lv.lv_name == volume.name)?;
    Some(Made {
        id: lv.id()?,
        name: lv.name(),
        thin_id: lv.thin_id()?,
    })
}

fn made(copy: &Copy) -> ProviderResult<&Made> {
    copy.made.as_ref().ok_or_else(|| {
        ProviderError::veto(format!("the copy of {} was never prepared", copy.original))
    })
}

fn active_original(mapper: &DeviceMapper, copy: &Copy) -> ProviderResult<Thin> {
    mapper::find(mapper, &copy.original)?.ok_or_else(|| {
        ProviderError::veto(format!(
            "thin volume {} is not active any more",
            copy.original
        ))
    })
}

/// Refuses a pool in which a copy would fail or do harm.
fn check_pool(mapper: &DeviceMapper, thin: &Thin) -> ProviderResult<()> {
    let Some(status) = mapper::pool_status(mapper, thin.pool)? else {
        return Ok(());
    };
    if let Some(why) = status.refusal {
        return Err(ProviderError::veto(format!(
            "the thin pool of {} takes no copies: {why}",
            thin.name
        ))
        .with_hint("mend or extend the pool: lvs -a, lvextend, lvconvert --repair"));
    }
    let free = status.total_metadata.saturating_sub(status.used_metadata);
    if free < status.total_metadata / METADATA_RESERVE {
        return Err(ProviderError::new(
            ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            format!(
                "the metadata of the thin pool of {} is full: {} of {} blocks are used",
                thin.name, status.used_metadata, status.total_metadata
            ),
        )
        .with_hint("extend it: lvextend --poolmetadatasize +…"));
    }
    if status.used_data >= status.total_data {
        return Err(ProviderError::new(
            ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            format!(
                "the thin pool of {} is full: {} of {} chunks are used",
                thin.name, status.used_data, status.total_data
            ),
        )
        .with_hint("extend it: lvextend"));
    }
    Ok(())
}
