//! Turning the disks of a set into ordinary ones (spec: break §6.2, steps 7c to 7e).
//!
//! Repeatable: a start after a crash calls it again with the plan from the journal.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use disk_identity::{Identity, Patch, PatchState};
use vss_model::{Error, ErrorKind, IdentityRevert, ProviderId};
use vss_provider::Access;
use vss_service::{
    AuditRecord, BreakPlan, DiskPlan, DiskStage, Event, IdentityDecision, LunRecord, SetRecord,
};

use super::run::{Ending, bystanders, look, stage};
use crate::engine::Engine;
use crate::host::Quiet;
use crate::job::Job;
use crate::parallel;
use crate::providers;
use crate::world::{self, Presented, find};

/// What was written to a disk.
enum Written {
    /// What was planned.
    Planned,
    /// Everything but the identity; says why.
    Fallback(String),
}

/// One disk on its way.
struct Run<'a> {
    disk: &'a DiskPlan,
    lun: &'a LunRecord,
    written: Result<Written, Error>,
}

/// Where the LUNs of the set are now, told by their page 0x83 identifiers.
pub(super) struct Devices<'a> {
    presented: HashMap<String, Presented>,
    quiet: &'a Quiet,
}

impl<'a> Devices<'a> {
    pub(super) fn find(set: &SetRecord, presented: &[Presented], quiet: &'a Quiet) -> Self {
        Self {
            presented: set
                .luns
                .iter()
                .filter_map(|lun| Some((lun.name.clone(), find(presented, lun)?.clone())))
                .collect(),
            quiet,
        }
    }

    fn get(&self, lun: &LunRecord) -> Result<&Presented, Error> {
        self.presented.get(&lun.name).ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                format!("LUN {} is not visible on this host any more", lun.name),
            )
        })
    }
}

pub(super) fn convert(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    job: Option<&Job>,
    audit: &mut AuditRecord,
    quiet: &Quiet,
) -> Ending {
    let all = plan.flags.identity() == IdentityRevert::All;
    // A disk may have arrived since the plan was made.
    let clock = engine.host.monotonic();
    let looked = world::presented(&engine.providers).and_then(|presented| {
        let blocked = collisions(engine, set, plan, &presented)?;
        Ok((Devices::find(set, &presented, quiet), blocked))
    });
    let (devices, blocked) = match looked {
        Ok(found) => found,
        Err(error) => return Ending::stays(error),
    };
    audit.step("look for collisions", engine.host.monotonic() - clock);
    if let (true, Some(first)) = (all, blocked.first()) {
        return roll_back(engine, set, plan, &devices, first.error());
    }

    let clock = engine.host.monotonic();
    let pairs: Vec<(&DiskPlan, &LunRecord)> = plan
        .disks
        .iter()
        .filter_map(|disk| Some((disk, set.luns.iter().find(|lun| lun.name == disk.lun)?)))
        .collect();
    let mut runs = parallel::map(&pairs, |(disk, lun)| {
        stage(job, &disk.lun, DiskStage::Working);
        let written = match blocked.iter().find(|collision| collision.lun == disk.lun) {
            Some(collision) => write(engine, &devices, lun, &disk.fallback)
                .map(|()| Written::Fallback(collision.why.clone())),
            None => write_planned(engine, &devices, disk, lun, all),
        };
        Run { disk, lun, written }
    });
    audit.step("write the tables", engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    let found = world::presented(&engine.providers)
        .and_then(|presented| collisions(engine, set, plan, &presented));
    match found {
        Err(error) => audit.note(format!(
            "could not look for collisions after the change: {}",
            error.chain()
        )),
        Ok(found) => {
            if let (true, Some(first)) = (all, found.first()) {
                return roll_back(engine, set, plan, &devices, first.error());
            }
            for collision in &found {
                for run in &mut runs {
                    if run.disk.lun == collision.lun {
                        fall_back(engine, &devices, run, &collision.why);
                    }
                }
            }
        }
    }
    audit.step("look again", engine.host.monotonic() - clock);
    // All identities or none: one that cannot be written takes the others back.
    if all && runs.iter().any(|run| run.written.is_err()) {
        for run in runs.iter_mut().filter(|run| run.written.is_ok()) {
            fall_back(
                engine,
                &devices,
                run,
                "another disk of the set could not be changed",
            );
        }
    }

    let clock = engine.host.monotonic();
    let lasting = make_lasting(engine, &runs, audit);
    audit.step("make the access last", engine.host.monotonic() - clock);
    let clock = engine.host.monotonic();
    let ends = parallel::map(&runs, |run| match lasting.get(&run.lun.name) {
        Some(error) => Err(Error::new(error.kind(), error.chain())),
        None => complete(engine, &devices, run),
    });
    audit.step("set and check the disks", engine.host.monotonic() - clock);
    let mut first = None;
    for (run, end) in runs.iter().zip(ends) {
        let error = report(run, end, audit);
        let stage_now = if error.is_some() {
            DiskStage::Failed
        } else {
            DiskStage::Done
        };
        stage(job, &run.disk.lun, stage_now);
        first = first.or(error);
    }
    Ending::broken(set, first.map_or(Ok(()), Err))
}

/// A planned identity that a visible disk bears.
struct Collision {
    lun: String,
    why: String,
}

impl Collision {
    fn error(&self) -> Error {
        Error::new(
            ErrorKind::BreakRevertIdFailed,
            format!(
                "LUN {} cannot get the identity of its original: {}",
                self.lun, self.why
            ),
        )
        .with_hint("mask that disk and break the set again")
    }
}

/// Disks of the plan whose new identity another visible disk bears, or whose original is there.
fn collisions(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    presented: &[Presented],
) -> Result<Vec<Collision>, Error> {
    if !plan.disks.iter().any(wants_original) {
        return Ok(Vec::new());
    }
    let visible = bystanders(engine, set, presented)?;
    let mut found = Vec::new();
    for disk in plan.disks.iter().filter(|disk| wants_original(disk)) {
        let (Some(after), Some(lun)) = (
            &disk.after,
            set.luns.iter().find(|lun| lun.name == disk.lun),
        ) else {
            continue;
        };
        let bearer = visible.iter().find(|other| {
            other
                .information
                .as_ref()
                .is_some_and(|information| information.is_same_lun(&lun.original))
                || other
                    .identity
                    .as_ref()
                    .is_some_and(|identity| identity.is_bearer_of_any(after))
        });
        if let Some(bearer) = bearer {
            found.push(Collision {
                lun: disk.lun.clone(),
                why: format!("{} has arrived with it", bearer.device.display()),
            });
        }
    }
    Ok(found)
}

/// True when the plan can no longer be finished as it is: a disk that bears a planned identity has
/// arrived.
pub(super) fn is_overtaken(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    presented: &[Presented],
) -> Result<bool, Error> {
    Ok(!collisions(engine, set, plan, presented)?.is_empty())
}

fn wants_original(disk: &DiskPlan) -> bool {
    matches!(
        disk.identity,
        IdentityDecision::Reverted | IdentityDecision::AlreadyOriginal
    )
}

fn write(
    engine: &Engine,
    devices: &Devices<'_>,
    lun: &LunRecord,
    patch: &Patch,
) -> Result<(), Error> {
    if patch.is_empty() {
        return Ok(());
    }
    let device = &devices.get(lun)?.lun.device;
    let disk = engine
        .host
        .open_for_update(device, devices.quiet)
        .map_err(|error| failed("open", lun, device).with_source(error))?;
    patch
        .apply(&*disk)
        .map_err(|error| failed("write the table of", lun, device).with_source(error))?;
    Ok(())
}

fn failed(step: &str, lun: &LunRecord, device: &Path) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("could not {step} LUN {} ({})", lun.name, device.display()),
    )
}

