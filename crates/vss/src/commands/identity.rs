//! `vss identity show`: who the disk in a file is.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use disk_identity::{Observation, SectorSize, observe};
use serde::Serialize;
use vss_model::{Error, ErrorKind};

use crate::failure::{self, Failure};
use crate::output::{IdentityJson, Paint, identity_table, plain, print_json, print_text};
use crate::size;

/// The commands on identities.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    Show(ShowArgs),
}

/// Show partition table, identifiers and attributes of disks
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Image files or block devices
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Logical sector size [default: what the device says, or where a GPT stands]
    #[arg(long, value_name = "N", value_parser = sector_size)]
    sector_size: Option<u32>,
}

#[derive(Debug, Serialize)]
struct DisksJson<'a> {
    disks: Vec<IdentityJson<'a>>,
}

/// Reads a sector size: 512 or 4096.
pub(crate) fn sector_size(text: &str) -> Result<u32, String> {
    match size::parse(text) {
        Ok(512) => Ok(512),
        Ok(4096) => Ok(4096),
        _ => Err("a logical sector has 512 or 4096 bytes".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(json: bool, command: &IdentityCommand) -> Result<(), Failure> {
    let IdentityCommand::Show(args) = command;
    let mut seen = Vec::new();
    let mut failed = false;
    for file in &args.files {
        match look(file, args.sector_size) {
            Ok(observation) => seen.push((file.as_path(), observation)),
            Err(error) => {
                failed = true;
                failure::tell(json, &error);
            }
        }
    }
    if json {
        let mut disks: Vec<IdentityJson<'_>> = seen
            .iter()
            .map(|(path, observation)| {
                IdentityJson::of_file(observation.identity(), path, warnings(observation))
            })
            .collect();
        match (args.files.len(), disks.pop()) {
            (1, None) => {}
            (1, Some(only)) => print_json(&only)?,
            (_, last) => {
                disks.extend(last);
                print_json(&DisksJson { disks })?;
            }
        }
    } else {
        let paint = Paint::stdout();
        let texts: Vec<String> = seen
            .iter()
            .map(|(path, observation)| text(path, observation, paint))
            .collect();
        print_text(&texts.join("\n"))?;
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn warnings(observation: &Observation) -> Vec<String> {
    observation
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn text(path: &Path, observation: &Observation, paint: Paint) -> String {
    let mut text = paint.bold(&plain(&path.display().to_string()));
    text.push('\n');
    text.push_str(&identity_table(observation.identity(), paint, "  "));
    for warning in warnings(observation) {
        text.push_str(&format!(
            "  {} {}\n",
            paint.yellow("warning:"),
            plain(&warning)
        ));
    }
    text
}

/// Reads the identity of a disk; opens nothing but regular files and block devices.
pub(crate) fn look(file: &Path, sector_size: Option<u32>) -> Result<Observation, Error> {
    let shown = file.display();
    let failed = |step: &str, kind| Error::new(kind, format!("could not {step} {shown}"));
    let of_io = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::ObjectNotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::AccessDenied,
        _ => ErrorKind::Unexpected,
    };
    let kind = fs::metadata(file)
        .map_err(|error| failed("look at", of_io(&error)).with_source(error))?
        .file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{shown} is neither a regular file nor a block device"),
        ));
    }
    let disk =
        File::open(file).map_err(|error| failed("open", of_io(&error)).with_source(error))?;
    let of_device = || {
        kind.is_block_device()
            .then(|| vss_sys::block::logical_sector_size(&disk).ok())?
    };
    let size = sector_size
        .or_else(of_device)
        .and_then(|bytes| SectorSize::try_from(bytes).ok());
    observe(&disk, size).map_err(|error| {
        failed("read the partition table of", ErrorKind::Unexpected).with_source(error)
    })
}
