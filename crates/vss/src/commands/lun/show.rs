//! `vss lun show`: one LUN, and the identity of the disk on it.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::{LunJson, place, role};
use crate::app::App;
use crate::failure::Failure;
use crate::output::{IdentityJson, Paint, identity_table, on_off, plain, print_json, print_text};
use crate::size;

/// Show a LUN and the identity of its disk
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Serialize)]
struct DetailJson<'a> {
    #[serde(flatten)]
    lun: LunJson<'a>,
    /// Null where the table cannot be read; `vss identity show` says why.
    identity: Option<IdentityJson<'a>>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let detail = app.queries()?.lun(&args.name)?;
    let lun = &detail.lun;
    if app.json {
        return print_json(&DetailJson {
            lun: LunJson::from(lun),
            identity: detail.identity.as_ref().ok().map(|identity| {
                let mut identity = IdentityJson::new(identity);
                identity.warnings = detail.warnings.clone();
                identity
            }),
        });
    }
    let paint = Paint::stdout();
    let mut text = paint.bold(&format!("LUN {}", lun.name));
    text.push('\n');
    for (name, value) in [
        ("what", role(lun)),
        ("id", lun.id.clone()),
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
        ("device", place(lun)),
        ("image", lun.image.display().to_string()),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<6}  {}", plain(&value));
    }
    match &detail.identity {
        Ok(identity) => text.push_str(&identity_table(identity, paint, "  ")),
        Err(error) => {
            let _ = writeln!(text, "  {} {}", paint.red("error:"), plain(error));
        }
    }
    for warning in &detail.warnings {
        let _ = writeln!(text, "  {} {}", paint.yellow("warning:"), plain(warning));
    }
    print_text(&text)
}