/// Writes what was planned. Where the identity cannot be written and nobody insists on it, the old
/// one is restored and the rest is written (spec: break §4.4).
fn write_planned(
    engine: &Engine,
    devices: &Devices<'_>,
    disk: &DiskPlan,
    lun: &LunRecord,
    insist: bool,
) -> Result<Written, Error> {
    let error = match write(engine, devices, lun, &disk.patch) {
        Ok(()) => return Ok(Written::Planned),
        Err(error) => error,
    };
    // An earlier run may have left the fallback on it.
    if disk.patch != disk.fallback
        && is_foreign(engine, devices, lun, &disk.patch)
        && write(engine, devices, lun, &disk.fallback.inverse()).is_ok()
        && write(engine, devices, lun, &disk.patch).is_ok()
    {
        return Ok(Written::Planned);
    }
    if insist || disk.patch == disk.fallback {
        // What was written of it goes back, as far as the disk lets us.
        let _ = write(engine, devices, lun, &disk.patch.inverse());
        return Err(error);
    }
    let restored = write(engine, devices, lun, &disk.patch.inverse())
        .and_then(|()| write(engine, devices, lun, &disk.fallback));
    match restored {
        Ok(()) => Ok(Written::Fallback(format!(
            "it could not be written ({})",
            error.chain()
        ))),
        Err(_) => Err(error),
    }
}

/// True when the disk is neither before, nor after, nor in the middle of this patch.
fn is_foreign(engine: &Engine, devices: &Devices<'_>, lun: &LunRecord, patch: &Patch) -> bool {
    devices
        .get(lun)
        .ok()
        .and_then(|found| engine.host.open(&found.lun.device).ok())
        .is_some_and(|disk| matches!(patch.state_on(&*disk), Ok(PatchState::Foreign)))
}

