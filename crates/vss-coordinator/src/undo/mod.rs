//! Taking back the identity changes of a finished operation, from its record.

mod cut_off;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk_identity::{Identifier, Identity, Observation, Patch, PatchState, SectorSize, observe};
use vss_model::{Error, ErrorKind, OperationId, SetId};
use vss_provider::Access;
use vss_service::{AuditRecord, DiskReport, OperationKind};

use crate::catalogue::JournalEntry;
use crate::engine::Engine;
use crate::host::Quiet;
use crate::intent::{Intent, UndoDisk};
use crate::job::{Job, OperationHead};
use crate::operations::Admission;
use crate::parallel;
use crate::providers;
use crate::world::{self, Presented, find_lun};

pub(crate) use cut_off::{claims, give_up, recover};

/// A disk of an undo, found and looked at.
struct Target {
    undo: UndoDisk,
    presented: Presented,
    now: Observation,
    already: bool,
    read_only: bool,
    original: Option<String>,
}

/// Puts back what `operation` wrote, on every disk or on none.
///
/// # Errors
/// `VSS_E_OBJECT_NOT_FOUND` for an unknown operation, `E_INVALIDARG` for one that changed no
/// identity, `VSS_E_BAD_STATE` for a disk that is a shadow copy, or was changed since, and
/// `VSS_E_BREAK_REVERT_ID_FAILED` when an identity that would come back is in use.
pub(crate) fn undo(
    engine: &Arc<Engine>,
    operation: OperationId,
    id: Option<OperationId>,
) -> Result<AuditRecord, Error> {
    let is_same = |head: &OperationHead| head.undone == Some(operation);
    let known = match engine.known(id, is_same)? {
        Some(job) => job,
        None => {
            let head = OperationHead {
                operation: id.unwrap_or_else(|| engine.new_operation()),
                kind: OperationKind::Undo,
                set: SetId::NULL,
                started: engine.host.now(),
                flags: None,
                undone: Some(operation),
                copies: Vec::new(),
            };
            match engine.admit(head, is_same)? {
                Admission::New(admitted) => {
                    let job = admitted.job().clone();
                    // It cannot be cancelled: the caller waits for it.
                    let _ = job.pass_no_return();
                    admitted.run(|job| Ok(attempt(engine, operation, job)?));
                    job
                }
                Admission::Known(job) => job,
            }
        }
    };
    known.wait(None);
    known.result()
}

