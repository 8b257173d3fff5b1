//! `vss man`: the manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use vss_model::{Error, ErrorKind};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::print_text;

/// Print the manual page vss(1), or write those of all commands
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages of vss and of every command into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    match &args.dir {
        Some(dir) => write_all(dir),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command().disable_help_subcommand(true))
                .render(&mut page)?;
            print_text(&String::from_utf8_lossy(&page))
        }
    }
}

fn write_all(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        .map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                format!("could not write the manual pages into {}", dir.display()),
            )
            .with_source(error)
            .into()
        })
}
