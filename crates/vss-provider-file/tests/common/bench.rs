//! A bench for attached LUNs.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use vss_model::ResultCode;
use vss_provider::ProviderError;
use vss_provider_file::{Change, FileArray};

use super::loops::{LoopGuard, are_usable};
use super::{MIB, Top};

/// An array whose loop devices go with it. Fields are dropped in this order.
pub(crate) struct Bench {
    pub(crate) loops: LoopGuard,
    pub(crate) top: Top,
}

impl Bench {
    /// `None`, and said so, where there are no loop devices to be had.
    pub(crate) fn new(test: &str) -> Option<Self> {
        if !are_usable(test) {
            return None;
        }
        let top = Top::new();
        Some(Self {
            loops: LoopGuard::new(top.path()),
            top,
        })
    }

    pub(crate) fn image(&self, name: &str) -> PathBuf {
        self.top.array().join(format!("{name}.img"))
    }
}

/// Makes an attached LUN of 16 MiB; gives its loop device.
pub(crate) fn attached(array: &FileArray, name: &str, sector_size: u32) -> PathBuf {
    array.create(name, 16 * MIB, sector_size, true).unwrap();
    assert_eq!(array.attach(name).unwrap(), Change::Changed);
    device(array, name)
}

/// The loop device of a LUN.
pub(crate) fn device(array: &FileArray, name: &str) -> PathBuf {
    let device = array.get(name).unwrap().device.unwrap();
    assert!(is_loop(&device), "{}", device.display());
    device
}

pub(crate) fn is_loop(device: &Path) -> bool {
    device.to_string_lossy().starts_with("/dev/loop")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn read(path: &Path, at: usize, len: usize) -> Vec<u8> {
    fs::read(path).unwrap().get(at..at + len).unwrap().to_vec()
}

/// Opens a device as a mount does: for itself alone.
pub(crate) fn claim(device: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(OFlags::EXCL.bits()).unwrap())
        .open(device)
        .unwrap()
}

/// It is a veto that names the LUN and its device, and says what to do.
pub(crate) fn is_refused(error: &ProviderError, name: &str, device: &Path) {
    assert_eq!(error.code, ResultCode::VSS_E_PROVIDER_VETO);
    assert!(error.message.contains(name), "{}", error.message);
    assert!(error.message.contains(text(device)), "{}", error.message);
    assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()));
}
