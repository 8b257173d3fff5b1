//! What lies on the originals of a set: the file systems to freeze, and how each LUN's writes are held.

use std::path::{Path, PathBuf};

use host_view::{DevNo, HostView, MountedFileSystem};
use vss_model::{Error, ErrorKind};

use super::{CreateRequest, SourceLun};
use crate::engine::Engine;
use crate::host::{FileSystemAtRest, Ground};
use crate::providers::AnyProvider;

/// What a LUN is on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// A file, whose writers are held back by a lease.
    Image,
    /// A block device.
    Block(DevNo),
}

/// One original, or one volume of a software provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LunSeen {
    pub(super) name: String,
    pub(super) device: PathBuf,
    pub(super) medium: Medium,
    /// The block device behind it, if this host has that too.
    pub(super) backing: Option<DevNo>,
    /// A volume of a software provider.
    pub(super) software: bool,
    /// The only one of the set, copied by a software provider: of one instant by itself.
    pub(super) alone: bool,
}

/// One volume, with what is mounted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VolumeMounts {
    pub(super) name: String,
    /// Indices into the ground's file systems.
    pub(super) file_systems: Vec<usize>,
    /// How many more are mounted read-only, and need no freezing.
    pub(super) read_only: usize,
    /// One that another mount hides, so that nobody can freeze it.
    pub(super) hidden: Option<PathBuf>,
}

/// All of a set.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) luns: Vec<LunSeen>,
    pub(super) volumes: Vec<VolumeMounts>,
    pub(super) ground: Ground,
    pub(super) notes: Vec<String>,
    /// The host, when there are block devices among the originals.
    pub(super) view: Option<HostView>,
}

impl Survey {
    /// The images among the originals, in their order.
    pub(super) fn images(&self) -> impl Iterator<Item = &PathBuf> {
        self.luns
            .iter()
            .filter(|lun| lun.medium == Medium::Image)
            .map(|lun| &lun.device)
    }
}

/// Looks at the originals of a set.
///
/// # Errors
/// The host cannot be looked at; a file system of the set carries the service itself.
pub(super) fn survey(engine: &Engine, request: &CreateRequest) -> Result<Survey, Error> {
    let mut survey = Survey::default();
    for volume in &request.volumes {
        survey.notes.extend(volume.notes.iter().cloned());
        for lun in &volume.luns {
            if survey.luns.iter().any(|known| known.device == lun.device) {
                continue;
            }
            let number = engine.host.device_number(&lun.device);
            survey.luns.push(LunSeen {
                name: lun.name.clone(),
                device: lun.device.clone(),
                medium: number.map_or(Medium::Image, Medium::Block),
                backing: lun
                    .backing
                    .as_deref()
                    .and_then(|path| engine.host.device_number(path)),
                software: false,
                alone: false,
            });
        }
        let software = matches!(
            engine.providers.get(volume.provider)?,
            AnyProvider::Software(_)
        );
        if let (true, Some(device)) = (software, volume.devices.first()) {
            survey.luns.push(LunSeen {
                name: volume.volume.clone(),
                device: volume.path.clone(),
                medium: Medium::Block(*device),
                backing: None,
                software: true,
                alone: request.volumes.len() == 1,
            });
        }
    }
    let block = survey
        .luns
        .iter()
        .any(|lun| matches!(lun.medium, Medium::Block(_)));
    if block {
        survey.view = Some(look(engine)?);
    }
    for volume in &request.volumes {
        let mut mounts = VolumeMounts {
            name: volume.volume.clone(),
            file_systems: Vec::new(),
            read_only: 0,
            hidden: None,
        };
        if let Some(view) = &survey.view {
            let ground = &mut survey.ground;
            add_mounts(engine, view, &volume.devices, ground, &mut mounts)?;
        }
        survey.volumes.push(mounts);
    }
    if let Some(view) = &survey.view {
        for lun in request.volumes.iter().flat_map(|volume| &volume.luns) {
            refuse_frozen_image(view, &survey.ground, lun)?;
        }
    }
    Ok(survey)
}

/// The host as it is now.
pub(crate) fn look(engine: &Engine) -> Result<HostView, Error> {
    engine.host.view().map_err(|error| {
        Error::new(
            ErrorKind::Unexpected,
            "could not look at the block devices and mounts of this host",
        )
        .with_source(error)
    })
}

fn add_mounts(
    engine: &Engine,
    view: &HostView,
    devices: &[DevNo],
    ground: &mut Ground,
    mounts: &mut VolumeMounts,
) -> Result<(), Error> {
    for mounted in view.file_systems_on(devices) {
        if mounted.read_only {
            mounts.read_only += 1;
            continue;
        }
        refuse_own_ground(engine, view, &mounted, &mounts.name)?;
        if !mounted.reachable {
            mounts.hidden = Some(mounted.mount_point.clone());
            continue;
        }
        let device = (mounted.device.major, mounted.device.minor);
        let known = ground
            .file_systems
            .iter()
            .position(|known| known.device == device);
        let index = known.unwrap_or_else(|| {
            ground.file_systems.push(FileSystemAtRest {
                mount_point: mounted.mount_point.clone(),
                device,
                level: mounted.level,
            });
            ground.file_systems.len() - 1
        });
        if !mounts.file_systems.contains(&index) {
            mounts.file_systems.push(index);
        }
    }
    Ok(())
}

/// A copy of an image is written beside it, which waits for ever where the file system is frozen.
fn refuse_frozen_image(view: &HostView, ground: &Ground, lun: &SourceLun) -> Result<(), Error> {
    let Some(image) = &lun.backing else {
        return Ok(());
    };
    let Ok(under) = view.file_system_of(image) else {
        return Ok(());
    };
    let frozen = ground.file_systems.iter().find(|one| {
        let (major, minor) = one.device;
        under.file_systems.contains(&DevNo::new(major, minor))
    });
    match frozen.filter(|_| !image.starts_with("/dev")) {
        None => Ok(()),
        Some(frozen) => Err(Error::new(
            ErrorKind::VolumeNotSupported,
            format!(
                "the image of LUN {} ({}) lies on the file system at {}, which is frozen for the same set",
                lun.name,
                image.display(),
                frozen.mount_point.display()
            ),
        )
        .with_hint("copy them in two sets")),
    }
}

/// The service cannot freeze what it stands on: it would wait for itself.
pub(crate) fn refuse_own_ground(
    engine: &Engine,
    view: &HostView,
    mounted: &MountedFileSystem,
    volume: &str,
) -> Result<(), Error> {
    for (what, path) in [
        ("the root of this host", Path::new("/")),
        ("the state folder of the service", engine.state_root()),
    ] {
        // Ground that cannot be made out may be this one.
        let stands = view
            .file_system_of(path)
            .map_or(true, |ground| ground.file_systems.contains(&mounted.device));
        if stands {
            return Err(Error::new(
                ErrorKind::VolumeNotSupported,
                format!(
                    "volume {volume} carries {what} (the file system at {}), which the service cannot freeze: it would wait for itself",
                    mounted.mount_point.display()
                ),
            )
            .with_hint("move the state folder to a file system of its own (--state DIR), or copy the volume from another host"));
        }
    }
    Ok(())
}
