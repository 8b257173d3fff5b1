//! What is measured on.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::Result;
use crate::measure::{Times, millis, settle};

/// The machine, and what one sync of its file system costs.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) file_system: String,
    /// Median of a 4 KiB overwrite with fdatasync.
    pub(crate) fdatasync_ms: f64,
    /// Median of a change of mode with fsync.
    pub(crate) chmod_fsync_ms: f64,
    /// Load average of the last minute when the run began: what else the machine had to do.
    pub(crate) load: f64,
}

/// The load average of the last minute.
pub(crate) fn load() -> f64 {
    fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Looks at the machine and the file system of `place`.
pub(crate) fn look(place: &Path) -> Result<Machine> {
    // The syncs below would be part of it.
    let load = load();
    let uname = rustix::system::uname();
    let processor = fs::read_to_string("/proc/cpuinfo")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(": ")?
                    .1
                    .to_owned(),
            )
        });
    let (fdatasync, chmod) = syncs(place)?;
    Ok(Machine {
        kernel: uname.release().to_string_lossy().into_owned(),
        cores: std::thread::available_parallelism()?.get(),
        processor: processor.unwrap_or_else(|| uname.machine().to_string_lossy().into_owned()),
        file_system: file_system(place),
        fdatasync_ms: millis(fdatasync.median()),
        chmod_fsync_ms: millis(chmod.median()),
        load,
    })
}

/// Type of the file system that a path is on, by the mount point that covers most of it.
pub(crate) fn file_system(place: &Path) -> String {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    fs::read_to_string("/proc/self/mountinfo")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let point = PathBuf::from(mount.split(' ').nth(4)?);
            let kind = kind.split(' ').next()?;
            place
                .starts_with(&point)
                .then(|| (point.components().count(), kind.to_owned()))
        })
        // Of mounts upon one another, the last one is seen.
        .max_by_key(|(depth, _)| *depth)
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

fn syncs(place: &Path) -> Result<(Times, Times)> {
    use std::os::unix::fs::PermissionsExt;

    let path = place.join("sync-probe");
    let file = File::create_new(&path)?;
    file.write_all_at(&[0; 1 << 16], 0)?;
    settle(place)?;
    let (mut data, mut mode) = (Times::default(), Times::default());
    for round in 0..60_u32 {
        let start = Instant::now();
        file.write_all_at(&[1; 4096], u64::from(round % 16) * 4096)?;
        file.sync_data()?;
        data.add(start.elapsed());
        let start = Instant::now();
        file.set_permissions(fs::Permissions::from_mode(0o600 | (round % 2) << 5))?;
        file.sync_all()?;
        mode.add(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok((data, mode))
}
