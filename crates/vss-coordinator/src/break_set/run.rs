//! Carrying out a break (spec: break §6.2).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use disk_identity::{Patch, SectorSize, observe};
use vss_model::{
    BreakFlags, Disposition, Error, ErrorKind, IdentityRevert, OperationId, SnapshotId, Timestamp,
};
use vss_provider::Method;
use vss_service::{
    AuditRecord, BreakPlan, CopyRecord, DiskReport, DiskStage, IdentityDecision, LunRecord, Notice,
    OperationKind, SetRecord,
};

use super::convert::convert;
use super::plan::{BreakFacts, DiskFacts, given, plan_break};
use crate::catalogue::JournalEntry;
use crate::copies;
use crate::engine::Engine;
use crate::host::Quiet;
use crate::intent::Intent;
use crate::job::{Job, JobFailure};
use crate::parallel;
use crate::providers;
use crate::world::{self, Presented, VisibleDisk, find, is_lun};

/// A break that passed the checks of the call.
#[derive(Debug)]
pub(crate) struct BreakRequest {
    pub(crate) operation: OperationId,
    pub(crate) set: SetRecord,
    pub(crate) flags: BreakFlags,
    pub(crate) started: Timestamp,
    /// True when a later start carries it out.
    pub(crate) recovered: bool,
}

/// How a break ended once it had passed the point of no return.
pub(super) struct Ending {
    /// Copies that are no shadow copies any more.
    pub(super) gone: Vec<SnapshotId>,
    pub(super) result: Result<(), Error>,
}

impl Ending {
    pub(super) fn broken(set: &SetRecord, result: Result<(), Error>) -> Self {
        Self {
            gone: set.copies.iter().map(|copy| copy.id()).collect(),
            result,
        }
    }

    pub(super) const fn stays(error: Error) -> Self {
        Self {
            gone: Vec::new(),
            result: Err(error),
        }
    }
}

/// What a dry run shows: the plan, or the error that the break would end with.
pub(crate) fn dry_run(
    engine: &Engine,
    set: &SetRecord,
    flags: BreakFlags,
) -> Result<BreakPlan, Error> {
    let (disks, visible) = gather(engine, set, flags)?;
    plan_break(
        &BreakFacts {
            set,
            disks,
            visible: &visible,
            claimed: &HashMap::new(),
        },
        flags,
    )
}

/// Runs a break to its end, which the catalogue records whatever it is.
pub(crate) fn run(
    engine: &Arc<Engine>,
    request: &BreakRequest,
    job: &Job,
) -> Result<AuditRecord, JobFailure> {
    let mut audit = AuditRecord::new(
        request.operation,
        OperationKind::Break,
        request.set.set_id,
        request.started,
    );
    audit.flags = Some(request.flags);
    audit.recovered = request.recovered;
    job.set_disks(request.set.luns.iter().map(|lun| lun.name.clone()));
    // Until the end is on record.
    let quiet = Quiet::default();
    let ending = match attempt(engine, request, job, &mut audit, &quiet) {
        Ok(ending) => ending,
        Err(JobFailure::Cancelled) => {
            audit.code = vss_model::ResultCode::VSS_S_ASYNC_CANCELLED;
            engine.finish(request.set.set_id, &[], &mut audit)?;
            return Err(JobFailure::Cancelled);
        }
        Err(JobFailure::Failed(error)) => Ending::stays(error),
    };
    conclude(engine, &request.set, ending, audit).map_err(JobFailure::Failed)
}

/// Records how a break ended.
pub(super) fn conclude(
    engine: &Engine,
    set: &SetRecord,
    ending: Ending,
    mut audit: AuditRecord,
) -> Result<AuditRecord, Error> {
    audit.copies.clone_from(&ending.gone);
    if let Err(error) = &ending.result {
        audit.failed(error);
    }
    let recorded = engine.finish(set.set_id, &ending.gone, &mut audit);
    ending.result?;
    recorded?;
    Ok(audit)
}

