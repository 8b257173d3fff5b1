//! The sequence of a creation (spec: provider §5, §6).
//!
//! The places of the writers are marked; none takes part yet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use disk_identity::{Identity, SectorSize, observe};

use vss_model::{
    Error, ErrorKind, LunInformation, ProviderId, ResultCode, SetId, SnapshotAttributes,
    SnapshotId, SnapshotProperties, SnapshotState,
};
use vss_provider::{Method, ProviderResult};

use super::import::ImportPlan;
use super::{ArrivedDisk, CreateRequest, SourceLun, VolumeRequest, plan_import};
use crate::catalogue::JournalEntry;
use crate::delete;
use crate::engine::Engine;
use crate::host::HoldState;
use crate::intent::{EmptyLun, Intent};
use crate::job::{DiskStage, Job, JobFailure};
use crate::parallel;
use crate::providers::{self, AnyProvider};
use crate::records::{Consistency, CopyRecord, LunRecord, SetRecord, SetState};
use crate::report::{AuditRecord, DiskReport, OperationKind};
use crate::world::{self, Presented};

/// One original and its copy on the way.
struct Pair<'a> {
    source: &'a SourceLun,
    provider: ProviderId,
    target: LunInformation,
}

/// A copy that is visible on this host.
struct Arrival<'a> {
    pair: &'a Pair<'a>,
    name: String,
    device: PathBuf,
}

/// Creates the set, or leaves nothing behind; the catalogue records either.
pub(crate) fn run(
    engine: &Engine,
    request: &CreateRequest,
    job: &Job<AuditRecord>,
) -> Result<AuditRecord, JobFailure> {
    let mut audit = AuditRecord::new(
        request.operation,
        OperationKind::Create,
        request.set,
        request.started,
    );
    audit.copies = request.volumes.iter().map(|v| v.snapshot).collect();
    job.set_disks(sources(request).map(|(lun, _)| lun.name.clone()));
    let mut finals = Finals::default();
    let failure = match attempt(engine, request, job, &mut audit, &mut finals) {
        Ok(set) => {
            audit.finished = engine.host.now();
            match engine.catalogue().publish_set(&set, &audit) {
                Ok(()) => return Ok(audit),
                Err(error) => JobFailure::Failed(error),
            }
        }
        Err(failure) => failure,
    };
    let aborted = abort(
        engine,
        request.set,
        &provider_ids(request),
        &finals.luns,
        &finals.software_copies,
        &mut audit,
    );
    if let (Err(_), JobFailure::Failed(_)) = (aborted, &failure) {
        // Something may be left: the intent stays, and the next start aborts the set again.
        return Err(failure);
    }
    audit.copies.clear();
    audit.disks.clear();
    match &failure {
        JobFailure::Cancelled => audit.code = ResultCode::VSS_S_ASYNC_CANCELLED,
        JobFailure::Failed(error) => audit.failed(error),
    }
    if let Err(error) = engine.finish(request.set, &[], &mut audit) {
        // The intent stays in the journal; the next start aborts the set again, which is harmless.
        return Err(match failure {
            JobFailure::Failed(first) => JobFailure::Failed(first),
            JobFailure::Cancelled => JobFailure::Failed(error),
        });
    }
    Err(failure)
}

/// Past `PostFinalCommitSnapshots` a set is undone by deletion, not by abort (spec: provider §9), so
/// the journal must know what to delete.
fn final_intent(
    engine: &Engine,
    request: &CreateRequest,
    luns: &[LunRecord],
    finals: &mut Finals,
) -> Result<(), Error> {
    finals.luns = luns
        .iter()
        .map(|lun| EmptyLun {
            name: lun.name.clone(),
            provider: lun.provider_id,
            device: lun.device.clone(),
            information: lun.snapshot.clone(),
        })
        .collect();
    finals.software_copies = request
        .volumes
        .iter()
        .filter(|volume| volume.luns.is_empty())
        .map(|volume| (volume.provider, volume.snapshot))
        .collect();
    engine.begin(&JournalEntry {
        operation: request.operation,
        set: request.set,
        started: request.started,
        intent: Intent::Create {
            providers: provider_ids(request),
            luns: finals.luns.clone(),
            software_copies: finals.software_copies.clone(),
        },
    })
}

