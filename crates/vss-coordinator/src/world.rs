//! Which disks the host can see, and who they are.

use std::collections::HashSet;
use std::path::PathBuf;

use disk_identity::{Identity, SectorSize, observe};
use host_view::DevNo;
use vss_model::{Error, ErrorKind, LunInformation, ProviderId};
use vss_provider::{Method, PresentedLun};
use vss_service::{Event, LunRecord};

use crate::host::{Host, HostDisk};
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

/// Whether this is the LUN of a copy.
pub(crate) fn is_lun(presented: &Presented, lun: &LunRecord) -> bool {
    presented.provider == lun.provider_id && presented.lun.information.is_same_lun(&lun.snapshot)
}

/// The LUN of a copy where it is presented now; told by its page 0x83 identifier, never by its name.
pub(crate) fn find<'a>(presented: &'a [Presented], lun: &LunRecord) -> Option<&'a Presented> {
    find_lun(presented, lun.provider_id, &lun.snapshot)
}

/// A LUN of a provider where it is presented now.
pub(crate) fn find_lun<'a>(
    presented: &'a [Presented],
    provider: ProviderId,
    information: &LunInformation,
) -> Option<&'a Presented> {
    presented
        .iter()
        .find(|one| one.provider == provider && one.lun.information.is_same_lun(information))
}

/// Has a provider present a LUN of its own.
///
/// # Errors
/// The provider's.
pub(crate) fn locate(
    providers: &Providers,
    provider: ProviderId,
    information: &LunInformation,
    events: &mut Vec<Event>,
) -> Result<(), Error> {
    let provider = providers.get_hardware(provider)?;
    providers::call(&provider.properties(), Method::LocateLuns, events, || {
        provider.locate_luns(std::slice::from_ref(information))
    })
}

/// Sees that a LUN which a crash may have left half changed can be worked on. `refusal` is what its provider
/// said when it was to present it.
///
/// # Errors
/// `VSS_E_MISSING_DISK`.
pub(crate) fn check_reachable(
    host: &dyn Host,
    name: &str,
    found: Option<&Presented>,
    refusal: Option<Error>,
) -> Result<(), Error> {
    let missing = |why: &str| {
        Error::new(
            ErrorKind::MissingDisk,
            format!("LUN {name} {why}, and may be half changed"),
        )
        .with_hint("bring it back, and start again")
    };
    let Some(found) = found else {
        let error = missing("is not visible on this host");
        return Err(match refusal {
            Some(refusal) => error.with_source(refusal),
            None => error,
        });
    };
    let device = &found.lun.device;
    match host.open(device) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(missing(&format!("({}) cannot be opened", device.display())).with_source(error))
        }
    }
}

/// The identities of all visible disks but those which `skip` names.
///
/// A disk that the host shows in several ways counts once: the image or device behind a presented LUN is
/// that LUN, and not another disk.
pub(crate) fn others(
    host: &dyn Host,
    presented: &[Presented],
    skip: impl Fn(&Presented) -> bool,
) -> Result<Vec<VisibleDisk>, Error> {
    let known = Known::of(host, presented);
    let wanted: Vec<&Presented> = presented
        .iter()
        .filter(|lun| !skip(lun) && !known.is_behind_another(host, lun))
        .collect();
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
    disks.extend(
        host_disks
            .into_iter()
            .filter(|disk| !known.contains(disk))
            .map(|disk| VisibleDisk {
                name: disk.device.display().to_string(),
                device: disk.device,
                information: None,
                identity: Some(disk.identity),
            }),
    );
    Ok(disks)
}

/// The devices and images of presented LUNs.
struct Known {
    /// Block devices of LUNs, and those behind them.
    numbers: HashSet<DevNo>,
    /// Those behind them alone.
    behind: HashSet<DevNo>,
    /// Paths of LUNs as they are presented.
    devices: HashSet<PathBuf>,
    /// Files that are LUNs, or lie behind them.
    files: HashSet<PathBuf>,
}

impl Known {
    fn of(host: &dyn Host, presented: &[Presented]) -> Self {
        let mut known = Self {
            numbers: HashSet::new(),
            behind: HashSet::new(),
            devices: HashSet::new(),
            files: HashSet::new(),
        };
        for Presented { lun, .. } in presented {
            known.devices.insert(lun.device.clone());
            match host.device_number(&lun.device) {
                Some(number) => {
                    known.numbers.insert(number);
                }
                None => known.files.extend(lun.device.canonicalize().ok()),
            }
            let Some(backing) = &lun.backing else {
                continue;
            };
            match host.device_number(backing) {
                Some(number) => {
                    known.numbers.insert(number);
                    known.behind.insert(number);
                }
                None => known.files.extend(backing.canonicalize().ok()),
            }
        }
        known
    }

    fn is_behind_another(&self, host: &dyn Host, lun: &Presented) -> bool {
        !self.behind.is_empty()
            && host
                .device_number(&lun.lun.device)
                .is_some_and(|number| self.behind.contains(&number))
    }

    fn contains(&self, disk: &HostDisk) -> bool {
        self.devices.contains(&disk.device)
            || disk
                .numbers
                .iter()
                .any(|number| self.numbers.contains(number))
            || disk
                .backing_file
                .as_ref()
                .is_some_and(|file| self.files.contains(file))
    }
}

fn identity_of(host: &dyn Host, lun: &PresentedLun) -> Option<Identity> {
    let disk = host.open(&lun.device).ok()?;
    let sector_size = SectorSize::try_from(lun.sector_size).ok();
    observe(&*disk, sector_size)
        .ok()
        .map(|observation| observation.identity().clone())
}