fn attempt(engine: &Arc<Engine>, operation: OperationId, job: &Job) -> Result<AuditRecord, Error> {
    // Two undos could want the same disk.
    let _alone = engine.undo_right();
    let record = engine.catalogue().audit(operation)?.ok_or_else(|| {
        Error::new(
            ErrorKind::ObjectNotFound,
            format!("no finished operation {operation} is on record"),
        )
        .with_hint("vss history lists them")
    })?;
    let changed: Vec<&DiskReport> = record
        .disks
        .iter()
        .filter(|disk| !disk.patch.is_empty() || disk.read_only_before != disk.read_only_after)
        .collect();
    if changed.iter().all(|disk| disk.patch.is_empty()) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("operation {operation} changed no identity"),
        )
        .with_hint("vss history shows which operations did"));
    }
    for disk in &changed {
        engine.check_lun(&disk.information)?;
    }
    let presented = world::presented(&engine.providers)?;
    let targets = changed
        .into_iter()
        .map(|disk| target(engine, &presented, disk))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = targets
        .iter()
        .filter(|target| !target.already)
        .map(|target| {
            Ok(Wanted {
                lun: &target.undo.lun,
                device: &target.presented.lun.device,
                identity: after(target)?.identity().clone(),
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    refuse_collisions(engine, &presented, &wanted)?;

    let OperationHead {
        operation: id,
        started,
        ..
    } = *job.head();
    let (_, _claim) = engine.claim(id, |claimed| {
        let given = given(&targets)?;
        match given
            .iter()
            .find(|identifier| claimed.contains_key(*identifier))
        {
            Some(identifier) => Err(Error::new(
                ErrorKind::BreakRevertIdFailed,
                format!("another operation is about to give {identifier} to a disk"),
            )
            .with_hint("wait for it to end: vss watch")),
            None => Ok(((), given)),
        }
    })?;
    let mut audit = AuditRecord::new(id, OperationKind::Undo, SetId::NULL, started);
    audit.undone = Some(operation);
    if targets.iter().all(|target| target.already) {
        audit.note("already so: the disks are as they were before that operation");
    }
    audit.disks = targets
        .iter()
        .map(|target| {
            Ok(DiskReport {
                lun: target.undo.lun.clone(),
                original: target.original.clone(),
                provider: target.undo.provider,
                information: target.undo.information.clone(),
                device: Some(target.presented.lun.device.clone()),
                outcome: if target.already {
                    "already so"
                } else {
                    "put back"
                }
                .to_owned(),
                before: Some(target.now.identity().clone()),
                after: Some(after(target)?.identity().clone()),
                patch: if target.already {
                    disk_identity::Patch::default()
                } else {
                    target.undo.patch.clone()
                },
                read_only_before: Some(target.read_only),
                read_only_after: target.undo.read_only.or(Some(target.read_only)),
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    // A disk that is as it was already takes no part: a failure elsewhere must not turn it back.
    let disks: Vec<UndoDisk> = targets
        .iter()
        .filter(|target| !target.already)
        .map(|target| target.undo.clone())
        .collect();
    engine.begin(&JournalEntry {
        operation: id,
        set: SetId::NULL,
        started,
        intent: Intent::Undo {
            operation,
            disks: disks.clone(),
        },
    })?;
    carry_out(engine, &presented, &disks, audit)
}

fn target(engine: &Engine, presented: &[Presented], disk: &DiskReport) -> Result<Target, Error> {
    let found = find_lun(presented, disk.provider, &disk.information).ok_or_else(|| {
        Error::new(
            ErrorKind::ObjectNotFound,
            format!("LUN {} is not visible on this host", disk.lun),
        )
        .with_hint(format!("present it first: vss lun unmask {}", disk.lun))
    })?;
    if let Some(set) = engine.catalogue().set_of_lun(&found.lun.name)? {
        return Err(Error::new(
            ErrorKind::BadState,
            format!(
                "LUN {} carries copies of shadow copy set {set}",
                found.lun.name
            ),
        )
        .with_hint("break the set first; what the break changes can be undone"));
    }
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not read {}", found.lun.device.display()),
        )
        .with_source(error)
    };
    let device = engine
        .host
        .open(&found.lun.device)
        .map_err(|error| failed(error.into()))?;
    let now = observe(&*device, SectorSize::try_from(found.lun.sector_size).ok())
        .map_err(|error| failed(error.into()))?;
    let patch = disk.patch.inverse();
    let read_only = engine
        .host
        .is_read_only(&found.lun.device)
        .map_err(|error| failed(error.into()))?;
    let right_access = disk
        .read_only_before
        .is_none_or(|before| before == read_only);
    let already = match patch
        .state_on(&*device)
        .map_err(|error| failed(error.into()))?
    {
        PatchState::After => right_access,
        PatchState::Before | PatchState::Mixed => false,
        PatchState::Foreign => {
            return Err(Error::new(
                ErrorKind::BadState,
                format!(
                    "the partition table of LUN {} was changed since that operation",
                    disk.lun
                ),
            )
            .with_hint("vss identity show tells what is there now; nothing was touched"));
        }
    };
    Ok(Target {
        undo: UndoDisk {
            lun: found.lun.name.clone(),
            provider: disk.provider,
            information: disk.information.clone(),
            patch,
            read_only: disk.read_only_before,
        },
        read_only,
        presented: found.clone(),
        now,
        already,
        original: disk.original.clone(),
    })
}

fn after(target: &Target) -> Result<Observation, Error> {
    if target.already {
        return Ok(target.now.clone());
    }
    target.now.with_patch(&target.undo.patch).map_err(|error| {
        Error::new(
            ErrorKind::BadState,
            format!("the table of LUN {} cannot be put back", target.undo.lun),
        )
        .with_source(error)
    })
}

/// Identifiers that disks are to bear which do not bear them now.
fn given(targets: &[Target]) -> Result<Vec<Identifier>, Error> {
    let mut given = Vec::new();
    for target in targets {
        let now: HashSet<Identifier> = target.now.identity().ids().collect();
        given.extend(
            after(target)?
                .identity()
                .ids()
                .filter(|id| !now.contains(id)),
        );
    }
    Ok(given)
}

/// What a disk is to bear.
struct Wanted<'a> {
    lun: &'a str,
    device: &'a Path,
    identity: Identity,
}

/// No two visible disks may come to bear one identity.
fn refuse_collisions(
    engine: &Engine,
    presented: &[Presented],
    wanted: &[Wanted<'_>],
) -> Result<(), Error> {
    let others = world::others(&*engine.host, presented, |disk| {
        wanted.iter().any(|one| one.device == disk.lun.device)
    })?;
    for one in wanted {
        let bearer = others.iter().find(|other| {
            other
                .identity
                .as_ref()
                .is_some_and(|identity| identity.is_bearer_of_any(&one.identity))
        });
        if let Some(bearer) = bearer {
            return Err(Error::new(
                ErrorKind::BreakRevertIdFailed,
                format!(
                    "LUN {} cannot get its identity back: {} bears it",
                    one.lun,
                    bearer.device.display()
                ),
            )
            .with_hint(format!(
                "mask that disk first: vss lun mask {}",
                bearer.name
            )));
        }
    }
    Ok(())
}

/// Writes the disks and records the end. Repeatable.
fn carry_out(
    engine: &Engine,
    presented: &[Presented],
    disks: &[UndoDisk],
    mut audit: AuditRecord,
) -> Result<AuditRecord, Error> {
    let quiet = Quiet::default();
    let results = parallel::map(disks, |disk| write(engine, presented, disk, &quiet));
    let mut first = None;
    for (disk, result) in disks.iter().zip(results) {
        if let Err(error) = result {
            audit.note(format!("LUN {}: {}", disk.lun, error.chain()));
            first = first.or(Some(error));
        }
    }
    if first.is_some() {
        // On every disk or on none.
        take_back(engine, presented, disks, &mut audit, &quiet);
    }
    if let Some(error) = &first {
        audit.failed(error);
    }
    engine.finish(SetId::NULL, &[], &mut audit)?;
    first.map_or(Ok(audit), Err)
}

/// Has every disk be as it was before the undo, where it can be reached; the record says which is.
fn take_back(
    engine: &Engine,
    presented: &[Presented],
    disks: &[UndoDisk],
    audit: &mut AuditRecord,
    quiet: &Quiet,
) {
    let backs = parallel::map(disks, |disk| {
        write_patch(engine, presented, disk, &disk.patch.inverse(), quiet)
    });
    // Half changed, and whether they can be reached.
    let mut half = HashMap::new();
    for (disk, back) in disks.iter().zip(backs) {
        if let Err(error) = back {
            let found = find_lun(presented, disk.provider, &disk.information);
            let reached = world::check_reachable(&*engine.host, &disk.lun, found, None).is_ok();
            half.insert(disk.lun.as_str(), reached);
            audit.note(format!(
                "LUN {} {}: {}; left to do:\n{}",
                disk.lun,
                in_words(reached),
                error.chain(),
                disk.patch
            ));
        }
    }
    let mut notes = Vec::new();
    for line in &mut audit.disks {
        line.after.clone_from(&line.before);
        line.read_only_after = line.read_only_before;
        let half = half.get(line.lun.as_str()).copied();
        if half == Some(false) {
            line.read_only_after = None;
        } else if let Some(disk) = disks.iter().find(|disk| disk.lun == line.lun)
            && let Err(error) = put_access_back(engine, disk, line)
        {
            notes.push(format!("LUN {}: {}", disk.lun, error.chain()));
            line.read_only_after = None;
        }
        if let Some(reached) = half {
            // The patch stays on record, so that it can be put right.
            in_words(reached).clone_into(&mut line.outcome);
            line.after = None;
        } else {
            "not changed".clone_into(&mut line.outcome);
            line.patch = disk_identity::Patch::default();
        }
    }
    for note in notes {
        audit.note(note);
    }
}

/// What became of a disk that could not be put back: of one that cannot be reached nobody knows.
const fn in_words(reached: bool) -> &'static str {
    if reached {
        "half changed"
    } else {
        "may be half changed"
    }
}

/// Has a disk be read-only or not as it was before its undo, where that is known.
fn put_access_back(engine: &Engine, disk: &UndoDisk, line: &DiskReport) -> Result<(), Error> {
    let Some(read_only) = line.read_only_before else {
        return Ok(());
    };
    let device = line.device.as_ref().ok_or_else(|| failed("find", disk))?;
    set_access(engine, disk, device, read_only)
}

fn write(
    engine: &Engine,
    presented: &[Presented],
    disk: &UndoDisk,
    quiet: &Quiet,
) -> Result<(), Error> {
    let device = write_patch(engine, presented, disk, &disk.patch, quiet)?;
    match disk.read_only {
        Some(read_only) => set_access(engine, disk, &device, read_only),
        None => Ok(()),
    }
}

/// Has a disk be read-only or not, now and, where its undo says so at all, for its storage too.
fn set_access(
    engine: &Engine,
    disk: &UndoDisk,
    device: &Path,
    read_only: bool,
) -> Result<(), Error> {
    if disk.read_only.is_some() {
        let access = if read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        let lun = std::slice::from_ref(&disk.information);
        providers::set_access(engine, disk.provider, lun, access, &mut Vec::new())?;
    }
    engine
        .host
        .set_read_only(device, read_only)
        .map_err(|error| failed("set the read-only state of", disk).with_source(error))
}

/// Writes a patch to the disk of an undo, wherever it is now; says where that is.
fn write_patch(
    engine: &Engine,
    presented: &[Presented],
    disk: &UndoDisk,
    patch: &Patch,
    quiet: &Quiet,
) -> Result<PathBuf, Error> {
    let device = find_lun(presented, disk.provider, &disk.information)
        .map(|found| found.lun.device.clone())
        .ok_or_else(|| failed("find", disk))?;
    let open = engine
        .host
        .open_for_update(&device, quiet)
        .map_err(|error| failed("open", disk).with_source(error))?;
    patch
        .apply(&*open)
        .map_err(|error| failed("write the table of", disk).with_source(error))?;
    Ok(device)
}

fn failed(step: &str, disk: &UndoDisk) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("could not {step} LUN {}", disk.lun),
    )
}
