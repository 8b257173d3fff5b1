//! Loop devices of tests: which there are, and that none stays behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether loop devices can be had; says that the test is skipped if not.
pub(crate) fn are_usable(test: &str) -> bool {
    let reason = if !rustix::process::geteuid().is_root() {
        "needs root"
    } else if !Path::new("/dev/loop-control").exists() {
        "the kernel has no loop devices"
    } else if run("losetup", &["--version"]).is_none() {
        "needs losetup"
    } else {
        return true;
    };
    println!("skipped: {test} ({reason})");
    false
}

/// What a program said; `None` when it is not there or failed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// An attribute of a block device in sysfs; empty when it is not there.
pub(crate) fn sysfs(device: &Path, attribute: &str) -> String {
    fs::read_to_string(
        Path::new("/sys/block")
            .join(device.file_name().unwrap())
            .join(attribute),
    )
    .unwrap_or_default()
    .trim()
    .to_owned()
}

/// Detaches on drop what lies on files below a folder, whoever attached it.
pub(crate) struct LoopGuard {
    top: PathBuf,
}

impl LoopGuard {
    pub(crate) fn new(top: &Path) -> Self {
        Self {
            top: fs::canonicalize(top).unwrap(),
        }
    }

    /// The loop devices on files below the folder, deleted files too.
    pub(crate) fn devices(&self) -> BTreeSet<PathBuf> {
        let Ok(entries) = fs::read_dir("/sys/block") else {
            return BTreeSet::new();
        };
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|device| {
                fs::read_to_string(device.join("loop/backing_file"))
                    .is_ok_and(|file| Path::new(&file).starts_with(&self.top))
            })
            .filter_map(|device| Some(Path::new("/dev").join(device.file_name()?)))
            .collect()
    }

    /// Detaches them by another program than the one under test.
    pub(crate) fn detach_all(&self) {
        for device in self.devices() {
            // A busy one goes when it is let go.
            let _ = Command::new("losetup").arg("-d").arg(device).output();
        }
    }
}

impl Drop for LoopGuard {
    fn drop(&mut self) {
        self.detach_all();
    }
}
