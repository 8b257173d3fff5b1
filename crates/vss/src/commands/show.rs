//! `vss show`: one set, copy or operation.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use vss_model::{Error, ErrorKind, OperationId, SetId, SnapshotId, SnapshotProperties};
use vss_service::{AuditRecord, DiskReport, Object, Queries};

use crate::app::App;
use crate::commands::list::{SetJson, SnapshotJson};
use crate::failure::Failure;
use crate::ids::{self, Found, IdArg};
use crate::output::{
    DiskJson, OperationJson, Paint, ResultJson, Table, UnfinishedJson, identity_table, micros,
    on_off, plain, print_json, print_text, steps_table,
};
use crate::progress::unfinished_line;

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
    freeze_micros: u64,
    held_micros: u64,
    copy_micros: u64,
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
struct UnfinishedDetail {
    #[serde(flatten)]
    operation: UnfinishedJson,
    result: ResultJson,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let queries = app.queries()?;
    let queries = &*queries;
    match ids::anything(queries, &args.id)? {
        Found::Known(Object::Set(id)) => set(app, queries, id),
        Found::Known(Object::Copy(id, _)) => copy(app, queries, id),
        Found::Known(Object::Operation(id)) => print_record(app, &queries.record(id)?),
        Found::Known(Object::Unfinished(id)) => unfinished(app, queries, id),
        Found::Unknown(id) => Err(Error::new(
            ErrorKind::ObjectNotFound,
            format!("there is no set, copy or operation {id}"),
        )
        .with_hint("vss list shows the sets and copies, vss history the operations; one that runs shows once it has begun to change something")
        .into()),
    }
}

/// What there is, or nothing where there is none.
fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == ErrorKind::ObjectNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn set(app: &App, queries: &dyn Queries, id: SetId) -> Result<(), Failure> {
    let unfinished = queries.operations()?;
    let set = queries.set(id)?;
    let creation = known(queries.creation(id))?;
    let disks: Vec<&DiskReport> = creation
        .iter()
        .flat_map(|record| &record.disks)
        .filter(|disk| {
            // Disks of copies deleted since are gone.
            set.copies.iter().any(|copy| copy.luns.contains(&disk.lun))
        })
        .collect();
    if app.json {
        return print_json(&SetDetail {
            set: SetJson::from(&set),
            freeze_micros: set.freeze_micros,
            held_micros: set.held_micros,
            copy_micros: set.copy_micros,
            disks: disks.into_iter().map(DiskJson::from).collect(),
        });
    }
    let paint = Paint::stdout();
    let mut text = format!(
        "{}\n  created      {}\n  consistency  {}\n  frozen for   {}\n  writes held  {}\n  copied in    {}\n  context      {:#x}\n\n",
        paint.bold(&format!("set {id}")),
        set.created,
        set.consistency,
        micros(set.freeze_micros),
        micros(set.held_micros),
        micros(set.copy_micros),
        set.context.bits()
    );
    let mut table = Table::new(&["COPY", "ORIGINAL", "STATE", "DEVICE"]);
    for copy in set.copies.iter().map(|copy| &copy.properties) {
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
    for one in unfinished.iter().filter(|one| one.set == id) {
        text.push_str(&paint.yellow(&unfinished_line(one)));
        text.push('\n');
    }
    print_text(&text)
}

fn copy(app: &App, queries: &dyn Queries, id: SnapshotId) -> Result<(), Failure> {
    let copy = queries.copy(id)?;
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

fn unfinished(app: &App, queries: &dyn Queries, id: OperationId) -> Result<(), Failure> {
    let unfinished = queries.operations()?;
    let Some(found) = unfinished.iter().find(|one| one.operation == id) else {
        // It has ended since.
        return print_record(app, &queries.record(id)?);
    };
    if app.json {
        return print_json(&UnfinishedDetail {
            operation: found.into(),
            result: found.code.into(),
        });
    }
    print_text(&format!("{}\n", unfinished_line(found)))
}

/// Prints the record of an operation that is over.
pub(crate) fn print_record(app: &App, record: &AuditRecord) -> Result<(), Failure> {
    if app.json {
        return print_json(&OperationJson::from(record));
    }
    print_text(&operation_text(record, Paint::stdout()))
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
        if disk.after.is_some() {
            text.push_str("  after:\n");
        }
    }
    if let Some(after) = &disk.after {
        let indent = if same { "  " } else { "    " };
        text.push_str(&identity_table(after, paint, indent));
    }
    text
}
