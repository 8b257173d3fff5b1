//! `vss lun adopt`: a LUN of a file that is there.

use std::path::PathBuf;

use clap::Args;
use vss_model::{Error, ErrorKind};
use vss_service::{Adopt, AdoptLun};

use super::{LunJson, place};
use crate::app::App;
use crate::commands::identity::sector_size;
use crate::failure::Failure;
use crate::output::{Paint, print_json, print_text};
use crate::size;

/// Make a LUN of an image file
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// The image file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Move the file into the array
    #[arg(long = "move", conflicts_with = "link")]
    take: bool,
    /// Leave the file where it is, with a link to it in the array (default)
    #[arg(long)]
    link: bool,
    /// Its logical sector size, 512 or 4096 [default: where a GPT stands, else 512]
    #[arg(long, value_name = "N", value_parser = sector_size)]
    sector_size: Option<u32>,
    /// Do not show it to this host
    #[arg(long)]
    masked: bool,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &AdoptArgs) -> Result<(), Failure> {
    // A daemon has a working folder of its own.
    let file = std::path::absolute(&args.file).map_err(|error| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("{:?} cannot be an image file", args.file.display()),
        )
        .with_source(error)
    })?;
    let lun = app.service()?.adopt_lun(&AdoptLun {
        name: args.name.clone(),
        file,
        how: if args.take { Adopt::Move } else { Adopt::Link },
        sector_size: args.sector_size,
        present: !args.masked,
    })?;
    if app.json {
        return print_json(&LunJson::from(&lun));
    }
    print_text(&format!(
        "{} {} as LUN {} ({}), {}\n",
        Paint::stdout().green("adopted"),
        args.file.display(),
        lun.name,
        size::show(lun.size_bytes),
        place(&lun)
    ))
}
