//! Thin volumes as LUNs: who they are, showing and masking them, what they are after a break.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vss_model::{
    HardwareOptions, LunInformation, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::failure::invalid;
use vss_provider::{
    Access, HardwareProvider, HardwareProviderEx, PresentedLun, ProviderError, ProviderResult,
    must_be_parallel,
};

use super::{COPY_TAG, Copy, LvmThin, Phase, UnderWay, by_group, look_up};
use crate::error::{lvm_failed, not_found};
use crate::lvm::{self, Lv, Permission, Standing};
use crate::mapper;
use crate::names::LvId;

/// Whether copies of this kind are to be had.
fn is_supported(context: SnapshotAttributes) -> bool {
    // A volume group belongs to one host, and a thin copy shares its pool with the original.
    !context.intersects(
        SnapshotAttributes::TRANSPORTABLE
            | SnapshotAttributes::PLEX
            | SnapshotAttributes::CLIENT_ACCESSIBLE
            | SnapshotAttributes::FILE_SHARE,
    )
}

/// The volumes of these LUNs, each once.
fn ids(luns: &[LunInformation]) -> ProviderResult<Vec<LvId>> {
    let mut ids = luns
        .iter()
        .map(|lun| {
            LvId::of_lun(lun).ok_or_else(|| {
                invalid(format!(
                    "LUN {} is no thin volume",
                    lun.lun_id()
                        .map_or_else(|| "without a name".to_owned(), |id| id.to_string())
                ))
            })
        })
        .collect::<ProviderResult<Vec<_>>>()?;
    ids.sort();
    ids.dedup();
    Ok(ids)
}

impl HardwareProvider for LvmThin {
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
        let Some(mapper) = mapper::open()? else {
            return Ok(false);
        };
        let mut normal = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            let Some(id) = LvId::of_lun(lun) else {
                return Ok(false);
            };
            if mapper::find(&mapper, &id)?.is_none() {
                return Ok(false);
            }
            normal.push(id.information());
        }
        for (lun, mut known) in luns.iter_mut().zip(normal) {
            known.disk_signature = lun.disk_signature;
            known.interconnects = std::mem::take(&mut lun.interconnects);
            *lun = known;
        }
        Ok(true)
    }

    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        let id = if lun.lun_id().is_some() {
            LvId::of_lun(lun)
        } else {
            let thins = mapper::active()?;
            let real = std::fs::canonicalize(device).ok();
            thins
                .into_iter()
                .find(|thin| {
                    thin.device() == device || std::fs::canonicalize(thin.device()).ok() == real
                })
                .map(|thin| thin.id)
        };
        let Some(id) = id else { return Ok(false) };
        *lun = id.information();
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
        must_be_parallel(devices.len(), luns.len())?;
        if !is_supported(context) {
            return Err(ProviderError::new(
                ResultCode::VSS_E_UNSUPPORTED_CONTEXT,
                format!(
                    "copies of thin volumes share their pool with the originals; none of the kind 0x{:x} can be made",
                    context.bits()
                ),
            ));
        }
        let mapper = mapper::must_open()?;
        let mut originals = Vec::with_capacity(luns.len());
        for lun in luns.iter() {
            let id = LvId::of_lun(lun).ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                    "a LUN is no thin volume",
                )
            })?;
            if mapper::find(&mapper, &id)?.is_none() {
                return Err(not_found(format!("thin volume {id} is not active")));
            }
            originals.push(id);
        }
        let mut sets = self.sets();
        // Nothing was made for a set whose preparation never ended.
        sets.retain(|known, under_way| *known == set || under_way.phase != Phase::Announced);
        let under_way = sets.entry(set).or_insert_with(|| UnderWay {
            phase: Phase::Announced,
            copies: Vec::new(),
        });
        if under_way.phase != Phase::Announced {
            return Err(ProviderError::veto(format!(
                "the preparation of set {set} has ended already"
            )));
        }
        for original in originals {
            if !under_way
                .copies
                .iter()
                .any(|copy| copy.original == original)
            {
                under_way.copies.push(Copy {
                    original,
                    made: None,
                });
            }
        }
        Ok(())
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        must_be_parallel(devices.len(), sources.len())?;
        let last = self.last();
        sources
            .iter()
            .map(|source| {
                LvId::of_lun(source)
                    .and_then(|id| last.get(&id))
                    .map(LvId::information)
                    .ok_or_else(|| invalid("a LUN has no copy in the set committed last"))
            })
            .collect()
    }

    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()> {
        let ids = ids(luns)?;
        let mapper = mapper::must_open()?;
        let mut hidden = Vec::new();
        for id in ids {
            if mapper::find(&mapper, &id)?.is_none() {
                hidden.push(id);
            }
        }
        if hidden.is_empty() {
            return Ok(());
        }
        // LVM need not be asked for the names of what was made just now.
        let new: Option<Vec<String>> = hidden.iter().map(|id| self.name_of_new(id)).collect();
        let names = match new {
            Some(names) => names,
            None => look_up(&hidden)?.iter().map(Lv::name).collect(),
        };
        by_group(names, |names| {
            lvm::activate(names).map_err(lvm_failed("activate the copies"))
        })
    }

    fn on_lun_empty(&self, _device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let Some(id) = LvId::of_lun(lun) else {
            return Err(invalid("the LUN is no thin volume"));
        };
        let volumes = lvm::volumes().map_err(lvm_failed("list the logical volumes"))?;
        let Some(lv) = volumes.iter().find(|lv| lv.id().as_ref() == Some(&id)) else {
            return Ok(());
        };
        if !lv.has_tag(COPY_TAG) {
            return Err(invalid(format!(
                "{} is not a shadow copy and is kept",
                lv.name()
            )));
        }
        lvm::remove(&[lv.name()]).map_err(lvm_failed(&format!("remove {}", lv.name())))
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        Ok(mapper::active()?
            .into_iter()
            .map(|thin| PresentedLun {
                device: thin.device(),
                information: thin.id.information(),
                sector_size: thin.sector_size(),
                backing: None,
                name: thin.name,
            })
            .collect())
    }

    fn set_access(&self, luns: &[LunInformation], access: Access) -> ProviderResult<()> {
        let mut ids = ids(luns)?;
        if access != Access::Copy {
            ids = release(ids, access == Access::ReadOnly)?;
        }
        if ids.is_empty() {
            return Ok(());
        }
        stand(&ids, access)
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        Some(self)
    }
}

