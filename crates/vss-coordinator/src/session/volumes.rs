//! From the name of a volume to the LUNs that carry it.

use std::path::Path;

use disk_identity::{SectorSize, observe};
use host_view::{Cut, DevNo, HostView, Position, ResolveError, Volume};
use vss_model::{Error, ErrorKind, ProviderId};
use vss_provider::{HardwareProvider, Method, PresentedLun};

use super::Requester;
use crate::copies::partition_of;
use crate::create::{SourceLun, look, refuse_own_ground};
use crate::providers;
use crate::world::{self, Presented};

/// A volume, found on this host.
pub(super) enum Found {
    /// The name of a LUN, or of a partition on it.
    Named(Box<Lying>),
    /// A block device; which LUNs carry it depends on the provider.
    Stack(Box<(HostView, Volume)>),
}

/// A volume and the LUNs of one provider that carry it.
#[derive(Clone)]
pub(super) struct Lying {
    pub(super) provider: ProviderId,
    pub(super) luns: Vec<SourceLun>,
    /// Its own block devices, where it has any.
    pub(super) devices: Vec<DevNo>,
    /// Its number, when it is a partition of its one LUN.
    pub(super) partition: Option<u32>,
    pub(super) notes: Vec<String>,
}

impl Requester {
    /// Finds a volume: a path is a mount point or a block device, anything else the name of a LUN, or
    /// `LUN/PARTITION`. `None` for an unknown name.
    pub(super) fn find(&self, volume: &str) -> Result<Option<Found>, Error> {
        if !volume.starts_with('/') {
            let presented = world::presented(&self.engine.providers)?;
            return Ok(self
                .named(volume, presented)?
                .map(|lying| Found::Named(Box::new(lying))));
        }
        let view = look(&self.engine)?;
        let found = view.resolve(Path::new(volume)).map_err(|error| {
            let kind = match error {
                ResolveError::Look { .. } | ResolveError::NowhereMounted { .. } => {
                    ErrorKind::ObjectNotFound
                }
                _ => ErrorKind::VolumeNotSupported,
            };
            Error::new(kind, format!("{volume} is no volume that can be copied"))
                .with_hint("name a mount point, a block device, LUN, or LUN/PARTITION; findmnt and vss lun list show them")
                .with_source(error)
        })?;
        for mounted in view.file_systems_on(&found.devices) {
            if !mounted.read_only {
                refuse_own_ground(&self.engine, &view, &mounted, volume)?;
            }
        }
        Ok(Some(Found::Stack(Box::new((view, found)))))
    }

    /// The LUNs of one provider that carry a volume, or the first device below it that is none.
    pub(super) fn lying(
        &self,
        id: ProviderId,
        provider: &std::sync::Arc<dyn HardwareProvider>,
        view: &HostView,
        volume: &Volume,
    ) -> Result<Result<Lying, String>, Error> {
        let presented = providers::call(
            &provider.properties(),
            Method::PresentedLuns,
            &mut Vec::new(),
            || provider.presented_luns(),
        )?;
        let numbered: Vec<(DevNo, &PresentedLun)> = presented
            .iter()
            .filter_map(|lun| Some((self.engine.host.device_number(&lun.device)?, lun)))
            .collect();
        let is_lun = |device: DevNo| numbered.iter().any(|(number, _)| *number == device);
        let reached = match view.cut(&volume.devices, &is_lun) {
            Cut::Uncovered(leaf) => return Ok(Err(name_of(view, leaf))),
            Cut::Covered(reached) => reached,
        };
        let partition = match &reached[..] {
            [only] => match only.position {
                Position::Partition(number) => Some(number),
                _ => None,
            },
            _ => None,
        };
        let luns: Vec<(DevNo, SourceLun)> = reached
            .iter()
            .filter_map(|reached| {
                let (number, lun) = numbered.iter().find(|(number, _)| *number == reached.lun)?;
                Some((*number, source(lun)))
            })
            .collect();
        let notes = luns
            .iter()
            .filter_map(|(number, lun)| further(view, volume, *number, &lun.name))
            .collect();
        Ok(Ok(Lying {
            provider: id,
            luns: luns.into_iter().map(|(_, lun)| lun).collect(),
            devices: volume.devices.clone(),
            partition,
            notes,
        }))
    }

