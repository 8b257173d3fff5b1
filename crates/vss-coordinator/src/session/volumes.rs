//! From the name of a volume to its LUNs and to the provider that copies it (spec: provider §3).

use std::path::{Path, PathBuf};

use disk_identity::{SectorSize, observe};
use host_view::{Cut, DevNo, HostView, Position, ResolveError, Volume};
use vss_model::{
    Error, ErrorKind, LunInformation, ProviderId, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{HardwareProvider, Method, PresentedLun, SoftwareProvider};

use super::Requester;
use crate::copies::partition_of;
use crate::create::{SourceLun, VolumeRequest, look, refuse_own_ground};
use crate::providers;
use crate::world::{self, Presented};

/// A volume, found on this host.
enum Found {
    /// The name of a LUN, or of a partition on it.
    Named(Box<Lying>),
    /// A block device; which LUNs carry it depends on the provider.
    Stack(Box<(HostView, Volume)>),
}

/// A volume and the LUNs of one provider that carry it.
#[derive(Clone)]
struct Lying {
    provider: ProviderId,
    luns: Vec<SourceLun>,
    /// Its own block devices, where it has any.
    devices: Vec<DevNo>,
    /// Its number, when it is a partition of its one LUN.
    partition: Option<u32>,
    notes: Vec<String>,
}

/// What a requester asked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    set: SetId,
    snapshot: SnapshotId,
    context: SnapshotAttributes,
    volume: &'a str,
    /// The provider that was named.
    provider: Option<ProviderId>,
}

impl Requester {
    /// Finds the provider for a volume and announces the copy to it (spec: provider §3).
    pub(super) fn select(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
        wanted: ProviderId,
    ) -> Result<VolumeRequest, Error> {
        let provider = if wanted.is_null() {
            None
        } else {
            self.engine.providers.get(wanted)?;
            Some(wanted)
        };
        let wanted = Wanted {
            set,
            snapshot,
            context,
            volume,
            provider,
        };
        let found = self.find(volume)?;
        let mut reasons = Vec::new();
        if let Some(found) = &found
            && let Some(request) = self.ask_hardware(wanted, found, &mut reasons)?
        {
            return Ok(request);
        }
        if let Some(request) = self.ask_software(wanted, found.as_ref(), &mut reasons)? {
            return Ok(request);
        }
        Err(match (provider, found) {
            (_, None) => volume_not_found(volume),
            (Some(id), Some(_)) => refused(
                ErrorKind::VolumeNotSupportedByProvider,
                format!("provider {id} cannot copy volume {volume} in this way"),
                &reasons,
            ),
            (None, Some(_)) => refused(
                ErrorKind::VolumeNotSupported,
                format!("no provider can copy volume {volume} in this way"),
                &reasons,
            ),
        })
    }

    fn ask_hardware(
        &self,
        wanted: Wanted<'_>,
        found: &Found,
        reasons: &mut Vec<String>,
    ) -> Result<Option<VolumeRequest>, Error> {
        if wanted
            .context
            .contains(SnapshotAttributes::CLIENT_ACCESSIBLE)
        {
            return Err(Error::new(
                ErrorKind::UnsupportedContext,
                "client-accessible copies are the system provider's, and there is none",
            ));
        }
        for (id, provider) in self
            .engine
            .providers
            .hardware()
            .filter(|(id, _)| wanted.provider.is_none_or(|named| named == *id))
        {
            let name = provider.properties().provider_name;
            let lying = match found {
                Found::Named(lying) if lying.provider == id => (**lying).clone(),
                Found::Named(_) => continue,
                Found::Stack(stack) => match self.lying(id, provider, &stack.0, &stack.1)? {
                    Ok(lying) => lying,
                    Err(leaf) => {
                        reasons.push(format!("{name} has no LUN under it down to {leaf}"));
                        continue;
                    }
                },
            };
            for lun in &lying.luns {
                self.refuse_unfit(lun, lying.partition)?;
            }
            let devices: Vec<PathBuf> = lying.luns.iter().map(|lun| lun.device.clone()).collect();
            let mut luns: Vec<LunInformation> = lying
                .luns
                .iter()
                .map(|lun| lun.information.clone())
                .collect();
            let answer = providers::call(
                &provider.properties(),
                Method::AreLunsSupported,
                &mut Vec::new(),
                || provider.are_luns_supported(wanted.context, &devices, &mut luns),
            );
            match answer {
                Ok(false) => reasons.push(format!("{name} does not copy its LUN in this way")),
                // One that cannot say is passed over, unless it was named.
                Err(error) if wanted.provider.is_some() => return Err(error),
                Err(error) => reasons.push(error.chain()),
                Ok(true) => {
                    return self
                        .announce_luns(wanted, id, &**provider, lying, luns)
                        .map(Some);
                }
            }
        }
        Ok(None)
    }

