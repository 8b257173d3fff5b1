//! File systems and mounts.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::run;

/// Makes a file system of this kind.
///
/// # Panics
/// It cannot be made.
pub fn mkfs(kind: &str, device: &str) {
    let force = match kind {
        "ext4" => "-F",
        "vfat" => "-I",
        _ => "-f",
    };
    run(&format!("mkfs.{kind}"), &[force, device]);
}

/// Checks a file system that is not mounted, without changing it.
///
/// # Panics
/// It is not whole.
pub fn fsck(kind: &str, device: &str) {
    match kind {
        // A log to be replayed is no damage: that is what it is for. The check wants it done.
        "ext4" => {
            let _ = Command::new("e2fsck").args(["-p", device]).output();
            run("e2fsck", &["-f", "-n", device]);
        }
        // The same; only the kernel replays this log.
        "xfs" => {
            let replay = super::Mount::new(device, "/mnt/vss-lab-replay", "rw,nouuid");
            replay.unmount();
            run("xfs_repair", &["-n", device]);
        }
        "btrfs" => {
            run("btrfs", &["check", "--readonly", device]);
        }
        "vfat" => {
            run("fsck.vfat", &["-n", device]);
        }
        other => panic!("nobody knows how to check {other}"),
    }
}

/// A mount, undone at the end.
#[derive(Debug)]
pub struct Mount {
    place: PathBuf,
}

impl Mount {
    /// Mounts a device at a folder, which is made. `options` as after `-o`.
    ///
    /// # Panics
    /// It cannot be mounted.
    #[must_use]
    pub fn new(device: &str, place: &str, options: &str) -> Self {
        std::fs::create_dir_all(place)
            .unwrap_or_else(|error| panic!("could not make {place}: {error}"));
        run("mount", &["-o", options, device, place]);
        Self {
            place: PathBuf::from(place),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Undoes it.
    ///
    /// # Panics
    /// It is in use.
    pub fn unmount(self) {
        run("umount", &[&self.place.display().to_string()]);
        std::mem::forget(self);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.place).output();
    }
}
