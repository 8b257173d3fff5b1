//! LUNs of the kernel's target, over the loopback fabric, with backstores on files of an XFS.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vss_lab::guest::{fsck, mkfs, run};

use crate::guest::text;
use crate::storage::{DISKS, Expected, FILE_SYSTEMS, MIB, STATE, STORAGE_DISK, Storage};
use crate::target::{
    Backstore, Lun, backstore, backstores, lun_folder, luns, make_backstore, make_port, map, names,
    place, remove_backstore, scsi_device, take_apart, unmap,
};

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
        run("umount", &[IMAGES]);
    }

    /// As `targetctl restore`: the same names, serial numbers and LUN numbers each time.
    fn show(&self, disks: bool) {
        run("mount", &[STORAGE_DISK, IMAGES]);
        make_port();
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
        run("umount", &[IMAGES]);
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

/// Makes backstores of originals and maps them, each under the same numbers at any time.
fn show_these(wanted: &[&str]) {
    let numbers: BTreeMap<&str, u32> = originals().zip(0..).collect();
    for name in wanted {
        let number = numbers[name];
        let hba = format!("fileio_{number}");
        if backstores().iter().all(|store| store.name != *name) {
            let serial = format!("{number}a1b2c3d-1111-4222-8333-444455556666");
            make_backstore(&hba, name, &image(name), &serial);
            map(number, &backstore(name));
        }
    }
}
