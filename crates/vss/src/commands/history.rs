//! `vss history`: what was done, newest first.

use clap::Args;
use serde::Serialize;
use vss_coordinator::AuditRecord;
use vss_model::ResultCode;

use crate::app::App;
use crate::failure::Failure;
use crate::output::{OperationJson, Paint, Table, micros, print_json, print_text, short};
use crate::view::{Unfinished, View};

/// Units of a timestamp in a microsecond.
const UNITS_PER_MICRO: u64 = 10;

/// List finished operations, newest first
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// How many to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Serialize)]
struct HistoryJson<'a> {
    operations: Vec<OperationJson<'a>>,
    unfinished: &'a [Unfinished],
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &HistoryArgs) -> Result<(), Failure> {
    let view = View::open(app)?;
    let records = view.reader.history(args.limit)?;
    if app.json {
        return print_json(&HistoryJson {
            operations: records.iter().map(OperationJson::from).collect(),
            unfinished: &view.unfinished,
        });
    }
    let paint = Paint::stdout();
    let mut text = String::new();
    for line in view.unfinished_lines(|_| true) {
        text.push_str(&paint.yellow(&line));
        text.push('\n');
    }
    let mut table = Table::new(&["FINISHED", "OPERATION", "KIND", "SET", "TOOK", "RESULT"]);
    for record in &records {
        table.row([
            record.finished.to_string(),
            short(record.operation.as_uuid()),
            record.kind.name().to_owned(),
            if record.set.is_null() {
                "-".to_owned()
            } else {
                short(record.set.as_uuid())
            },
            micros(took(record)),
            result(record),
        ]);
    }
    if !table.is_empty() {
        text.push_str(&table.render(paint, ""));
    } else if text.is_empty() {
        text.push_str("nothing was done yet\n");
    }
    print_text(&text)
}

fn took(record: &AuditRecord) -> u64 {
    let units = record.finished.0.saturating_sub(record.started.0);
    u64::try_from(units).unwrap_or(0) / UNITS_PER_MICRO
}

fn result(record: &AuditRecord) -> String {
    let mut result = match record.code {
        ResultCode::VSS_S_ASYNC_FINISHED => "finished".to_owned(),
        ResultCode::VSS_S_ASYNC_CANCELLED => "cancelled".to_owned(),
        code => code.name_or_hex(),
    };
    if record.recovered {
        result.push_str(" (recovered)");
    }
    result
}
