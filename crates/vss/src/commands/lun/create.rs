//! `vss lun create`: an empty LUN.

use clap::Args;
use vss_service::NewLun;

use super::{LunJson, place};
use crate::app::App;
use crate::commands::identity::sector_size;
use crate::failure::Failure;
use crate::output::{Paint, print_json, print_text};
use crate::size;

/// Make an empty LUN
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Its size in binary units, as 512M, 1G or 10GiB; a plain number is bytes
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    size: u64,
    /// Its logical sector size, 512 or 4096
    #[arg(long, value_name = "N", value_parser = sector_size, default_value = "512")]
    sector_size: u32,
    /// Do not show it to this host
    #[arg(long)]
    masked: bool,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &CreateArgs) -> Result<(), Failure> {
    let lun = app.service()?.create_lun(&NewLun {
        name: args.name.clone(),
        size_bytes: args.size,
        sector_size: args.sector_size,
        present: !args.masked,
    })?;
    if app.json {
        return print_json(&LunJson::from(&lun));
    }
    print_text(&format!(
        "{} LUN {} ({}), {}\n",
        Paint::stdout().green("created"),
        lun.name,
        size::show(lun.size_bytes),
        place(&lun)
    ))
}
