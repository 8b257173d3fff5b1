//! `vss undo`: identities back to what they were before an operation.

use clap::Args;
use uuid::Uuid;
use vss_model::OperationId;
use vss_service::AuditRecord;

use crate::app::App;
use crate::commands::show::operation_text;
use crate::failure::{Failure, beginning};
use crate::ids::{self, IdArg};
use crate::output::{OperationJson, Paint, print_json, print_text};

/// Put back the identities that an operation changed
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// Id of the operation; a unique prefix is enough (vss history lists them)
    #[arg(value_name = "OPERATION")]
    operation: IdArg,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &UndoArgs) -> Result<(), Failure> {
    let service = app.service()?;
    let undone = ids::operation(&*service, &args.operation)?;
    let operation = OperationId::from_uuid(Uuid::new_v4());
    let record = service
        .undo(undone, Some(operation))
        .map_err(beginning(operation))?;
    if app.json {
        return print_json(&OperationJson::from(&record));
    }
    print_text(&text(&record, Paint::stdout()))
}

fn text(record: &AuditRecord, paint: Paint) -> String {
    let undone = record
        .undone
        .map_or_else(String::new, |operation| operation.to_string());
    format!(
        "{} the identity changes of operation {undone}\n{}",
        paint.green("took back"),
        operation_text(record, paint)
    )
}
