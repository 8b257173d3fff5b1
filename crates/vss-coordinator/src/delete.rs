//! Deleting copies (spec: requester §5, provider §7).
//!
//! The copies leave the catalogue first, in one transaction with the intent; only then is storage
//! reclaimed, so a crash leaves work to finish and never a record without its copy.

use vss_model::{Error, ErrorKind, OperationId, SetId, SnapshotId, Timestamp};
use vss_provider::Method;
use vss_service::{AuditRecord, CopyRecord, DeleteOutcome, DiskReport, OperationKind, SetRecord};

use crate::catalogue::JournalEntry;
use crate::copies;
use crate::engine::{Engine, Stuck};
use crate::intent::{EmptyLun, Intent};
use crate::job::OperationHead;
use crate::operations::Admitted;
use crate::providers::{self, AnyProvider};
use crate::world::{self, Presented, find};

/// Deletes `copies` of a set, in order, as an admitted operation; and gives a break of the set up that
/// could not be ended.
pub(crate) fn delete(
    engine: &Engine,
    admitted: Admitted,
    set: &SetRecord,
    copies: &[SnapshotId],
    given_up: Option<Stuck>,
) -> Result<DeleteOutcome, Error> {
    let mut outcome = None;
    let job = admitted.job().clone();
    admitted.run(|job| {
        // It cannot be cancelled: the caller waits for it.
        let _ = job.pass_no_return();
        let (record, failure) = carry_out(engine, job.head(), set, copies, given_up.as_ref())?;
        outcome = Some(DeleteOutcome {
            operation: record.operation,
            deleted: u32::try_from(record.copies.len()).unwrap_or(u32::MAX),
            failure: failure.clone(),
        });
        match failure {
            None => Ok(record),
            Some((_, error)) => Err(error.into()),
        }
    });
    match outcome {
        Some(outcome) => Ok(outcome),
        None => match job.result() {
            Err(error) => Err(error),
            Ok(record) => Ok(outcome_of(record)),
        },
    }
}

/// The outcome of a deletion that is on record.
pub(crate) fn outcome_of(record: AuditRecord) -> DeleteOutcome {
    DeleteOutcome {
        operation: record.operation,
        deleted: u32::try_from(record.copies.len()).unwrap_or(u32::MAX),
        failure: record.failed_copy.map(|copy| {
            let error = Error::new(
                ErrorKind::from_code(record.code).unwrap_or(ErrorKind::Unexpected),
                record.error.unwrap_or_default(),
            );
            let error = match record.hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            };
            (copy, error)
        }),
    }
}

/// The record of the deletion, and the copy at which it stopped.
fn carry_out(
    engine: &Engine,
    head: &OperationHead,
    set: &SetRecord,
    copies: &[SnapshotId],
    given_up: Option<&Stuck>,
) -> Result<(AuditRecord, Option<(SnapshotId, Error)>), Error> {
    let OperationHead {
        operation, started, ..
    } = *head;
    let mut audit = AuditRecord::new(operation, OperationKind::Delete, set.set_id, started);
    let mut gone: Vec<SnapshotId> = Vec::new();
    let mut failure = None;

    copies::unmount(engine, copies.iter().copied())?;
    // A software provider can refuse, so its copies are deleted one by one before they are forgotten.
    let mut hardware = Vec::new();
    for id in copies {
        let Some(copy) = set.copies.iter().find(|copy| copy.id() == *id) else {
            continue;
        };
        match engine.providers.get(copy.properties.provider_id)? {
            AnyProvider::Hardware(_) => hardware.push(*id),
            AnyProvider::Software(provider) => {
                let entry = JournalEntry {
                    operation,
                    set: set.set_id,
                    started,
                    intent: Intent::Delete {
                        empty_luns: Vec::new(),
                        software_copies: vec![(copy.properties.provider_id, *id)],
                        copies: vec![*id],
                    },
                };
                engine.begin(&entry)?;
                let deleted = providers::call(
                    &provider.properties(),
                    Method::DeleteSnapshots,
                    &mut audit.events,
                    || provider.delete_snapshot(*id),
                );
                if let Err(error) = deleted {
                    failure = Some((*id, error));
                    break;
                }
                gone.push(*id);
            }
        }
    }
    if failure.is_none() && !hardware.is_empty() {
        let presented = world::presented(&engine.providers)?;
        copies::refuse_used(engine, &presented, set, &hardware)?;
        let luns = empty_luns(&presented, set, &hardware, &gone);
        let entry = JournalEntry {
            operation,
            set: set.set_id,
            started,
            intent: Intent::Delete {
                empty_luns: luns.clone(),
                software_copies: Vec::new(),
                copies: hardware.clone(),
            },
        };
        // From here on the copies are no copies, and a break of them that was cut off is over.
        let over = given_up.map(|stuck| record_of(engine, stuck));
        engine
            .catalogue()
            .forget_copies(&hardware, &entry, over.as_ref())?;
        if let Some(stuck) = given_up {
            engine.give_up(stuck.operation);
        }
        reclaim(engine, &luns, &mut audit);
        gone.extend(hardware);
    }
    copies::forget_names(engine, &gone);
    audit.copies.clone_from(&gone);
    if let Some((copy, error)) = &failure {
        audit.failed(error);
        audit.failed_copy = Some(*copy);
    }
    engine.finish(set.set_id, &gone, &mut audit)?;
    Ok((audit, failure))
}

