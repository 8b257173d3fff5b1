//! The provider `lvm-thin`: a LUN is a thin volume.
//!
//! A copy is made in two steps, so that writes are held for the time of a few ioctls and not for that
//! of LVM commands. While writers run, LVM makes an empty thin volume for each copy, with the tags of
//! the set: that is the record which a later run finds after a crash. At the instant its thin device is
//! made anew in the pool, under the same number, as a snapshot of the original. LVM's metadata never
//! learns of that and needs not: to it the copy is a thin volume like any other.
//!
//! ```text
//!  prepare     LVM      lvcreate: an empty volume, inactive, tagged
//!  pre-commit  kernel   pool: delete N          (the tagged volume has no device for a moment)
//!  commit      kernel   pool: create_snap N M   (M is suspended)
//!  locate      LVM      lvchange --activate
//!  break       LVM      lvchange: not ours any more
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use vss_model::{
    ClassId, HardwareOptions, LunInformation, ProviderId, ProviderProperties, ProviderType,
    ProviderVersionId, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{
    Access, CreateSnapshotSet, HardwareProvider, HardwareProviderEx, MappedDevice, PresentedLun,
    Provider, ProviderError, ProviderResult,
};

use crate::error::{invalid, lvm_failed, not_found};
use crate::lvm::{self, Lv, Permission, Standing};
use crate::mapper::{self, Thin};
use crate::names::{LvId, copy_name};

/// The id of this provider, the same for all its versions.
pub const THIN_PROVIDER_ID: ProviderId =
    ProviderId::from_uuid(Uuid::from_u128(0x2f7c_91d4_5b0e_4a63_8d1f_e6a2_0c47_93b8));

/// Bears every volume that is a copy, until a break makes an ordinary volume of it. Nothing without it
/// is ever removed.
const COPY_TAG: &str = "openvss.copy";

/// Part of a pool's metadata that must be free for copies to be made, as one in so many.
const METADATA_RESERVE: u64 = 50;

/// How far the creation of a set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Announced,
    Prepared,
    PreCommitted,
    Committed,
    PostCommitted,
    PreFinalCommitted,
}

/// One copy on its way.
#[derive(Debug, Clone)]
struct Copy {
    original: LvId,
    /// Once it is prepared.
    made: Option<Made>,
}

#[derive(Debug, Clone)]
struct Made {
    id: LvId,
    thin_id: u32,
}

#[derive(Debug)]
struct UnderWay {
    phase: Phase,
    copies: Vec<Copy>,
}

/// Shadow copies of thin volumes.
#[derive(Debug, Default)]
pub struct LvmThin {
    sets: Mutex<BTreeMap<SetId, UnderWay>>,
    /// Copies of the set that was committed last, by their originals.
    last: Mutex<BTreeMap<LvId, LvId>>,
}

impl LvmThin {
    /// The provider. It keeps no state of its own: LVM's metadata has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn sets(&self) -> MutexGuard<'_, BTreeMap<SetId, UnderWay>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> MutexGuard<'_, BTreeMap<LvId, LvId>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a set on from one phase to the next; a repeat finds it there already and gives `None`.
    fn copies_due(&self, set: SetId, from: Phase, to: Phase) -> ProviderResult<Option<Vec<Copy>>> {
        let sets = self.sets();
        let under_way = sets.get(&set).ok_or_else(|| unknown_set(set))?;
        if under_way.phase == to {
            return Ok(None);
        }
        if under_way.phase != from {
            return Err(ProviderError::veto(format!(
                "set {set} is {:?}, and was to go from {from:?} to {to:?}",
                under_way.phase
            )));
        }
        Ok(Some(under_way.copies.clone()))
    }

    fn arrived(&self, set: SetId, phase: Phase, copies: Option<Vec<Copy>>) {
        if let Some(under_way) = self.sets().get_mut(&set) {
            under_way.phase = phase;
            if let Some(copies) = copies {
                under_way.copies = copies;
            }
        }
    }

    fn step(&self, set: SetId, from: Phase, to: Phase) -> ProviderResult<()> {
        if self.copies_due(set, from, to)?.is_some() {
            self.arrived(set, to, None);
        }
        Ok(())
    }
}

fn unknown_set(set: SetId) -> ProviderError {
    not_found(format!("no set {set} of thin volumes is being created"))
}

fn set_tag(set: SetId) -> String {
    format!("openvss.set={}", set.as_uuid())
}

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

