//! `vss lun unmask`: LUNs into this host's sight.

use clap::Args;

use super::change::{Changed, tell};
use super::{find, refuse_copies, refuse_twins};
use crate::app::App;
use crate::embedded::Service;
use crate::failure::Failure;

/// Show LUNs to this host
#[derive(Debug, Args)]
pub(crate) struct UnmaskArgs {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &UnmaskArgs) -> Result<(), Failure> {
    let service = Service::open(app)?;
    service.administration()?;
    let luns = find(&service, &args.names)?;
    for lun in &luns {
        // A copy that went out of sight may come back: its set cannot be broken without it.
        if lun.presented {
            refuse_copies(&service, lun)?;
        } else {
            refuse_twins(&service, lun)?;
        }
    }
    let mut changes = Vec::new();
    for lun in &luns {
        // Two of them may be twins of each other: the first is visible by now.
        if !lun.presented {
            refuse_twins(&service, lun)?;
        }
        let change = service.array.present(&lun.name)?;
        let device = service.array.get(&lun.name)?.device;
        let device = device.map(|path| path.display().to_string());
        changes.push(Changed::new(&lun.name, change, device));
    }
    tell(app, "visible", &changes)
}