/// What the providers may hold for final.
#[derive(Default)]
struct Finals {
    luns: Vec<EmptyLun>,
    software_copies: Vec<(ProviderId, SnapshotId)>,
}

/// Every original LUN of the set once, with its provider.
fn sources(request: &CreateRequest) -> impl Iterator<Item = (&SourceLun, ProviderId)> {
    let mut seen = Vec::new();
    request
        .volumes
        .iter()
        .flat_map(|volume| volume.luns.iter().map(move |lun| (lun, volume.provider)))
        .filter(move |(lun, _)| {
            let known = seen.contains(&&lun.device);
            if !known {
                seen.push(&lun.device);
            }
            !known
        })
}

fn provider_ids(request: &CreateRequest) -> Vec<ProviderId> {
    let mut ids: Vec<ProviderId> = Vec::new();
    for volume in &request.volumes {
        if !ids.contains(&volume.provider) {
            ids.push(volume.provider);
        }
    }
    ids
}

/// Calls one phase on every provider of the set; all finish it before the next begins.
fn phase(
    engine: &Engine,
    request: &CreateRequest,
    audit: &mut AuditRecord,
    method: Method,
    work: impl Fn(&AnyProvider) -> ProviderResult<()>,
) -> Result<(), Error> {
    let clock = engine.host.monotonic();
    for id in provider_ids(request) {
        let provider = engine.providers.get(id)?;
        providers::call(&provider.properties(), method, &mut audit.events, || {
            work(provider)
        })?;
    }
    audit.step(method.name(), engine.host.monotonic() - clock);
    Ok(())
}

/// Leaves nothing of a set that no requester ever saw. Repeatable; failures are events.
pub(crate) fn abort(
    engine: &Engine,
    set: SetId,
    providers: &[ProviderId],
    luns: &[EmptyLun],
    software_copies: &[(ProviderId, SnapshotId)],
    audit: &mut AuditRecord,
) -> Result<(), Error> {
    let mut first = None;
    for id in providers {
        let aborted = engine.providers.get(*id).and_then(|provider| {
            providers::call(
                &provider.properties(),
                Method::AbortSnapshots,
                &mut audit.events,
                || provider.phases().abort_snapshots(set),
            )
        });
        first = first.or(aborted.err());
    }
    for (provider, copy) in software_copies {
        if let Ok(AnyProvider::Software(provider)) = engine.providers.get(*provider) {
            let _ = providers::call(
                &provider.properties(),
                Method::DeleteSnapshots,
                &mut audit.events,
                || provider.delete_snapshot(*copy),
            );
        }
    }
    delete::reclaim(engine, luns, audit);
    first.map_or(Ok(()), Err)
}

