//! Which disks the host can see, and who they are.

use std::collections::HashSet;
use std::path::PathBuf;

use disk_identity::{Identity, SectorSize, observe};
use vss_model::{Error, ErrorKind, LunInformation, ProviderId};
use vss_provider::{Method, PresentedLun};

use crate::host::Host;
use crate::parallel;
use crate::providers::{self, Providers};

/// A disk that the host can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleDisk {
    /// The name people call it by.
    pub name: String,
    /// Where it can be opened.
    pub device: PathBuf,
    /// What its provider says of it; `None` for a disk of the host that no provider presents.
    pub information: Option<LunInformation>,
    /// Who it is; `None` when its table cannot be read.
    pub identity: Option<Identity>,
}

/// A LUN that a provider presents.
#[derive(Debug, Clone)]
pub(crate) struct Presented {
    pub(crate) provider: ProviderId,
    pub(crate) lun: PresentedLun,
}

/// Every LUN that the hardware providers present.
pub(crate) fn presented(providers: &Providers) -> Result<Vec<Presented>, Error> {
    let mut all = Vec::new();
    for (id, provider) in providers.hardware() {
        // No event is kept of it: the error says all that there is to say.
        let luns = providers::call(
            &provider.properties(),
            Method::PresentedLuns,
            &mut Vec::new(),
            || provider.presented_luns(),
        )?;
        all.extend(luns.into_iter().map(|lun| Presented { provider: id, lun }));
    }
    Ok(all)
}

/// The identities of all visible disks but those which `skip` names.
pub(crate) fn others(
    host: &dyn Host,
    presented: &[Presented],
    skip: impl Fn(&Presented) -> bool,
) -> Result<Vec<VisibleDisk>, Error> {
    let wanted: Vec<&Presented> = presented.iter().filter(|lun| !skip(lun)).collect();
    let mut disks = parallel::map(&wanted, |presented| VisibleDisk {
        name: presented.lun.name.clone(),
        device: presented.lun.device.clone(),
        information: Some(presented.lun.information.clone()),
        identity: identity_of(host, &presented.lun),
    });
    let host_disks = host.disks().map_err(|error| {
        Error::new(
            ErrorKind::Unexpected,
            "could not list the disks of this host",
        )
        .with_source(error)
    })?;
    // The images of presented LUNs may be attached as loop devices: the same disk, not another one.
    let known: HashSet<PathBuf> = if host_disks.iter().any(|disk| disk.backing_file.is_some()) {
        presented
            .iter()
            .filter_map(|presented| presented.lun.device.canonicalize().ok())
            .collect()
    } else {
        HashSet::new()
    };
    disks.extend(
        host_disks
            .into_iter()
            .filter(|disk| {
                !disk
                    .backing_file
                    .as_ref()
                    .is_some_and(|file| known.contains(file))
                    && !presented.iter().any(|p| p.lun.device == disk.device)
            })
            .map(|disk| VisibleDisk {
                name: disk.device.display().to_string(),
                device: disk.device,
                information: None,
                identity: Some(disk.identity),
            }),
    );
    Ok(disks)
}

fn identity_of(host: &dyn Host, lun: &PresentedLun) -> Option<Identity> {
    let disk = host.open(&lun.device).ok()?;
    let sector_size = SectorSize::try_from(lun.sector_size).ok();
    observe(&*disk, sector_size)
        .ok()
        .map(|observation| observation.identity().clone())
}
