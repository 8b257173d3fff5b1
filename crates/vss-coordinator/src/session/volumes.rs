//! From the name of a volume to its LUNs and to the provider that copies it (spec: provider §3).

use disk_identity::{SectorSize, observe};
use vss_model::{
    Error, ErrorKind, LunInformation, ProviderId, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{HardwareProvider, Method, SoftwareProvider};

use super::Requester;
use crate::create::{SourceLun, VolumeRequest};
use crate::providers;
use crate::world;

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
        let named = if wanted.is_null() {
            None
        } else {
            self.engine.providers.get(wanted)?;
            Some(wanted)
        };
        let is_wanted = |id: ProviderId| named.is_none_or(|named| named == id);
        let mut events = Vec::new();
        let source = self.resolve(volume)?;
        if let Some(source) = &source {
            if context.contains(SnapshotAttributes::CLIENT_ACCESSIBLE) {
                return Err(Error::new(
                    ErrorKind::UnsupportedContext,
                    "client-accessible copies are the system provider's, and there is none",
                ));
            }
            let devices = [source.device.clone()];
            for (id, provider) in self
                .engine
                .providers
                .hardware()
                .filter(|(id, _)| is_wanted(*id))
            {
                let mut luns = [source.information.clone()];
                let answer = providers::call(
                    &provider.properties(),
                    Method::AreLunsSupported,
                    &mut events,
                    || provider.are_luns_supported(context, &devices, &mut luns),
                );
                match answer {
                    Ok(false) => {}
                    // One that cannot say is passed over, unless it was named.
                    Err(error) if named.is_some() => return Err(error),
                    Err(_) => {}
                    Ok(true) => {
                        return self.announce_luns(
                            set,
                            snapshot,
                            context,
                            volume,
                            id,
                            &**provider,
                            source,
                            &mut luns,
                        );
                    }
                }
            }
        }
        for (id, provider) in self
            .engine
            .providers
            .software()
            .filter(|(id, _)| is_wanted(*id))
        {
            let answer = providers::call(
                &provider.properties(),
                Method::IsVolumeSupported,
                &mut events,
                || provider.is_volume_supported(context, volume),
            );
            match answer {
                Ok(true) => {
                    return self.announce_volume(set, snapshot, context, volume, id, &**provider);
                }
                Err(error) if named.is_some() => return Err(error),
                Ok(false) | Err(_) => {}
            }
        }
        Err(match (named, source) {
            (_, None) => volume_not_found(volume),
            (Some(id), Some(_)) => Error::new(
                ErrorKind::VolumeNotSupportedByProvider,
                format!("provider {id} cannot copy volume {volume} in this way"),
            ),
            (None, Some(_)) => Error::new(
                ErrorKind::VolumeNotSupported,
                format!("no provider can copy volume {volume} in this way"),
            ),
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of the public call, and no more"
    )]
    fn announce_luns(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
        id: ProviderId,
        provider: &dyn HardwareProvider,
        source: &SourceLun,
        luns: &mut [LunInformation; 1],
    ) -> Result<VolumeRequest, Error> {
        let devices = [source.device.clone()];
        providers::call(
            &provider.properties(),
            Method::BeginPrepareSnapshot,
            &mut Vec::new(),
            || provider.begin_prepare_snapshot(set, snapshot, context, &devices, luns),
        )?;
        let [information] = luns.clone();
        Ok(VolumeRequest {
            snapshot,
            volume: volume.to_owned(),
            provider: id,
            luns: vec![SourceLun {
                information,
                ..source.clone()
            }],
        })
    }

    fn announce_volume(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
        id: ProviderId,
        provider: &dyn SoftwareProvider,
    ) -> Result<VolumeRequest, Error> {
        providers::call(
            &provider.properties(),
            Method::BeginPrepareVolume,
            &mut Vec::new(),
            || provider.begin_prepare_snapshot(set, snapshot, context, volume),
        )?;
        Ok(VolumeRequest {
            snapshot,
            volume: volume.to_owned(),
            provider: id,
            luns: Vec::new(),
        })
    }

    /// The LUN that carries a volume; `None` when no presented LUN has that name. A partition must be
    /// there.
    fn resolve(&self, volume: &str) -> Result<Option<SourceLun>, Error> {
        let (name, partition) = match volume.split_once('/') {
            None => (volume, None),
            Some((name, partition)) => match partition.parse::<u32>() {
                Ok(number) if number > 0 => (name, Some(number)),
                _ => return Err(volume_not_found(volume)),
            },
        };
        let presented = world::presented(&self.engine.providers)?;
        let Some(found) = presented.into_iter().find(|p| p.lun.name == name) else {
            return Ok(None);
        };
        let source = SourceLun {
            name: found.lun.name,
            device: found.lun.device,
            information: found.lun.information,
            sector_size: found.lun.sector_size,
        };
        if let Some(set) = self.engine.catalogue().set_of_lun(&source.name)? {
            return Err(Error::new(
                ErrorKind::VolumeNotSupported,
                format!("LUN {name} carries copies of shadow copy set {set}; a copy of a copy is not to be had"),
            )
            .with_hint("break the set first, then copy the ordinary disk"));
        }
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(
                ErrorKind::VolumeNotSupported,
                format!("LUN {name} cannot be copied: its partition table is not understood"),
            )
            .with_hint(format!(
                "look at it: vss identity show {}",
                source.device.display()
            ))
            .with_source(error)
        };
        let disk = self
            .engine
            .host
            .open(&source.device)
            .map_err(|error| failed(error.into()))?;
        // A table that import could not change safely is refused here, before anything is touched.
        let observation = observe(&*disk, SectorSize::try_from(source.sector_size).ok())
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
            .with_hint(format!(
                "look at it: vss identity show {}",
                source.device.display()
            )));
        }
        Ok(Some(source))
    }
}

fn volume_not_found(volume: &str) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no visible volume {volume:?}"),
    )
    .with_hint(
        "name LUN or LUN/PARTITION; vss lun list shows the LUNs, vss lun unmask makes one visible",
    )
}
