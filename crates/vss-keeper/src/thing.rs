//! One open file system or device, and what is done to it.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use vss_sys::dm::{DeviceMapper, DmError, Suspend};
use vss_sys::freeze::{self, FreezeError, ThawError};

use crate::error::{OpenError, chain};
use crate::machine::Rank;
use crate::message::{End, Outcome};
use crate::plan::{FileSystem, MappedDevice, Plan};

/// What can be held. Each call may take as long as the storage takes.
pub(crate) trait Thing: Send + 'static {
    /// Writes what is dirty.
    fn flush(&self) -> Option<String>;
    /// Freezes or suspends.
    fn take(&self) -> Outcome;
    /// Thaws or resumes what is held; [`End::Lost`] where it is not.
    fn leave(&self) -> End;
}

/// A file system or device of a plan, open.
#[derive(Debug, Clone)]
pub(crate) enum Open {
    FileSystem(Arc<File>),
    Device(Arc<DeviceMapper>, MappedDevice),
}

/// Opens all of a plan: file systems first, then devices, each with its rank.
pub(crate) fn open_all(plan: &Plan) -> Result<Vec<(Rank, Open)>, OpenError> {
    let mut open = Vec::new();
    for system in &plan.file_systems {
        let file = open_file_system(system)?;
        open.push((
            Rank::FileSystem(system.level),
            Open::FileSystem(Arc::new(file)),
        ));
    }
    let mut mapper = None;
    for device in &plan.devices {
        let failed = |source| OpenError::Device {
            name: device.name.clone(),
            source,
        };
        let mapper = match &mapper {
            Some(mapper) => Arc::clone(mapper),
            None => Arc::clone(mapper.insert(Arc::new(DeviceMapper::open().map_err(failed)?))),
        };
        mapper.status(device.key()).map_err(failed)?;
        open.push((Rank::Device, Open::Device(mapper, device.clone())));
    }
    Ok(open)
}

/// Opens a folder of the file system, and proves by its device that it is this file system.
pub(crate) fn open_file_system(system: &FileSystem) -> Result<File, OpenError> {
    let failed = |source| OpenError::MountPoint {
        path: system.mount_point.clone(),
        source,
    };
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&system.mount_point)
        .map_err(failed)?;
    let dev = file.metadata().map_err(failed)?.dev();
    let found = (rustix::fs::major(dev), rustix::fs::minor(dev));
    if found == system.device {
        Ok(file)
    } else {
        Err(OpenError::OtherFileSystem {
            path: system.mount_point.clone(),
            expected: system.device,
            found,
        })
    }
}

impl Thing for Open {
    fn flush(&self) -> Option<String> {
        match self {
            Self::FileSystem(file) => {
                let flushed = rustix::fs::syncfs(file);
                flushed.err().map(|errno| errno.to_string())
            }
            Self::Device(..) => None,
        }
    }

    fn take(&self) -> Outcome {
        let start = Instant::now();
        match self {
            Self::FileSystem(file) => match freeze::freeze(file) {
                Ok(()) => held(start.elapsed()),
                Err(FreezeError::AlreadyFrozen) => Outcome::AlreadyHeld,
                Err(FreezeError::NotSupported) => Outcome::Unsupported,
                Err(error) => failed(&error),
            },
            Self::Device(mapper, device) => match suspend(mapper, device) {
                Ok(true) => held(start.elapsed()),
                Ok(false) => Outcome::AlreadyHeld,
                Err(error) => failed(&error),
            },
        }
    }

    fn leave(&self) -> End {
        match self {
            Self::FileSystem(file) => match freeze::thaw(file) {
                Ok(()) => End::Released,
                Err(ThawError::NotFrozen | ThawError::NotSupported) => End::Lost,
                Err(error) => End::Failed {
                    reason: chain(&error),
                },
            },
            Self::Device(mapper, device) => match resume(mapper, device) {
                Ok(true) => End::Released,
                Ok(false) => End::Lost,
                Err(error) => End::Failed {
                    reason: chain(&error),
                },
            },
        }
    }
}

/// Suspends a device; false where it was suspended already.
///
/// The device is asked first, as the kernel takes a second suspension without a word.
fn suspend(mapper: &DeviceMapper, device: &MappedDevice) -> Result<bool, DmError> {
    if mapper.status(device.key())?.is_suspended {
        return Ok(false);
    }
    let how = Suspend {
        // The file systems are frozen already, and a second freeze would fail.
        skip_lockfs: true,
        no_flush: false,
    };
    mapper.suspend(device.key(), how)?;
    Ok(true)
}

/// Resumes a device; false where it is not suspended, or no longer there.
pub(crate) fn resume(mapper: &DeviceMapper, device: &MappedDevice) -> Result<bool, DmError> {
    match mapper.status(device.key()) {
        Ok(status) if !status.is_suspended => return Ok(false),
        Err(DmError::NotFound { .. }) => return Ok(false),
        // Ask for the resume even where the status cannot be had.
        Ok(_) | Err(_) => {}
    }
    mapper.resume(device.key())?;
    Ok(true)
}

fn held(took: Duration) -> Outcome {
    Outcome::Held {
        micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    }
}

fn failed(error: &dyn std::error::Error) -> Outcome {
    Outcome::Failed {
        reason: chain(error),
    }
}
