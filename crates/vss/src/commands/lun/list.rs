//! `vss lun list`: all LUNs.

use clap::Args;
use serde::Serialize;

use super::{LunJson, place, role};
use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, Table, print_json, print_text};
use crate::progress::unfinished_line;
use crate::size;

/// List the LUNs
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
struct LunsJson<'a> {
    luns: Vec<LunJson<'a>>,
}

/// Runs the command.
pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let queries = app.queries()?;
    let luns = queries.luns()?;
    if app.json {
        return print_json(&LunsJson {
            luns: luns.iter().map(LunJson::from).collect(),
        });
    }
    let paint = Paint::stdout();
    let mut table = Table::new(&["LUN", "SIZE", "USED", "SECTOR", "ACCESS", "WHAT", "DEVICE"]);
    for lun in &luns {
        table.row([
            lun.name.clone(),
            size::show(lun.size_bytes),
            size::show(lun.allocated_bytes),
            lun.sector_size.to_string(),
            crate::output::on_off(Some(lun.read_only)).to_owned(),
            role(lun),
            place(lun),
        ]);
    }
    let mut text = if table.is_empty() {
        "no LUNs; vss lun create and vss lun adopt make some\n".to_owned()
    } else {
        table.render(paint, "")
    };
    for one in queries.operations()? {
        text.push_str(&paint.yellow(&unfinished_line(&one)));
        text.push('\n');
    }
    print_text(&text)
}
