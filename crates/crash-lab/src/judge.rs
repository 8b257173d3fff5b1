//! The verdict on a state folder after a crash: wholly before, wholly after, or a violation.

use std::fs;
use std::path::Path;

use vss_model::ResultCode;
use vss_service::AuditRecord;

use crate::scenario::Scenario;
use crate::service::{Command, Service};
use crate::tables;
use crate::tree::{Leaf, Tree};
use crate::view::{View, World};
use crate::{Failure, Outcome, fail};

/// On which side of the operation a state came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As if it had never begun.
    Before,
    /// As if nothing had cut it off.
    After,
}

/// How closely a state is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Recovers a second time and sees that nothing changes.
    pub twice: bool,
    /// Carries out a further operation.
    pub further: bool,
}

impl Depth {
    /// Everything.
    pub const FULL: Self = Self {
        twice: true,
        further: true,
    };
}

/// Judges what is left before anything recovers it: each disk has a valid table, no original is
/// changed.
///
/// # Errors
/// The violation.
pub fn before_recovery(scenario: &Scenario, tree: &Tree) -> Outcome {
    let leaves = tree.leaves();
    for (name, image) in &scenario.before.world.images {
        let path = format!("array/{name}.img");
        let Some(Leaf::File(contents, _)) = leaves.get(Path::new(&path)) else {
            // A copy may be on its way out; an original is not.
            if scenario.is_original(name) {
                return fail(format!("original {name} is gone"));
            }
            continue;
        };
        if scenario.is_original(name) && *contents != image.contents {
            return fail(format!("original {name} was changed"));
        }
        let sector = scenario
            .before
            .world
            .luns
            .get(name)
            .map_or(512, |lun| lun.sector_size);
        tables::read(contents, sector)
            .some_valid()
            .map_err(|failure| Failure(format!("before recovery, {name}: {failure}")))?;
    }
    Ok(())
}

/// Recovers the state folder of a scenario and judges what comes of it.
///
/// `same_run` is true when it comes from the run that gave `scenario.after`, so that fresh
/// identifiers must agree too.
///
/// # Errors
/// The violation.
pub fn recover(
    scenario: &Scenario,
    reported: bool,
    same_run: bool,
    depth: Depth,
) -> Outcome<Verdict> {
    let state = scenario.state();
    drop(Service::open(state).map_err(|failure| Failure(format!("recovery fails: {failure}")))?);
    let view = View::read(state)?;
    let verdict = at_rest(scenario, &view, reported, same_run)?;
    if depth.twice {
        drop(Service::open(state)?);
        let again = View::read(state)?;
        if again != view {
            let how = again.world.difference(&view.world);
            return fail(format!("a second recovery changes something: {how:?}"));
        }
    }
    if depth.further {
        further(scenario, &view, verdict).map_err(|failure| {
            Failure(format!(
                "after recovery ({verdict:?}), a further operation: {failure}"
            ))
        })?;
    }
    Ok(verdict)
}

/// Judges a recovered state.
///
/// # Errors
/// The violation.
pub fn at_rest(
    scenario: &Scenario,
    view: &View,
    reported: bool,
    same_run: bool,
) -> Outcome<Verdict> {
    if let Some(first) = view.violations().first() {
        return fail(first);
    }
    let (before, after) = (&scenario.before.world, &scenario.after.world);
    let verdict = match (view.world.difference(before), view.world.difference(after)) {
        (None, _) => Verdict::Before,
        (_, None) => Verdict::After,
        (Some(_), Some(_)) if scenario.command == Command::Create && !same_run => {
            created(scenario, &view.world)?;
            Verdict::After
        }
        (Some(from_before), Some(from_after)) => {
            return fail(format!(
                "neither as before ({from_before}) nor as after ({from_after})"
            ));
        }
    };
    if reported && verdict == Verdict::Before {
        return fail("success was reported, and is forgotten");
    }
    history(scenario, view, verdict)?;
    Ok(verdict)
}

/// A set made by another run than the recorded one: other identifiers, all else alike.
fn created(scenario: &Scenario, world: &World) -> Outcome {
    let before = &scenario.before.world;
    let after = &scenario.after.world;
    let new = |world: &World| world.images.len() - before.images.len();
    if world.sets.len() != after.sets.len()
        || world.copies.len() != after.copies.len()
        || world.images.len() < before.images.len()
        || new(world) != new(after)
        || world.links.len() != after.links.len()
    {
        return fail(format!(
            "a set is there in part: {:?}",
            world.difference(before)
        ));
    }
    for (name, image) in &world.images {
        let lun = world
            .luns
            .get(name)
            .ok_or_else(|| Failure(format!("no LUN {name}")))?;
        let original = match &lun.copy_of {
            Some(original) => before.images.get(&original.name),
            None => before.images.get(name),
        };
        let original = original.ok_or_else(|| Failure(format!("{name} comes from nowhere")))?;
        if lun.copy_of.is_none() {
            if image != original {
                return fail(format!("original {name} was changed"));
            }
            continue;
        }
        let blank = |contents| {
            tables::read(contents, lun.sector_size)
                .all_valid()
                .map(|reading| reading.blanked(contents))
        };
        if blank(&image.contents)? != blank(&original.contents)? {
            return fail(format!(
                "copy {name} differs from its original outside of its identity"
            ));
        }
        if image.mode & 0o222 != 0 {
            return fail(format!("copy {name} can be written"));
        }
    }
    Ok(())
}

