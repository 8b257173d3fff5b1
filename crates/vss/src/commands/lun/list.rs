//! `vss lun list`: all LUNs.

use std::collections::HashSet;

use clap::Args;
use serde::Serialize;
use vss_model::SetId;
use vss_provider_file::{FileArray, Lun};

use super::{LunJson, place, role};
use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, Table, print_json, print_text};
use crate::size;
use crate::view::View;

/// List the LUNs
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
struct LunsJson<'a> {
    luns: Vec<LunJson<'a>>,
}

/// Runs the command.
pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let view = View::open(app)?;
    let luns = FileArray::open_read_only(&app.paths.array(), &app.paths.host())?.list()?;
    // The array remembers for good in which set a LUN was made; the catalogue knows what is left.
    let sets: HashSet<SetId> = view
        .reader
        .sets()?
        .into_iter()
        .map(|set| set.set_id)
        .collect();
    let set_of = |lun: &Lun| lun.set.filter(|set| sets.contains(set));
    if app.json {
        return print_json(&LunsJson {
            luns: luns
                .iter()
                .map(|lun| LunJson::new(lun, set_of(lun)))
                .collect(),
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
            role(lun, set_of(lun)),
            place(lun),
        ]);
    }
    let mut text = if table.is_empty() {
        "no LUNs; vss lun create and vss lun adopt make some\n".to_owned()
    } else {
        table.render(paint, "")
    };
    for line in view.unfinished_lines(|_| true) {
        text.push_str(&paint.yellow(&line));
        text.push('\n');
    }
    print_text(&text)
}