fn attempt(
    engine: &Engine,
    request: &CreateRequest,
    job: &Job<AuditRecord>,
    audit: &mut AuditRecord,
    finals: &mut Finals,
) -> Result<SetRecord, JobFailure> {
    let set = request.set;
    engine.begin(&JournalEntry {
        operation: request.operation,
        set,
        started: request.started,
        intent: Intent::Create {
            providers: provider_ids(request),
            luns: Vec::new(),
            software_copies: Vec::new(),
        },
    })?;
    // Writers: PrepareForSnapshot.
    phase(engine, request, audit, Method::EndPrepareSnapshots, |p| {
        p.phases().end_prepare_snapshots(set)
    })?;
    job.check_cancel()?;
    // Writers: Freeze, front-end to system.
    phase(engine, request, audit, Method::PreCommitSnapshots, |p| {
        p.phases().pre_commit_snapshots(set)
    })?;
    job.check_cancel()?;
    let (consistency, held_micros, created) = instant(engine, request, audit)?;
    let count = u32::try_from(request.volumes.len()).unwrap_or(u32::MAX);
    phase(engine, request, audit, Method::PostCommitSnapshots, |p| {
        p.phases().post_commit_snapshots(set, count)
    })?;
    // Writers: Thaw, system to front-end.
    job.check_cancel()?;
    let (pairs, luns_of) = targets(engine, request, audit)?;
    let transported = request
        .context
        .attributes()
        .contains(SnapshotAttributes::TRANSPORTABLE);
    let luns = if transported {
        transport(&pairs)
    } else {
        import(engine, job, &pairs, audit)?
    };
    job.check_cancel()?;
    if !transported {
        phase(
            engine,
            request,
            audit,
            Method::PreFinalCommitSnapshots,
            |p| p.phases().pre_final_commit_snapshots(set),
        )?;
        // Auto-recovery would be here; no writer asks for it yet.
        final_intent(engine, request, &luns, finals)?;
        phase(
            engine,
            request,
            audit,
            Method::PostFinalCommitSnapshots,
            |p| p.phases().post_final_commit_snapshots(set),
        )?;
    }
    // Writers: PostSnapshot.
    job.pass_no_return()?;
    audit.disks = luns
        .iter()
        .map(|lun| disk_report(lun, transported))
        .collect();
    let mut record = SetRecord {
        set_id: set,
        context: request.context,
        state: if transported {
            SetState::Transported
        } else {
            SetState::Created
        },
        consistency,
        created,
        held_micros,
        copies: Vec::with_capacity(request.volumes.len()),
        luns,
    };
    for (volume, names) in request.volumes.iter().zip(luns_of) {
        let properties = properties(engine, request, volume, &record, &names, count, audit)?;
        let luns = names
            .iter()
            .filter_map(|original| {
                record
                    .luns
                    .iter()
                    .find(|lun| lun.original_name == *original)
            })
            .map(|lun| lun.name.clone())
            .collect();
        record.copies.push(CopyRecord { properties, luns });
    }
    Ok(record)
}

/// Flush and hold, `CommitSnapshots`, release (spec: provider §5 steps 8 to 10).
fn instant(
    engine: &Engine,
    request: &CreateRequest,
    audit: &mut AuditRecord,
) -> Result<(Consistency, u64, vss_model::Timestamp), Error> {
    let devices: Vec<PathBuf> = sources(request)
        .map(|(lun, _)| lun.device.clone())
        .collect();
    let clock = engine.host.monotonic();
    let hold = engine.host.hold_writes(&devices).map_err(|error| {
        Error::new(
            ErrorKind::FlushWritesTimeout,
            "could not flush the originals",
        )
        .with_source(error)
    })?;
    audit.step("flush and hold writes", engine.host.monotonic() - clock);
    let mut consistency = Consistency::Crash;
    for (device, state) in devices.iter().zip(hold.states()) {
        let why = match state {
            HoldState::Held => continue,
            HoldState::OpenForWriting => "is open for writing",
            HoldState::Unsupported => "lies where this host cannot hold writes",
        };
        if !request.allow_torn {
            return Err(Error::new(
                ErrorKind::HoldWritesTimeout,
                format!(
                    "the writes of {} cannot be held: it {why}",
                    device.display()
                ),
            )
            .with_hint(
                "detach it from what writes to it, or take a copy that is not of one instant with --allow-torn",
            ));
        }
        audit.note(format!("{} {why}: the set is torn", device.display()));
        consistency = Consistency::Torn;
    }
    let created = engine.host.now();
    let clock = engine.host.monotonic();
    phase(engine, request, audit, Method::CommitSnapshots, |p| {
        p.phases().commit_snapshots(request.set)
    })?;
    let held = engine.host.monotonic() - clock;
    let unbroken = hold.is_unbroken();
    drop(hold);
    audit.step("writes were held", held);
    if consistency == Consistency::Crash && !unbroken {
        if !request.allow_torn {
            return Err(Error::new(
                ErrorKind::HoldWritesTimeout,
                "a writer waited for longer than the host lets writes be held, and went on before the copies were complete",
            )
            .with_hint("try again while nothing writes, or put the state folder on a file system with reflinks"));
        }
        audit.note("a writer went on before the copies were complete: the set is torn");
        consistency = Consistency::Torn;
    }
    Ok((
        consistency,
        u64::try_from(held.as_micros()).unwrap_or(u64::MAX),
        created,
    ))
}