impl HardwareProviderEx for LvmThin {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        must_be_parallel(snapshot_luns.len(), original_luns.len())?;
        match flags {
            HardwareOptions::DO_MASK_LUNS => mask(&ids(snapshot_luns)?),
            // What is lasting about it comes by `set_access`.
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

const MAKE_ORDINARY: &str = "make ordinary volumes of the copies";

/// Makes ordinary volumes of copies; gives those volumes that are to be looked at more closely, since
/// they are no copies any more or not active.
fn release(ids: Vec<LvId>, read_only: bool) -> ProviderResult<Vec<LvId>> {
    let Some(mapper) = mapper::open()? else {
        return Ok(ids);
    };
    let mut names = Vec::with_capacity(ids.len());
    for id in &ids {
        names.push(mapper::find(&mapper, id)?.map(|thin| thin.name));
    }
    let mut done = Vec::new();
    by_group(names.iter().flatten().cloned(), |names| {
        let changed =
            lvm::release(names, COPY_TAG, read_only).map_err(lvm_failed(MAKE_ORDINARY))?;
        done.extend(changed);
        Ok(())
    })?;
    Ok(ids
        .into_iter()
        .zip(names)
        .filter(|(_, name)| name.as_ref().is_none_or(|name| !done.contains(name)))
        .map(|(id, _)| id)
        .collect())
}

/// Gives volumes their standing, whatever it was before. Copies are writable to LVM: it is the kernel's
/// flag, which the host sets, that refuses writes.
fn stand(ids: &[LvId], access: Access) -> ProviderResult<()> {
    let mut names: BTreeMap<Permission, Vec<String>> = BTreeMap::new();
    for lv in look_up(ids)? {
        let permission = match (access, lv.is_read_only()) {
            (Access::ReadOnly, false) => Permission::ReadOnly,
            (Access::ReadWrite | Access::Copy, true) => Permission::ReadWrite,
            _ => Permission::Same,
        };
        names.entry(permission).or_default().push(lv.name());
    }
    let copy = access == Access::Copy;
    let step = if copy {
        "make copies of the volumes again"
    } else {
        MAKE_ORDINARY
    };
    for (permission, names) in names {
        by_group(names, |names| {
            let standing = Standing {
                skip: copy,
                permission,
                add_tag: copy.then_some(COPY_TAG),
                remove_tag: (!copy).then_some(COPY_TAG),
            };
            lvm::stand(names, standing).map_err(lvm_failed(step))
        })?;
    }
    Ok(())
}

/// Deactivates volumes, all of them or, when one is in use, none.
fn mask(ids: &[LvId]) -> ProviderResult<()> {
    let mapper = mapper::must_open()?;
    let mut shown = Vec::new();
    for id in ids {
        let Some(thin) = mapper::find(&mapper, id)? else {
            continue;
        };
        if thin.open_count > 0 {
            return Err(
                ProviderError::veto(format!("{} is in use", thin.device().display())).with_hint(
                    format!(
                        "see who uses it with lsblk {}, unmount it, and try again",
                        thin.device().display()
                    ),
                ),
            );
        }
        shown.push(thin.name);
    }
    by_group(shown, |names| {
        lvm::deactivate(names).map_err(lvm_failed("deactivate the copies"))
    })
}
