//! `vss lun delete`: LUNs and their images go.

use clap::Args;

use super::change::tell;
use crate::app::App;
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
    tell(app, "deleted", &app.service()?.delete_luns(&args.names)?)
}
