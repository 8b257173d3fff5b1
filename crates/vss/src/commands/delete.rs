//! `vss delete`: copies go, and the storage behind them.

use clap::Args;
use serde::Serialize;
use uuid::Uuid;
use vss_model::{Error, OperationId, SetId};
use vss_service::{Object, SourceObject};

use crate::app::App;
use crate::failure::{Failure, beginning};
use crate::ids::{self, Found, IdArg};
use crate::output::{Paint, print_json, print_text};

/// Delete a set or a single copy, with its storage
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Id of a set or a copy; a unique prefix is enough
    #[arg(value_name = "ID")]
    id: IdArg,
}

#[derive(Debug, Serialize)]
struct DeleteJson {
    id: String,
    set_id: SetId,
    deleted: u32,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &DeleteArgs) -> Result<(), Failure> {
    let service = app.service()?;
    let session = service.administration()?;
    let (what, id, set, object) = match ids::set_or_copy(&*service, &args.id)? {
        Found::Known(Object::Copy(id, set)) => {
            ("copy", id.to_string(), set, SourceObject::Snapshot(id))
        }
        // One that is not in the catalogue, too: the service says so itself.
        found => {
            let set = SetId::from_uuid(found.id());
            ("set", set.to_string(), set, SourceObject::Set(set))
        }
    };
    let operation = OperationId::from_uuid(Uuid::new_v4());
    let outcome = session
        .delete_snapshots(object, Some(operation))
        .map_err(beginning(operation))?;
    if let Some((failed, error)) = outcome.failure {
        return Err(Error::new(
            error.kind(),
            format!(
                "copy {failed} could not be deleted, after {} were",
                outcome.deleted
            ),
        )
        .with_hint(
            error
                .hint()
                .unwrap_or("vss list shows what is left")
                .to_owned(),
        )
        .with_source(error)
        .into());
    }
    if app.json {
        return print_json(&DeleteJson {
            id,
            set_id: set,
            deleted: outcome.deleted,
        });
    }
    let copies = match outcome.deleted {
        1 => "1 copy".to_owned(),
        n => format!("{n} copies"),
    };
    let done = Paint::stdout().green("deleted");
    print_text(&match what {
        "set" => format!("{done} set {id} ({copies})\n"),
        _ => format!("{done} copy {id} of set {set}\n"),
    })
}