fn attempt(
    engine: &Arc<Engine>,
    request: &BreakRequest,
    job: &Job,
    audit: &mut AuditRecord,
    quiet: &Quiet,
) -> Result<Ending, JobFailure> {
    let BreakRequest {
        operation,
        set,
        flags,
        started,
        ..
    } = request;
    copies::unmount(engine, set.copies.iter().map(CopyRecord::id))?;
    let clock = engine.host.monotonic();
    let (disks, visible) = gather(engine, set, *flags)?;
    audit.step("look at the disks", engine.host.monotonic() - clock);
    job.check_cancel()?;

    let clock = engine.host.monotonic();
    let devices: Vec<PathBuf> = disks.iter().map(|disk| disk.device.clone()).collect();
    let (plan, _claim) = engine.claim(*operation, |claimed| {
        let plan = plan_break(
            &BreakFacts {
                set,
                disks,
                visible: &visible,
                claimed,
            },
            *flags,
        )?;
        let given = given(&plan);
        Ok((plan, given))
    })?;
    audit.step("plan", engine.host.monotonic() - clock);
    audit.disks = disk_reports(set, &plan);
    for disk in &plan.disks {
        if let IdentityDecision::KeptOnCollision(why) = &disk.identity {
            audit.note(format!("LUN {} keeps its identity: {why}", disk.lun));
        }
    }

    let clock = engine.host.monotonic();
    flush(engine, &devices)?;
    audit.step("flush", engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    job.pass_no_return()?;
    engine.begin(&JournalEntry {
        operation: *operation,
        set: set.set_id,
        started: *started,
        intent: Intent::Break {
            plan: Box::new(plan.clone()),
        },
    })?;
    audit.step("record the intent", engine.host.monotonic() - clock);

    if flags.disposition() == Disposition::Mask {
        return Ok(mask(engine, set, &plan, Some(job), audit));
    }
    if let Err(error) = notify(engine, set, &plan, audit) {
        return Ok(Ending::stays(error));
    }
    Ok(convert(engine, set, &plan, Some(job), audit, quiet))
}

/// Finds the set's disks and everything else that the host can see (step 3).
pub(super) fn gather(
    engine: &Engine,
    set: &SetRecord,
    flags: BreakFlags,
) -> Result<(Vec<DiskFacts>, Vec<VisibleDisk>), Error> {
    let presented = world::presented(&engine.providers)?;
    let masking = flags.disposition() == Disposition::Mask;
    let found = parallel::map(&set.luns, |lun| {
        let presented = find(&presented, lun)?;
        Some(look(engine, lun, presented))
    });
    let mut disks = Vec::with_capacity(found.len());
    for disk in found.into_iter().flatten() {
        match disk {
            Ok(disk) => disks.push(disk),
            // Masking reads nothing, so a damaged table is no obstacle to it.
            Err(_) if masking => {}
            Err(error) => return Err(error),
        }
    }
    let visible = if masking || flags.identity() == IdentityRevert::None {
        Vec::new()
    } else {
        bystanders(engine, set, &presented)?
    };
    Ok((disks, visible))
}

/// All visible disks that are not of the set.
pub(super) fn bystanders(
    engine: &Engine,
    set: &SetRecord,
    presented: &[Presented],
) -> Result<Vec<VisibleDisk>, Error> {
    world::others(&*engine.host, presented, |disk| {
        set.luns.iter().any(|lun| is_lun(disk, lun))
    })
}

pub(super) fn look(
    engine: &Engine,
    lun: &LunRecord,
    presented: &Presented,
) -> Result<DiskFacts, Error> {
    let device = &presented.lun.device;
    let failed = |step: &str| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not {step} LUN {} ({})", lun.name, device.display()),
        )
    };
    let disk = engine
        .host
        .open(device)
        .map_err(|error| failed("open").with_source(error))?;
    let observation = observe(&*disk, SectorSize::try_from(lun.sector_size).ok())
        .map_err(|error| failed("read the partition table of").with_source(error))?;
    Ok(DiskFacts {
        lun: lun.name.clone(),
        device: device.clone(),
        read_only: engine
            .host
            .is_read_only(device)
            .map_err(|error| failed("read the state of").with_source(error))?,
        observation,
    })
}

fn flush(engine: &Engine, devices: &[PathBuf]) -> Result<(), Error> {
    parallel::map(devices, |device| {
        engine
            .host
            .open(device)
            .and_then(|disk| disk.sync())
            .map_err(|error| {
                Error::new(
                    ErrorKind::Unexpected,
                    format!("could not flush {}", device.display()),
                )
                .with_source(error)
            })
    })
    .into_iter()
    .collect()
}

