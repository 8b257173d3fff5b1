//! A target for one test: a portal group of the loopback fabric, with backstores on files.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use uuid::Uuid;
use vss_lab::guest::{in_lab, run, wait_until, without_udev};
use vss_provider_lio::LioProvider;

pub(crate) const TARGET: &str = "/sys/kernel/config/target";

/// Volume groups with a pool, one for each sector size; the same for all tests.
pub(crate) mod groups {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use vss_lab::guest::{Group, run};

    fn all() -> MutexGuard<'static, BTreeMap<u32, Group>> {
        static ALL: Mutex<BTreeMap<u32, Group>> = Mutex::new(BTreeMap::new());
        ALL.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a thin volume; gives its path.
    pub(crate) fn thin(sector_size: u32, name: &str) -> String {
        all()
            .entry(sector_size)
            .or_insert_with(|| Group::with_pool(&format!("lio{sector_size}"), 160, sector_size))
            .thin(name, 4)
    }

    fn volumes() -> Vec<String> {
        let all = all();
        all.values()
            .flat_map(|group| {
                let names = group.volumes().into_iter();
                names
                    .filter(|name| name != "pool")
                    .map(|name| format!("{}/{name}", group.name()))
            })
            .collect()
    }

    pub(crate) fn count() -> usize {
        volumes().len()
    }

    pub(crate) fn clear() {
        let volumes = volumes();
        let mut arguments = vec!["-qq", "--yes", "--force"];
        arguments.extend(volumes.iter().map(String::as_str));
        if !volumes.is_empty() {
            run("lvremove", &arguments);
        }
    }
}

/// A file system with shared extents, the same for all tests.
pub(crate) fn images() -> &'static Path {
    in_lab();
    static IMAGES: OnceLock<PathBuf> = OnceLock::new();
    IMAGES.get_or_init(|| {
        without_udev();
        for module in [
            // Without udev nobody loads it when a disk comes.
            "sd_mod",
            "target_core_mod",
            "target_core_file",
            "target_core_iblock",
            "tcm_loop",
            "xfs",
        ] {
            run("modprobe", &[module]);
        }
        let disk = "/run/lio-images.img";
        File::create(disk).unwrap().set_len(512 << 20).unwrap();
        run("mkfs.xfs", &["-q", disk]);
        fs::create_dir_all("/run/lio-images").unwrap();
        run("mount", &["-o", "loop", disk, "/run/lio-images"]);
        "/run/lio-images".into()
    })
}

/// The target, removed with all that is mapped in it when dropped.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    pub(crate) port: PathBuf,
    pub(crate) images: PathBuf,
    pub(crate) records: PathBuf,
    next: u32,
}

