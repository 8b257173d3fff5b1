//! `vss show`: one set, copy or operation.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use vss_coordinator::{AuditRecord, DiskReport};
use vss_model::{
    Context, Error, ErrorKind, OperationId, ResultCode, SetId, SnapshotId, SnapshotProperties,
};

use crate::app::App;
use crate::commands::list::{SetJson, SnapshotJson};
use crate::failure::Failure;
use crate::ids::{IdArg, Index, Object};
use crate::output::{
    DiskJson, OperationJson, Paint, ResultJson, Table, identity_table, micros, on_off, plain,
    print_json, print_text, steps_table,
};
use crate::view::{Unfinished, View};

/// Show a set, a copy or an operation
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id of a set, a copy or an operation; a unique prefix is enough
    #[arg(value_name = "ID")]
    id: IdArg,
}

#[derive(Debug, Serialize)]
struct SetDetail<'a> {
    #[serde(flatten)]
    set: SetJson<'a>,
    held_micros: u64,
    disks: Vec<DiskJson<'a>>,
}

#[derive(Debug, Serialize)]
struct CopyDetail<'a> {
    #[serde(flatten)]
    copy: SnapshotJson<'a>,
    set_id: SetId,
    created: String,
    snapshots_count: u32,
    originating_machine: &'a str,
    service_machine: &'a str,
    exposed_name: Option<&'a str>,
    exposed_path: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct UnfinishedDetail<'a> {
    #[serde(flatten)]
    operation: &'a Unfinished,
    result: ResultJson,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let view = View::open(app)?;
    match Index::of_everything(&view.reader)?.find(&args.id)? {
        Object::Set(id) => set(app, &view, id),
        Object::Copy(id, _) => copy(app, &view, id),
        Object::Operation(id) => operation(app, &view, id),
        Object::Unfinished(id) => unfinished(app, &view, id),
        Object::Unknown(id) => Err(gone("set, copy or operation", &id.to_string())),
    }
}

fn gone(what: &str, id: &str) -> Failure {
    Error::new(ErrorKind::ObjectNotFound, format!("there is no {what} {id}"))
        .with_hint("vss list shows the sets and copies, vss history the operations; one that runs shows once it has begun to change something")
        .into()
}

fn set(app: &App, view: &View, id: SetId) -> Result<(), Failure> {
    let summary = view.reader.sets()?.into_iter().find(|set| set.set_id == id);
    let Some(summary) = summary else {
        return Err(gone("set", &id.to_string()));
    };
    let mut copies = view.reader.copies(Context::ALL)?;
    copies.retain(|copy| copy.snapshot_set_id == id);
    let creation = view.reader.creation(id)?;
    let disks: Vec<&DiskReport> = creation
        .iter()
        .flat_map(|record| &record.disks)
        .filter(|disk| {
            // Disks of copies deleted since are gone.
            copies.iter().any(|copy| {
                disk.device.as_ref().is_some_and(|device| {
                    device.as_os_str() == copy.snapshot_device_object.as_str()
                })
            })
        })
        .collect();
    if app.json {
        return print_json(&SetDetail {
            set: SetJson::new(&summary, &copies),
            held_micros: summary.held_micros,
            disks: disks.into_iter().map(DiskJson::from).collect(),
        });
    }
    let paint = Paint::stdout();
    let mut text = format!(
        "{}\n  created      {}\n  consistency  {}\n  writes held  {}\n  context      {:#x}\n\n",
        paint.bold(&format!("set {id}")),
        summary.created,
        summary.consistency,
        micros(summary.held_micros),
        summary.context.bits()
    );
    let mut table = Table::new(&["COPY", "ORIGINAL", "STATE", "DEVICE"]);
    for copy in &copies {
        table.row([
            copy.snapshot_id.to_string(),
            copy.original_volume_name.clone(),
            copy.status.name().to_owned(),
            copy.snapshot_device_object.clone(),
        ]);
    }
    text.push_str(&table.render(paint, ""));
    for disk in disks {
        text.push('\n');
        text.push_str(&disk_text(disk, paint));
    }
    for line in view.unfinished_lines(|one| one.set_id == id) {
        text.push_str(&paint.yellow(&line));
        text.push('\n');
    }
    print_text(&text)
}

