//! LUNs of the kernel's target, over the loopback fabric, with backstores on files of an XFS.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vss_lab::guest::{fsck, mkfs, run, wait_until};

use crate::guest::text;
use crate::storage::{DISKS, Expected, FILE_SYSTEMS, MIB, STATE, STORAGE_DISK, Storage};

const TARGET: &str = "/sys/kernel/config/target";
/// The portal group that leads back to this host.
const PORT: &str = "/sys/kernel/config/target/loopback/naa.5001405000000001/tpgt_1";
const INITIATOR: &str = "naa.6001405000000001";
/// Where the images are.
const IMAGES: &str = "/mnt/images";
/// A number that nobody else takes.
const STRAY_LUN: u32 = 99;

/// A target with one portal group.
pub(crate) struct Lio;

impl Storage for Lio {
    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[("/usr/sbin/mkfs.xfs", "xfsprogs")]
    }

    fn prefix(&self) -> &'static str {
        "lio:"
    }

    fn start(&self) {
        for module in [
            "sd_mod",
            "target_core_mod",
            "target_core_file",
            "tcm_loop",
            "xfs",
        ] {
            run("modprobe", &[module]);
        }
        fs::create_dir_all(IMAGES).unwrap();
    }

    fn make(&self) {
        mkfs("xfs", STORAGE_DISK);
        run("mount", &[STORAGE_DISK, IMAGES]);
        for name in originals() {
            let image = fs::File::create(image(name)).unwrap();
            image.set_len(MIB << 20).unwrap();
            image.sync_all().unwrap();
        }
        run("umount", &[IMAGES]);
        self.show(true);
    }

    fn put_away(&self) {
        take_apart();
    }

    /// As `targetctl restore`: the same names, serial numbers and LUN numbers each time.
    fn show(&self, disks: bool) {
        run("mount", &[STORAGE_DISK, IMAGES]);
        fs::create_dir_all(PORT).unwrap();
        fs::write(Path::new(PORT).join("nexus"), INITIATOR).unwrap();
        show_these(&FILE_SYSTEMS);
        if disks {
            self.show_disks();
        }
    }

    fn show_disks(&self) {
        show_these(&DISKS);
    }

    fn device(&self, name: &str) -> Option<String> {
        let lun = luns().into_iter().find(|lun| lun.name == name)?;
        let disk = names(&scsi_device(lun.number).join("device/block")).pop()?;
        let device = format!("/dev/{disk}");
        Path::new(&device).exists().then_some(device)
    }

    fn look(&self, expected: &Expected, problems: &mut Vec<String>) {
        let others = expected.copies.union(&expected.broken);
        let mut all: Vec<String> = others.cloned().collect();
        let images = originals()
            .map(str::to_owned)
            .chain(all.iter().cloned())
            .map(|name| format!("{name}.img"));
        compare("images", names(Path::new(IMAGES)), images, problems);
        let records = records();
        compare(
            "records",
            records.iter().map(|record| text(&record["name"])),
            all.iter().cloned(),
            problems,
        );
        all.extend(expected.originals.iter().map(|name| (*name).to_owned()));
        let backstores = backstores();
        compare(
            "backstores",
            backstores.iter().map(|store| store.name.clone()),
            all.iter().cloned(),
            problems,
        );
        let luns = luns();
        compare(
            "LUNs",
            luns.iter().map(|lun| lun.name.clone()),
            all,
            problems,
        );
        compare(
            "SCSI devices",
            names(Path::new("/sys/class/scsi_device")),
            luns.iter().map(|lun| place(lun.number)),
            problems,
        );
        for record in &records {
            let broken = expected.broken.contains(&text(&record["name"]));
            if let Err(why) = look_at_record(record, broken, &backstores, &luns) {
                problems.push(why);
            }
        }
    }

    fn whole(&self) {
        take_apart();
        fsck("xfs", STORAGE_DISK);
    }

    fn strays(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("backstore", "backstores are"),
            ("image", "images are"),
            ("LUN", "LUNs are"),
            ("record", "records are"),
        ]
    }

    fn leave(&self, stray: &str, copy: &str) {
        match stray {
            "backstore" => make_backstore("fileio_99", stray, &image("a"), "99"),
            "image" => fs::write(image(stray), "").unwrap(),
            "LUN" => map(STRAY_LUN, &backstore(copy)),
            "record" => {
                let (from, to) = (record_file(copy), stray_record());
                fs::copy(from, to).unwrap();
            }
            other => panic!("nobody can leave a {other}"),
        }
    }

    fn clear(&self, stray: &str, _copy: &str) {
        match stray {
            "backstore" => remove_backstore(&backstore(stray)),
            "image" => fs::remove_file(image(stray)).unwrap(),
            "LUN" => unmap(&lun_folder(STRAY_LUN)),
            "record" => fs::remove_file(stray_record()).unwrap(),
            other => panic!("nobody can clear a {other}"),
        }
    }
}

fn originals() -> impl Iterator<Item = &'static str> {
    DISKS.into_iter().chain(FILE_SYSTEMS)
}

fn image(name: &str) -> PathBuf {
    Path::new(IMAGES).join(format!("{name}.img"))
}

/// Says which names are there too often or not often enough.
fn compare(
    what: &str,
    found: impl IntoIterator<Item = String>,
    expected: impl IntoIterator<Item = String>,
    problems: &mut Vec<String>,
) {
    let mut found: Vec<String> = found.into_iter().collect();
    let mut expected: Vec<String> = expected.into_iter().collect();
    found.sort();
    expected.sort();
    if found != expected {
        problems.push(format!(
            "{what} are {}, and should be {}",
            found.join(" "),
            expected.join(" ")
        ));
    }
}

