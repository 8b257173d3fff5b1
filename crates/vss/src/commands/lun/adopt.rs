//! `vss lun adopt`: a LUN of a file that is there.

use std::path::{Path, PathBuf};

use clap::Args;
use vss_model::ErrorKind;
use vss_provider_file::{Adopt, Lun};

use super::{LunJson, place};
use crate::app::App;
use crate::commands::identity::sector_size;
use crate::embedded::Service;
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
    let service = Service::open(app)?;
    let how = if args.take { Adopt::Move } else { Adopt::Link };
    let lun = adopt(
        &service,
        &args.name,
        &args.file,
        how,
        args.sector_size,
        !args.masked,
    )?;
    if app.json {
        return print_json(&LunJson::new(&lun, None));
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

/// Adopts a file; one that shall be visible must not be the twin of a visible disk.
pub(crate) fn adopt(
    service: &Service,
    name: &str,
    file: &Path,
    how: Adopt,
    sector_size: Option<u32>,
    present: bool,
) -> Result<Lun, Failure> {
    service.administration()?;
    if present && file.is_file() {
        service
            .coordinator
            .check_arrival(name, file, sector_size)
            .map_err(|error| match error.kind() {
                ErrorKind::ObjectAlreadyExists => {
                    let hint = error.hint().unwrap_or_default();
                    let hint = format!("{hint}; or adopt this one with --masked");
                    error.with_hint(hint)
                }
                _ => error,
            })?;
    }
    Ok(service.array.adopt(name, file, how, sector_size, present)?)
}
