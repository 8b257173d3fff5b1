//! `vss lun detach`: LUNs as images again.

use clap::Args;

use super::change::tell;
use crate::app::App;
use crate::failure::Failure;

/// Take the loop devices of LUNs away; they stay visible as their images
#[derive(Debug, Args)]
pub(crate) struct DetachArgs {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(app: &App, args: &DetachArgs) -> Result<(), Failure> {
    tell(app, "detached", &app.service()?.detach_luns(&args.names)?)
}
