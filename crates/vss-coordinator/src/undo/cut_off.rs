//! Undos that a crash cut off: finished, or, on demand, given up.

use std::path::PathBuf;

use disk_identity::{Identifier, SectorSize, observe};
use vss_model::{Error, ErrorKind, OperationId, SetId};
use vss_service::{AuditRecord, DiskReport, Event, OperationKind};

use super::{Wanted, carry_out, refuse_collisions, take_back};
use crate::catalogue::JournalEntry;
use crate::engine::{Engine, Stuck};
use crate::host::Quiet;
use crate::intent::{Intent, UndoDisk};
use crate::world::{self, Presented, find_lun};

/// Finishes an undo that a crash cut off.
pub(crate) fn recover(
    engine: &Engine,
    entry: &JournalEntry,
    undone: OperationId,
    disks: &[UndoDisk],
) -> Result<AuditRecord, Error> {
    let mut events = Vec::new();
    // A reboot withdraws LUNs; one that nobody looks at may be half changed.
    let (presented, mut refusals) = bring_back(engine, disks, &mut events)?;
    for (disk, refusal) in disks.iter().zip(&mut refusals) {
        let found = find_lun(&presented, disk.provider, &disk.information);
        world::check_reachable(&*engine.host, &disk.lun, found, refusal.take())?;
    }
    let mut audit = record_of(engine, entry, undone, disks, &presented)?;
    audit.events = events;
    carry_out(engine, &presented, disks, audit)
}

/// Gives an undo up that no start could finish: every disk that can be reached is as it was before the undo,
/// and the record names those that cannot.
///
/// # Errors
/// `VSS_E_OBJECT_NOT_FOUND` when it is over by now, and `VSS_E_BREAK_REVERT_ID_FAILED` when a disk would come
/// back to an identity that another one bears; it then stays as it is.
pub(crate) fn give_up(engine: &Engine, stuck: &Stuck) -> Result<(), Error> {
    let _alone = engine.undo_right();
    let entries = engine.catalogue().journal()?;
    let entry = entries
        .into_iter()
        .find(|entry| entry.operation == stuck.operation);
    let Some((entry, undone, disks)) = entry.and_then(|entry| match entry.intent.clone() {
        Intent::Undo { operation, disks } => Some((entry, operation, disks)),
        _ => None,
    }) else {
        return Err(Error::new(
            ErrorKind::ObjectNotFound,
            format!("no undo {} is cut off", stuck.operation),
        )
        .with_hint("vss history tells how it ended"));
    };
    let mut events = Vec::new();
    let (presented, _) = bring_back(engine, &disks, &mut events)?;
    let reachable = as_before(engine, &presented, &disks);
    refuse_collisions(engine, &presented, &reachable)?;
    let mut audit = record_of(engine, &entry, undone, &disks, &presented)?;
    audit.events = events;
    take_back(engine, &presented, &disks, &mut audit, &Quiet::default());
    audit.failed(
        &Error::new(ErrorKind::Unexpected, "it was given up: it was cancelled")
            .with_source(Error::clone(&stuck.error)),
    );
    engine.finish(SetId::NULL, &[], &mut audit)?;
    engine.give_up(stuck.operation);
    Ok(())
}

/// The disks that can be read, and who they were before the undo.
fn as_before<'a>(
    engine: &Engine,
    presented: &'a [Presented],
    disks: &'a [UndoDisk],
) -> Vec<Wanted<'a>> {
    let who = |disk: &UndoDisk, found: &Presented| {
        let open = engine.host.open(&found.lun.device).ok()?;
        let now = observe(&*open, SectorSize::try_from(found.lun.sector_size).ok()).ok()?;
        let before = now.with_patch(&disk.patch.inverse()).ok()?;
        Some(before.identity().clone())
    };
    disks
        .iter()
        .filter_map(|disk| {
            let found = find_lun(presented, disk.provider, &disk.information)?;
            Some(Wanted {
                lun: &disk.lun,
                device: &found.lun.device,
                identity: who(disk, found)?,
            })
        })
        .collect()
}

/// Identifiers that disks had before an operation, which its undo puts back on these, and those that they have
/// from it, to which they return when the undo is given up.
pub(crate) fn claims(
    engine: &Engine,
    operation: OperationId,
    disks: &[UndoDisk],
) -> Vec<Identifier> {
    // The undo began with this record; without it nobody can say more.
    let Ok(Some(record)) = engine.catalogue().audit(operation) else {
        return Vec::new();
    };
    record
        .disks
        .iter()
        .filter(|line| disks.iter().any(|disk| is_line_of(line, disk)))
        .flat_map(|line| [&line.before, &line.after])
        .flatten()
        .flat_map(|identity| identity.ids().collect::<Vec<_>>())
        .collect()
}

fn is_line_of(line: &DiskReport, disk: &UndoDisk) -> bool {
    line.provider == disk.provider && line.information.is_same_lun(&disk.information)
}

/// Presents those disks of an undo that are not on this host. Gives what is presented then, and what the
/// provider of each disk said against it.
fn bring_back(
    engine: &Engine,
    disks: &[UndoDisk],
    events: &mut Vec<Event>,
) -> Result<(Vec<Presented>, Vec<Option<Error>>), Error> {
    let presented = world::presented(&engine.providers)?;
    let refusals = disks
        .iter()
        .map(|disk| {
            let found = find_lun(&presented, disk.provider, &disk.information);
            world::check_reachable(&*engine.host, &disk.lun, found, None).err()?;
            world::locate(&engine.providers, disk.provider, &disk.information, events).err()
        })
        .collect();
    Ok((world::presented(&engine.providers)?, refusals))
}

/// The record of an undo that was cut off, as far as it is known what it began with.
fn record_of(
    engine: &Engine,
    entry: &JournalEntry,
    undone: OperationId,
    disks: &[UndoDisk],
    presented: &[Presented],
) -> Result<AuditRecord, Error> {
    let known = engine.catalogue().audit(undone)?;
    let mut audit = AuditRecord::new(
        entry.operation,
        OperationKind::Undo,
        SetId::NULL,
        entry.started,
    );
    audit.recovered = true;
    audit.undone = Some(undone);
    audit.disks = disks
        .iter()
        .map(|disk| {
            let lines = known.iter().flat_map(|record| &record.disks);
            let line = lines.into_iter().find(|line| is_line_of(line, disk));
            let found = find_lun(presented, disk.provider, &disk.information);
            let device: Option<PathBuf> = found.map(|found| found.lun.device.clone());
            DiskReport {
                lun: disk.lun.clone(),
                original: line.and_then(|line| line.original.clone()),
                provider: disk.provider,
                information: disk.information.clone(),
                device,
                outcome: "put back".to_owned(),
                before: line.and_then(|line| line.after.clone()),
                after: line.and_then(|line| line.before.clone()),
                patch: disk.patch.clone(),
                read_only_before: line.and_then(|line| line.read_only_after),
                read_only_after: disk
                    .read_only
                    .or_else(|| line.and_then(|line| line.read_only_after)),
            }
        })
        .collect();
    Ok(audit)
}
