//! `vss demo`: the whole life of a shadow copy set, on disks made for it.

mod content;
mod disks;
mod report;
mod story;

use std::path::Path;

use clap::Args;
use vss_coordinator::StatePaths;
use vss_model::{Error, ErrorKind};

use crate::app::App;
use crate::failure::Failure;
use crate::output::print_json;
use crate::place::{Place, Why};

/// Show the whole way on two disks made for it: copy, break, and back in the originals' place
///
/// Needs no root, no array and no disk of yours: everything is in a temporary folder, which is
/// removed at the end.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the folder with disks and state, to look at
    #[arg(long)]
    keep: bool,
}

/// Runs the command.
pub(crate) fn run(json: bool, args: &DemoArgs) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("vss-demo-")
        .tempdir()
        .map_err(|error| io_failed("make a temporary folder", &std::env::temp_dir(), error))?;
    let app = App {
        place: Place::Embedded(StatePaths::new(folder.path().join("state"))),
        why: Why::Option("vss demo"),
        json,
    };
    // The folder goes when it is dropped, however this ends.
    let told = story::tell(&app, folder.path());
    let kept = args.keep.then(|| folder.keep());
    match told {
        Ok(report) if json => print_json(&report.json(kept.as_deref())),
        Ok(report) => report.print_end(kept.as_deref()),
        Err(failure) => {
            if let (Some(path), false) = (&kept, json) {
                eprintln!("the folder is kept: {}", path.display());
            }
            Err(failure)
        }
    }
}

fn io_failed(step: &str, path: &Path, error: std::io::Error) -> Failure {
    Error::new(
        ErrorKind::Unexpected,
        format!("the demonstration could not {step} {}", path.display()),
    )
    .with_hint("another folder can be named with $TMPDIR")
    .with_source(error)
    .into()
}
