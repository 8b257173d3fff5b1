//! `vss lun`: the LUNs of the embedded array.

mod adopt;
mod attach;
mod change;
mod create;
mod delete;
mod detach;
mod list;
mod mask;
mod show;
mod unmask;

use std::borrow::Cow;

use clap::Subcommand;
use serde::Serialize;
use vss_model::SetId;
use vss_service::Lun;

use crate::app::App;
use crate::failure::Failure;

/// The commands on LUNs.
#[derive(Debug, Subcommand)]
pub(crate) enum LunCommand {
    Create(create::CreateArgs),
    Adopt(adopt::AdoptArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Mask(mask::MaskArgs),
    Unmask(unmask::UnmaskArgs),
    Attach(attach::AttachArgs),
    Detach(detach::DetachArgs),
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
        LunCommand::Attach(args) => attach::run(app, args),
        LunCommand::Detach(args) => detach::run(app, args),
        LunCommand::Delete(args) => delete::run(app, args),
    }
}

/// A LUN as scripts read it.
#[derive(Debug, Serialize)]
struct LunJson<'a> {
    name: &'a str,
    id: &'a str,
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

impl<'a> From<&'a Lun> for LunJson<'a> {
    fn from(lun: &'a Lun) -> Self {
        Self {
            name: &lun.name,
            id: &lun.id,
            size_bytes: lun.size_bytes,
            allocated_bytes: lun.allocated_bytes,
            sector_size: lun.sector_size,
            presented: lun.presented,
            read_only: lun.read_only,
            image: lun.image.to_string_lossy(),
            device: lun.device.as_ref().map(|path| path.to_string_lossy()),
            linked: lun.linked,
            copy_of: lun.copy_of.as_deref(),
            set_id: lun.set,
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
fn role(lun: &Lun) -> String {
    if lun.image_missing {
        return format!("its image is missing: {}", lun.image.display());
    }
    match (lun.set, &lun.copy_of) {
        (Some(set), Some(original)) => format!(
            "copy of {original} (set {})",
            crate::output::short(set.as_uuid())
        ),
        (Some(set), None) => format!("copy (set {})", crate::output::short(set.as_uuid())),
        (None, Some(original)) => format!("ordinary, once a copy of {original}"),
        (None, None) => "ordinary".to_owned(),
    }
}
