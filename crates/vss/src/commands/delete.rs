//! `vss delete`: copies go, and the storage behind them.

use clap::Args;
use serde::Serialize;
use vss_coordinator::CatalogueReader;
use vss_model::{Error, SetId};

use crate::app::App;
use crate::embedded::Service;
use crate::failure::Failure;
use crate::ids::{IdArg, Index, Object};
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
    let service = Service::open(app)?;
    let session = service.administration()?;
    let reader = CatalogueReader::open(&app.paths.catalogue())?;
    let object = Index::of_copies(&reader)?.find(&args.id)?;
    drop(reader);
    let (what, id, set, outcome) = match object {
        Object::Copy(id, set) => ("copy", id.to_string(), set, session.delete_snapshot(id)?),
        Object::Set(set) => (
            "set",
            set.to_string(),
            set,
            session.delete_snapshot_set(set)?,
        ),
        // Not in the catalogue: the service says so itself.
        other => {
            let set = SetId::from_uuid(other.id());
            (
                "set",
                set.to_string(),
                set,
                session.delete_snapshot_set(set)?,
            )
        }
    };
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
