//! The instant: file systems and devices at rest, the copies taken, everything let go of
//! (spec: provider §5 steps 6 to 10).

use std::path::PathBuf;
use std::time::Duration;

use host_view::{DevNo, WriteCount};
use vss_model::{Error, ErrorKind, Timestamp};
use vss_provider::{MappedDevice, Method};
use vss_service::{AuditRecord, Consistency};

use super::CreateRequest;
use super::label::{Held, Label, Mounted, Source, VolumeSeen, label};
use super::run::phase;
use super::survey::{Medium, Survey, VolumeMounts, survey};
use crate::engine::Engine;
use crate::host::{AtRest, Freezing, Ground, HoldState, Released};
use crate::providers;

/// What a set is worth and how long that took.
pub(super) struct Taken {
    pub(super) consistency: Consistency,
    pub(super) created: Timestamp,
    pub(super) frozen: Duration,
    pub(super) held: Duration,
    pub(super) copied: Duration,
}

/// Brings the originals to rest, has the copies taken, lets go, and says what the copies are worth.
///
/// `record` is called with what will be at rest before anything is, and makes that durable.
pub(super) fn instant(
    engine: &Engine,
    request: &CreateRequest,
    audit: &mut AuditRecord,
    record: impl FnOnce(&Ground) -> Result<(), Error>,
) -> Result<Taken, Error> {
    let clock = engine.host.monotonic();
    let mut survey = survey(engine, request)?;
    for provider in super::run::provider_ids(request) {
        let provider = engine.providers.get(provider)?;
        let devices = providers::call(
            &provider.properties(),
            Method::Suspensions,
            &mut audit.events,
            || provider.phases().suspensions(request.set),
        )?;
        survey.ground.devices.extend(devices);
    }
    survey.ground.devices.sort();
    survey.ground.devices.dedup();
    if !survey.ground.is_empty() {
        record(&survey.ground)?;
    }
    let mut rest = if survey.ground.is_empty() {
        None
    } else {
        Some(engine.host.rest(&survey.ground)?)
    };
    flush(engine, &survey, rest.as_deref_mut())?;
    audit.step("flush", engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    let images: Vec<PathBuf> = survey.images().cloned().collect();
    let hold = engine.host.hold_writes(&images).map_err(|error| {
        Error::new(
            ErrorKind::FlushWritesTimeout,
            "could not flush the originals",
        )
        .with_source(error)
    })?;
    let states = hold.states();
    if !request.allow_torn {
        refuse_unheld(&images, &states)?;
    }
    let freezing = match &mut rest {
        Some(rest) => rest.freeze()?,
        None => Vec::new(),
    };
    let at_rest = engine.host.monotonic();
    if let Some(rest) = &mut rest {
        rest.suspend()?;
    }
    let before = counts(&survey);
    audit.step("hold writes", engine.host.monotonic() - clock);

    let created = engine.host.now();
    let clock = engine.host.monotonic();
    phase(engine, request, audit, Method::CommitSnapshots, |p| {
        p.phases().commit_snapshots(request.set)
    })?;
    let copied = engine.host.monotonic() - clock;
    let after = counts(&survey);
    let unbroken = hold.is_unbroken();
    let released = match rest {
        Some(rest) => Some(rest.release()?),
        None => None,
    };
    drop(hold);
    let held = engine.host.monotonic() - at_rest;
    let (frozen, suspended) = released
        .as_ref()
        .map_or((Duration::ZERO, Duration::ZERO), |released| {
            (released.frozen, released.suspended)
        });
    let held = if !suspended.is_zero() {
        suspended
    } else if !frozen.is_zero() {
        frozen
    } else {
        held
    };
    audit.step("writes were held", held);

    let label = judge(&Seen {
        engine,
        survey: &survey,
        states: &states,
        unbroken,
        freezing: &freezing,
        released: released.as_ref(),
        before: &before,
        after: &after,
    });
    let Label { consistency, notes } = label;
    if consistency == Consistency::Torn && !request.allow_torn {
        return Err(Error::new(ErrorKind::HoldWritesTimeout, notes.join("; ")).with_hint(
            "try again while nothing writes to it, or take copies that are not of one instant with --allow-torn",
        ));
    }
    for note in notes {
        audit.note(note);
    }
    for note in &survey.notes {
        audit.note(note.clone());
    }
    Ok(Taken {
        consistency,
        created,
        frozen,
        held,
        copied,
    })
}

/// What is in memory goes to the disks while writers still run, so that little is left to be written
/// once they are held.
fn flush(
    engine: &Engine,
    survey: &Survey,
    rest: Option<&mut (dyn AtRest + 'static)>,
) -> Result<(), Error> {
    if let Some(rest) = rest {
        rest.flush()?;
    }
    for lun in &survey.luns {
        if let Medium::Block(_) = lun.medium {
            engine
                .host
                .open(&lun.device)
                .and_then(|disk| disk.sync())
                .map_err(|error| {
                    Error::new(
                        ErrorKind::FlushWritesTimeout,
                        format!("could not flush {}", lun.device.display()),
                    )
                    .with_source(error)
                })?;
        }
    }
    Ok(())
}

/// Images that somebody writes to are refused before anybody is held up for them.
fn refuse_unheld(images: &[PathBuf], states: &[HoldState]) -> Result<(), Error> {
    for (image, state) in images.iter().zip(states) {
        let Some(why) = unheld(*state) else { continue };
        return Err(Error::new(
            ErrorKind::HoldWritesTimeout,
            format!("the writes of {} cannot be held: it {why}", image.display()),
        )
        .with_hint(
            "detach it from what writes to it, or take a copy that is not of one instant with --allow-torn",
        ));
    }
    Ok(())
}

const fn unheld(state: HoldState) -> Option<&'static str> {
    match state {
        HoldState::Held => None,
        HoldState::OpenForWriting => Some("is open for writing"),
        HoldState::Unsupported => Some("lies where this host cannot hold writes"),
    }
}

/// The write counts of all block devices of the survey, in its order.
fn counts(survey: &Survey) -> Vec<Option<WriteCount>> {
    survey
        .luns
        .iter()
        .map(|lun| match (lun.medium, &survey.view) {
            (Medium::Block(device), Some(view)) => view.write_count(device).ok(),
            _ => None,
        })
        .collect()
}

/// All that was seen of an instant.
struct Seen<'a> {
    engine: &'a Engine,
    survey: &'a Survey,
    states: &'a [HoldState],
    unbroken: bool,
    freezing: &'a [Freezing],
    released: Option<&'a Released>,
    before: &'a [Option<WriteCount>],
    after: &'a [Option<WriteCount>],
}

