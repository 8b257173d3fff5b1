//! What `vss break` says when the break is done.

use std::fmt::Write as _;

use serde::Serialize;
use vss_model::{OperationId, SetId};
use vss_service::AuditRecord;

use crate::output::{
    DiskJson, EventJson, Paint, ResultJson, StepJson, Table, on_off, plain, steps_table,
};

/// A finished break as scripts read it.
#[derive(Debug, Serialize)]
pub(crate) struct BreakJson<'a> {
    set_id: SetId,
    operation: OperationId,
    result: ResultJson,
    disks: Vec<DiskJson<'a>>,
    steps: Vec<StepJson<'a>>,
    events: Vec<EventJson<'a>>,
}

impl<'a> From<&'a AuditRecord> for BreakJson<'a> {
    fn from(report: &'a AuditRecord) -> Self {
        Self {
            set_id: report.set,
            operation: report.operation,
            result: report.code.into(),
            disks: report.disks.iter().map(DiskJson::from).collect(),
            steps: report.steps.iter().map(StepJson::from).collect(),
            events: report.events.iter().map(EventJson::from).collect(),
        }
    }
}

/// A finished break as people read it.
pub(crate) fn broken_text(report: &AuditRecord, paint: Paint) -> String {
    let mut text = format!(
        "{} set {}; its disks are ordinary disks now\n",
        paint.green("broke"),
        report.set
    );
    let mut table = Table::new(&["LUN", "COPY OF", "ACCESS", "IDENTITY", "DISK ID", "DEVICE"]);
    for disk in &report.disks {
        let disk_id = disk
            .after
            .as_ref()
            .and_then(|identity| identity.disk_id)
            .map_or_else(|| "-".to_owned(), |id| id.to_string());
        let device = disk.device.as_ref();
        table.row([
            disk.lun.clone(),
            disk.original.clone().unwrap_or_default(),
            if device.is_some() {
                on_off(disk.read_only_after).to_owned()
            } else {
                "-".to_owned()
            },
            disk.outcome.clone(),
            disk_id,
            device.map_or_else(|| "masked".to_owned(), |path| path.display().to_string()),
        ]);
    }
    text.push_str(&table.render(paint, ""));
    for event in &report.events {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {}", paint.yellow("note:"), plain(&event.message));
    }
    text.push('\n');
    text.push_str(&steps_table(&report.steps, paint, ""));
    if report.disks.iter().any(|disk| !disk.patch.is_empty()) {
        let _ = writeln!(
            text,
            "\nto take the identity changes back: vss undo {}",
            report.operation
        );
    }
    text
}