/// Asks for the copies of all LUNs; gives them once each, and for every volume the names of its
/// originals.
fn targets<'a>(
    engine: &Engine,
    request: &'a CreateRequest,
    audit: &mut AuditRecord,
) -> Result<(Vec<Pair<'a>>, Vec<Vec<String>>), Error> {
    let clock = engine.host.monotonic();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    let mut luns_of = Vec::new();
    for volume in &request.volumes {
        luns_of.push(volume.luns.iter().map(|lun| lun.name.clone()).collect());
        if volume.luns.is_empty() {
            continue;
        }
        let provider = engine.providers.get_hardware(volume.provider)?;
        let properties = provider.properties();
        let devices: Vec<PathBuf> = volume.luns.iter().map(|lun| lun.device.clone()).collect();
        let infos: Vec<_> = volume
            .luns
            .iter()
            .map(|lun| lun.information.clone())
            .collect();
        let found = providers::call(
            &properties,
            Method::GetTargetLuns,
            &mut audit.events,
            || provider.get_target_luns(&devices, &infos),
        )?;
        if found.len() != volume.luns.len() || found.iter().any(|lun| lun.lun_id().is_none()) {
            return Err(Error::new(
                ErrorKind::UnexpectedProviderError,
                format!(
                    "provider {} described {} copies of {} LUNs of {}, or one without a unique page 0x83 identifier",
                    properties.provider_name,
                    found.len(),
                    volume.luns.len(),
                    volume.volume
                ),
            ));
        }
        for (source, target) in volume.luns.iter().zip(found) {
            if !pairs.iter().any(|pair| pair.target.is_same_lun(&target)) {
                pairs.push(Pair {
                    source,
                    provider: volume.provider,
                    target,
                });
            }
        }
    }
    audit.step(
        Method::GetTargetLuns.name(),
        engine.host.monotonic() - clock,
    );
    Ok((pairs, luns_of))
}

