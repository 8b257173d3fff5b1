//! Files in memory as disks.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::run;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A sparse file in memory, gone at the end.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
}

impl Image {
    /// Makes one of so many bytes.
    ///
    /// # Panics
    /// There is no room.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/tmp/vss-lab-image-{number}"));
        File::create(&path)
            .and_then(|file| file.set_len(bytes))
            .unwrap_or_else(|error| panic!("could not make {}: {error}", path.display()));
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A loop device on a file in memory.
#[derive(Debug)]
pub struct LoopDisk {
    device: String,
    _image: Image,
}

impl LoopDisk {
    /// Attaches one of so many bytes, with sectors of this size.
    ///
    /// # Panics
    /// There is no room or no loop device.
    #[must_use]
    pub fn new(bytes: u64, sector_size: u32) -> Self {
        let image = Image::new(bytes);
        let device = run(
            "losetup",
            &[
                "--find",
                "--show",
                "--partscan",
                "--sector-size",
                &sector_size.to_string(),
                &image.path().display().to_string(),
            ],
        );
        Self {
            device: device.trim().to_owned(),
            _image: image,
        }
    }

    /// Its path.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup")
            .args(["--detach", &self.device])
            .output();
    }
}

/// Reads from a device, past what the kernel keeps of it.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn read_at(path: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let read = File::open(path).and_then(|file| {
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        file.read_exact_at(&mut bytes, offset)
    });
    read.unwrap_or_else(|error| panic!("could not read {}: {error}", path.display()));
    bytes
}

/// Writes to a device and syncs it.
///
/// # Panics
/// It cannot be written.
pub fn write_at(path: &Path, offset: u64, bytes: &[u8]) {
    let written = OpenOptions::new().write(true).open(path).and_then(|file| {
        file.write_all_at(bytes, offset)?;
        file.sync_all()
    });
    written.unwrap_or_else(|error| panic!("could not write {}: {error}", path.display()));
}

/// Has the kernel forget what it keeps of files and devices, so that the next read sees the storage.
///
/// # Panics
/// The kernel refuses.
pub fn drop_caches() {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3")
        .unwrap_or_else(|error| panic!("could not drop caches: {error}"));
}
