//! Two originals with a partition table each, on storage of some kind.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use uuid::Uuid;
use vss_engine::Embedded;
use vss_lab::guest::{Group, Image, Mount, mkfs, run, wait_until};
use vss_model::ResultCode;
use vss_service::{NewLun, Service};

/// Size of an original in MiB.
const MIB: u64 = 16;
/// The originals.
pub(crate) const NAMES: [&str; 2] = ["one", "two"];

/// Where originals live.
pub(crate) trait Storage: Sync {
    /// Makes the originals visible; gives their devices.
    fn originals(&mut self, service: &Embedded) -> Vec<PathBuf>;
    /// The volumes on an original.
    fn volumes(&self, device: &Path) -> Vec<PathBuf> {
        partitions_of(device)
    }
    /// Takes an original away from this host.
    fn mask(&self, service: &Embedded, index: usize);
    /// Brings it back; false where that is refused, for another disk has its identity by now.
    fn unmask(&self, service: &Embedded, index: usize) -> bool;
}

/// Gives a disk two partitions.
fn partition(device: &Path) {
    run(
        "sgdisk",
        &[
            "-n",
            "1:0:+10M",
            "-n",
            "2:0:0",
            &device.display().to_string(),
        ],
    );
}

/// The partitions of a disk, once the kernel has read its table.
fn partitions_of(device: &Path) -> Vec<PathBuf> {
    let name = device.file_name().unwrap().to_str().unwrap();
    let infix = if name.ends_with(|last: char| last.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    let partitions: Vec<PathBuf> = (1..=2)
        .map(|number| device.with_file_name(format!("{name}{infix}{number}")))
        .collect();
    wait_until("the partitions to come", || {
        partitions.iter().all(|partition| partition.exists())
    });
    partitions
}

/// Images attached as loop devices.
#[derive(Default)]
pub(crate) struct Loops;

impl Storage for Loops {
    fn originals(&mut self, service: &Embedded) -> Vec<PathBuf> {
        NAMES
            .iter()
            .map(|name| {
                service
                    .create_lun(&NewLun {
                        name: (*name).to_owned(),
                        size_bytes: MIB << 20,
                        sector_size: 512,
                        present: true,
                    })
                    .unwrap();
                let change = service
                    .attach_luns(&[(*name).to_owned()])
                    .unwrap()
                    .remove(0);
                let device = change.device.unwrap();
                partition(&device);
                device
            })
            .collect()
    }

    fn mask(&self, service: &Embedded, index: usize) {
        service.mask_luns(&[NAMES[index].to_owned()]).unwrap();
    }

    fn unmask(&self, service: &Embedded, index: usize) -> bool {
        match service.unmask_luns(&[NAMES[index].to_owned()]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), ResultCode::VSS_E_OBJECT_ALREADY_EXISTS);
                false
            }
        }
    }
}

/// Thin volumes in a group that all tests share.
#[derive(Default)]
pub(crate) struct Thin {
    names: Vec<String>,
}

static GROUP: Mutex<Option<Group>> = Mutex::new(None);

fn thin_volume() -> String {
    let mut group = GROUP.lock().unwrap();
    let group = group.get_or_insert_with(|| Group::with_pool("vsslabchecks", 600, 512));
    let name = format!("v{}", &Uuid::new_v4().simple().to_string()[..8]);
    group.thin(&name, MIB)
}

impl Storage for Thin {
    fn originals(&mut self, _service: &Embedded) -> Vec<PathBuf> {
        self.names = NAMES.iter().map(|_| thin_volume()).collect();
        self.names
            .iter()
            .map(|name| {
                partition(Path::new(name));
                PathBuf::from(name)
            })
            .collect()
    }

    /// The kernel looks for no partitions in a mapped device: the volume is the disk.
    fn volumes(&self, device: &Path) -> Vec<PathBuf> {
        vec![device.to_owned()]
    }

    fn mask(&self, _service: &Embedded, index: usize) {
        run("lvchange", &["-qq", "-an", &self.names[index]]);
    }

    fn unmask(&self, _service: &Embedded, index: usize) -> bool {
        run("lvchange", &["-qq", "-ay", &self.names[index]]);
        true
    }
}

impl Drop for Thin {
    fn drop(&mut self) {
        // All of a test: originals, copies, and what breaks made of them.
        let listed = run(
            "lvs",
            &[
                "--noheadings",
                "--separator",
                "/",
                "-o",
                "vg_name,lv_name",
                "vsslabchecks",
            ],
        );
        let left: Vec<&str> = listed
            .split_whitespace()
            .filter(|name| !name.ends_with("/pool"))
            .collect();
        run(
            "lvremove",
            &[&["-qq", "--force", "--yes"], &left[..]].concat(),
        );
    }
}

const TARGET: &str = "/sys/kernel/config/target";