pub(super) fn disk_reports(set: &SetRecord, plan: &BreakPlan) -> Vec<DiskReport> {
    set.luns
        .iter()
        .filter_map(|lun| {
            let disk = plan.disks.iter().find(|disk| disk.lun == lun.name)?;
            Some(DiskReport {
                lun: lun.name.clone(),
                original: Some(lun.original_name.clone()),
                provider: lun.provider_id,
                information: lun.snapshot.clone(),
                device: Some(disk.device.clone()),
                outcome: disk.identity.to_string(),
                before: disk.before.clone(),
                after: disk.before.clone(),
                patch: Patch::default(),
                read_only_before: Some(disk.read_only_before),
                read_only_after: Some(disk.read_only_before),
            })
        })
        .collect()
}

/// Tells the providers, copy by copy (step 7a or 7b).
fn tell(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    audit: &mut AuditRecord,
    mut told: impl FnMut(&Notice),
) -> Result<(), Error> {
    for notice in &plan.notices {
        let luns: Vec<&LunRecord> = notice
            .luns
            .iter()
            .filter_map(|name| set.luns.iter().find(|lun| lun.name == *name))
            .collect();
        let Some(first) = luns.first() else { continue };
        let provider = engine.providers.get_hardware(first.provider_id)?;
        // A provider without the Ex interface is not told; masking was refused by the call.
        let Some(ex) = provider.ex() else { continue };
        let snapshots: Vec<_> = luns.iter().map(|lun| lun.snapshot.clone()).collect();
        let originals: Vec<_> = luns.iter().map(|lun| lun.original.clone()).collect();
        providers::call(
            &provider.properties(),
            Method::OnLunStateChange,
            &mut audit.events,
            || ex.on_lun_state_change(&snapshots, &originals, notice.flag),
        )?;
        told(notice);
    }
    Ok(())
}

/// Tells that the disks will become writable (step 7b).
pub(super) fn notify(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    audit: &mut AuditRecord,
) -> Result<(), Error> {
    if plan.notices.is_empty() {
        return Ok(());
    }
    let clock = engine.host.monotonic();
    let result = tell(engine, set, plan, audit, |_| {});
    audit.step("notify the provider", engine.host.monotonic() - clock);
    result
}

/// Has the disks masked and sees that they are gone (step 7a).
pub(super) fn mask(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    job: Option<&Job>,
    audit: &mut AuditRecord,
) -> Ending {
    let clock = engine.host.monotonic();
    let told = tell(engine, set, plan, audit, |notice| {
        for lun in &notice.luns {
            stage(job, lun, DiskStage::Working);
        }
    });
    audit.step("mask the disks", engine.host.monotonic() - clock);
    let presented = match world::presented(&engine.providers) {
        Ok(presented) => presented,
        Err(error) => return Ending::stays(told.err().unwrap_or(error)),
    };
    let is_gone = |name: &String| {
        set.luns
            .iter()
            .find(|lun| lun.name == *name)
            .is_none_or(|lun| find(&presented, lun).is_none())
    };
    for disk in &mut audit.disks {
        if is_gone(&disk.lun) {
            disk.device = None;
            stage(job, &disk.lun, DiskStage::Done);
        } else {
            stage(job, &disk.lun, DiskStage::Failed);
        }
    }
    let gone: Vec<SnapshotId> = set
        .copies
        .iter()
        .filter(|copy| copy.luns.iter().all(is_gone))
        .map(|copy| copy.id())
        .collect();
    copies::forget_names(engine, &gone);
    let result = told.and_then(|()| {
        if gone.len() == set.copies.len() {
            return Ok(());
        }
        let left = set.luns.iter().find(|lun| !is_gone(&lun.name));
        Err(Error::new(
            ErrorKind::UnexpectedProviderError,
            format!(
                "the provider masked the disks, but LUN {} is still there",
                left.map_or("?", |lun| lun.name.as_str())
            ),
        ))
    });
    Ending { gone, result }
}

pub(super) fn stage(job: Option<&Job>, lun: &str, stage: DiskStage) {
    if let Some(job) = job {
        job.disk_stage(lun, stage);
    }
}
