//! Finishing a break that a crash cut off past its point of no return (spec: break §6.2).

use std::sync::Arc;

use disk_identity::PatchState;
use vss_model::{Disposition, Error};
use vss_service::{AuditRecord, BreakPlan, DiskPlan, LunRecord, OperationKind, SetRecord};

use super::convert::{Devices, convert, is_overtaken, take_back};
use super::run::{self, BreakRequest, conclude, disk_reports, mask};
use crate::catalogue::JournalEntry;
use crate::copies;
use crate::engine::Engine;
use crate::host::Quiet;
use crate::job::{Job, JobFailure, OperationHead};
use crate::operations::Listeners;
use crate::world::{self, find};

/// Finishes the break from its intent; where the world no longer allows it, takes it back and breaks
/// the set anew, which gives the error or the plan that fits.
pub(crate) fn recover(
    engine: &Arc<Engine>,
    entry: &JournalEntry,
    set: &SetRecord,
    plan: &BreakPlan,
) -> Result<AuditRecord, Error> {
    let mut audit = AuditRecord::new(
        entry.operation,
        OperationKind::Break,
        entry.set,
        entry.started,
    );
    audit.flags = Some(plan.flags);
    audit.recovered = true;
    audit.disks = disk_reports(set, plan);
    if plan.flags.disposition() == Disposition::Mask {
        let ending = mask(engine, set, plan, None, &mut audit);
        return conclude(engine, set, ending, audit);
    }
    // A reboot withdraws copies; one that nobody looks at may be half changed.
    let mut refusals = copies::present_missing(engine, set, &mut audit.events);
    let presented = world::presented(&engine.providers)?;
    for lun in set.luns.iter().filter(|lun| is_changed(plan, lun)) {
        let refusal = refusals.remove(&lun.name);
        world::check_reachable(&*engine.host, &lun.name, find(&presented, lun), refusal)?;
    }
    // The provider is told before the first write, so once anything is written it has agreed.
    let begun = set.luns.iter().any(|lun| {
        let Some(disk) = plan.disks.iter().find(|disk| disk.lun == lun.name) else {
            return false;
        };
        let Some(found) = find(&presented, lun) else {
            return false;
        };
        has_begun(engine, disk, found)
    });
    let quiet = Quiet::default();
    if begun && !is_overtaken(engine, set, plan, &presented)? {
        let ending = convert(engine, set, plan, None, &mut audit, &quiet);
        return conclude(engine, set, ending, audit);
    }
    if begun {
        take_back(engine, set, plan, &Devices::find(set, &presented, &quiet))?;
    }
    let request = BreakRequest {
        operation: entry.operation,
        set: set.clone(),
        flags: plan.flags,
        started: entry.started,
        recovered: true,
    };
    // Nobody waits for it.
    let job = Job::new(
        OperationHead {
            operation: entry.operation,
            kind: OperationKind::Break,
            set: entry.set,
            started: entry.started,
            flags: Some(plan.flags),
            undone: None,
            copies: set.copies.iter().map(|copy| copy.id()).collect(),
        },
        Listeners::default(),
    );
    match run::run(engine, &request, &job) {
        Ok(audit) => Ok(audit),
        Err(JobFailure::Failed(error)) => Err(error),
        Err(JobFailure::Cancelled) => Err(Error::new(
            vss_model::ErrorKind::Unexpected,
            "a recovery was cancelled, which nobody can do",
        )),
    }
}

/// True when the plan writes to this LUN.
fn is_changed(plan: &BreakPlan, lun: &LunRecord) -> bool {
    plan.disks
        .iter()
        .any(|disk| disk.lun == lun.name && !(disk.patch.is_empty() && disk.fallback.is_empty()))
}

/// True when anything of the plan may be on the disk already.
fn has_begun(engine: &Engine, disk: &DiskPlan, found: &world::Presented) -> bool {
    let device = &found.lun.device;
    let read_only = engine.host.is_read_only(device).ok();
    if read_only.is_some_and(|now| now != disk.read_only_before) {
        return true;
    }
    let Ok(open) = engine.host.open(device) else {
        return false;
    };
    [&disk.patch, &disk.fallback]
        .into_iter()
        .filter(|patch| !patch.is_empty())
        .any(|patch| !matches!(patch.state_on(&*open), Ok(PatchState::Before)))
}