/// SCSI disks of the kernel's target over the loopback fabric, with backstores on files of an XFS.
pub(crate) struct Lio {
    port: PathBuf,
    stores: Vec<PathBuf>,
    devices: Vec<PathBuf>,
    images: Option<Mount>,
    _disk: Image,
}

impl Default for Lio {
    fn default() -> Self {
        for module in ["sd_mod", "target_core_file", "tcm_loop", "xfs"] {
            run("modprobe", &[module]);
        }
        let disk = Image::new(400 << 20);
        mkfs("xfs", &disk.path().display().to_string());
        let id = Uuid::new_v4().simple().to_string();
        let images = Mount::new(
            &disk.path().display().to_string(),
            &format!("/mnt/images-{}", &id[..8]),
            "loop",
        );
        let port = Path::new(TARGET).join(format!("loopback/naa.5001405{}/tpgt_1", &id[..9]));
        fs::create_dir_all(&port).unwrap();
        fs::write(port.join("nexus"), format!("naa.6001405{}", &id[..9])).unwrap();
        Self {
            port,
            stores: Vec::new(),
            devices: Vec::new(),
            images: Some(images),
            _disk: disk,
        }
    }
}

impl Lio {
    fn address(&self, number: usize) -> String {
        let port = fs::read_to_string(self.port.join("address")).unwrap();
        format!("{}:{number}", port.trim())
    }

    /// Waits for the disk of a LUN.
    fn disk(&self, number: usize) -> PathBuf {
        let folder = format!(
            "/sys/class/scsi_device/{}/device/block",
            self.address(number)
        );
        let mut found = PathBuf::new();
        wait_until("the disk to come", || {
            let entry = fs::read_dir(&folder)
                .ok()
                .and_then(|mut entries| entries.next());
            let Some(Ok(entry)) = entry else { return false };
            found = Path::new("/dev").join(entry.file_name());
            found.exists()
        });
        found
    }
}

impl Storage for Lio {
    fn originals(&mut self, _service: &Embedded) -> Vec<PathBuf> {
        for (number, name) in NAMES.iter().enumerate() {
            let image = self
                .images
                .as_ref()
                .unwrap()
                .place()
                .join(format!("{name}.img"));
            fs::File::create(&image)
                .unwrap()
                .set_len(MIB << 20)
                .unwrap();
            let store = Path::new(TARGET).join(format!("core/fileio_{number}/{name}"));
            fs::create_dir_all(&store).unwrap();
            let control = format!("fd_dev_name={},fd_dev_size={}", image.display(), MIB << 20);
            fs::write(store.join("control"), control).unwrap();
            fs::write(
                store.join("wwn/vpd_unit_serial"),
                Uuid::new_v4().to_string(),
            )
            .unwrap();
            fs::write(store.join("enable"), "1").unwrap();
            let lun = self.port.join(format!("lun/lun_{number}"));
            fs::create_dir(&lun).unwrap();
            symlink(&store, lun.join("admin")).unwrap();
            self.stores.push(store);
            let device = self.disk(number);
            partition(&device);
            self.devices.push(device);
        }
        self.devices.clone()
    }

    fn mask(&self, _service: &Embedded, index: usize) {
        let lun = self.port.join(format!("lun/lun_{index}"));
        fs::remove_file(lun.join("admin")).unwrap();
        fs::remove_dir(&lun).unwrap();
        let folder = format!("/sys/class/scsi_device/{}/device", self.address(index));
        wait_until("the disk to go", || !Path::new(&folder).exists());
    }

    fn unmask(&self, _service: &Embedded, index: usize) -> bool {
        let lun = self.port.join(format!("lun/lun_{index}"));
        fs::create_dir(&lun).unwrap();
        symlink(&self.stores[index], lun.join("admin")).unwrap();
        self.disk(index);
        true
    }
}

impl Drop for Lio {
    fn drop(&mut self) {
        let luns = fs::read_dir(self.port.join("lun"))
            .into_iter()
            .flatten()
            .flatten();
        for lun in luns {
            for link in fs::read_dir(lun.path()).into_iter().flatten().flatten() {
                if link.path().is_symlink() {
                    let _ = fs::remove_file(link.path());
                }
            }
            let _ = fs::remove_dir(lun.path());
        }
        let _ = fs::remove_dir(&self.port);
        let _ = self.port.parent().map(fs::remove_dir);
        let bus = fs::read_dir(Path::new(TARGET).join("core"))
            .into_iter()
            .flatten()
            .flatten();
        for hba in bus.filter(|hba| hba.file_name().to_string_lossy().starts_with("fileio_")) {
            for store in fs::read_dir(hba.path()).into_iter().flatten().flatten() {
                if store.path().join("enable").exists() {
                    let _ = fs::remove_dir(store.path());
                }
            }
            let _ = fs::remove_dir(hba.path());
        }
        self.images = None;
    }
}
