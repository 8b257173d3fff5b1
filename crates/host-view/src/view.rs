//! The host as it was at one look.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::dev_no::DevNo;
use crate::device::{BlockDevice, Dm, Loop, Md, Partition};
use crate::error::ViewError;
use crate::mounts::{self, Mount, Swap};
use crate::roots::Roots;
use crate::sysfs;

/// Block devices, mounts and swap areas of a host, as they were when it was read.
#[derive(Debug, Clone)]
pub struct HostView {
    pub(crate) roots: Roots,
    pub(crate) devices: BTreeMap<DevNo, BlockDevice>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) swaps: Vec<Swap>,
    /// For each mounted btrfs its devices.
    pub(crate) btrfs: Vec<Vec<DevNo>>,
}

impl HostView {
    /// Looks at the block devices alone, and only at those with a medium: enough for
    /// [`HostView::disks`], and several times quicker than [`HostView::read`]. Nothing is mounted in such
    /// a view.
    ///
    /// # Errors
    ///
    /// When the list of devices cannot be read.
    pub fn read_disks(roots: &Roots) -> Result<Self, ViewError> {
        Ok(Self {
            devices: read_devices(roots, false)?,
            ..Self::empty(roots)
        })
    }

    /// Looks at the host. Reads some ten small files for each device and starts no program.
    ///
    /// A device that goes away meanwhile is left out, and so is one whose number cannot be read.
    ///
    /// # Errors
    ///
    /// When the list of devices or the mount table cannot be read or understood.
    pub fn read(roots: &Roots) -> Result<Self, ViewError> {
        let mut view = Self {
            devices: read_devices(roots, true)?,
            mounts: read_mounts(roots)?,
            ..Self::empty(roots)
        };
        let by_name = view.numbers_by_name();
        view.btrfs = read_btrfs(roots, &by_name);
        view.swaps =
            mounts::parse_swaps(&sysfs::bytes(&roots.proc.join("swaps")).unwrap_or_default())
                .into_iter()
                .map(|path| Swap {
                    device: view.device_at(&path),
                    path,
                })
                .collect();
        for index in 0..view.mounts.len() {
            let mount = &view.mounts[index];
            let (sources, further) = (view.source_devices(mount), view.further_devices(mount));
            view.mounts[index].source_devices = sources;
            view.mounts[index].further_devices = further;
            if let Some(number) = st_dev_of(&view.mounts[index]) {
                view.mounts[index].st_dev = number;
            }
        }
        Ok(view)
    }

    /// A host without devices and mounts.
    #[must_use]
    pub fn empty(roots: &Roots) -> Self {
        Self {
            roots: roots.clone(),
            devices: BTreeMap::new(),
            mounts: Vec::new(),
            swaps: Vec::new(),
            btrfs: Vec::new(),
        }
    }

    /// All block devices, in order of number.
    pub fn devices(&self) -> impl Iterator<Item = &BlockDevice> {
        self.devices.values()
    }

    /// The block device of a number.
    #[must_use]
    pub fn device(&self, number: DevNo) -> Option<&BlockDevice> {
        self.devices.get(&number)
    }

    /// All mounts of this process's, in the kernel's order.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// All swap areas.
    #[must_use]
    pub fn swaps(&self) -> &[Swap] {
        &self.swaps
    }

    /// The node of a device: `/dev/mapper/NAME` for the device mapper, else `/dev/NAME`.
    #[must_use]
    pub fn path(&self, number: DevNo) -> Option<PathBuf> {
        let device = self.device(number)?;
        Some(match &device.dm {
            Some(dm) => self.roots.dev.join("mapper").join(&dm.name),
            None => self.roots.dev.join(&device.name),
        })
    }

    /// What to call a device in a message: its node, or its number when sysfs does not show it.
    #[must_use]
    pub fn name_of(&self, number: DevNo) -> String {
        self.path(number)
            .map_or_else(|| number.to_string(), |path| path.display().to_string())
    }