/// A transportable set ends here: its LUNs are described and stay out of sight.
fn transport(pairs: &[Pair<'_>]) -> Vec<LunRecord> {
    pairs
        .iter()
        .map(|pair| LunRecord {
            name: format!("{}@transported", pair.source.name),
            original_name: pair.source.name.clone(),
            provider_id: pair.provider,
            original: pair.source.information.clone(),
            snapshot: pair.target.clone(),
            sector_size: pair.source.sector_size,
            device: PathBuf::new(),
            original_identity: Identity::bare(
                SectorSize::try_from(pair.source.sector_size).unwrap_or(SectorSize::B512),
            ),
            import_identity: Identity::bare(
                SectorSize::try_from(pair.source.sector_size).unwrap_or(SectorSize::B512),
            ),
            identity_changed: false,
            import_patch: disk_identity::Patch::default(),
        })
        .collect()
}

/// Makes the copies visible and gives each an identity that collides with nothing (spec: provider §6).
fn import(
    engine: &Engine,
    job: &Job<AuditRecord>,
    pairs: &[Pair<'_>],
    audit: &mut AuditRecord,
) -> Result<Vec<LunRecord>, Error> {
    let clock = engine.host.monotonic();
    let mut by_provider: BTreeMap<ProviderId, Vec<LunInformation>> = BTreeMap::new();
    for pair in pairs {
        by_provider
            .entry(pair.provider)
            .or_default()
            .push(pair.target.clone());
    }
    for (id, luns) in &by_provider {
        let provider = engine.providers.get_hardware(*id)?;
        providers::call(
            &provider.properties(),
            Method::LocateLuns,
            &mut audit.events,
            || provider.locate_luns(luns),
        )?;
    }
    audit.step(Method::LocateLuns.name(), engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    let presented = world::presented(&engine.providers)?;
    let arrivals = arrivals(engine, pairs, &presented, audit)?;
    let failed = |step: &str, device: &std::path::Path| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not {step} the copy {}", device.display()),
        )
    };
    let observations = parallel::map(&arrivals, |arrival| {
        let disk = engine
            .host
            .open(&arrival.device)
            .map_err(|error| failed("open", &arrival.device).with_source(error))?;
        observe(
            &*disk,
            SectorSize::try_from(arrival.pair.source.sector_size).ok(),
        )
        .map_err(|error| failed("read the partition table of", &arrival.device).with_source(error))
    })
    .into_iter()
    .collect::<Result<Vec<_>, _>>()?;
    let others = world::others(&*engine.host, &presented, |disk| {
        arrivals
            .iter()
            .any(|arrival| arrival.device == disk.lun.device)
    })?;
    let identities: Vec<_> = others
        .iter()
        .filter_map(|disk| disk.identity.as_ref())
        .collect();
    for warning in duplicates(&others) {
        audit.note(warning);
    }
    let arrived: Vec<ArrivedDisk<'_>> = observations
        .iter()
        .map(|observation| ArrivedDisk { observation })
        .collect();
    let mut new_id = || engine.host.new_uuid();
    let plans = plan_import(&arrived, &identities, &mut new_id).map_err(|error| {
        Error::new(
            ErrorKind::Unexpected,
            "the copies cannot be given an identity of their own",
        )
        .with_source(error)
    })?;
    audit.step("look at the copies", engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    let work: Vec<(&Arrival<'_>, &ImportPlan)> = arrivals.iter().zip(&plans).collect();
    parallel::map(&work, |(arrival, plan)| {
        job.disk_stage(&arrival.pair.source.name, DiskStage::Working);
        let disk = engine
            .host
            .open_for_update(&arrival.device)
            .map_err(|error| failed("open", &arrival.device).with_source(error))?;
        plan.patch
            .apply(&*disk)
            .map_err(|error| failed("write the identity of", &arrival.device).with_source(error))?;
        drop(disk);
        engine
            .host
            .set_read_only(&arrival.device, true)
            .map_err(|error| failed("set read-only", &arrival.device).with_source(error))?;
        job.disk_stage(&arrival.pair.source.name, DiskStage::Done);
        Ok(())
    })
    .into_iter()
    .collect::<Result<(), Error>>()?;
    audit.step("write the identities", engine.host.monotonic() - clock);

    Ok(work
        .into_iter()
        .map(|(arrival, plan)| LunRecord {
            name: arrival.name.clone(),
            original_name: arrival.pair.source.name.clone(),
            provider_id: arrival.pair.provider,
            original: arrival.pair.source.information.clone(),
            snapshot: arrival.pair.target.clone(),
            sector_size: arrival.pair.source.sector_size,
            device: arrival.device.clone(),
            original_identity: plan.original.clone(),
            import_identity: plan.identity.clone(),
            identity_changed: plan.changed,
            import_patch: plan.patch.clone(),
        })
        .collect())
}

/// Finds each copy where it arrived and proves that it is the one described.
fn arrivals<'a>(
    engine: &Engine,
    pairs: &'a [Pair<'a>],
    presented: &[Presented],
    audit: &mut AuditRecord,
) -> Result<Vec<Arrival<'a>>, Error> {
    let mut arrivals = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let provider = engine.providers.get_hardware(pair.provider)?;
        let properties = provider.properties();
        let candidate = presented
            .iter()
            .find(|p| p.provider == pair.provider && p.lun.information.is_same_lun(&pair.target));
        let mut proved = None;
        if let Some(candidate) = candidate {
            let mut information = candidate.lun.information.clone();
            // A failure of FillInLunInfo is logged and ignored; what it filled in counts.
            let known = providers::call(
                &properties,
                Method::FillInLunInfo,
                &mut audit.events,
                || provider.fill_in_lun_info(&candidate.lun.device, &mut information),
            )
            .unwrap_or(true);
            if known && information.matches_record(&pair.target) {
                proved = Some(candidate);
            }
        }
        let Some(found) = proved else {
            return Err(Error::new(
                ErrorKind::MissingDisk,
                format!(
                    "the copy of LUN {} did not arrive on this host",
                    pair.source.name
                ),
            ));
        };
        arrivals.push(Arrival {
            pair,
            name: found.lun.name.clone(),
            device: found.lun.device.clone(),
        });
    }
    Ok(arrivals)
}

