//! Thin volumes, half of them mounted, half of them disks; and the programs on them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use vss_lab::guest::{Group, Mount, mkfs, run};

use crate::Result;

const GROUP: &str = "vssbench";
const GROUP_MIB: u64 = 3500;
const VOLUME_MIB: u64 = 48;
/// Numbers of disks to break.
pub(crate) const DISKS: &[usize] = &[1, 8];

/// Where everything happens.
pub(crate) struct Rig {
    vss: PathBuf,
    state: PathBuf,
    /// Names of volumes with a file system that is mounted, and where.
    pub(crate) mounted: Vec<(String, PathBuf)>,
    /// Names of volumes with a partition table.
    pub(crate) disks: Vec<String>,
    // Undone in this order.
    _mounts: Vec<Mount>,
    group: Group,
}

impl Rig {
    pub(crate) fn new(vss: &Path, volumes: usize) -> Result<Self> {
        let group = Group::with_pool(GROUP, GROUP_MIB, 512);
        let (mut mounted, mut mounts, mut disks) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..volumes {
            let name = format!("v{number}");
            let device = group.thin(&name, VOLUME_MIB);
            mkfs("ext4", &device);
            let place = format!("/mnt/{name}");
            mounts.push(Mount::new(&device, &place, "rw"));
            mounted.push((name, PathBuf::from(place)));
        }
        for number in 0..DISKS.iter().copied().max().unwrap_or(1) {
            let name = format!("d{number}");
            let device = group.thin(&name, VOLUME_MIB);
            run("sgdisk", &["-n", "1:0:0", "-t", "1:8300", &device]);
            disks.push(name);
        }
        let state = PathBuf::from("/var/lib/vss/bench");
        std::fs::create_dir_all(&state)?;
        Ok(Self {
            vss: vss.to_owned(),
            state,
            mounted,
            disks,
            _mounts: mounts,
            group,
        })
    }

    /// `GROUP/NAME`.
    pub(crate) fn volume(name: &str) -> String {
        format!("{GROUP}/{name}")
    }

    pub(crate) fn device(name: &str) -> String {
        format!("/dev/{GROUP}/{name}")
    }

    /// The name that the device mapper knows it by.
    pub(crate) fn mapped(name: &str) -> String {
        format!("{GROUP}-{}", name.replace('-', "--"))
    }

    /// The pool, as the device mapper knows it.
    pub(crate) fn mapped_pool() -> String {
        format!("{GROUP}-pool-tpool")
    }

    /// What `vss --json` answers.
    pub(crate) fn vss(&self, words: &[&str]) -> Result<Value> {
        let output = Command::new(&self.vss)
            .arg("--state")
            .arg(&self.state)
            .arg("--json")
            .args(words)
            .output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("vss {}: {why}", words.join(" ")).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Removes volumes, and before that partitions that somebody made on them.
    pub(crate) fn remove(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        for partition in partitions(names) {
            run("dmsetup", &["remove", "--retry", &partition]);
        }
        let volumes: Vec<String> = names.iter().map(|name| Self::volume(name)).collect();
        let mut words = vec!["-qq", "--yes"];
        words.extend(volumes.iter().map(String::as_str));
        run("lvremove", &words);
    }

    /// Whether nothing of a round is left, so that the next has the same start.
    pub(crate) fn check_clean(&self) -> Result<()> {
        let expected = self.mounted.len() + self.disks.len() + 1;
        let found = self.group.volumes();
        if found.len() == expected {
            Ok(())
        } else {
            Err(format!("there are volumes left: {}", found.join(" ")).into())
        }
    }
}

/// The device mapper's names of partitions on these volumes.
fn partitions(names: &[String]) -> Vec<String> {
    let listed = run("dmsetup", &["ls"]);
    let devices = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    devices
        .filter(|device| {
            names
                .iter()
                .any(|name| is_partition(device, &Rig::mapped(name)))
        })
        .map(str::to_owned)
        .collect()
}

/// Whether a device is a partition of this volume: `p` and a number after the name, or the number alone
/// after a name that does not end with a digit.
fn is_partition(device: &str, volume: &str) -> bool {
    let Some(rest) = device.strip_prefix(volume) else {
        return false;
    };
    let number = if volume.ends_with(|last: char| last.is_ascii_digit()) {
        rest.strip_prefix('p')
    } else {
        Some(rest.strip_prefix('p').unwrap_or(rest))
    };
    number.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The time of a program to its end.
pub(crate) fn typed(program: &str, words: &[&str]) -> Duration {
    let start = Instant::now();
    run(program, words);
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::is_partition;

    #[test]
    fn a_partition_is_told_from_another_volume() {
        for (device, volume, expected) in [
            ("g-c--d0p1", "g-c--d0", true),
            ("g-c--d0p12", "g-c--d0", true),
            ("g-c--d01", "g-c--d0", false),
            ("g-c--d0", "g-c--d0", false),
            ("g-data1", "g-data", true),
            ("g-datap1", "g-data", true),
            ("g-datap", "g-data", false),
            ("g-other1", "g-data", false),
        ] {
            assert_eq!(is_partition(device, volume), expected, "{device}");
        }
    }
}