/// Takes the identity back from a disk and leaves the rest of the break on it.
fn fall_back(engine: &Engine, devices: &Devices<'_>, run: &mut Run<'_>, why: &str) {
    if matches!(run.written, Ok(Written::Planned)) {
        run.written = write(engine, devices, run.lun, &run.disk.patch.inverse())
            .and_then(|()| write(engine, devices, run.lun, &run.disk.fallback))
            .map(|()| Written::Fallback(why.to_owned()));
    }
}

/// Takes everything back: the set stays what it was.
pub(super) fn roll_back(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    devices: &Devices<'_>,
    error: Error,
) -> Ending {
    match take_back(engine, set, plan, devices) {
        Ok(()) => Ending::stays(error),
        // Both causes are told; the set is not what it was, so it does not stay.
        Err(rollback) => Ending::broken(
            set,
            Err(Error::new(
                ErrorKind::Unexpected,
                format!(
                    "{}; and taking the change back failed: {}",
                    error.chain(),
                    rollback.chain()
                ),
            )
            .with_hint("compare the disks with `vss history` and repair the one that it names")),
        ),
    }
}

/// Undoes what was written to the disks of the plan, whole or in part.
pub(super) fn take_back(
    engine: &Engine,
    set: &SetRecord,
    plan: &BreakPlan,
    devices: &Devices<'_>,
) -> Result<(), Error> {
    parallel::map(&plan.disks, |disk| {
        match set.luns.iter().find(|lun| lun.name == disk.lun) {
            Some(lun) => write(engine, devices, lun, &disk.patch.inverse()),
            None => Ok(()),
        }
    })
    .into_iter()
    .collect()
}

/// Has the storage remember what the disks are from now on, with one call for each provider and
/// access; gives the error of each LUN for which that failed.
fn make_lasting(
    engine: &Engine,
    runs: &[Run<'_>],
    audit: &mut AuditRecord,
) -> HashMap<String, Arc<Error>> {
    let mut calls: BTreeMap<(ProviderId, bool), Vec<&LunRecord>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.written.is_ok()) {
        calls
            .entry((run.lun.provider_id, run.disk.read_only_after))
            .or_default()
            .push(run.lun);
    }
    let mut failed = HashMap::new();
    for ((provider, read_only), luns) in calls {
        let access = if read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        let infos: Vec<_> = luns.iter().map(|lun| lun.snapshot.clone()).collect();
        let set = providers::set_access(engine, provider, &infos, access, &mut audit.events);
        if let Err(error) = set {
            let error = Arc::new(error);
            failed.extend(
                luns.iter()
                    .map(|lun| (lun.name.clone(), Arc::clone(&error))),
            );
        }
    }
    failed
}

/// Sets the device's own read-only state and checks by reading back (step 7e). Gives who it is now.
fn complete(
    engine: &Engine,
    devices: &Devices<'_>,
    run: &Run<'_>,
) -> Result<Option<Identity>, Error> {
    if run.written.is_err() {
        return Ok(None);
    }
    let presented = devices.get(run.lun)?;
    let device = &presented.lun.device;
    let wanted = run.disk.read_only_after;
    engine.host.set_read_only(device, wanted).map_err(|error| {
        failed("set the read-only state of", run.lun, device).with_source(error)
    })?;
    let seen = look(engine, run.lun, presented)?;
    let expected = match run.written {
        Ok(Written::Planned) => run.disk.after.as_ref(),
        _ => None,
    };
    let identity = seen.observation.identity();
    if expected.is_some_and(|expected| expected != identity) || seen.read_only != wanted {
        return Err(failed("verify the change of", run.lun, device)
            .with_hint("something else writes to this disk; look at it with `vss identity show`"));
    }
    Ok(Some(identity.clone()))
}

/// Writes the disk's line of the record; gives the error if the disk has one.
fn report(
    run: &Run<'_>,
    end: Result<Option<Identity>, Error>,
    audit: &mut AuditRecord,
) -> Option<Error> {
    let line = audit
        .disks
        .iter_mut()
        .find(|line| line.lun == run.disk.lun)?;
    let error = match (&run.written, end) {
        (Ok(written), end) => {
            line.read_only_after = Some(run.disk.read_only_after);
            line.patch = run.disk.patch.clone();
            let mut note = None;
            if let Written::Fallback(why) = written {
                line.outcome = format!("identity kept: {why}");
                line.patch = run.disk.fallback.clone();
                note = Some(format!("LUN {} keeps its identity: {why}", run.disk.lun));
            }
            match end {
                Ok(identity) => {
                    line.after = identity;
                    audit.events.extend(note.map(Event::plain));
                    return None;
                }
                Err(error) => error,
            }
        }
        (Err(error), _) => {
            line.outcome = "failed".to_owned();
            // The whole change, so that an undo can put right what was written of it.
            line.patch = run.disk.patch.clone();
            Error::new(error.kind(), error.chain())
        }
    };
    audit.note(format!(
        "LUN {}: {}; left to do:\n{}",
        run.disk.lun,
        error.chain(),
        run.disk.patch
    ));
    Some(error)
}