/// A backstore of an administrator.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) serial: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let port = format!("loopback/naa.5001405{}/tpgt_1", &id[..9]);
        let lab = Self::at(&Path::new(TARGET).join(port));
        fs::write(lab.port.join("nexus"), format!("naa.6001405{}", &id[..9])).unwrap();
        lab
    }

    /// With a portal group of any fabric, which is made.
    pub(crate) fn at(port: &Path) -> Self {
        let folder = images().join(Uuid::new_v4().simple().to_string());
        fs::create_dir_all(port).unwrap();
        let lab = Self {
            port: port.to_owned(),
            images: folder.join("images"),
            records: folder.join("records"),
            next: 0,
        };
        fs::create_dir_all(&lab.images).unwrap();
        lab
    }

    pub(crate) fn open(&self) -> LioProvider {
        LioProvider::open(&self.records).unwrap()
    }

    /// Makes a backstore on a file; it is not mapped.
    pub(crate) fn store(&mut self, name: &str, content: &[u8], sector_size: u32) -> Store {
        let image = self.images.join(format!("{name}.img"));
        fs::write(&image, content).unwrap();
        let control = format!(
            "fd_dev_name={},fd_dev_size={}",
            image.display(),
            content.len()
        );
        let store = self.enable("fileio", name, &control);
        if sector_size != 512 {
            let size = sector_size.to_string();
            fs::write(store.folder.join("attrib/block_size"), size).unwrap();
        }
        store
    }

    /// Makes a backstore on a block device; it is not mapped.
    pub(crate) fn store_on(&mut self, name: &str, device: &Path) -> Store {
        self.enable("iblock", name, &format!("udev_path={}", device.display()))
    }

    fn enable(&mut self, kind: &str, name: &str, control: &str) -> Store {
        let hba = Path::new(TARGET).join(format!("core/{kind}_{}", self.next));
        self.next += 1;
        let store = Store {
            folder: hba.join(name),
            serial: Uuid::new_v4().to_string(),
        };
        fs::create_dir_all(&store.folder).unwrap();
        fs::write(store.folder.join("control"), control).unwrap();
        fs::write(store.folder.join("wwn/vpd_unit_serial"), &store.serial).unwrap();
        fs::write(store.folder.join("enable"), "1").unwrap();
        store
    }

    /// Maps a backstore under a number and waits for its disk.
    pub(crate) fn map(&self, store: &Store, number: u32) {
        let lun = self.port.join(format!("lun/lun_{number}"));
        fs::create_dir(&lun).unwrap();
        symlink(&store.folder, lun.join("admin")).unwrap();
        let address = fs::read_to_string(self.port.join("address")).unwrap();
        let device = format!(
            "/sys/class/scsi_device/{}:{number}/device/block",
            address.trim()
        );
        wait_until("the disk to come", || {
            names(Path::new(&device))
                .first()
                .is_some_and(|name| Path::new("/dev").join(name).exists())
        });
    }

    pub(crate) fn unmap(&self, number: u32) {
        remove_lun(&self.port.join(format!("lun/lun_{number}")));
    }

    /// The number under which a backstore is mapped.
    pub(crate) fn number_of(&self, name: &str) -> Option<u32> {
        luns(&self.port).into_iter().find_map(|lun| {
            let leads = link_of(&lun)?;
            (leads.file_name()? == name).then_some(())?;
            lun.file_name()?
                .to_str()?
                .strip_prefix("lun_")?
                .parse()
                .ok()
        })
    }

    pub(crate) fn next_number(&self) -> u32 {
        (0..)
            .find(|number| !self.port.join(format!("lun/lun_{number}")).exists())
            .unwrap()
    }

    /// All that could be left behind, in words.
    pub(crate) fn leavings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in [&self.images, &self.records] {
            found.extend(names(folder));
        }
        for hba in names(&Path::new(TARGET).join("core")) {
            for store in names(&Path::new(TARGET).join("core").join(&hba)) {
                found.push(format!("{hba}/{store}"));
            }
            found.push(hba);
        }
        found.extend(luns(&self.port).iter().map(|lun| lun.display().to_string()));
        found.extend(names(Path::new("/sys/class/scsi_device")));
        found.sort();
        found
    }

    /// Takes the whole target apart, as the end of a host does; files stay.
    pub(crate) fn power_off(&self) {
        for lun in luns(&self.port) {
            remove_lun(&lun);
        }
        fs::remove_dir(&self.port).unwrap();
        fs::remove_dir(self.port.parent().unwrap()).unwrap();
        let core = Path::new(TARGET).join("core");
        for hba in names(&core) {
            if !hba.contains('_') {
                continue;
            }
            for store in names(&core.join(&hba)) {
                let folder = core.join(&hba).join(store);
                if folder.join("enable").exists() {
                    // One that another target of the test maps goes with that.
                    let _ = fs::remove_dir(&folder);
                }
            }
            let _ = fs::remove_dir(core.join(hba));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.port.exists() {
            self.power_off();
        }
        if let Some(folder) = self.images.parent() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn luns(port: &Path) -> Vec<PathBuf> {
    let folder = port.join("lun");
    names(&folder)
        .into_iter()
        .map(|name| folder.join(name))
        .collect()
}

pub(crate) fn link_of(lun: &Path) -> Option<PathBuf> {
    fs::read_dir(lun)
        .ok()?
        .find_map(|entry| fs::read_link(entry.ok()?.path()).ok())
}

pub(crate) fn remove_lun(lun: &Path) {
    for entry in fs::read_dir(lun).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_dir(lun).unwrap();
}

pub(crate) fn write(device: &Path, offset: u64, bytes: &[u8]) {
    let mut device = OpenOptions::new().write(true).open(device).unwrap();
    device.seek(SeekFrom::Start(offset)).unwrap();
    device.write_all(bytes).unwrap();
    device.sync_all().unwrap();
}

pub(crate) fn read(device: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut device = File::open(device).unwrap();
    device.seek(SeekFrom::Start(offset)).unwrap();
    let mut bytes = vec![0; len];
    device.read_exact(&mut bytes).unwrap();
    bytes
}
