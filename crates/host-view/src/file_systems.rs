//! From LUNs up to what lies upon them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cut::Position;
use crate::dev_no::DevNo;
use crate::resolve::best_first;
use crate::view::HostView;

/// A mounted file system that lies on LUNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountedFileSystem {
    /// A mount point by which it can be reached: the file system's own root if it is mounted and can
    /// be seen, writable before read-only.
    pub mount_point: PathBuf,
    /// False when every mount point is hidden by another mount: opening `mount_point` would open
    /// something else.
    pub reachable: bool,
    /// `st_dev` at `mount_point`. To be compared before anything is done to what is found there.
    pub device: DevNo,
    /// Type as in the mount table.
    pub fs_type: String,
    /// The file system itself is read-only, or all its mounts are.
    pub read_only: bool,
    /// Its block devices, in order of number.
    pub devices: Vec<DevNo>,
    /// Those of the LUNs asked about that it lies on, in order of number.
    pub luns: Vec<DevNo>,
    /// A part of it lies on something else.
    pub elsewhere: bool,
    /// How many file systems it stands on, one upon the other: 0 on devices that are no files. Freeze
    /// the highest level first, thaw it last.
    pub level: u32,
}

/// A device upon a LUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Above {
    /// The device; the LUN itself is one of them.
    pub device: DevNo,
    /// How it lies on the LUN.
    pub position: Position,
    /// Nothing lies upon it, so it may hold a file system, swap or data of a program's own.
    pub top: bool,
    /// An inner device of LVM: not for anybody to use.
    pub internal: bool,
    /// Where its file system is mounted, if it is.
    pub mount_points: Vec<PathBuf>,
    /// Type of the mounted file system.
    pub fs_type: Option<String>,
    /// It is a swap area in use.
    pub swap: bool,
}

impl HostView {
    /// All mounted file systems that lie, wholly or partly, on these devices, through any stack, files of
    /// loop devices included. Each once, however often it is mounted; highest level first, then in
    /// order of devices.
    #[must_use]
    pub fn file_systems_on(&self, luns: &[DevNo]) -> Vec<MountedFileSystem> {
        let luns: BTreeSet<_> = luns.iter().copied().collect();
        let mut levels = Levels::new(self);
        let mut found = Vec::new();
        for (number, mounts) in self.superblocks() {
            let devices = self.devices_of(mounts[0]);
            if devices.is_empty() {
                continue;
            }
            let (on, elsewhere) = self.luns_below(&devices, &luns);
            if on.is_empty() {
                continue;
            }
            let best = best_first(&mounts);
            let seen = best
                .iter()
                .chain(&mounts)
                .find(|mount| self.mount_of(&mount.point).map(|m| m.id) == Some(mount.id));
            let mount = seen.copied().unwrap_or(best[0]);
            found.push(MountedFileSystem {
                mount_point: mount.point.clone(),
                reachable: seen.is_some(),
                device: mount.st_dev,
                fs_type: mount.fs_type.clone(),
                read_only: mounts
                    .iter()
                    .all(|m| m.file_system_read_only || m.read_only),
                devices,
                luns: on.into_iter().collect(),
                elsewhere,
                level: levels.of(number),
            });
        }
        found.sort_by(|a, b| {
            b.level
                .cmp(&a.level)
                .then_with(|| a.devices.cmp(&b.devices))
        });
        found
    }

    /// Which of `luns` are below `devices`, files of loop devices included, and whether anything
    /// else is.
    fn luns_below(&self, devices: &[DevNo], luns: &BTreeSet<DevNo>) -> (BTreeSet<DevNo>, bool) {
        let mut on = BTreeSet::new();
        let mut elsewhere = false;
        let mut seen = BTreeSet::new();
        let mut open = devices.to_vec();
        while let Some(number) = open.pop() {
            if !seen.insert(number) {
                continue;
            }
            if luns.contains(&number) {
                on.insert(number);
                continue;
            }
            let device = self.device(number);
            let mut below = device.map(|d| d.below()).unwrap_or_default();
            if device.is_some_and(|d| d.is_multipath()) && below.iter().any(|p| luns.contains(p)) {
                below.retain(|path| luns.contains(path));
            }
            if let Some(file) = device.and_then(|d| d.loop_file.as_ref())
                && let Some(mount) = self.mount_of(&file.file)
            {
                below.extend(self.devices_of(mount));
            }
            if below.is_empty() {
                elsewhere = true;
            }
            open.extend(below);
        }
        (on, elsewhere)
    }

    /// Every device that lies upon a LUN (partitions, logical volumes, RAID, decrypted), and the LUN
    /// itself; in order of number, the LUN first.
    #[must_use]
    pub fn volumes_on(&self, lun: DevNo) -> Vec<Above> {
        let right_above = self.right_above();
        std::iter::once(lun)
            .chain(self.all_above(lun))
            .filter_map(|number| {
                let device = self.device(number)?;
                let mounts: Vec<_> = self
                    .mounts
                    .iter()
                    .filter(|mount| self.devices_of(mount).contains(&number))
                    .collect();
                let position = match self.cut(&[number], &|d| d == lun) {
                    crate::Cut::Covered(reached) => reached.first().map(|r| r.position),
                    crate::Cut::Uncovered(_) => None,
                };
                Some(Above {
                    device: number,
                    position: position.unwrap_or(Position::Stacked),
                    top: right_above.get(&number).is_none_or(Vec::is_empty),
                    internal: device.dm.as_ref().is_some_and(|dm| dm.is_lvm_internal()),
                    mount_points: best_first(&mounts)
                        .iter()
                        .map(|mount| mount.point.clone())
                        .collect(),
                    fs_type: mounts.first().map(|mount| mount.fs_type.clone()),
                    swap: self.swaps.iter().any(|swap| swap.device == Some(number)),
                })
            })
            .collect()
    }
}

/// How deep file systems stand on each other, each worked out once.
struct Levels<'a> {
    view: &'a HostView,
    devices: BTreeMap<DevNo, Vec<DevNo>>,
    known: BTreeMap<DevNo, u32>,
}

impl<'a> Levels<'a> {
    fn new(view: &'a HostView) -> Self {
        Self {
            view,
            devices: view
                .superblocks()
                .into_iter()
                .map(|(number, mounts)| (number, view.devices_of(mounts[0])))
                .collect(),
            known: BTreeMap::new(),
        }
    }

    fn of(&mut self, number: DevNo) -> u32 {
        if let Some(level) = self.known.get(&number) {
            return *level;
        }
        // Stands while its own is worked out, so that a ring ends.
        self.known.insert(number, 0);
        let view = self.view;
        let below = view.all_below(self.devices.get(&number).map_or(&[], Vec::as_slice));
        // One in memory ends the stack: nothing is ever frozen there.
        let numbers: BTreeSet<_> = view
            .mounts_below(&below)
            .into_iter()
            .map(|mount| mount.device)
            .filter(|number| self.devices.get(number).is_some_and(|d| !d.is_empty()))
            .collect();
        let level = numbers.iter().map(|n| self.of(*n).saturating_add(1)).max();
        let level = level.unwrap_or(0);
        self.known.insert(number, level);
        level
    }
}