/// Disks that share an identity without our doing: said aloud, once a pair.
fn duplicates(disks: &[world::VisibleDisk]) -> Vec<String> {
    let mut bearers = std::collections::HashMap::new();
    let mut warnings = Vec::new();
    for disk in disks {
        let Some(identity) = &disk.identity else {
            continue;
        };
        for id in identity.ids() {
            if let Some(first) = bearers.insert(id, &disk.device) {
                warnings.push(format!(
                    "{} and {} bear the same identity ({id})",
                    first.display(),
                    disk.device.display()
                ));
                break;
            }
        }
    }
    warnings
}

fn disk_report(lun: &LunRecord, transported: bool) -> DiskReport {
    DiskReport {
        lun: lun.name.clone(),
        original: Some(lun.original_name.clone()),
        provider: lun.provider_id,
        information: lun.snapshot.clone(),
        device: (!transported).then(|| lun.device.clone()),
        outcome: if transported {
            "transported"
        } else if lun.identity_changed {
            "new identity"
        } else {
            "identity of the original"
        }
        .to_owned(),
        before: (!transported).then(|| lun.original_identity.clone()),
        after: (!transported).then(|| lun.import_identity.clone()),
        patch: lun.import_patch.clone(),
        read_only_before: Some(false),
        read_only_after: Some(!transported),
    }
}

fn properties(
    engine: &Engine,
    request: &CreateRequest,
    volume: &VolumeRequest,
    record: &SetRecord,
    originals: &[String],
    count: u32,
    audit: &mut AuditRecord,
) -> Result<SnapshotProperties, Error> {
    let provider = engine.providers.get(volume.provider)?;
    let mut attributes = request.context.attributes();
    let device = match provider {
        AnyProvider::Hardware(_) => {
            attributes |= SnapshotAttributes::HARDWARE_ASSISTED;
            if record.state == SetState::Created {
                attributes |= SnapshotAttributes::IMPORTED;
            }
            record
                .luns
                .iter()
                .find(|lun| originals.first() == Some(&lun.original_name))
                .map(|lun| lun.device.display().to_string())
                .unwrap_or_default()
        }
        AnyProvider::Software(software) => providers::call(
            &provider.properties(),
            Method::GetSnapshotProperties,
            &mut audit.events,
            || software.snapshot_device(volume.snapshot),
        )?,
    };
    let machine = engine.host.machine_name();
    Ok(SnapshotProperties {
        snapshot_id: volume.snapshot,
        snapshot_set_id: request.set,
        snapshots_count: count,
        snapshot_device_object: device,
        original_volume_name: volume.volume.clone(),
        originating_machine: machine.clone(),
        service_machine: machine,
        exposed_name: None,
        exposed_path: None,
        provider_id: volume.provider,
        snapshot_attributes: attributes,
        creation_timestamp: record.created,
        status: if record.state == SetState::Created {
            SnapshotState::Created
        } else {
            SnapshotState::PostCommitted
        },
    })
}
