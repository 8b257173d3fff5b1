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

mod create;
mod luns;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use vss_model::{ClassId, ProviderId, ProviderProperties, ProviderType, ProviderVersionId, SetId};
use vss_provider::failure::invalid;
use vss_provider::{Provider, ProviderError, ProviderResult};

use crate::error::{lvm_failed, not_found};
use crate::lvm::{self, Lv};
use crate::names::LvId;

/// The id of this provider, the same for all its versions.
pub const THIN_PROVIDER_ID: ProviderId =
    ProviderId::from_uuid(Uuid::from_u128(0x2f7c_91d4_5b0e_4a63_8d1f_e6a2_0c47_93b8));

/// Bears every volume that is a copy, until a break makes an ordinary volume of it. Nothing without it
/// is ever removed.
const COPY_TAG: &str = "openvss.copy";

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
    /// `GROUP/VOLUME`.
    name: String,
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

    /// The name of a copy that is being made, `GROUP/VOLUME`.
    fn name_of_new(&self, id: &LvId) -> Option<String> {
        let sets = self.sets();
        let mut copies = sets.values().flat_map(|under_way| &under_way.copies);
        copies
            .find_map(|copy| copy.made.as_ref().filter(|made| made.id == *id))
            .map(|made| made.name.clone())
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
