//! `vss create`: a shadow copy set of one instant.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use uuid::Uuid;
use vss_model::{Context, Error, ErrorKind, OperationId, ProviderId, SetId, SnapshotId};
use vss_service::{AuditRecord, Consistency, Service, SetRecord};

use crate::app::App;
use crate::failure::{Failure, beginning};
use crate::output::{Paint, Table, micros, plain, print_json, print_text};
use crate::work;

/// Copy volumes, all at one instant, as one shadow copy set
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Volumes to copy: mount point, block device, LUN, or LUN/PARTITION
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
    /// Have this provider take the copies, by name or id, instead of the first that can (vss status
    /// lists them)
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Also take copies while something writes; the set is then called torn
    #[arg(long)]
    allow_torn: bool,
}

#[derive(Debug, Serialize)]
struct CreateJson<'a> {
    set_id: SetId,
    operation: OperationId,
    consistency: String,
    freeze_micros: u64,
    held_micros: u64,
    copy_micros: u64,
    snapshots: Vec<CopyJson<'a>>,
    warnings: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct CopyJson<'a> {
    id: SnapshotId,
    original: &'a str,
    lun: Option<&'a str>,
    device: &'a str,
}

/// A set and how it was made.
#[derive(Debug)]
pub(crate) struct Created {
    /// The set.
    pub(crate) set: SetRecord,
    /// The record of its creation.
    pub(crate) report: Arc<AuditRecord>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &CreateArgs) -> Result<(), Failure> {
    let service = app.service()?;
    let provider = match &args.provider {
        Some(wanted) => provider(&*service, wanted)?,
        None => ProviderId::NULL,
    };
    let created = create(app, &*service, &args.volumes, provider, args.allow_torn)?;
    if app.json {
        print_json(&json(&created))
    } else {
        print_text(&text(&created, Paint::stdout()))
    }
}

/// Creates a set of these volumes and waits until it is there.
pub(crate) fn create(
    app: &App,
    service: &dyn Service,
    volumes: &[String],
    provider: ProviderId,
    allow_torn: bool,
) -> Result<Created, Failure> {
    let session = service.create_backup_components()?;
    session.initialize_for_backup()?;
    session.set_context(Context::NAS_ROLLBACK.bits())?;
    session.allow_torn(allow_torn)?;
    let set = session.start_snapshot_set()?;
    for volume in volumes {
        session.add_to_snapshot_set(&absolute(volume), provider)?;
    }
    let operation = OperationId::from_uuid(Uuid::new_v4());
    let running = session
        .do_snapshot_set(Some(operation))
        .map_err(beginning(operation))?;
    let report = work::wait(app, &*running, "creation")?;
    Ok(Created {
        set: service.set(set)?,
        report,
    })
}

/// A path of the caller's own folder as the service can read it. Names of LUNs hold no `./`.
fn absolute(volume: &str) -> String {
    if volume == "." || volume == ".." || volume.starts_with("./") || volume.starts_with("../") {
        std::path::absolute(volume)
            .map_or_else(|_| volume.to_owned(), |path| path.display().to_string())
    } else {
        volume.to_owned()
    }
}

/// The provider of this name or id.
fn provider(service: &dyn Service, wanted: &str) -> Result<ProviderId, Failure> {
    let providers = service.status()?.providers;
    let found = providers.iter().find(|provider| {
        provider.provider_name == wanted
            || provider
                .provider_id
                .to_string()
                .eq_ignore_ascii_case(wanted.trim_matches(['{', '}']))
    });
    // A part of a name will do, as long as it is of one.
    let wanted_part = wanted.to_lowercase();
    let mut alike = providers
        .iter()
        .filter(|provider| provider.provider_name.to_lowercase().contains(&wanted_part));
    let found = found.or(match (alike.next(), alike.next()) {
        (Some(one), None) if !wanted.is_empty() => Some(one),
        _ => None,
    });
    found.map(|provider| provider.provider_id).ok_or_else(|| {
        let names: Vec<&str> = providers
            .iter()
            .map(|provider| provider.provider_name.as_str())
            .collect();
        Error::new(
            ErrorKind::ProviderNotRegistered,
            format!("there is no provider {wanted:?}"),
        )
        .with_hint(format!("there are: {}", names.join(", ")))
        .into()
    })
}

/// The object that scripts read.
pub(crate) fn json(created: &Created) -> impl Serialize {
    CreateJson {
        set_id: created.set.set_id,
        operation: created.report.operation,
        consistency: created.set.consistency.to_string(),
        freeze_micros: created.set.freeze_micros,
        held_micros: created.set.held_micros,
        copy_micros: created.set.copy_micros,
        snapshots: created
            .set
            .copies
            .iter()
            .map(|copy| CopyJson {
                id: copy.id(),
                original: &copy.properties.original_volume_name,
                lun: copy.luns.first().map(String::as_str),
                device: &copy.properties.snapshot_device_object,
            })
            .collect(),
        warnings: created
            .report
            .events
            .iter()
            .map(|event| event.message.as_str())
            .collect(),
    }
}

/// What people read.
pub(crate) fn text(created: &Created, paint: Paint) -> String {
    let Created { set, report } = created;
    let mut text = format!(
        "{} shadow copy set {} ({}-consistent; writes were held for {})\n",
        paint.green("created"),
        set.set_id,
        set.consistency,
        micros(set.held_micros)
    );
    if set.consistency == Consistency::Torn {
        text = format!(
            "{} shadow copy set {}; {}\n",
            paint.green("created"),
            set.set_id,
            paint.yellow("it is torn: its copies are not of one instant")
        );
    }
    for event in &report.events {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {}", paint.yellow("note:"), plain(&event.message));
    }
    let mut table = Table::new(&["COPY", "ORIGINAL", "LUN", "DEVICE"]);
    for copy in &set.copies {
        table.row([
            copy.id().to_string(),
            copy.properties.original_volume_name.clone(),
            copy.luns.join(","),
            copy.properties.snapshot_device_object.clone(),
        ]);
    }
    text.push_str(&table.render(paint, ""));
    text
}
