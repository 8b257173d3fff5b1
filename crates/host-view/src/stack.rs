//! Walks through mounts and down the stack of devices.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::dev_no::DevNo;
use crate::mounts::Mount;
use crate::view::HostView;

impl HostView {
    /// The mount that a path without links leads to, as the kernel walks: at each folder on the
    /// way, whatever is mounted there comes on top.
    pub(crate) fn mount_of(&self, path: &Path) -> Option<&Mount> {
        let mut at: Option<&Mount> = None;
        let mut prefix = PathBuf::new();
        for component in path.components() {
            if !matches!(component, Component::RootDir | Component::Normal(_)) {
                return None;
            }
            prefix.push(component);
            // Each mount is stepped on once, so that a table with a ring ends the walk.
            let mut left = self.mounts.len();
            while left > 0
                && let Some(next) = self.mounted_on(at, &prefix)
            {
                at = Some(next);
                left -= 1;
            }
        }
        at
    }

    fn mounted_on(&self, below: Option<&Mount>, point: &Path) -> Option<&Mount> {
        self.mounts.iter().rev().find(|mount| {
            mount.point == point
                && match below {
                    Some(below) => mount.parent == below.id && mount.id != below.id,
                    // The root of what this process sees hangs on a mount that it does not see.
                    None => {
                        mount.parent == mount.id
                            || !self.mounts.iter().any(|other| other.id == mount.parent)
                    }
                }
        })
    }

    /// The block devices that a mounted file system lies on, in order of number; none for one that
    /// lies on none.
    #[must_use]
    pub fn devices_of(&self, mount: &Mount) -> Vec<DevNo> {
        let mut devices = if mount.fs_type == "btrfs" {
            // Its device number is made up: the device that it was mounted by leads to the others.
            self.btrfs
                .iter()
                .find(|devices| devices.iter().any(|d| mount.source_devices.contains(d)))
                .unwrap_or(&mount.source_devices)
                .clone()
        } else if self.devices.contains_key(&mount.device) {
            vec![mount.device]
        } else if mount.fs_type == "bcachefs" {
            mount.source_devices.clone()
        } else {
            return Vec::new();
        };
        devices.extend(&mount.further_devices);
        devices.sort_unstable();
        devices.dedup();
        devices
    }

    /// The mounts by file system: one list for each superblock, which the table's number tells.
    pub(crate) fn superblocks(&self) -> BTreeMap<DevNo, Vec<&Mount>> {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for mount in &self.mounts {
            map.entry(mount.device).or_default().push(mount);
        }
        map
    }

    /// All devices that `devices` lie on, themselves included, not through files.
    pub(crate) fn all_below(&self, devices: &[DevNo]) -> BTreeSet<DevNo> {
        let mut seen = BTreeSet::new();
        let mut open = devices.to_vec();
        while let Some(number) = open.pop() {
            if seen.insert(number) {
                open.extend(self.device(number).map(|d| d.below()).unwrap_or_default());
            }
        }
        seen
    }

    /// The mounts on which the files of loop devices among `devices` lie.
    pub(crate) fn mounts_below(&self, devices: &BTreeSet<DevNo>) -> Vec<&Mount> {
        devices
            .iter()
            .filter_map(|number| {
                let file = self.device(*number)?.loop_file.as_ref()?;
                self.mount_of(&file.file)
            })
            .collect()
    }

    /// For each device what lies right upon it: partitions and devices made of it.
    pub(crate) fn right_above(&self) -> BTreeMap<DevNo, Vec<DevNo>> {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for device in self.devices.values() {
            for below in device.below() {
                map.entry(below).or_default().push(device.number);
            }
        }
        map
    }

    /// True when a device is one of these, or lies upon or beneath one of them.
    #[must_use]
    pub fn is_related(&self, device: DevNo, to: &[DevNo]) -> bool {
        self.all_below(to).contains(&device)
            || self
                .all_below(&[device])
                .iter()
                .any(|below| to.contains(below))
    }

    /// All devices that lie upon `number`, in order of number, without itself.
    pub(crate) fn all_above(&self, number: DevNo) -> BTreeSet<DevNo> {
        let above = self.right_above();
        let mut seen = BTreeSet::new();
        let mut open = above.get(&number).cloned().unwrap_or_default();
        while let Some(next) = open.pop() {
            if next != number && seen.insert(next) {
                open.extend(above.get(&next).into_iter().flatten());
            }
        }
        seen
    }
}