    /// The partition with this number, counted from 1, of a disk: the kernel's own, or kpartx's.
    #[must_use]
    pub fn partition(&self, disk: DevNo, number: u32) -> Option<DevNo> {
        let is_kernels = |device: &&BlockDevice| {
            device
                .partition
                .is_some_and(|part| part.disk == disk && part.number == number)
        };
        let is_kpartx = |device: &&BlockDevice| {
            device.slaves == [disk]
                && device.dm.as_ref().and_then(Dm::kpartx_partition) == Some(number)
        };
        self.devices()
            .find(is_kernels)
            .or_else(|| self.devices().find(is_kpartx))
            .map(|device| device.number)
    }

    fn numbers_by_name(&self) -> HashMap<String, DevNo> {
        self.devices
            .values()
            .map(|device| (device.name.replace('/', "!"), device.number))
            .collect()
    }

    /// The block device that a device path stands for: what the node says, else what its name says
    /// (a mount outlives the node that it was made with).
    pub(crate) fn device_at(&self, path: &Path) -> Option<DevNo> {
        let node = self.roots.in_dev(path)?;
        if let Ok(data) = node.metadata()
            && data.file_type().is_block_device()
        {
            return Some(DevNo::from_raw(data.rdev()));
        }
        let name = path.strip_prefix("/dev").ok()?.to_str()?;
        let dm_name = name.strip_prefix("mapper/");
        self.devices
            .values()
            .find(|device| {
                device.name == name
                    || (dm_name.is_some()
                        && device.dm.as_ref().map(|dm| dm.name.as_str()) == dm_name)
            })
            .map(|device| device.number)
    }

    fn source_devices(&self, mount: &Mount) -> Vec<DevNo> {
        // A bcachefs names all of its devices.
        mount
            .source
            .as_os_str()
            .as_bytes()
            .split(|byte| *byte == b':' && mount.fs_type == "bcachefs")
            .filter_map(|path| self.device_at(Path::new(OsStr::from_bytes(path))))
            .collect()
    }

    fn further_devices(&self, mount: &Mount) -> Vec<DevNo> {
        if mount.fs_type != "xfs" {
            return Vec::new();
        }
        ["logdev", "rtdev"]
            .iter()
            .filter_map(|name| self.device_at(Path::new(&mount.option(name)?)))
            .collect()
    }
}

/// What `stat` says at the mount point of a btrfs, if that is what is seen there.
fn st_dev_of(mount: &Mount) -> Option<DevNo> {
    if mount.fs_type != "btrfs" {
        return None;
    }
    let found = statx(CWD, &mount.point, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    (found.stx_mnt_id == mount.id).then(|| DevNo::new(found.stx_dev_major, found.stx_dev_minor))
}

fn read_mounts(roots: &Roots) -> Result<Vec<Mount>, ViewError> {
    let path = roots.proc.join("self/mountinfo");
    // Not by sysfs::bytes: this table has no greatest length.
    let table = match std::fs::read(&path) {
        Ok(table) => table,
        Err(source) => return Err(ViewError::Read { path, source }),
    };
    mounts::parse_mounts(&table).map_err(|(line, text)| ViewError::Mount { path, line, text })
}

/// The block devices; those without a medium only if `empty` says so.
fn read_devices(roots: &Roots, empty: bool) -> Result<BTreeMap<DevNo, BlockDevice>, ViewError> {
    let folder = roots.sys.join("block");
    let failed = |source| ViewError::Read {
        path: folder.clone(),
        source,
    };
    let mut devices = BTreeMap::new();
    let mut slaves: Vec<(DevNo, Vec<String>)> = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let Ok(name) = entry.map_err(failed)?.file_name().into_string() else {
            continue;
        };
        let path = folder.join(&name);
        if !empty && sysfs::value::<u64>(&path.join("size")).unwrap_or(0) == 0 {
            continue;
        }
        let Some(disk) = read_device(&path, &name) else {
            continue;
        };
        slaves.push((disk.number, sysfs::names(&path.join("slaves"))));
        for part_name in sysfs::names(&path) {
            if !part_name.starts_with(&name) {
                continue;
            }
            let part_path = path.join(&part_name);
            let Some(number) = sysfs::value(&part_path.join("partition")) else {
                continue;
            };
            if let Some(mut part) = read_device(&part_path, &part_name) {
                if part.number == disk.number {
                    continue;
                }
                part.sector_size = disk.sector_size;
                part.removable = disk.removable;
                part.partition = Some(Partition {
                    disk: disk.number,
                    number,
                    start: sysfs::value(&part_path.join("start")).unwrap_or(0),
                });
                devices.insert(part.number, part);
            }
        }
        devices.insert(disk.number, disk);
    }
    let by_name: HashMap<String, DevNo> = devices
        .values()
        .map(|device| (device.name.replace('/', "!"), device.number))
        .collect();
    for (number, names) in slaves {
        let mut found: Vec<_> = names
            .iter()
            .filter_map(|n| by_name.get(n).copied())
            .collect();
        found.sort_unstable();
        if let Some(device) = devices.get_mut(&number) {
            device.slaves = found;
        }
    }
    Ok(devices)
}

