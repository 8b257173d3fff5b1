//! `vss lun mask`: LUNs out of this host's sight.

use clap::Args;

use super::change::{Changed, tell};
use super::{find, refuse_copies};
use crate::app::App;
use crate::embedded::Service;
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
    let service = Service::open(app)?;
    tell(app, "masked", &mask(&service, &args.names)?)
}

/// Masks LUNs, all of them checked before the first is touched.
pub(crate) fn mask(service: &Service, names: &[String]) -> Result<Vec<Changed>, Failure> {
    service.administration()?;
    let luns = find(service, names)?;
    for lun in &luns {
        refuse_copies(service, lun)?;
    }
    luns.iter()
        .map(|lun| {
            Ok(Changed::new(
                &lun.name,
                service.array.mask(&lun.name)?,
                None,
            ))
        })
        .collect()
}