/// The audit records: the old ones untouched, at most one new one, and that one true.
fn history(scenario: &Scenario, view: &View, verdict: Verdict) -> Outcome {
    let Some(new) = view
        .history
        .strip_prefix(scenario.before.history.as_slice())
    else {
        return fail("audit records of earlier operations were lost or changed");
    };
    match (verdict, new) {
        // It was cut off before anything was recorded, or the record says that it failed.
        (Verdict::Before, []) => Ok(()),
        (Verdict::Before, [record]) if record.code != ResultCode::VSS_S_ASYNC_FINISHED => Ok(()),
        (Verdict::After, [record]) if record.code == ResultCode::VSS_S_ASYNC_FINISHED => {
            truthful(scenario, view, record)
        }
        (verdict, records) => {
            let told: Vec<_> = records
                .iter()
                .map(|record| format!("{:?} {} {:?}", record.kind, record.code, record.error))
                .collect();
            fail(format!(
                "the disks are as {verdict:?}, but the records say {told:?}"
            ))
        }
    }
}

fn truthful(scenario: &Scenario, view: &View, record: &AuditRecord) -> Outcome {
    let expected = scenario
        .after
        .history
        .last()
        .ok_or_else(|| Failure("the uninterrupted run left no record".to_owned()))?;
    let ids = |record: &AuditRecord| {
        let mut copies = record.copies.clone();
        copies.sort_unstable();
        copies
    };
    let disks = |record: &AuditRecord| {
        let mut disks: Vec<_> = record.disks.iter().map(|disk| disk.lun.clone()).collect();
        disks.sort_unstable();
        disks
    };
    let own = scenario.command == Command::Create;
    if record.kind != expected.kind
        || record.flags != expected.flags
        || record.undone != expected.undone
        || (!own && (record.set != expected.set || ids(record) != ids(expected)))
        || (!own && disks(record) != disks(expected))
        || record.copies.len() != expected.copies.len()
    {
        return fail(format!("the record is not of this operation: {record:?}"));
    }
    for disk in &record.disks {
        let (Some(identity), Some(image)) = (&disk.after, view.world.images.get(&disk.lun)) else {
            continue;
        };
        let sector = view
            .world
            .luns
            .get(&disk.lun)
            .map_or(512, |lun| lun.sector_size);
        let found = tables::read(&image.contents, sector).all_valid()?.disk;
        let told = identity.disk_id.map(|id| id.to_string());
        if told.as_deref() != Some(found.as_str()) {
            return fail(format!(
                "the record gives {} the identity {told:?}; it has {found}",
                disk.lun
            ));
        }
        let writable = image.mode & 0o222 != 0;
        if disk.read_only_after == Some(writable) {
            return fail(format!(
                "the record is wrong about {} being read-only",
                disk.lun
            ));
        }
    }
    Ok(())
}

/// What a user would do next must work.
fn further(scenario: &Scenario, view: &View, verdict: Verdict) -> Outcome {
    let state = scenario.state();
    let service = Service::open(state)?;
    if verdict == Verdict::Before {
        scenario.command.run(&service, state)??;
        drop(service);
        let view = View::read(state)?;
        if let Some(first) = view.violations().first() {
            return fail(first);
        }
        return match view.world.difference(&scenario.after.world) {
            Some(_) if scenario.command == Command::Create => created(scenario, &view.world),
            Some(how) => fail(format!("again, it ends otherwise: {how}")),
            None => Ok(()),
        };
    }
    let last = view
        .history
        .last()
        .ok_or_else(|| Failure("no record".to_owned()))?;
    let expected = match &scenario.command {
        Command::Create => {
            for set in view.world.sets.keys() {
                if !scenario.before.world.sets.contains_key(set) {
                    service.delete(*set)?;
                }
            }
            Some(&scenario.before.world.images)
        }
        Command::Break(..) if last.disks.iter().any(|disk| !disk.patch.is_empty()) => {
            service.undo(last.operation)?;
            Some(&scenario.before.world.images)
        }
        Command::Undo(operation) => {
            service.undo(*operation)?;
            Some(&scenario.after.world.images)
        }
        _ => {
            service.create()?;
            None
        }
    };
    drop(service);
    let next = View::read(state)?;
    if let Some(first) = next.violations().first() {
        return fail(first);
    }
    let Some(images) = expected else {
        return Ok(());
    };
    let mut images = images.clone();
    for disk in last.disks.iter().filter(|disk| disk.patch.is_empty()) {
        // An undo puts identities back; a disk that kept its own keeps its read-only state too.
        if let (Some(image), Some(now)) =
            (images.get_mut(&disk.lun), next.world.images.get(&disk.lun))
        {
            image.mode = now.mode;
        }
    }
    let wanted = World {
        images,
        ..next.world.clone()
    };
    match next.world.difference(&wanted) {
        Some(how) => fail(how),
        None => Ok(()),
    }
}

/// Removes a state folder.
///
/// # Errors
/// As `rmdir(2)`.
pub fn clear(state: &Path) -> Outcome {
    if state.exists() {
        fs::remove_dir_all(state)?;
    }
    Ok(())
}

/// Whether images and links are neither wholly as before nor wholly as after, or files of the way are
/// there: what recovery is for.
#[must_use]
pub fn is_between(scenario: &Scenario, tree: &Tree) -> bool {
    let visible = |tree: &Tree| {
        let mut leaves = tree.leaves();
        leaves.retain(|path, _| {
            path.parent().is_some_and(|folder| folder != Path::new(""))
                && !path.starts_with("array/array.db")
                && !path.to_string_lossy().contains(".db-")
        });
        leaves
    };
    let now = visible(tree);
    now != visible(scenario.base()) && now != visible(&scenario.recording().end())
}