/// Whether a record, the backstore and the LUN of a copy say the same.
fn look_at_record(
    record: &Value,
    broken: bool,
    backstores: &[Backstore],
    luns: &[Lun],
) -> Result<(), String> {
    let name = text(&record["name"]);
    let access = if broken { "read-write" } else { "copy" };
    for (key, wanted) in [("state", "ready"), ("access", access)] {
        let found = text(&record[key]);
        if found != wanted {
            return Err(format!("record of {name}: {key} is {found}, not {wanted}"));
        }
    }
    let store = backstores.iter().find(|store| store.name == name);
    let lun = luns.iter().find(|lun| lun.name == name);
    let (Some(store), Some(lun)) = (store, lun) else {
        return Err(format!("{name} has a record and is not mapped"));
    };
    let image = text(&record["storage"]["image"]);
    if record["presented"] != true || record["places"][0]["number"] != lun.number {
        return Err(format!(
            "record of {name}: presented {} at {}, and it is LUN {}",
            record["presented"], record["places"], lun.number
        ));
    }
    if store.serial != text(&record["serial"]) || store.image != image {
        return Err(format!(
            "the backstore {name} has the serial number {} and the image {}, its record {} and {image}",
            store.serial, store.image, record["serial"]
        ));
    }
    Ok(())
}

/// The records of the program, which are whole; another file there is a record of that name.
fn records() -> Vec<Value> {
    let folder = Path::new(STATE).join("lio");
    let mut found = Vec::new();
    for file in names(&folder) {
        let envelope: Value = fs::read(folder.join(&file))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let record: Value = serde_json::from_str(&text(&envelope["record"])).unwrap_or_default();
        found.push(if file == format!("{}.json", text(&record["serial"])) {
            record
        } else {
            serde_json::json!({ "name": file })
        });
    }
    found
}

fn record_file(name: &str) -> PathBuf {
    let records = records();
    let record = records.iter().find(|record| record["name"] == name);
    let serial = text(&record.unwrap()["serial"]);
    Path::new(STATE).join(format!("lio/{serial}.json"))
}

fn stray_record() -> PathBuf {
    Path::new(STATE).join("lio/stray.json")
}

struct Backstore {
    /// `HBA/` alone for a folder that holds none.
    name: String,
    folder: PathBuf,
    serial: String,
    image: String,
}

fn backstores() -> Vec<Backstore> {
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

fn backstore(name: &str) -> PathBuf {
    let found = backstores().into_iter().find(|store| store.name == name);
    found.unwrap().folder
}

struct Lun {
    /// Of the backstore to which it leads.
    name: String,
    number: u32,
}

/// All LUNs of all portal groups of all fabrics: one that is not of ours has the number of nobody.
fn luns() -> Vec<Lun> {
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

fn lun_folder(number: u32) -> PathBuf {
    Path::new(PORT).join(format!("lun/lun_{number}"))
}

fn place(number: u32) -> String {
    let address = fs::read_to_string(Path::new(PORT).join("address")).unwrap();
    format!("{}:{number}", address.trim())
}

fn scsi_device(number: u32) -> PathBuf {
    Path::new("/sys/class/scsi_device").join(place(number))
}

/// Makes backstores of originals and maps them, each under the same numbers at any time.
fn show_these(wanted: &[&str]) {
    let numbers: BTreeMap<&str, u32> = originals().zip(0..).collect();
    for name in wanted {
        let number = numbers[name];
        let hba = format!("fileio_{number}");
        let store = Path::new(TARGET).join("core").join(&hba).join(name);
        if !store.exists() {
            let serial = format!("{number}a1b2c3d-1111-4222-8333-444455556666");
            make_backstore(&hba, name, &image(name), &serial);
            map(number, &store);
        }
    }
}

fn make_backstore(hba: &str, name: &str, image: &Path, serial: &str) {
    let store = Path::new(TARGET).join("core").join(hba).join(name);
    fs::create_dir_all(&store).unwrap();
    let control = format!("fd_dev_name={},fd_dev_size={}", image.display(), MIB << 20);
    fs::write(store.join("control"), control).unwrap();
    fs::write(store.join("wwn/vpd_unit_serial"), serial).unwrap();
    fs::write(store.join("enable"), "1").unwrap();
}

fn remove_backstore(store: &Path) {
    fs::remove_dir(store).unwrap();
    fs::remove_dir(store.parent().unwrap()).unwrap();
}

fn map(number: u32, store: &Path) {
    let lun = lun_folder(number);
    fs::create_dir(&lun).unwrap();
    symlink(store, lun.join("admin")).unwrap();
    let block = scsi_device(number).join("device/block");
    wait_until("the disk to come", || {
        let disk = names(&block).pop();
        disk.is_some_and(|disk| Path::new("/dev").join(disk).exists())
    });
}

fn unmap(lun: &Path) {
    for link in links(lun) {
        fs::remove_file(link).unwrap();
    }
    fs::remove_dir(lun).unwrap();
}

/// Takes the target apart, as an orderly end of a host does, and the images away.
fn take_apart() {
    let port = Path::new(PORT);
    for lun in names(&port.join("lun")) {
        unmap(&port.join("lun").join(lun));
    }
    fs::remove_dir(port).unwrap();
    fs::remove_dir(port.parent().unwrap()).unwrap();
    for store in backstores() {
        remove_backstore(&store.folder);
    }
    run("umount", &[IMAGES]);
}

/// The names in a folder, in order; none when it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
