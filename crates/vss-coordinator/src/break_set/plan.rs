//! What a break will do: facts and flags in, steps or one error out. No input or output.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use disk_identity::{
    Change, Identifier, Identity, Observation, PartitionIdentity, Patch, attributes,
};
use vss_model::{
    BreakFlags, Disposition, Error, ErrorKind, HardwareOptions, IdentityRevert, OperationId,
};
use vss_service::{BreakPlan, DiskPlan, IdentityDecision, LunRecord, Notice, SetRecord};

use crate::world::VisibleDisk;

/// What is known when a break is planned.
#[derive(Debug)]
pub struct BreakFacts<'a> {
    /// The set, as the catalogue has it.
    pub set: &'a SetRecord,
    /// The set's own disks, as they are now; not needed for a break that masks.
    pub disks: Vec<DiskFacts>,
    /// Every other disk that the host can see.
    pub visible: &'a [VisibleDisk],
    /// Identifiers that other operations are about to give to disks.
    pub claimed: &'a HashMap<Identifier, OperationId>,
}

/// A disk of the set, as it is now.
#[derive(Debug)]
pub struct DiskFacts {
    /// Name of its LUN.
    pub lun: String,
    /// Where it can be opened.
    pub device: PathBuf,
    /// Whether it refuses writes.
    pub read_only: bool,
    /// What is on it.
    pub observation: Observation,
}

/// Identifiers that disks are to bear which do not bear them now.
pub(crate) fn given(plan: &BreakPlan) -> Vec<Identifier> {
    let ids = |identity: &Option<Identity>| -> HashSet<Identifier> {
        identity.iter().flat_map(Identity::ids).collect()
    };
    plan.disks
        .iter()
        .flat_map(|disk| {
            let before = ids(&disk.before);
            let mut after = ids(&disk.after);
            after.retain(|id| !before.contains(id));
            after
        })
        .collect()
}

/// Plans a break (spec: break §4 to §6).
///
/// # Errors
/// `VSS_E_BREAK_REVERT_ID_FAILED` when all identities are wanted back and one is in use;
/// `VSS_E_UNEXPECTED` when a disk's table cannot be changed safely.
pub fn plan_break(facts: &BreakFacts<'_>, flags: BreakFlags) -> Result<BreakPlan, Error> {
    let mut plan = BreakPlan {
        set_id: facts.set.set_id,
        flags,
        notices: notices(facts.set, flags),
        disks: Vec::with_capacity(facts.set.luns.len()),
    };
    if flags.disposition() == Disposition::Mask {
        plan.disks
            .extend(facts.set.luns.iter().map(|lun| masked(lun, facts)));
        return Ok(plan);
    }
    let decisions = decide(facts, flags.identity())?;
    for (lun, decision) in facts.set.luns.iter().zip(decisions) {
        let disk = facts
            .disks
            .iter()
            .find(|disk| disk.lun == lun.name)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::MissingDisk,
                    format!("LUN {} of the set is not visible on this host", lun.name),
                )
                .with_hint(format!(
                    "present it and try again: vss lun unmask {}",
                    lun.name
                ))
            })?;
        plan.disks.push(plan_disk(lun, disk, decision, flags)?);
    }
    Ok(plan)
}

/// A break that changes nothing for the array sends nothing; never two flags in one call.
fn notices(set: &SetRecord, flags: BreakFlags) -> Vec<Notice> {
    let flag = match flags.disposition() {
        Disposition::Mask => HardwareOptions::DO_MASK_LUNS,
        Disposition::ReadWrite => HardwareOptions::NOTIFY_READ_WRITE,
        Disposition::ReadOnly => return Vec::new(),
    };
    set.copies
        .iter()
        .map(|copy| Notice {
            snapshot: copy.id(),
            flag,
            luns: copy.luns.clone(),
        })
        .collect()
}

fn masked(lun: &LunRecord, facts: &BreakFacts<'_>) -> DiskPlan {
    let disk = facts.disks.iter().find(|disk| disk.lun == lun.name);
    let read_only = disk.is_none_or(|disk| disk.read_only);
    DiskPlan {
        lun: lun.name.clone(),
        device: disk.map_or_else(|| lun.device.clone(), |disk| disk.device.clone()),
        identity: IdentityDecision::Masked,
        before: disk.map(|disk| disk.observation.identity().clone()),
        after: disk.map(|disk| disk.observation.identity().clone()),
        patch: Patch::default(),
        fallback: Patch::default(),
        read_only_before: read_only,
        read_only_after: read_only,
    }
}

/// Decides on the identity of every disk of the set, in the order of its LUNs.
fn decide(facts: &BreakFacts<'_>, revert: IdentityRevert) -> Result<Vec<IdentityDecision>, Error> {
    if revert == IdentityRevert::None {
        return Ok(vec![IdentityDecision::Kept; facts.set.luns.len()]);
    }
    let mut claimed: HashMap<Identifier, String> = HashMap::new();
    for disk in facts.visible {
        if let Some(identity) = &disk.identity {
            for id in identity.ids() {
                claimed
                    .entry(id)
                    .or_insert_with(|| disk.device.display().to_string());
            }
        }
    }
    for (id, operation) in facts.claimed {
        claimed
            .entry(*id)
            .or_insert_with(|| format!("the disk of operation {operation}"));
    }
    let mut decisions = Vec::with_capacity(facts.set.luns.len());
    for lun in &facts.set.luns {
        let obstacle = present_original(lun, facts.visible).or_else(|| {
            lun.original_identity.ids().find_map(|id| {
                claimed
                    .get(&id)
                    .map(|bearer| format!("{bearer} bears {id}"))
            })
        });
        match (obstacle, revert) {
            (Some(why), IdentityRevert::All) => {
                return Err(Error::new(
                    ErrorKind::BreakRevertIdFailed,
                    format!(
                        "LUN {} cannot get the identity of {} back: {why}",
                        lun.name, lun.original_name
                    ),
                )
                .with_hint(format!(
                    "mask the original first (vss lun mask {}), or break with --revert-identity auto or none",
                    lun.original_name
                )));
            }
            (Some(why), _) => decisions.push(IdentityDecision::KeptOnCollision(why)),
            (None, _) => {
                for id in lun.original_identity.ids() {
                    claimed.insert(id, format!("LUN {} of this set", lun.name));
                }
                decisions.push(IdentityDecision::Reverted);
            }
        }
    }
    Ok(decisions)
}

