//! `vss lun delete`: LUNs and their images go.

use clap::Args;
use vss_provider_file::Change;

use super::change::{Changed, tell};
use super::{find, refuse_copies};
use crate::app::App;
use crate::embedded::Service;
use crate::failure::Failure;

/// Delete LUNs and their images; of adopted files that stayed in their place only the link
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &DeleteArgs) -> Result<(), Failure> {
    let service = Service::open(app)?;
    service.administration()?;
    let luns = find(&service, &args.names)?;
    for lun in &luns {
        refuse_copies(&service, lun)?;
    }
    let mut changes = Vec::new();
    for lun in &luns {
        service.array.delete(&lun.name)?;
        changes.push(Changed::new(&lun.name, Change::Changed, None));
    }
    tell(app, "deleted", &changes)
}
