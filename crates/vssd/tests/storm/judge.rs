//! Whether catalogue, disks and model agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

use vss_api::client::Client;
use vss_model::{OperationId, ResultCode, SetId};
use vss_service::{AuditRecord, LunDetail, OperationKind, Queries, SetRecord};

use crate::disks::Original;
use crate::model::{End, Model, Operation};

const FINISHED: ResultCode = ResultCode::VSS_S_ASYNC_FINISHED;

/// What the daemon says at the end.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) sets: Vec<SetRecord>,
    pub(crate) history: Vec<AuditRecord>,
    pub(crate) luns: Vec<LunDetail>,
    unfinished: usize,
}

impl World {
    pub(crate) fn look(client: &Client) -> Self {
        let sets = client.sets().unwrap();
        let luns = client.luns().unwrap();
        Self {
            sets: sets
                .iter()
                .map(|set| client.set(set.set_id).unwrap())
                .collect(),
            history: client.history(1_000_000).unwrap(),
            luns: luns
                .iter()
                .map(|lun| client.lun(&lun.name).unwrap())
                .collect(),
            unfinished: client.operations().unwrap().len(),
        }
    }
}

/// Every point in which they do not agree.
pub(crate) fn complaints(model: &Model, world: &World, originals: &[Original]) -> Vec<String> {
    let mut complaints = Vec::new();
    if world.unfinished > 0 {
        complaints.push(format!("{} operations are not over", world.unfinished));
    }
    operations(model, world, &mut complaints);
    sets(model, world, &mut complaints);
    disks(model, world, originals, &mut complaints);
    identities(world, &mut complaints);
    complaints
}

/// Each operation is on record once, as its client was told, and nothing else is.
fn operations(model: &Model, world: &World, complaints: &mut Vec<String>) {
    let asked: HashMap<OperationId, &Operation> =
        model.operations.iter().map(|one| (one.id, one)).collect();
    let mut seen = BTreeSet::new();
    for record in &world.history {
        if !seen.insert(record.operation) {
            complaints.push(format!("{} is on record twice", record.operation));
        }
        match asked.get(&record.operation) {
            Some(one)
                if one.kind == record.kind
                    && one.set == record.set
                    && one.end == End::Ended(record.code) => {}
            Some(one) => complaints.push(format!(
                "{one:?} is on record as {} {} {:?}",
                record.kind.name(),
                record.code,
                record.error
            )),
            // The service releases copies that end with their session.
            None if record.kind == OperationKind::Delete
                && is_auto_release(model, world, record.set) => {}
            None => complaints.push(format!(
                "nobody asked for {} {} of {}",
                record.kind.name(),
                record.operation,
                record.set
            )),
        }
    }
    for one in &model.operations {
        if matches!(one.end, End::Ended(_)) && !seen.contains(&one.id) {
            complaints.push(format!("{one:?} is not on record"));
        }
    }
}

fn is_auto_release(model: &Model, world: &World, set: SetId) -> bool {
    let creation = world
        .history
        .iter()
        .find(|record| record.kind == OperationKind::Create && record.set == set);
    creation.is_some_and(|creation| {
        model
            .operations
            .iter()
            .any(|one| one.id == creation.operation && one.auto_release)
    })
}

/// Each set that was made is there, or was broken once, or was deleted once.
fn sets(model: &Model, world: &World, complaints: &mut Vec<String>) {
    let listed: BTreeSet<SetId> = world.sets.iter().map(|set| set.set_id).collect();
    let mut ends: BTreeMap<SetId, usize> = BTreeMap::new();
    for record in &world.history {
        if record.code == FINISHED && record.kind != OperationKind::Create {
            *ends.entry(record.set).or_default() += 1;
        }
    }
    let mut made = BTreeSet::new();
    for record in &world.history {
        if record.kind != OperationKind::Create || record.code != FINISHED {
            continue;
        }
        made.insert(record.set);
        let ended = ends.get(&record.set).copied().unwrap_or(0);
        let there = usize::from(listed.contains(&record.set));
        if ended + there != 1 {
            complaints.push(format!(
                "set {} ended {ended} times and is listed {there} times",
                record.set
            ));
        }
        if there == 1 && is_auto_release(model, world, record.set) {
            complaints.push(format!("set {} outlived its session", record.set));
        }
    }
    for set in listed.difference(&made) {
        complaints.push(format!("set {set} was made by nobody"));
    }
}

/// Each LUN is an original, a copy in a set, or a disk of a broken set, and is who it should be.
fn disks(model: &Model, world: &World, originals: &[Original], complaints: &mut Vec<String>) {
    let mut left: BTreeMap<&str, &LunDetail> = world
        .luns
        .iter()
        .map(|detail| (detail.lun.name.as_str(), detail))
        .collect();
    for original in originals {
        match left.remove(original.name.as_str()) {
            None => complaints.push(format!("original {} is gone", original.name)),
            Some(found) if found.identity.as_ref().ok() != original.identity.as_ref() => {
                complaints.push(format!(
                    "original {} is {:?}",
                    original.name, found.identity
                ));
            }
            Some(_) => {}
        }
        if fs::read(&original.file).unwrap() != original.bytes {
            complaints.push(format!("original {} was written", original.name));
        }
    }
    for lun in world.sets.iter().flat_map(|set| &set.luns) {
        match left.remove(lun.name.as_str()) {
            None => complaints.push(format!("the copy {} is gone", lun.name)),
            Some(found) => {
                if found.identity.as_ref() != Ok(&lun.import_identity) {
                    complaints.push(format!("the copy {} is {:?}", lun.name, found.identity));
                }
                if !found.lun.presented || !found.lun.read_only {
                    complaints.push(format!("the copy {} is not presented read-only", lun.name));
                }
            }
        }
    }
    let breaks = world
        .history
        .iter()
        .filter(|record| record.kind == OperationKind::Break && record.code == FINISHED);
    for disk in breaks.flat_map(|record| &record.disks) {
        let found = left.remove(disk.lun.as_str());
        match (found, model.deleted.contains(&disk.lun)) {
            (None, true) => {}
            (None, false) => complaints.push(format!("the disk {} is gone", disk.lun)),
            (Some(_), true) => complaints.push(format!("the disk {} came back", disk.lun)),
            (Some(found), false) => {
                if disk.after.is_some() && found.identity.as_ref().ok() != disk.after.as_ref() {
                    complaints.push(format!("the disk {} is {:?}", disk.lun, found.identity));
                }
                if found.lun.presented != disk.device.is_some() {
                    complaints.push(format!("the disk {} is in the wrong place", disk.lun));
                }
                if disk.device.is_some() && disk.read_only_after != Some(found.lun.read_only) {
                    complaints.push(format!("the disk {} has the wrong access", disk.lun));
                }
            }
        }
    }
    for name in left.keys() {
        complaints.push(format!("LUN {name} belongs to nothing"));
    }
}

/// No two visible disks carry one identity.
fn identities(world: &World, complaints: &mut Vec<String>) {
    let mut bearers = HashMap::new();
    for detail in world.luns.iter().filter(|detail| detail.lun.presented) {
        let Ok(identity) = &detail.identity else {
            complaints.push(format!("the table of {} cannot be read", detail.lun.name));
            continue;
        };
        for id in identity.ids() {
            if let Some(other) = bearers.insert(id, &detail.lun.name) {
                complaints.push(format!("{other} and {} share {id}", detail.lun.name));
            }
        }
    }
}