    /// The LUN of this name, or the partition of one. The partition must be there.
    fn named(&self, volume: &str, presented: Vec<Presented>) -> Result<Option<Lying>, Error> {
        let whole = presented.iter().position(|p| p.lun.name == volume);
        let (index, partition) = match (whole, volume.rsplit_once('/')) {
            (Some(index), _) => (Some(index), None),
            (None, None) => (None, None),
            (None, Some((name, number))) => match number.parse::<u32>() {
                Ok(number) if number > 0 => (
                    presented.iter().position(|p| p.lun.name == name),
                    Some(number),
                ),
                _ => return Err(volume_not_found(volume)),
            },
        };
        let Some(found) = index.and_then(|index| presented.into_iter().nth(index)) else {
            return Ok(None);
        };
        let device = self.engine.host.device_number(&found.lun.device);
        let mut devices: Vec<DevNo> = device.into_iter().collect();
        if let (Some(device), Some(number)) = (device, partition) {
            // A partition that the kernel does not know has no file system mounted either.
            devices = partition_of(&look(&self.engine)?, device, number)
                .into_iter()
                .collect();
        }
        Ok(Some(Lying {
            provider: found.provider,
            luns: vec![source(&found.lun)],
            devices,
            partition,
            notes: Vec::new(),
        }))
    }

    /// What the import could not handle is refused here, before anything is touched.
    pub(super) fn refuse_unfit(
        &self,
        lun: &SourceLun,
        partition: Option<u32>,
    ) -> Result<(), Error> {
        let name = &lun.name;
        if let Some(set) = self.engine.catalogue().set_of_lun(name)? {
            return Err(Error::new(
                ErrorKind::VolumeNotSupported,
                format!("LUN {name} carries copies of shadow copy set {set}; a copy of a copy is not to be had"),
            )
            .with_hint("break the set first, then copy the ordinary disk"));
        }
        let look = format!("look at it: vss identity show {}", lun.device.display());
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(
                ErrorKind::VolumeNotSupported,
                format!("LUN {name} cannot be copied: its partition table is not understood"),
            )
            .with_hint(look.clone())
            .with_source(error)
        };
        let disk = self
            .engine
            .host
            .open(&lun.device)
            .map_err(|error| failed(error.into()))?;
        let observation = observe(&*disk, SectorSize::try_from(lun.sector_size).ok())
            .map_err(|error| failed(error.into()))?;
        if let Some(number) = partition
            && !observation
                .identity()
                .partitions
                .iter()
                .any(|partition| partition.index == number)
        {
            return Err(Error::new(
                ErrorKind::ObjectNotFound,
                format!("LUN {name} has no partition {number}"),
            )
            .with_hint(look));
        }
        Ok(())
    }
}

/// The name by which sets know a volume: a folder by its path without links, anything else as it is.
///
/// Devices keep the name that was given: theirs are links on purpose, and what those lead to changes.
#[must_use]
pub fn volume_name(given: &str) -> String {
    let path = Path::new(given);
    let folder = (path.is_absolute() && path.is_dir()).then(|| path.canonicalize().ok());
    folder
        .flatten()
        .and_then(|folder| folder.into_os_string().into_string().ok())
        .unwrap_or_else(|| given.to_owned())
}

fn source(lun: &PresentedLun) -> SourceLun {
    SourceLun {
        name: lun.name.clone(),
        device: lun.device.clone(),
        information: lun.information.clone(),
        sector_size: lun.sector_size,
        backing: lun.backing.clone(),
    }
}

/// What else lies on a LUN of the volume: it comes along in the copy and is not at rest there
/// (spec: break §5, §12 check 23).
fn further(view: &HostView, volume: &Volume, lun: DevNo, name: &str) -> Option<String> {
    let own = |device: DevNo| {
        let lies_on = |upper: DevNo, lower: DevNo| {
            view.volumes_on(lower)
                .iter()
                .any(|above| above.device == upper)
        };
        volume
            .devices
            .iter()
            .any(|part| *part == device || lies_on(*part, device) || lies_on(device, *part))
    };
    let others: Vec<String> = view
        .volumes_on(lun)
        .into_iter()
        .filter(|above| above.device != lun && above.top && !above.internal && !own(above.device))
        .map(|above| name_of(view, above.device))
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "LUN {name} carries further volumes ({}), which the copy holds too, not at rest; a break changes their flags with it",
            others.join(", ")
        )
    })
}

fn name_of(view: &HostView, device: DevNo) -> String {
    view.path(device)
        .map_or_else(|| device.to_string(), |path| path.display().to_string())
}

pub(super) fn volume_not_found(volume: &str) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no visible volume {volume:?}"),
    )
    .with_hint(
        "name a mount point, a block device, LUN or LUN/PARTITION; vss lun list shows the LUNs, vss lun unmask makes one visible",
    )
}
