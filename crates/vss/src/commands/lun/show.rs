//! `vss lun show`: one LUN, and the identity of the disk on it.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use vss_provider_file::FileArray;

use super::{LunJson, get, place, role};
use crate::app::App;
use crate::commands::identity::look;
use crate::failure::Failure;
use crate::output::{IdentityJson, Paint, identity_table, on_off, plain, print_json, print_text};
use crate::size;
use crate::view::View;

/// Show a LUN and the identity of its disk
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Serialize)]
struct LunDetail<'a> {
    #[serde(flatten)]
    lun: LunJson<'a>,
    /// Null where the table cannot be read; `vss identity show` says why.
    identity: Option<IdentityJson<'a>>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let view = View::open(app)?;
    let array = FileArray::open_read_only(&app.paths.array(), &app.paths.host())?;
    let lun = get(&array, &args.name)?;
    let sets = view.reader.sets()?;
    let set = lun
        .set
        .filter(|id| sets.iter().any(|set| set.set_id == *id));
    let observation = look(&lun.image, Some(lun.sector_size));
    if app.json {
        return print_json(&LunDetail {
            lun: LunJson::new(&lun, set),
            identity: observation.as_ref().ok().map(|observation| {
                let mut identity = IdentityJson::new(observation.identity());
                identity.warnings = observation
                    .warnings()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                identity
            }),
        });
    }
    let paint = Paint::stdout();
    let mut text = paint.bold(&format!("LUN {}", lun.name));
    text.push('\n');
    for (name, value) in [
        ("what", role(&lun, set)),
        ("id", lun.id.to_string()),
        (
            "size",
            format!(
                "{} ({} bytes), {} used",
                size::show(lun.size_bytes),
                lun.size_bytes,
                size::show(lun.allocated_bytes)
            ),
        ),
        ("access", on_off(Some(lun.read_only)).to_owned()),
        ("device", place(&lun)),
        ("image", lun.image.display().to_string()),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<6}  {}", plain(&value));
    }
    match &observation {
        Ok(observation) => {
            text.push_str(&identity_table(observation.identity(), paint, "  "));
            for warning in observation.warnings() {
                let warning = plain(&warning.to_string());
                let _ = writeln!(text, "  {} {warning}", paint.yellow("warning:"));
            }
        }
        Err(error) => {
            let _ = writeln!(text, "  {} {}", paint.red("error:"), plain(&error.chain()));
        }
    }
    print_text(&text)
}
