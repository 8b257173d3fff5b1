//! Which provider copies a volume (spec: provider §3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_view::DevNo;
use vss_model::{
    Context, Error, ErrorKind, LunInformation, ProviderId, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{HardwareProvider, Method, SoftwareProvider};

use super::Requester;
use super::volumes::{Found, Lying, volume_not_found};
use crate::create::{SourceLun, VolumeRequest};
use crate::providers;

/// What a requester wants copied, and how.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    context: SnapshotAttributes,
    volume: &'a str,
    /// The provider that was named.
    provider: Option<ProviderId>,
}

/// A provider that takes a volume on. Nothing was announced to it yet.
enum Offer {
    Hardware {
        id: ProviderId,
        provider: Arc<dyn HardwareProvider>,
        lying: Box<Lying>,
        luns: Vec<LunInformation>,
    },
    Software {
        id: ProviderId,
        provider: Arc<dyn SoftwareProvider>,
        path: PathBuf,
        devices: Vec<DevNo>,
    },
}

impl Requester {
    /// Finds the provider for a volume and announces the copy to it.
    pub(super) fn select(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
        provider: ProviderId,
    ) -> Result<VolumeRequest, Error> {
        let wanted = self.wanted(context, volume, provider)?;
        match self.offer(wanted)? {
            Offer::Hardware {
                id,
                provider,
                lying,
                luns,
            } => announce_luns(set, snapshot, wanted, id, &*provider, *lying, luns),
            Offer::Software {
                id,
                provider,
                path,
                devices,
            } => {
                announce_volume(set, snapshot, wanted, &path, &*provider)?;
                Ok(VolumeRequest {
                    snapshot,
                    volume: volume.to_owned(),
                    path,
                    provider: id,
                    luns: Vec::new(),
                    devices,
                    partition: None,
                    notes: Vec::new(),
                })
            }
        }
    }

    /// `IsVolumeSupported`: whether a copy of the volume could be begun in the session's context.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown volume, `VSS_E_PROVIDER_NOT_REGISTERED`,
    /// `VSS_E_BAD_STATE` before initialisation.
    pub fn is_volume_supported(&self, volume: &str, provider: ProviderId) -> Result<bool, Error> {
        let context = self.ready()?.context.unwrap_or(Context::BACKUP);
        let wanted = self.wanted(context.attributes(), volume, provider)?;
        match self.offer(wanted) {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::VolumeNotSupported
                | ErrorKind::VolumeNotSupportedByProvider
                | ErrorKind::UnsupportedContext => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn wanted<'a>(
        &self,
        context: SnapshotAttributes,
        volume: &'a str,
        provider: ProviderId,
    ) -> Result<Wanted<'a>, Error> {
        let provider = if provider.is_null() {
            None
        } else {
            self.engine.providers.get(provider)?;
            Some(provider)
        };
        Ok(Wanted {
            context,
            volume,
            provider,
        })
    }

    /// Hardware before software.
    fn offer(&self, wanted: Wanted<'_>) -> Result<Offer, Error> {
        let volume = wanted.volume;
        let found = self.find(volume)?;
        let mut reasons = Vec::new();
        if let Some(found) = &found
            && let Some(offer) = self.ask_hardware(wanted, found, &mut reasons)?
        {
            return Ok(offer);
        }
        if let Some(offer) = self.ask_software(wanted, found.as_ref(), &mut reasons)? {
            return Ok(offer);
        }
        Err(match (wanted.provider, found) {
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
    ) -> Result<Option<Offer>, Error> {
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
                    return Ok(Some(Offer::Hardware {
                        id,
                        provider: Arc::clone(provider),
                        lying: Box::new(lying),
                        luns,
                    }));
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
    ) -> Result<Option<Offer>, Error> {
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
                    return Ok(Some(Offer::Software {
                        id,
                        provider: Arc::clone(provider),
                        path,
                        devices,
                    }));
                }
                Err(error) if wanted.provider.is_some() => return Err(error),
                Err(error) => reasons.push(error.chain()),
                Ok(false) => {}
            }
        }
        Ok(None)
    }
}

fn announce_luns(
    set: SetId,
    snapshot: SnapshotId,
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
                set,
                snapshot,
                wanted.context,
                &devices,
                &mut informations,
            )
        },
    )?;
    let path = devices.first().cloned().unwrap_or_default();
    Ok(VolumeRequest {
        snapshot,
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

fn announce_volume(
    set: SetId,
    snapshot: SnapshotId,
    wanted: Wanted<'_>,
    path: &Path,
    provider: &dyn SoftwareProvider,
) -> Result<(), Error> {
    let name = path.display().to_string();
    providers::call(
        &provider.properties(),
        Method::BeginPrepareVolume,
        &mut Vec::new(),
        || provider.begin_prepare_snapshot(set, snapshot, wanted.context, &name),
    )
}

fn refused(kind: ErrorKind, message: String, reasons: &[String]) -> Error {
    if reasons.is_empty() {
        return Error::new(kind, message);
    }
    Error::new(kind, message).with_source(reasons.join("; "))
}