/// The record of a break that is given up.
fn record_of(engine: &Engine, stuck: &Stuck) -> AuditRecord {
    let mut audit = AuditRecord::new(stuck.operation, stuck.kind, stuck.set, stuck.started);
    audit.recovered = true;
    audit.finished = engine.host.now();
    audit.failed(
        &Error::new(
            ErrorKind::Unexpected,
            "it was given up: its set was deleted",
        )
        .with_source(Error::clone(&stuck.error)),
    );
    audit
}

/// LUNs on which no copy is left once `going` and `gone` are.
fn empty_luns(
    presented: &[Presented],
    set: &SetRecord,
    going: &[SnapshotId],
    gone: &[SnapshotId],
) -> Vec<EmptyLun> {
    let stays = |copy: &&CopyRecord| !going.contains(&copy.id()) && !gone.contains(&copy.id());
    set.luns
        .iter()
        .filter(|lun| {
            !set.copies
                .iter()
                .filter(stays)
                .any(|copy| copy.luns.contains(&lun.name))
        })
        .map(|lun| {
            let found = find(presented, lun);
            EmptyLun {
                name: lun.name.clone(),
                provider: lun.provider_id,
                device: found.map_or_else(|| lun.device.clone(), |p| p.lun.device.clone()),
                information: lun.snapshot.clone(),
            }
        })
        .collect()
}

/// Tells the providers that the LUNs are empty: best effort, every failure an event.
pub(crate) fn reclaim(engine: &Engine, luns: &[EmptyLun], audit: &mut AuditRecord) {
    for lun in luns {
        let provider = match engine.providers.get_hardware(lun.provider) {
            Ok(provider) => provider,
            Err(error) => {
                audit.note(format!("LUN {} stays: {}", lun.name, error.chain()));
                continue;
            }
        };
        let mut information = lun.information.clone();
        let properties = provider.properties();
        let _ = providers::call(
            &properties,
            Method::FillInLunInfo,
            &mut audit.events,
            || provider.fill_in_lun_info(&lun.device, &mut information),
        );
        // What was recorded names the LUN, whatever the provider filled in.
        let told = providers::call(&properties, Method::OnLunEmpty, &mut audit.events, || {
            provider.on_lun_empty(&lun.device, &lun.information)
        });
        audit.disks.push(DiskReport {
            lun: lun.name.clone(),
            original: None,
            provider: lun.provider,
            information: lun.information.clone(),
            device: None,
            outcome: match told {
                Ok(()) => "deleted".to_owned(),
                Err(error) => format!("not reclaimed: {}", error.chain()),
            },
            before: None,
            after: None,
            patch: disk_identity::Patch::default(),
            read_only_before: None,
            read_only_after: None,
        });
    }
}

/// Finishes a deletion that a crash cut off.
pub(crate) fn recover(
    engine: &Engine,
    operation: OperationId,
    set: SetId,
    started: Timestamp,
    intent: (
        &[EmptyLun],
        &[(vss_model::ProviderId, SnapshotId)],
        &[SnapshotId],
    ),
) -> Result<AuditRecord, Error> {
    let (luns, software_copies, copies) = intent;
    let mut audit = AuditRecord::new(operation, OperationKind::Delete, set, started);
    audit.recovered = true;
    for (provider, copy) in software_copies {
        let Ok(AnyProvider::Software(provider)) = engine.providers.get(*provider) else {
            return Err(Error::new(
                ErrorKind::ProviderNotRegistered,
                format!("provider {provider} of a copy being deleted is not registered"),
            ));
        };
        // A copy that it will not delete stays in the catalogue.
        if let Err(error) = providers::call(
            &provider.properties(),
            Method::DeleteSnapshots,
            &mut audit.events,
            || provider.delete_snapshot(*copy),
        ) {
            audit.failed(&error);
            engine.finish(set, &[], &mut audit)?;
            return Ok(audit);
        }
    }
    reclaim(engine, luns, &mut audit);
    copies::forget_names(engine, copies);
    audit.copies = copies.to_vec();
    engine.finish(set, copies, &mut audit)?;
    Ok(audit)
}
