//! `vss lun`: the LUNs of the embedded array.

mod adopt;
mod change;
mod create;
mod delete;
mod list;
mod mask;
mod show;
mod unmask;

use std::borrow::Cow;

use clap::Subcommand;
use serde::Serialize;
use vss_model::{Error, ErrorKind, LunId, SetId};
use vss_provider_file::{FileArray, Lun};

pub(crate) use adopt::adopt;
pub(crate) use mask::mask;

use crate::app::App;
use crate::embedded::Service;
use crate::failure::{Failure, provider_error};

/// The commands on LUNs.
#[derive(Debug, Subcommand)]
pub(crate) enum LunCommand {
    Create(create::CreateArgs),
    Adopt(adopt::AdoptArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Mask(mask::MaskArgs),
    Unmask(unmask::UnmaskArgs),
    Delete(delete::DeleteArgs),
}

/// Runs one of them.
pub(crate) fn run(app: &App, command: &LunCommand) -> Result<(), Failure> {
    match command {
        LunCommand::Create(args) => create::run(app, args),
        LunCommand::Adopt(args) => adopt::run(app, args),
        LunCommand::List(_) => list::run(app),
        LunCommand::Show(args) => show::run(app, args),
        LunCommand::Mask(args) => mask::run(app, args),
        LunCommand::Unmask(args) => unmask::run(app, args),
        LunCommand::Delete(args) => delete::run(app, args),
    }
}

/// A LUN as scripts read it.
#[derive(Debug, Serialize)]
struct LunJson<'a> {
    name: &'a str,
    id: String,
    size_bytes: u64,
    allocated_bytes: u64,
    sector_size: u32,
    presented: bool,
    read_only: bool,
    image: Cow<'a, str>,
    device: Option<Cow<'a, str>>,
    linked: bool,
    /// The original, for a LUN that was made as a copy; it stays after a break.
    copy_of: Option<&'a str>,
    /// The set whose copies it carries now.
    set_id: Option<SetId>,
}

impl<'a> LunJson<'a> {
    /// `set` is the set whose copies the LUN carries.
    fn new(lun: &'a Lun, set: Option<SetId>) -> Self {
        Self {
            name: &lun.name,
            id: LunId::to_string(&lun.id),
            size_bytes: lun.size_bytes,
            allocated_bytes: lun.allocated_bytes,
            sector_size: lun.sector_size,
            presented: lun.presented,
            read_only: lun.read_only,
            image: lun.image.to_string_lossy(),
            device: lun.device.as_ref().map(|path| path.to_string_lossy()),
            linked: lun.linked,
            copy_of: lun.copy_of.as_ref().map(|original| original.name.as_str()),
            set_id: set,
        }
    }
}

/// Where a LUN is, in words.
fn place(lun: &Lun) -> String {
    lun.device
        .as_ref()
        .map_or_else(|| "masked".to_owned(), |path| path.display().to_string())
}

/// What a LUN is, in words.
fn role(lun: &Lun, set: Option<SetId>) -> String {
    if !lun.image.exists() {
        return format!("its image is missing: {}", lun.image.display());
    }
    match (set, &lun.copy_of) {
        (Some(set), Some(original)) => format!(
            "copy of {} (set {})",
            original.name,
            crate::output::short(set.as_uuid())
        ),
        (Some(set), None) => format!("copy (set {})", crate::output::short(set.as_uuid())),
        (None, Some(original)) => format!("ordinary, once a copy of {}", original.name),
        (None, None) => "ordinary".to_owned(),
    }
}

/// Looks up a LUN by name.
fn get(array: &FileArray, name: &str) -> Result<Lun, Error> {
    array.get(name).map_err(|error| {
        let error = provider_error(error);
        match error.hint() {
            Some(_) => error,
            None => error.with_hint("vss lun list shows the LUNs"),
        }
    })
}

/// Looks up LUNs by name, each once. All are looked up before anything is done to one.
fn find(service: &Service, names: &[String]) -> Result<Vec<Lun>, Error> {
    let mut luns: Vec<Lun> = Vec::with_capacity(names.len());
    for name in names {
        if !luns.iter().any(|known| known.name == *name) {
            luns.push(get(&service.array, name)?);
        }
    }
    Ok(luns)
}

/// Refuses a LUN that carries copies of a set.
fn refuse_copies(service: &Service, lun: &Lun) -> Result<(), Error> {
    match service.coordinator.set_of_lun(&lun.name)? {
        None => Ok(()),
        Some(set) => Err(Error::new(
            ErrorKind::BadState,
            format!(
                "LUN {} carries copies of shadow copy set {set}, which has the say over it",
                lun.name
            ),
        )
        .with_hint(format!(
            "make an ordinary disk of it (vss break {set}) or delete it with its set (vss delete {set})"
        ))),
    }
}

/// Refuses to show a LUN whose identity a visible disk bears.
fn refuse_twins(service: &Service, lun: &Lun) -> Result<(), Error> {
    service
        .coordinator
        .check_arrival(&lun.name, &lun.image, Some(lun.sector_size))
}
