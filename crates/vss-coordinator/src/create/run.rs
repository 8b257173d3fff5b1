//! The sequence of a creation (spec: provider §5, §6).
//!
//! The places of the writers are marked; none takes part yet.

use std::path::PathBuf;
use std::sync::Arc;

use vss_model::{
    Error, ErrorKind, ProviderId, ResultCode, SetId, SnapshotAttributes, SnapshotId,
    SnapshotProperties, SnapshotState,
};
use vss_provider::{Method, ProviderResult};
use vss_service::{
    AuditRecord, Consistency, CopyRecord, LunRecord, OperationKind, SetRecord, SetState,
};

use super::arrival::{disk_report, import, targets, transport};
use super::{CreateRequest, SourceLun, VolumeRequest};
use crate::catalogue::JournalEntry;
use crate::delete;
use crate::engine::Engine;
use crate::host::HoldState;
use crate::intent::{EmptyLun, Intent};
use crate::job::{Job, JobFailure};
use crate::providers::{self, AnyProvider};

/// Creates the set, or leaves nothing behind; the catalogue records either.
pub(crate) fn run(
    engine: &Arc<Engine>,
    request: &CreateRequest,
    job: &Job,
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
        // What was cancelled in the middle of a long copy fails there.
        Err(JobFailure::Failed(_)) if job.is_cancel_requested() => JobFailure::Cancelled,
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
    if aborted.is_err() {
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
    engine: &Arc<Engine>,
    request: &CreateRequest,
    job: &Job,
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
    let (luns, _claim) = if transported {
        (transport(&pairs), None)
    } else {
        let (luns, claim) = import(engine, job, &pairs, audit)?;
        (luns, Some(claim))
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