fn judge(seen: &Seen<'_>) -> Label {
    let lost = seen
        .released
        .and_then(|released| released.lost.first())
        .cloned();
    let suspended: Vec<(DevNo, bool)> = seen
        .survey
        .ground
        .devices
        .iter()
        .filter_map(|device| {
            let until_the_end = seen
                .released
                .is_some_and(|released| !released.resumed.contains(device));
            Some((number_of(seen.engine, device)?, until_the_end))
        })
        .collect();
    let mut states = seen.states.iter();
    let mut sources = Vec::with_capacity(seen.survey.luns.len());
    for (index, lun) in seen.survey.luns.iter().enumerate() {
        let held = match (&lun.medium, &lost) {
            (Medium::Image, _) => match states.next().copied().and_then(unheld) {
                Some(why) => Held::No(format!("it {why}")),
                None if seen.unbroken => Held::Yes,
                None => Held::No(
                    "a writer waited for longer than the host lets writes be held, and went on before the copies were complete".to_owned(),
                ),
            },
            (Medium::Block(_), Some(why)) => Held::No(why.clone()),
            (Medium::Block(device), None) => {
                let under = [Some(*device), lun.backing];
                // A software provider lets go of each device with its copy in place.
                let is_held = suspended.iter().any(|(number, until_the_end)| {
                    under.contains(&Some(*number)) && (*until_the_end || lun.software)
                });
                if lun.alone || is_held {
                    Held::Yes
                } else {
                    watched(
                        seen.before.get(index).copied().flatten(),
                        seen.after.get(index).copied().flatten(),
                    )
                }
            }
        };
        sources.push(Source {
            name: lun.name.clone(),
            held,
        });
    }
    let volumes: Vec<VolumeSeen> = seen
        .survey
        .volumes
        .iter()
        .map(|volume| VolumeSeen {
            name: volume.name.clone(),
            mounted: mounted(seen, volume),
        })
        .collect();
    label(&sources, &volumes)
}

/// A device that nobody held: did anybody write to it?
fn watched(before: Option<WriteCount>, after: Option<WriteCount>) -> Held {
    match (before, after) {
        (Some(before), Some(after)) if after.is_unwritten_since(&before) => Held::Untouched,
        (Some(_), Some(_)) => Held::No("somebody wrote to it while it was copied".to_owned()),
        _ => Held::No("its writes could not be counted".to_owned()),
    }
}

fn mounted(seen: &Seen<'_>, volume: &VolumeMounts) -> Mounted {
    if let Some(hidden) = &volume.hidden {
        return Mounted::NotFrozen(format!(
            "another mount hides the file system at {}, which cannot be frozen; its copy is as after a power failure",
            hidden.display()
        ));
    }
    if volume.file_systems.is_empty() {
        return if volume.read_only > 0 {
            Mounted::Frozen
        } else {
            Mounted::Nowhere
        };
    }
    for index in &volume.file_systems {
        let Some(file_system) = seen.survey.ground.file_systems.get(*index) else {
            continue;
        };
        let place = file_system.mount_point.display();
        match seen.freezing.get(*index) {
            Some(Freezing::Frozen) => {}
            Some(Freezing::Unsupported) | None => {
                return Mounted::NotFrozen(format!(
                    "the file system at {place} cannot be frozen; its copy is as after a power failure"
                ));
            }
            Some(Freezing::AlreadyFrozen) => {
                return Mounted::NotFrozen(format!(
                    "the file system at {place} was frozen by somebody else, who may have thawed it meanwhile"
                ));
            }
        }
    }
    Mounted::Frozen
}

fn number_of(engine: &Engine, device: &MappedDevice) -> Option<DevNo> {
    engine
        .host
        .device_number(&PathBuf::from("/dev/mapper").join(&device.name))
}
