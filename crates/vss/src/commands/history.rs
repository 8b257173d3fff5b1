//! `vss history`: what was done, newest first.

use clap::Args;
use serde::Serialize;
use vss_model::ResultCode;
use vss_service::{AuditRecord, Queries, Refusal};

use crate::app::App;
use crate::failure::Failure;
use crate::output::{
    OperationJson, Paint, Table, UnfinishedJson, micros, print_json, print_text, short,
};
use crate::progress::unfinished_line;

/// Units of a timestamp in a microsecond.
const UNITS_PER_MICRO: u64 = 10;

/// List finished operations, newest first
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// How many to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// List calls that were refused for want of backup privilege instead
    #[arg(long)]
    refused: bool,
}

#[derive(Debug, Serialize)]
struct HistoryJson<'a> {
    operations: Vec<OperationJson<'a>>,
    unfinished: Vec<UnfinishedJson>,
}

#[derive(Debug, Serialize)]
struct RefusedJson<'a> {
    refused: Vec<RefusalJson<'a>>,
}

#[derive(Debug, Serialize)]
struct RefusalJson<'a> {
    caller: &'a str,
    method: &'a str,
    first: String,
    last: String,
    count: u64,
}

impl<'a> From<&'a Refusal> for RefusalJson<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self {
            caller: &refusal.caller,
            method: &refusal.method,
            first: refusal.first.to_string(),
            last: refusal.last.to_string(),
            count: refusal.count,
        }
    }
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &HistoryArgs) -> Result<(), Failure> {
    let queries = app.queries()?;
    if args.refused {
        return refused(app, &*queries, args.limit);
    }
    let unfinished = queries.operations()?;
    let records = queries.history(args.limit)?;
    if app.json {
        return print_json(&HistoryJson {
            operations: records.iter().map(OperationJson::from).collect(),
            unfinished: unfinished.iter().map(UnfinishedJson::from).collect(),
        });
    }
    let paint = Paint::stdout();
    let mut text = String::new();
    for one in &unfinished {
        text.push_str(&paint.yellow(&unfinished_line(one)));
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

fn refused(app: &App, queries: &dyn Queries, limit: usize) -> Result<(), Failure> {
    let refusals = queries.refusals(limit)?;
    if app.json {
        return print_json(&RefusedJson {
            refused: refusals.iter().map(RefusalJson::from).collect(),
        });
    }
    if refusals.is_empty() {
        return print_text("no call was refused\n");
    }
    let mut table = Table::new(&["LAST", "FIRST", "TIMES", "CALLER", "METHOD"]);
    for refusal in &refusals {
        table.row([
            refusal.last.to_string(),
            refusal.first.to_string(),
            refusal.count.to_string(),
            refusal.caller.clone(),
            refusal.method.clone(),
        ]);
    }
    print_text(&table.render(Paint::stdout(), ""))
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
