//! `vss lun unmask`: LUNs into this host's sight.

use clap::Args;

use super::change::tell;
use crate::app::App;
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
    tell(app, "visible", &app.service()?.unmask_luns(&args.names)?)
}
