//! The kernel's target by configfs: one portal group of the loopback fabric.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use vss_lab::guest::wait_until;

use crate::storage::MIB;

const TARGET: &str = "/sys/kernel/config/target";
/// The portal group that leads back to this host.
const PORT: &str = "/sys/kernel/config/target/loopback/naa.5001405000000001/tpgt_1";
const INITIATOR: &str = "naa.6001405000000001";

pub(crate) fn make_port() {
    fs::create_dir_all(PORT).unwrap();
    fs::write(Path::new(PORT).join("nexus"), INITIATOR).unwrap();
}

/// A backstore, whoever made it.
pub(crate) struct Backstore {
    /// `HBA/` where a folder for backstores is empty.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) serial: String,
    pub(crate) image: String,
}

pub(crate) fn backstores() -> Vec<Backstore> {
    let core = Path::new(TARGET).join("core");
    let mut found = Vec::new();
    for hba in names(&core).into_iter().filter(|name| name != "alua") {
        let stores: Vec<String> = names(&core.join(&hba))
            .into_iter()
            .filter(|name| core.join(&hba).join(name).join("enable").exists())
            .collect();
        if stores.is_empty() {
            found.push(Backstore {
                name: format!("{hba}/"),
                folder: core.join(&hba),
                serial: String::new(),
                image: String::new(),
            });
        }
        for name in stores {
            let folder = core.join(&hba).join(&name);
            let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
            let after = |text: String, mark: &str| {
                let rest = text.split_once(mark).map_or("", |(_, rest)| rest);
                let word = rest.split_whitespace().next();
                word.unwrap_or_default().to_owned()
            };
            found.push(Backstore {
                serial: after(read("wwn/vpd_unit_serial"), "Number: "),
                image: after(read("info"), " File: "),
                name,
                folder,
            });
        }
    }
    found
}

pub(crate) fn backstore(name: &str) -> PathBuf {
    let found = backstores().into_iter().find(|store| store.name == name);
    found.unwrap().folder
}

/// A LUN of any portal group.
pub(crate) struct Lun {
    /// Of the backstore to which it leads.
    pub(crate) name: String,
    pub(crate) number: u32,
}

/// All LUNs of all portal groups of all fabrics: one that is not of ours has the number of nobody.
pub(crate) fn luns() -> Vec<Lun> {
    let mut found = Vec::new();
    for fabric in names(Path::new(TARGET)) {
        let fabric = Path::new(TARGET).join(fabric);
        for target in names(&fabric) {
            for port in names(&fabric.join(&target)) {
                let port = fabric.join(&target).join(port);
                for lun in names(&port.join("lun")) {
                    let number = lun.strip_prefix("lun_").and_then(|text| text.parse().ok());
                    found.push(Lun {
                        name: link_in(&port.join("lun").join(&lun)).unwrap_or(lun),
                        number: number
                            .filter(|_| port == Path::new(PORT))
                            .unwrap_or(u32::MAX),
                    });
                }
            }
        }
    }
    found
}

/// The name of what the link in a folder leads to.
fn link_in(folder: &Path) -> Option<String> {
    let link = links(folder).pop()?;
    let leads = fs::read_link(link).ok()?;
    Some(leads.file_name()?.to_str()?.to_owned())
}

fn links(folder: &Path) -> Vec<PathBuf> {
    let paths = names(folder).into_iter().map(|name| folder.join(name));
    paths.filter(|path| path.is_symlink()).collect()
}

pub(crate) fn lun_folder(number: u32) -> PathBuf {
    Path::new(PORT).join(format!("lun/lun_{number}"))
}

pub(crate) fn place(number: u32) -> String {
    let address = fs::read_to_string(Path::new(PORT).join("address")).unwrap();
    format!("{}:{number}", address.trim())
}

pub(crate) fn scsi_device(number: u32) -> PathBuf {
    Path::new("/sys/class/scsi_device").join(place(number))
}

pub(crate) fn make_backstore(hba: &str, name: &str, image: &Path, serial: &str) {
    let store = Path::new(TARGET).join("core").join(hba).join(name);
    fs::create_dir_all(&store).unwrap();
    let control = format!("fd_dev_name={},fd_dev_size={}", image.display(), MIB << 20);
    fs::write(store.join("control"), control).unwrap();
    fs::write(store.join("wwn/vpd_unit_serial"), serial).unwrap();
    fs::write(store.join("enable"), "1").unwrap();
}

pub(crate) fn remove_backstore(store: &Path) {
    fs::remove_dir(store).unwrap();
    fs::remove_dir(store.parent().unwrap()).unwrap();
}

pub(crate) fn map(number: u32, store: &Path) {
    let lun = lun_folder(number);
    fs::create_dir(&lun).unwrap();
    symlink(store, lun.join("admin")).unwrap();
    let block = scsi_device(number).join("device/block");
    wait_until("the disk to come", || {
        let disk = names(&block).pop();
        disk.is_some_and(|disk| Path::new("/dev").join(disk).exists())
    });
}

pub(crate) fn unmap(lun: &Path) {
    for link in links(lun) {
        fs::remove_file(link).unwrap();
    }
    fs::remove_dir(lun).unwrap();
}

/// Takes the target apart, as an orderly end of a host does.
pub(crate) fn take_apart() {
    let port = Path::new(PORT);
    for lun in names(&port.join("lun")) {
        unmap(&port.join("lun").join(lun));
    }
    fs::remove_dir(port).unwrap();
    fs::remove_dir(port.parent().unwrap()).unwrap();
    for store in backstores() {
        if store.name.ends_with('/') {
            fs::remove_dir(store.folder).unwrap();
        } else {
            remove_backstore(&store.folder);
        }
    }
}

/// The names in a folder, in order; none when it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
