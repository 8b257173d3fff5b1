//! `vss lun mask`: LUNs out of this host's sight.

use clap::Args;

use super::change::tell;
use crate::app::App;
use crate::failure::Failure;

/// Withdraw LUNs from this host
#[derive(Debug, Args)]
pub(crate) struct MaskArgs {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &MaskArgs) -> Result<(), Failure> {
    tell(app, "masked", &app.service()?.mask_luns(&args.names)?)
}
