//! `vss lun attach`: LUNs as loop devices.

use clap::Args;

use super::change::tell;
use crate::app::App;
use crate::failure::Failure;

/// Attach LUNs as loop devices, with their partitions; their copies will be too
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &AttachArgs) -> Result<(), Failure> {
    tell(app, "attached", &app.service()?.attach_luns(&args.names)?)
}
