//! What a start does first: every intent that a crash left in the journal is finished or undone.

use std::collections::HashMap;
use std::sync::Arc;

use vss_model::{Error, ErrorKind, OperationId, SnapshotAttributes};
use vss_service::{AuditRecord, OperationKind, SetRecord, SetState};

use crate::break_set;
use crate::catalogue::{Catalogue, JournalEntry};
use crate::create;
use crate::delete;
use crate::engine::{Engine, Stuck};
use crate::host::Host;
use crate::intent::Intent;
use crate::job::OperationHead;
use crate::undo;

/// What was let go of, in words, by the creation that had it at rest.
pub(crate) type LetGo = HashMap<OperationId, Vec<String>>;

/// Lets go of everything that a creation may have left frozen or suspended.
pub(crate) fn let_go(host: &dyn Host, catalogue: &Catalogue) -> Result<LetGo, Error> {
    let mut told = LetGo::new();
    for entry in catalogue.journal()? {
        if let Intent::Create { ground, .. } = &entry.intent
            && !ground.is_empty()
        {
            told.insert(entry.operation, host.let_go(ground));
        }
    }
    Ok(told)
}

/// Finishes or undoes everything that was cut off, oldest first; then releases the copies whose
/// requester is gone. Gives the record of each operation that it ended; what it could not end is set aside.
pub(crate) fn recover(engine: &Arc<Engine>, mut let_go: LetGo) -> Result<Vec<AuditRecord>, Error> {
    let entries = engine.catalogue().journal()?;
    let mut ended = Vec::with_capacity(entries.len());
    for entry in &entries {
        let notes = let_go.remove(&entry.operation).unwrap_or_default();
        let result = end(engine, entry, notes);
        // An operation that could be ended, even badly, left a record; one that could not stays in
        // the journal, and nobody else touches its disks.
        let recorded = engine.catalogue().audit(entry.operation)?;
        match (result, recorded) {
            (_, Some(record)) => ended.push(record),
            (Ok(record), None) => ended.push(record),
            // What cannot be cleared away now harms nobody: the set was never seen. The next start
            // tries again.
            (Err(_), None) if matches!(entry.intent, Intent::Create { .. }) => {}
            (Err(error), None) => set_aside(engine, entry, error),
        }
    }
    release_orphans(engine)?;
    Ok(ended)
}

fn set_aside(engine: &Engine, entry: &JournalEntry, error: Error) {
    let of = if entry.set.is_null() {
        String::new()
    } else {
        format!(" of set {}", entry.set)
    };
    let what = format!(
        "the {}{of} that was cut off (operation {}) cannot be ended yet",
        entry.intent.kind().name(),
        entry.operation
    );
    let mut hint = "mend the cause and start the service again, which ends it first".to_owned();
    match entry.intent {
        Intent::Break { .. } => {
            hint.push_str(&format!("; or give it up: vss delete {}", entry.set));
        }
        Intent::Undo { .. } => {
            hint.push_str(&format!("; or give it up: vss cancel {}", entry.operation));
        }
        _ => {}
    }
    let (ids, luns) = match &entry.intent {
        Intent::Break { plan } => (break_set::given(plan), Vec::new()),
        Intent::Undo { operation, disks } => (
            undo::claims(engine, *operation, disks),
            disks.iter().map(|disk| disk.information.clone()).collect(),
        ),
        _ => (Vec::new(), Vec::new()),
    };
    let stuck = Stuck {
        operation: entry.operation,
        kind: entry.intent.kind(),
        started: entry.started,
        set: entry.set,
        luns,
        error: Arc::new(
            Error::new(ErrorKind::BadState, what)
                .with_hint(hint)
                .with_source(error),
        ),
    };
    engine.set_aside(stuck, ids);
}

fn end(
    engine: &Arc<Engine>,
    entry: &JournalEntry,
    notes: Vec<String>,
) -> Result<AuditRecord, Error> {
    match &entry.intent {
        Intent::Create {
            providers,
            luns,
            software_copies,
            ground: _,
        } => {
            let mut audit = AuditRecord::new(
                entry.operation,
                OperationKind::Create,
                entry.set,
                entry.started,
            );
            audit.recovered = true;
            for note in notes {
                audit.note(note);
            }
            create::abort(
                engine,
                entry.set,
                providers,
                luns,
                software_copies,
                &mut audit,
            )?;
            audit.disks.clear();
            audit.failed(&Error::new(
                ErrorKind::Unexpected,
                "the creation was cut off; nothing of it is left",
            ));
            engine.finish(entry.set, &[], &mut audit)?;
            Ok(audit)
        }
        Intent::Break { plan } => {
            let Some(set) = engine.catalogue().set(entry.set)? else {
                let mut audit = AuditRecord::new(
                    entry.operation,
                    OperationKind::Break,
                    entry.set,
                    entry.started,
                );
                audit.recovered = true;
                audit.failed(&Error::new(
                    ErrorKind::ObjectNotFound,
                    "the set of this break is not in the catalogue",
                ));
                engine.finish(entry.set, &[], &mut audit)?;
                return Ok(audit);
            };
            break_set::recover(engine, entry, &set, plan)
        }
        Intent::Delete {
            empty_luns,
            software_copies,
            copies,
        } => delete::recover(
            engine,
            entry.operation,
            entry.set,
            entry.started,
            (empty_luns, software_copies, copies),
        ),
        Intent::Undo { operation, disks } => undo::recover(engine, entry, *operation, disks),
    }
}

/// Auto-release copies die with their requester, and every requester of an earlier run is gone; copies
/// that are not persistent die with the run of the host.
fn release_orphans(engine: &Arc<Engine>) -> Result<(), Error> {
    let ids = engine.catalogue().set_ids()?;
    for id in ids {
        if engine.is_set_aside(id) {
            continue;
        }
        let Some(set) = engine.catalogue().set(id)? else {
            continue;
        };
        if !set.context.is_auto_release() && !ends_with_boot(engine, &set)? {
            continue;
        }
        let copies: Vec<_> = set.copies.iter().map(|copy| copy.id()).collect();
        let head = OperationHead {
            operation: engine.new_operation(),
            kind: OperationKind::Delete,
            set: id,
            started: engine.host.now(),
            flags: None,
            undone: None,
            copies: copies.clone(),
        };
        delete::delete(engine, engine.admit_own(head)?, &set, &copies, None)?;
    }
    Ok(())
}

/// True for a set that is not persistent, made in an earlier run of the host's kernel.
fn ends_with_boot(engine: &Engine, set: &SetRecord) -> Result<bool, Error> {
    if set.state != SetState::Created
        || set
            .context
            .attributes()
            .contains(SnapshotAttributes::PERSISTENT)
    {
        return Ok(false);
    }
    let boot = engine.catalogue().instant(set.set_id)?.boot;
    Ok(!boot.is_nil() && boot != engine.host.boot())
}