fn copy(app: &App, view: &View, id: SnapshotId) -> Result<(), Failure> {
    let Some(copy) = view.reader.copy(id)? else {
        return Err(gone("copy", &id.to_string()));
    };
    if app.json {
        return print_json(&CopyDetail {
            copy: SnapshotJson::from(&copy),
            set_id: copy.snapshot_set_id,
            created: copy.creation_timestamp.to_string(),
            snapshots_count: copy.snapshots_count,
            originating_machine: &copy.originating_machine,
            service_machine: &copy.service_machine,
            exposed_name: copy.exposed_name.as_deref(),
            exposed_path: copy.exposed_path.as_deref(),
        });
    }
    print_text(&copy_text(&copy, Paint::stdout()))
}

fn copy_text(copy: &SnapshotProperties, paint: Paint) -> String {
    let mut text = paint.bold(&format!("copy {}", copy.snapshot_id));
    text.push('\n');
    let attributes: Vec<String> = copy
        .snapshot_attributes
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    for (name, value) in [
        ("set", copy.snapshot_set_id.to_string()),
        ("original", copy.original_volume_name.clone()),
        ("device", copy.snapshot_device_object.clone()),
        ("state", copy.status.name().to_owned()),
        ("created", copy.creation_timestamp.to_string()),
        ("machine", copy.originating_machine.clone()),
        ("provider", copy.provider_id.to_string()),
        ("attributes", attributes.join(",")),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<10}  {}", plain(&value));
    }
    text
}

fn unfinished(app: &App, view: &View, id: OperationId) -> Result<(), Failure> {
    let Some(found) = view.unfinished.iter().find(|one| one.operation == id) else {
        // It has ended since.
        return operation(app, view, id);
    };
    if app.json {
        return print_json(&UnfinishedDetail {
            operation: found,
            result: ResultCode::VSS_S_ASYNC_PENDING.into(),
        });
    }
    let mut text = view.unfinished_lines(|one| one.operation == id).join("\n");
    text.push('\n');
    print_text(&text)
}

fn operation(app: &App, view: &View, id: OperationId) -> Result<(), Failure> {
    let Some(record) = view.reader.operation(id)? else {
        return Err(gone("operation", &id.to_string()));
    };
    if app.json {
        return print_json(&OperationJson::from(&record));
    }
    print_text(&operation_text(&record, Paint::stdout()))
}

/// The whole record of an operation.
pub(crate) fn operation_text(record: &AuditRecord, paint: Paint) -> String {
    let mut text = paint.bold(&format!("{} {}", record.kind.name(), record.operation));
    text.push('\n');
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<9}  {}", plain(value));
    };
    if !record.set.is_null() {
        line("set", &record.set.to_string());
    }
    if let Some(undone) = record.undone {
        line("took back", &undone.to_string());
    }
    if let Some(flags) = record.flags {
        line("flags", &flags.to_string());
    }
    line("started", &record.started.to_string());
    line("finished", &record.finished.to_string());
    line("result", &record.code.to_string());
    if let Some(error) = &record.error {
        line("error", error);
    }
    if record.recovered {
        line("recovered", "it was cut off and ended by a later start");
    }
    for event in &record.events {
        line("note", &event.message);
    }
    for disk in &record.disks {
        text.push('\n');
        text.push_str(&disk_text(disk, paint));
    }
    if !record.steps.is_empty() {
        text.push('\n');
        text.push_str(&steps_table(&record.steps, paint, ""));
    }
    text
}

fn disk_text(disk: &DiskReport, paint: Paint) -> String {
    let place = disk
        .device
        .as_ref()
        .map_or_else(|| "masked".to_owned(), |path| path.display().to_string());
    let original = disk
        .original
        .as_ref()
        .map_or_else(String::new, |name| format!(" (copy of {name})"));
    let mut text = format!(
        "{}{original}: {}, {}, {}\n",
        paint.bold(&format!("LUN {}", disk.lun)),
        plain(&disk.outcome),
        on_off(disk.read_only_after),
        plain(&place)
    );
    let same = disk.before == disk.after;
    if let Some(before) = disk.before.as_ref().filter(|_| !same) {
        text.push_str("  before:\n");
        text.push_str(&identity_table(before, paint, "    "));
        text.push_str("  after:\n");
    }
    if let Some(after) = &disk.after {
        let indent = if same { "  " } else { "    " };
        text.push_str(&identity_table(after, paint, indent));
    }
    text
}