/// The original itself, wherever it shows, whatever identity it bears now.
fn present_original(lun: &LunRecord, visible: &[VisibleDisk]) -> Option<String> {
    visible
        .iter()
        .find(|disk| {
            disk.information
                .as_ref()
                .is_some_and(|information| information.is_same_lun(&lun.original))
        })
        .map(|disk| format!("the original is present as {}", disk.device.display()))
}

fn plan_disk(
    lun: &LunRecord,
    disk: &DiskFacts,
    mut decision: IdentityDecision,
    flags: BreakFlags,
) -> Result<DiskPlan, Error> {
    let read_write = flags.disposition() == Disposition::ReadWrite;
    let refused = |error: disk_identity::Error| {
        Error::new(
            ErrorKind::Unexpected,
            format!(
                "the partition table of LUN {} ({}) cannot be changed safely",
                lun.name,
                disk.device.display()
            ),
        )
        .with_source(error)
    };
    let now = &disk.observation;
    let fallback = now
        .plan(&cleared_attributes(now.identity(), read_write))
        .map_err(refused)?;
    let mut patch = fallback.clone();
    if decision == IdentityDecision::Reverted {
        match restore(lun, now, read_write) {
            Ok(restored) => {
                patch = restored;
                if same_ids(now.identity(), &lun.original_identity) {
                    decision = IdentityDecision::AlreadyOriginal;
                }
            }
            Err(why) if flags.identity() == IdentityRevert::All => {
                return Err(Error::new(
                    ErrorKind::BreakRevertIdFailed,
                    format!(
                        "LUN {} cannot get the identity of {} back: {why}",
                        lun.name, lun.original_name
                    ),
                )
                .with_hint(
                    "look at it with vss identity show; break with --revert-identity none",
                ));
            }
            Err(why) => decision = IdentityDecision::KeptOnCollision(why),
        }
    }
    let after = now.with_patch(&patch).map_err(refused)?.identity().clone();
    Ok(DiskPlan {
        lun: lun.name.clone(),
        device: disk.device.clone(),
        identity: decision,
        before: Some(now.identity().clone()),
        after: Some(after),
        patch,
        fallback,
        read_only_before: disk.read_only,
        read_only_after: !read_write,
    })
}

fn same_ids(a: &Identity, b: &Identity) -> bool {
    a.ids().collect::<HashSet<_>>() == b.ids().collect::<HashSet<_>>()
}

/// A disk that keeps its identity: shadow-copy and hidden go, no-drive-letter stays, read-only goes
/// with read-write only (spec: break §5).
fn cleared_attributes(identity: &Identity, read_write: bool) -> Change {
    let mut cleared = attributes::SHADOW_COPY | attributes::HIDDEN;
    if read_write {
        cleared |= attributes::READ_ONLY;
    }
    Change::default().with_attributes(identity, |partition| partition.attributes & !cleared)
}

/// A disk that gets its original's identity gets the table of the instant back, byte for byte, but
/// for the read-only bit unless it becomes writable. Says in words why that cannot be.
fn restore(lun: &LunRecord, now: &Observation, read_write: bool) -> Result<Patch, String> {
    let bits = |partition: &PartitionIdentity| {
        let original = original_attributes(&lun.original_identity, partition);
        if read_write {
            original
        } else {
            original | attributes::READ_ONLY
        }
    };
    let extra = if read_write {
        Change::default()
    } else {
        Change::default().with_attributes(&lun.original_identity, bits)
    };
    let is_right = |patch: &Patch| {
        now.with_patch(patch)
            .is_ok_and(|after| same_ids(after.identity(), &lun.original_identity))
    };
    if let Ok(patch) = now.plan_restore(&lun.import_patch, &extra)
        && is_right(&patch)
    {
        return Ok(patch);
    }
    // Somebody changed the table since the import: what they did stays, the identity goes back.
    Change::to_identity(now.identity(), &lun.original_identity)
        .and_then(|change| now.plan(&change.with_attributes(now.identity(), bits)))
        .map_err(|error| format!("its table was changed since the import: {error}"))
        .and_then(|patch| {
            if is_right(&patch) {
                Ok(patch)
            } else {
                Err("its partitions were changed since the import".to_owned())
            }
        })
}

fn original_attributes(original: &Identity, partition: &PartitionIdentity) -> u64 {
    original
        .partitions
        .iter()
        .find(|p| p.index == partition.index && p.start_lba == partition.start_lba)
        .map_or(partition.attributes & !attributes::ALL_FOUR, |p| {
            p.attributes
        })
}
