//! The copies on their way to this host: described, located, given an identity (spec: provider §6).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use disk_identity::{Identity, SectorSize, observe};
use vss_model::{Error, ErrorKind, LunInformation, ProviderId};
use vss_provider::Method;
use vss_service::{AuditRecord, DiskReport, DiskStage, LunRecord};

use super::import::ImportPlan;
use super::{ArrivedDisk, CreateRequest, SourceLun, plan_import};
use crate::engine::{Claim, Engine};
use crate::host::Quiet;
use crate::job::Job;
use crate::parallel;
use crate::providers;
use crate::world::{self, Presented};

/// One original and its copy on the way.
pub(super) struct Pair<'a> {
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

/// Asks for the copies of all LUNs; gives them once each, and for every volume the names of its
/// originals.
pub(super) fn targets<'a>(
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
pub(super) fn transport(pairs: &[Pair<'_>]) -> Vec<LunRecord> {
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
///
/// What the copies bear stays claimed until they are published or gone.
pub(super) fn import(
    engine: &Arc<Engine>,
    job: &Job,
    pairs: &[Pair<'_>],
    audit: &mut AuditRecord,
) -> Result<(Vec<LunRecord>, Claim), Error> {
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
    let (plans, claim) = engine.claim(job.operation(), |claimed| {
        let plans = plan_import(&arrived, &identities, claimed, &mut new_id).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                "the copies cannot be given an identity of their own",
            )
            .with_source(error)
        })?;
        let ids = plans.iter().flat_map(|plan| plan.identity.ids()).collect();
        Ok((plans, ids))
    })?;
    audit.step("look at the copies", engine.host.monotonic() - clock);

    let clock = engine.host.monotonic();
    // Not longer: whoever takes the set back has to put the copies away.
    let quiet = Quiet::default();
    let work: Vec<(&Arrival<'_>, &ImportPlan)> = arrivals.iter().zip(&plans).collect();
    parallel::map(&work, |(arrival, plan)| {
        job.disk_stage(&arrival.pair.source.name, DiskStage::Working);
        let disk = engine
            .host
            .open_for_update(&arrival.device, &quiet)
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
    drop(quiet);
    audit.step("write the identities", engine.host.monotonic() - clock);

    let records = work
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
        .collect();
    Ok((records, claim))
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

pub(super) fn disk_report(lun: &LunRecord, transported: bool) -> DiskReport {
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