fn must_be_parallel(left: usize, right: usize) -> ProviderResult<()> {
    if left == right {
        Ok(())
    } else {
        Err(invalid(format!(
            "two lists that should run in parallel have {left} and {right} entries"
        )))
    }
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

/// The volumes of these ids, as LVM has them now.
fn look_up(ids: &[LvId]) -> ProviderResult<Vec<Lv>> {
    let volumes = lvm::volumes().map_err(lvm_failed("list the logical volumes"))?;
    ids.iter()
        .map(|id| {
            volumes
                .iter()
                .find(|lv| lv.id().as_ref() == Some(id))
                .cloned()
                .ok_or_else(|| invalid(format!("there is no logical volume {id}")))
        })
        .collect()
}

/// Runs `work` on the names of volumes, group by group: LVM locks one at a time.
fn by_group(
    names: impl IntoIterator<Item = String>,
    mut work: impl FnMut(&[String]) -> ProviderResult<()>,
) -> ProviderResult<()> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        let group = name.split('/').next().unwrap_or_default().to_owned();
        groups.entry(group).or_default().push(name);
    }
    groups.values().try_for_each(|names| work(names))
}

impl Provider for LvmThin {
    fn properties(&self) -> ProviderProperties {
        properties(THIN_PROVIDER_ID, "lvm-thin", ProviderType::Hardware)
    }

    fn on_unload(&self, force: bool) -> ProviderResult<bool> {
        Ok(force || self.sets().is_empty())
    }
}

pub(crate) fn properties(
    id: ProviderId,
    name: &str,
    provider_type: ProviderType,
) -> ProviderProperties {
    let version = env!("CARGO_PKG_VERSION");
    let mut digits = [0; 16];
    for (to, from) in digits.iter_mut().zip(version.bytes()) {
        *to = from;
    }
    let mixed = id.as_uuid().as_u128() ^ u128::from_be_bytes(digits);
    ProviderProperties {
        provider_id: id,
        provider_name: name.to_owned(),
        provider_type,
        provider_version: version.to_owned(),
        provider_version_id: ProviderVersionId::from_uuid(
            uuid::Builder::from_custom_bytes(mixed.to_be_bytes()).into_uuid(),
        ),
        class_id: ClassId::NULL,
    }
}

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
        let mut names = Vec::with_capacity(volumes.len());
        for original in &volumes {
            let name = copy_name(&original.lv_name, Uuid::new_v4());
            let tags = [
                COPY_TAG.to_owned(),
                set_tag(set),
                format!("openvss.of={}", original.lv_name),
            ];
            let size = original.size_bytes().ok_or_else(|| {
                ProviderError::veto(format!("LVM gives no size for {}", original.name()))
            })?;
            lvm::create_thin(&original.vg_name, &original.pool_lv, &name, size, &tags).map_err(
                lvm_failed(&format!(
                    "set a volume aside for the copy of {}",
                    original.name()
                )),
            )?;
            names.push(format!("{}/{name}", original.vg_name));
        }
        let made = lvm::volumes().map_err(lvm_failed("list the logical volumes"))?;
        let copies = originals
            .into_iter()
            .zip(&names)
            .map(|(original, name)| {
                let lv = made.iter().find(|lv| lv.name() == *name);
                let made = lv.and_then(|lv| {
                    Some(Made {
                        id: lv.id()?,
                        thin_id: lv.thin_id()?,
                    })
                });
                match made {
                    Some(made) => Ok(Copy {
                        original,
                        made: Some(made),
                    }),
                    None => Err(ProviderError::veto(format!(
                        "LVM made {name}, but does not list it as a thin volume"
                    ))),
                }
            })
            .collect::<ProviderResult<Vec<_>>>()?;
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

fn made(copy: &Copy) -> ProviderResult<&Made> {
    copy.made.as_ref().ok_or_else(|| {
        ProviderError::veto(format!("the copy of {} was never prepared", copy.original))
    })
}

fn active_original(mapper: &vss_sys::dm::DeviceMapper, copy: &Copy) -> ProviderResult<Thin> {
    mapper::find(mapper, &copy.original)?.ok_or_else(|| {
        ProviderError::veto(format!(
            "thin volume {} is not active any more",
            copy.original
        ))
    })
}

/// Refuses a pool in which a copy would fail or do harm.
fn check_pool(mapper: &vss_sys::dm::DeviceMapper, thin: &Thin) -> ProviderResult<()> {
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
        by_group(look_up(&hidden)?.iter().map(Lv::name), |names| {
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
        let mut names: BTreeMap<Permission, Vec<String>> = BTreeMap::new();
        // The kernel's word for read-only does not do: the host sets the flag of copies.
        for lv in look_up(&ids(luns)?)? {
            let permission = match (access, lv.is_read_only()) {
                (Access::ReadOnly, false) => Permission::ReadOnly,
                (Access::ReadWrite, true) => Permission::ReadWrite,
                _ => Permission::Same,
            };
            names.entry(permission).or_default().push(lv.name());
        }
        for (permission, names) in names {
            by_group(names, |names| {
                let copy = access == Access::Copy;
                let standing = Standing {
                    skip: copy,
                    permission,
                    add_tag: copy.then_some(COPY_TAG),
                    remove_tag: (!copy).then_some(COPY_TAG),
                };
                let step = if copy {
                    "make copies of the volumes again"
                } else {
                    "make ordinary volumes of the copies"
                };
                lvm::stand(names, standing).map_err(lvm_failed(step))
            })?;
        }
        Ok(())
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
