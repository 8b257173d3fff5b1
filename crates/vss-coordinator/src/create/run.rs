//! The sequence of a creation (spec: provider §5, §6).
//!
//! The places of the writers are marked; none takes part yet.

use std::sync::Arc;
use std::time::Duration;

use vss_model::{
    Error, ProviderId, ResultCode, SetId, SnapshotAttributes, SnapshotId, SnapshotProperties,
    SnapshotState,
};
use vss_provider::{Method, ProviderResult};
use vss_service::{AuditRecord, CopyRecord, LunRecord, OperationKind, SetRecord, SetState};

use super::arrival::{disk_report, import, targets, transport};
use super::instant::instant;
use super::{CreateRequest, SourceLun, VolumeRequest};
use crate::catalogue::{Instant, JournalEntry};
use crate::copies;
use crate::delete;
use crate::engine::Engine;
use crate::host::Ground;
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
        Ok((set, instant)) => {
            audit.finished = engine.host.now();
            match engine.catalogue().publish_set(&set, &instant, &audit) {
                Ok(()) => return Ok(audit),
                Err(error) => {
                    copies::forget_names(engine, &audit.copies);
                    JobFailure::Failed(error)
                }
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
            ground: Ground::default(),
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

pub(super) fn provider_ids(request: &CreateRequest) -> Vec<ProviderId> {
    let mut ids: Vec<ProviderId> = Vec::new();
    for volume in &request.volumes {
        if !ids.contains(&volume.provider) {
            ids.push(volume.provider);
        }
    }
    ids
}

/// Calls one phase on every provider of the set; all finish it before the next begins.
pub(super) fn phase(
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
) -> Result<(SetRecord, Instant), JobFailure> {
    let set = request.set;
    let begin = |ground: &Ground| {
        engine.begin(&JournalEntry {
            operation: request.operation,
            set,
            started: request.started,
            intent: Intent::Create {
                providers: provider_ids(request),
                luns: Vec::new(),
                software_copies: Vec::new(),
                ground: ground.clone(),
            },
        })
    };
    begin(&Ground::default())?;
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
    let taken = instant(engine, request, audit, begin)?;
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
        consistency: taken.consistency,
        created: taken.created,
        freeze_micros: micros(taken.frozen),
        held_micros: micros(taken.held),
        copy_micros: micros(taken.copied),
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
    let instant = Instant {
        freeze_micros: record.freeze_micros,
        copy_micros: record.copy_micros,
        boot: engine.host.boot(),
        partitions: request
            .volumes
            .iter()
            .filter_map(|volume| Some((volume.snapshot, volume.partition?)))
            .collect(),
    };
    if !transported {
        copies::name(engine, &mut record, &instant, audit);
    }
    Ok((record, instant))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
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