    fn ask_software(
        &self,
        wanted: Wanted<'_>,
        found: Option<&Found>,
        reasons: &mut Vec<String>,
    ) -> Result<Option<VolumeRequest>, Error> {
        // A provider is asked for the device of a volume, and for what no host knows by its name.
        let (path, devices) = match found {
            Some(Found::Stack(stack)) => {
                let first = stack
                    .1
                    .devices
                    .first()
                    .and_then(|first| stack.0.path(*first));
                (first.unwrap_or_default(), stack.1.devices.clone())
            }
            _ => (PathBuf::from(wanted.volume), Vec::new()),
        };
        let name = path.display().to_string();
        for (id, provider) in self
            .engine
            .providers
            .software()
            .filter(|(id, _)| wanted.provider.is_none_or(|named| named == *id))
        {
            let answer = providers::call(
                &provider.properties(),
                Method::IsVolumeSupported,
                &mut Vec::new(),
                || provider.is_volume_supported(wanted.context, &name),
            );
            match answer {
                Ok(true) => {
                    announce_volume(wanted, &name, &**provider)?;
                    return Ok(Some(VolumeRequest {
                        snapshot: wanted.snapshot,
                        volume: wanted.volume.to_owned(),
                        path,
                        provider: id,
                        luns: Vec::new(),
                        devices,
                        partition: None,
                        notes: Vec::new(),
                    }));
                }
                Err(error) if wanted.provider.is_some() => return Err(error),
                Err(error) => reasons.push(error.chain()),
                Ok(false) => {}
            }
        }
        Ok(None)
    }

    fn announce_luns(
        &self,
        wanted: Wanted<'_>,
        id: ProviderId,
        provider: &dyn HardwareProvider,
        lying: Lying,
        mut informations: Vec<LunInformation>,
    ) -> Result<VolumeRequest, Error> {
        let devices: Vec<PathBuf> = lying.luns.iter().map(|lun| lun.device.clone()).collect();
        providers::call(
            &provider.properties(),
            Method::BeginPrepareSnapshot,
            &mut Vec::new(),
            || {
                provider.begin_prepare_snapshot(
                    wanted.set,
                    wanted.snapshot,
                    wanted.context,
                    &devices,
                    &mut informations,
                )
            },
        )?;
        let path = devices.first().cloned().unwrap_or_default();
        Ok(VolumeRequest {
            snapshot: wanted.snapshot,
            volume: wanted.volume.to_owned(),
            path,
            provider: id,
            luns: lying
                .luns
                .into_iter()
                .zip(informations)
                .map(|(lun, information)| SourceLun { information, ..lun })
                .collect(),
            devices: lying.devices,
            partition: lying.partition,
            notes: lying.notes,
        })
    }

    /// Finds a volume: a path is a mount point or a block device, anything else the name of a LUN, or
    /// `LUN/PARTITION`. `None` for an unknown name.
    fn find(&self, volume: &str) -> Result<Option<Found>, Error> {
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
    fn lying(
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
    fn refuse_unfit(&self, lun: &SourceLun, partition: Option<u32>) -> Result<(), Error> {
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

fn announce_volume(
    wanted: Wanted<'_>,
    name: &str,
    provider: &dyn SoftwareProvider,
) -> Result<(), Error> {
    providers::call(
        &provider.properties(),
        Method::BeginPrepareVolume,
        &mut Vec::new(),
        || provider.begin_prepare_snapshot(wanted.set, wanted.snapshot, wanted.context, name),
    )
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

fn refused(kind: ErrorKind, message: String, reasons: &[String]) -> Error {
    if reasons.is_empty() {
        return Error::new(kind, message);
    }
    Error::new(kind, message).with_source(reasons.join("; "))
}

fn volume_not_found(volume: &str) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no visible volume {volume:?}"),
    )
    .with_hint(
        "name a mount point, a block device, LUN or LUN/PARTITION; vss lun list shows the LUNs, vss lun unmask makes one visible",
    )
}
