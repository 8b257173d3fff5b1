//! How devices and file systems lie upon each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::mounts::Mount;
use crate::number::DevNo;
use crate::view::HostView;

/// Deeper stacks than this are taken for a ring.
const DEEPEST: usize = 64;

/// What a walk down from a device found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// Devices that were looked for, on every branch, each once and in the order of the walk.
    Covered(Vec<DevNo>),
    /// One branch ended in this device, and none was found on it.
    Uncovered(DevNo),
}

/// Where a volume lies on a LUN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// It is the whole LUN.
    Whole,
    /// It is the partition with this number.
    Partition(u32),
    /// There is more between them.
    Stacked,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountedFileSystem {
    /// Its number in the list of mounts.
    pub device: DevNo,
    /// A place where it is mounted: its root if that is mounted anywhere, and writable if it can be.
    pub mount_point: PathBuf,
    /// Its kind.
    pub fs_type: String,
    /// Whether it refuses writes through all its mounts.
    pub read_only: bool,
    /// The block devices that it lies on.
    pub devices: Vec<DevNo>,
    /// How many other mounted file systems it lies upon, by way of loop devices.
    pub level: u32,
}

impl HostView {
    /// What a device lies upon directly.
    #[must_use]
    pub fn below(&self, number: DevNo) -> Vec<DevNo> {
        match self.device(number) {
            Some(device) => match device.partition {
                Some((disk, _)) => vec![disk],
                None => device.slaves.clone(),
            },
            None => Vec::new(),
        }
    }

    /// What lies upon a device directly.
    #[must_use]
    pub fn above(&self, number: DevNo) -> Vec<DevNo> {
        self.devices
            .keys()
            .copied()
            .filter(|other| self.below(*other).contains(&number))
            .collect()
    }

    /// Everything that can be reached from these devices, themselves included.
    fn reach(&self, from: &[DevNo], next: impl Fn(DevNo) -> Vec<DevNo>) -> BTreeSet<DevNo> {
        let mut seen: BTreeSet<DevNo> = BTreeSet::new();
        let mut left: Vec<DevNo> = from.to_vec();
        while let Some(number) = left.pop() {
            if seen.insert(number) {
                left.extend(next(number));
            }
        }
        seen
    }

    /// Everything upon these devices, themselves included.
    #[must_use]
    pub fn all_above(&self, from: &[DevNo]) -> BTreeSet<DevNo> {
        let mut upon: BTreeMap<DevNo, Vec<DevNo>> = BTreeMap::new();
        for other in self.devices.keys() {
            for below in self.below(*other) {
                upon.entry(below).or_default().push(*other);
            }
        }
        self.reach(from, |number| {
            upon.get(&number).cloned().unwrap_or_default()
        })
    }

    /// Everything below these devices, themselves included.
    #[must_use]
    pub fn all_below(&self, from: &[DevNo]) -> BTreeSet<DevNo> {
        self.reach(from, |number| self.below(number))
    }

    /// Walks down from a device to the first devices that are looked for, on each branch.
    ///
    /// Of the paths below a multipath device one is enough. A loop device ends a branch: what its file
    /// lies on is another matter.
    #[must_use]
    pub fn cut(&self, device: DevNo, is_wanted: &dyn Fn(DevNo) -> bool) -> Cut {
        let mut found = Vec::new();
        match self.descend(device, is_wanted, &mut found, 0) {
            Ok(()) => Cut::Covered(found),
            Err(leaf) => Cut::Uncovered(leaf),
        }
    }

    fn descend(
        &self,
        device: DevNo,
        is_wanted: &dyn Fn(DevNo) -> bool,
        found: &mut Vec<DevNo>,
        depth: usize,
    ) -> Result<(), DevNo> {
        if is_wanted(device) {
            if !found.contains(&device) {
                found.push(device);
            }
            return Ok(());
        }
        let below = self.below(device);
        if below.is_empty() || depth >= DEEPEST {
            return Err(device);
        }
        if self.is_multipath(device) {
            let path = below.iter().find(|path| is_wanted(**path));
            let path = path.or(below.first()).copied().unwrap_or(device);
            return self.descend(path, is_wanted, found, depth + 1);
        }
        below
            .into_iter()
            .try_for_each(|one| self.descend(one, is_wanted, found, depth + 1))
    }

    pub(crate) fn is_multipath(&self, number: DevNo) -> bool {
        self.device(number)
            .and_then(|device| device.mapped.as_ref())
            .is_some_and(|mapped| mapped.is_multipath())
    }

    /// Where a volume lies on a LUN below it.
    #[must_use]
    pub fn position(&self, volume: DevNo, lun: DevNo) -> Position {
        let is_lun = |number: DevNo| {
            number == lun || self.is_multipath(number) && self.below(number).contains(&lun)
        };
        if is_lun(volume) {
            return Position::Whole;
        }
        let Some(device) = self.device(volume) else {
            return Position::Stacked;
        };
        let mapped = device.mapped.as_ref().and_then(|mapped| mapped.partition());
        match (device.partition, mapped, &device.slaves[..]) {
            (Some((disk, number)), _, _) if is_lun(disk) => Position::Partition(number),
            (None, Some(number), [disk]) if is_lun(*disk) => Position::Partition(number),
            _ => Position::Stacked,
        }
    }