fn read_device(path: &Path, name: &str) -> Option<BlockDevice> {
    // Hidden devices (paths of a multipath NVMe namespace) have no number and no node.
    if sysfs::flag(&path.join("hidden")) {
        return None;
    }
    Some(BlockDevice {
        number: sysfs::value(&path.join("dev"))?,
        name: name.replace('!', "/"),
        sectors: sysfs::value(&path.join("size")).unwrap_or(0),
        sector_size: sysfs::value(&path.join("queue/logical_block_size")).unwrap_or(512),
        read_only: sysfs::flag(&path.join("ro")),
        removable: sysfs::flag(&path.join("removable")),
        partition: None,
        slaves: Vec::new(),
        dm: sysfs::text(&path.join("dm/name")).map(|name| Dm {
            name,
            uuid: sysfs::text(&path.join("dm/uuid")).unwrap_or_default(),
        }),
        md: path.join("md").is_dir().then(|| Md {
            level: sysfs::text(&path.join("md/level")).unwrap_or_default(),
            uuid: sysfs::text(&path.join("md/uuid")),
        }),
        loop_file: read_loop(&path.join("loop")),
    })
}

fn read_loop(path: &Path) -> Option<Loop> {
    let mut file = sysfs::bytes(&path.join("backing_file")).ok()?;
    if file.last() == Some(&b'\n') {
        file.pop();
    }
    let (name, deleted) = match file.strip_suffix(b" (deleted)") {
        // A file may be called so.
        Some(name) if !Path::new(OsStr::from_bytes(&file)).exists() => (name.to_vec(), true),
        _ => (file, false),
    };
    if name.is_empty() {
        return None;
    }
    Some(Loop {
        file: OsString::from_vec(name).into(),
        deleted,
        offset: sysfs::value(&path.join("offset")).unwrap_or(0),
        size_limit: sysfs::value(&path.join("sizelimit")).unwrap_or(0),
        autoclear: sysfs::flag(&path.join("autoclear")),
        partscan: sysfs::flag(&path.join("partscan")),
    })
}

fn read_btrfs(roots: &Roots, by_name: &HashMap<String, DevNo>) -> Vec<Vec<DevNo>> {
    let folder = roots.sys.join("fs/btrfs");
    sysfs::names(&folder)
        .iter()
        .map(|fsid| {
            let mut devices: Vec<_> = sysfs::names(&folder.join(fsid).join("devices"))
                .iter()
                .filter_map(|name| by_name.get(name).copied())
                .collect();
            devices.sort_unstable();
            devices
        })
        .filter(|devices| !devices.is_empty())
        .collect()
}