    /// What lies upon a device and has nothing upon it.
    #[must_use]
    pub fn volumes_on(&self, device: DevNo) -> Vec<DevNo> {
        let all = self.all_above(&[device]);
        all.iter()
            .copied()
            .filter(|one| *one != device)
            .filter(|one| !all.iter().any(|other| self.below(*other).contains(one)))
            .collect()
    }

    /// Whether a device is one of these, or lies upon or below one of them.
    #[must_use]
    pub fn is_related(&self, device: DevNo, to: &[DevNo]) -> bool {
        self.all_above(to).contains(&device) || self.all_below(to).contains(&device)
    }

    /// The mounted file systems that lie, wholly or in part, on these devices or upon them; each once.
    #[must_use]
    pub fn file_systems_on(&self, devices: &[DevNo]) -> Vec<MountedFileSystem> {
        if devices.is_empty() {
            return Vec::new();
        }
        let upon = self.all_above(devices);
        self.file_systems()
            .into_iter()
            .filter(|one| one.devices.iter().any(|device| upon.contains(device)))
            .collect()
    }

    /// Every mounted file system on block devices, once.
    #[must_use]
    pub fn file_systems(&self) -> Vec<MountedFileSystem> {
        let mut by_number: BTreeMap<DevNo, Vec<&Mount>> = BTreeMap::new();
        for mount in &self.mounts {
            by_number.entry(mount.device).or_default().push(mount);
        }
        by_number
            .into_iter()
            .filter_map(|(device, mounts)| {
                let first = mounts.first()?;
                let devices = self.devices_of(first);
                if devices.is_empty() {
                    return None;
                }
                // One that another mount covers cannot be opened by its place.
                let best = mounts.iter().rev().min_by_key(|mount| {
                    (
                        self.is_covered(mount),
                        mount.root != Path::new("/"),
                        mount.read_only,
                    )
                })?;
                Some(MountedFileSystem {
                    device,
                    mount_point: best.mount_point.clone(),
                    fs_type: first.fs_type.clone(),
                    read_only: mounts.iter().all(|mount| mount.read_only),
                    level: self.level(&devices, 0),
                    devices,
                })
            })
            .collect()
    }

    fn is_covered(&self, mount: &Mount) -> bool {
        self.mount_of(&mount.mount_point)
            .is_some_and(|seen| seen != mount)
    }

    /// The block devices that a mounted file system lies on; none for one without.
    pub(crate) fn devices_of(&self, mount: &Mount) -> Vec<DevNo> {
        if self.devices.contains_key(&mount.device) {
            return vec![mount.device];
        }
        if mount.fs_type != "btrfs" {
            return Vec::new();
        }
        let Some(source) = self.number_of_path(&mount.source) else {
            return Vec::new();
        };
        let members = self.btrfs_members(source);
        if members.is_empty() {
            vec![source]
        } else {
            members
        }
    }

    /// All devices of the btrfs that this device is one of; the file system's own number is made up.
    fn btrfs_members(&self, one: DevNo) -> Vec<DevNo> {
        let Ok(entries) = fs::read_dir(self.roots.sys.join("fs/btrfs")) else {
            return Vec::new();
        };
        for entry in entries.filter_map(Result::ok) {
            let Ok(devices) = fs::read_dir(entry.path().join("devices")) else {
                continue;
            };
            let mut members: Vec<DevNo> = devices
                .filter_map(|device| {
                    let name = device.ok()?.file_name();
                    let name = name.to_str()?;
                    self.devices
                        .values()
                        .find(|device| device.name == name)
                        .map(|device| device.number)
                })
                .collect();
            members.sort();
            if members.contains(&one) {
                return members;
            }
        }
        Vec::new()
    }

    /// The device of a path as mounts name it: by the kernel's name, or by whatever leads there.
    pub(crate) fn number_of_path(&self, path: &Path) -> Option<DevNo> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let by_node = fs::metadata(path)
            .ok()
            .filter(|meta| meta.file_type().is_block_device())
            .map(|meta| DevNo::from_raw(meta.rdev()));
        by_node.or_else(|| {
            self.devices
                .keys()
                .copied()
                .find(|number| self.device_path(*number) == path)
        })
    }

    /// How many mounted file systems lie below these devices, by way of loop devices.
    fn level(&self, devices: &[DevNo], depth: usize) -> u32 {
        if depth >= DEEPEST {
            return 0;
        }
        self.all_below(devices)
            .into_iter()
            .filter_map(|number| {
                let file = self.device(number)?.backing_file.as_ref()?;
                let under = self.mount_of(file)?;
                let devices = self.devices_of(under);
                Some(1 + self.level(&devices, depth + 1))
            })
            .max()
            .unwrap_or(0)
    }
}
