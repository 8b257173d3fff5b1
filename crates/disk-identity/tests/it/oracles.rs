//! Disks made by sgdisk and sfdisk, judged by sgdisk, sfdisk, blkid and partx.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use disk_identity::{Change, DiskId, Identity, Observation, PartitionId, attributes, observe};

use crate::images::ids;
use crate::tools::{must, run};

struct Image {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn new(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk.img");
        File::create(&path).unwrap().set_len(bytes).unwrap();
        Self { _dir: dir, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn open(&self) -> File {
        File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap()
    }

    fn seen(&self) -> Observation {
        observe(&self.open(), None).unwrap()
    }
}

/// Gives new ids and attributes, asks `judge` about them, and takes them back.
fn change_and_judge(image: &Image, judge: &dyn Fn(&Identity)) {
    let before = fs::read(&image.path).unwrap();
    let seen = image.seen();
    judge(seen.identity());
    let change = Change::fresh(seen.identity(), &mut ids(5))
        .with_attributes(seen.identity(), |p| {
            p.attributes | attributes::READ_ONLY | attributes::NO_DRIVE_LETTER
        });
    let patch = seen.plan(&change).unwrap();
    patch.apply(&image.open()).unwrap();
    let after = image.seen();
    assert!(!after.identity().is_bearer_of_any(seen.identity()));
    assert_eq!(after.warnings(), seen.warnings());
    judge(after.identity());
    patch.inverse().apply(&image.open()).unwrap();
    assert!(fs::read(&image.path).unwrap() == before);
}

fn sgdisk_agrees(test: &str, path: &str, identity: &Identity) {
    let Some(text) = must(test, "sgdisk", &["-v", path], "") else {
        return;
    };
    assert!(text.contains("No problems found"), "{text}");
    for p in &identity.partitions {
        let info = must(test, "sgdisk", &["-i", &p.index.to_string(), path], "").unwrap();
        let id = format!("unique GUID: {}", p.id).to_lowercase();
        assert!(info.to_lowercase().contains(&id), "{info}");
        let flags = format!("Attribute flags: {:016X}", p.attributes);
        assert!(info.contains(&flags), "{info}");
        assert!(
            info.contains(&format!("First sector: {} ", p.start_lba)),
            "{info}"
        );
        assert!(
            info.contains(&format!("Last sector: {} ", p.end_lba)),
            "{info}"
        );
        assert!(
            info.contains(&format!("Partition name: '{}'", p.name)),
            "{info}"
        );
    }
}

fn sfdisk_agrees(test: &str, path: &str, identity: &Identity) {
    let Some(text) = must(test, "sfdisk", &["--json", path], "") else {
        return;
    };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let table = &json["partitiontable"];
    let id = table["id"].as_str().unwrap().to_lowercase();
    let ours = identity.disk_id.unwrap();
    match ours {
        DiskId::Guid(_) => assert_eq!(id, ours.to_string()),
        DiskId::Signature(_) => assert_eq!(id, format!("0x{ours}")),
    }
    let partitions = table["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), identity.partitions.len());
    for (theirs, ours) in partitions.iter().zip(&identity.partitions) {
        assert!(
            theirs["node"]
                .as_str()
                .unwrap()
                .ends_with(&ours.index.to_string())
        );
        assert_eq!(theirs["start"].as_u64(), Some(ours.start_lba));
        assert_eq!(
            theirs["size"].as_u64(),
            Some(ours.end_lba - ours.start_lba + 1)
        );
        let kind = theirs["type"].as_str().unwrap().to_lowercase();
        assert_eq!(
            kind.trim_start_matches('0'),
            ours.type_id.to_string().trim_start_matches('0')
        );
        if matches!(ours.id, PartitionId::Guid(_)) {
            assert_eq!(
                theirs["uuid"].as_str().unwrap().to_lowercase(),
                ours.id.to_string()
            );
        }
    }
    // Its own check: no complaint.
    let (ok, text) = run(test, "sfdisk", &["--verify", path], "").unwrap();
    assert!(ok, "{text}");
}

fn blkid_agrees(test: &str, path: &str, identity: &Identity) {
    if let Some(text) = must(test, "blkid", &["-p", "-o", "export", path], "") {
        let line = format!("PTUUID={}", identity.disk_id.unwrap());
        assert!(text.lines().any(|l| l == line), "{text}");
    }
    if let Some(text) = must(test, "partx", &["-g", "-o", "NR,UUID", path], "") {
        let theirs: Vec<_> = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>())
            .collect();
        let ours: Vec<_> = identity
            .partitions
            .iter()
            .map(|p| vec![p.index.to_string(), p.id.to_string()])
            .collect();
        assert_eq!(theirs, ours);
    }
}

/// Options of sgdisk that lead to each shape; all start from an empty table.
const GPT: &[(&str, &[&str])] = &[
    (
        "plain",
        &[
            "-n1:64:+8",
            "-t1:ef00",
            "-n2:0:+8",
            "-n4:0:0",
            "-t4:0700",
            "-c2:a name",
        ],
    ),
    (
        "attributes",
        &[
            "-n1:64:+8",
            "-n2:0:0",
            "-A1:set:0",
            "-A1:set:2",
            "-A2:set:62",
        ],
    ),
    ("array further in", &["-j40", "-n1:128:+8", "-n2:0:0"]),
    ("256 entries", &["-S256", "-n1:128:+8", "-n200:0:0"]),
    (
        "type codes",
        &[
            "-n1:64:+8",
            "-t1:8200",
            "-n2:0:+8",
            "-t2:8302",
            "-n3:0:0",
            "-t3:8304",
        ],
    ),
];

#[test]
fn gpt_made_by_sgdisk() {
    const TEST: &str = "gpt_made_by_sgdisk";
    for (name, args) in GPT {
        let image = Image::new(256 * 1024);
        // One option at a time: some take effect only on a table that is there.
        for args in [["-a1"].as_slice(), &["-o"]].iter().chain(&[*args]) {
            let mut line = vec!["-a1"];
            line.extend(args.iter());
            line.push(image.name());
            if must(TEST, "sgdisk", &line, "").is_none() {
                return;
            }
        }
        println!("{name}");
        change_and_judge(&image, &|identity| {
            sgdisk_agrees(TEST, image.name(), identity);
            sfdisk_agrees(TEST, image.name(), identity);
            blkid_agrees(TEST, image.name(), identity);
        });
    }
}

#[test]
fn gpt_made_by_sfdisk() {
    const TEST: &str = "gpt_made_by_sfdisk";
    let script = "label: gpt\nstart=64, size=8, type=U, name=esp\n\
                  size=16, name=\"\u{fc}ber\", attrs=\"GUID:63\"\ntype=H\n";
    let image = Image::new(256 * 1024);
    if must(TEST, "sfdisk", &[image.name()], script).is_none() {
        return;
    }
    change_and_judge(&image, &|identity| {
        sgdisk_agrees(TEST, image.name(), identity);
        sfdisk_agrees(TEST, image.name(), identity);
        blkid_agrees(TEST, image.name(), identity);
    });
}

#[test]
fn hybrid_made_by_sgdisk() {
    const TEST: &str = "hybrid_made_by_sgdisk";
    let image = Image::new(256 * 1024);
    for args in [["-o", "-a1", "-n1:64:+8", "-n2:0:0"].as_slice(), &["-h2"]] {
        let mut line = args.to_vec();
        line.push(image.name());
        if must(TEST, "sgdisk", &line, "").is_none() {
            return;
        }
    }
    // sgdisk leaves the signature zero, which names nothing.
    assert_eq!(image.seen().identity().hybrid_signature, None);
    let mut bytes = fs::read(&image.path).unwrap();
    bytes[440..444].copy_from_slice(&[1, 2, 3, 4]);
    fs::write(&image.path, &bytes).unwrap();
    assert_eq!(image.seen().identity().hybrid_signature, Some(0x0403_0201));
    change_and_judge(&image, &|identity| {
        sgdisk_agrees(TEST, image.name(), identity)
    });
}

/// A disk that lost its primary, and one that lost its backup.
#[test]
fn sgdisk_accepts_what_was_rebuilt() {
    const TEST: &str = "sgdisk_accepts_what_was_rebuilt";
    for lost in [512_usize, 256 * 1024 - 512] {
        let image = Image::new(256 * 1024);
        let args = ["-o", "-a1", "-n1:64:+8", "-n2:0:0", image.name()];
        if must(TEST, "sgdisk", &args, "").is_none() {
            return;
        }
        let mut bytes = fs::read(&image.path).unwrap();
        bytes[lost..lost + 512].fill(0);
        fs::write(&image.path, &bytes).unwrap();
        let seen = image.seen();
        assert_eq!(seen.warnings().len(), 1);
        let change = Change::fresh(seen.identity(), &mut ids(3));
        seen.plan(&change).unwrap().apply(&image.open()).unwrap();
        let after = image.seen();
        assert!(after.warnings().is_empty());
        sgdisk_agrees(TEST, image.name(), after.identity());
        sfdisk_agrees(TEST, image.name(), after.identity());
    }
}

#[test]
fn mbr_made_by_sfdisk() {
    const TEST: &str = "mbr_made_by_sfdisk";
    let script = "label: dos\nlabel-id: 0x1234abcd\nstart=64, size=16, type=83, bootable\n\
                  start=96, size=200, type=5\nstart=104, size=16, type=83\nstart=136, size=32, type=7\n\
                  start=176, size=8, type=82\n";
    let image = Image::new(256 * 1024);
    if must(TEST, "sfdisk", &[image.name()], script).is_none() {
        return;
    }
    let identity = image.seen().identity().clone();
    assert_eq!(identity.partitions.len(), 5);
    change_and_judge(&image, &|identity| {
        sfdisk_agrees(TEST, image.name(), identity);
        blkid_agrees(TEST, image.name(), identity);
    });
}

/// A loop device over an image, gone when dropped.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run("loop", "losetup", &["-d", &self.0], "");
    }
}

/// A block device with sectors of 4096 bytes, where this process may attach one.
#[test]
fn loop_gpt_with_4k_sectors() {
    const TEST: &str = "loop_gpt_with_4k_sectors";
    let image = Image::new(4 << 20);
    let args = ["--find", "--show", "--sector-size", "4096", image.name()];
    let device = match run(TEST, "losetup", &args, "") {
        None => return,
        Some((true, device)) => device,
        Some((false, why)) => {
            println!("skipped: {TEST} (losetup: {})", why.trim());
            return;
        }
    };
    let device = Loop(device.trim().to_owned());
    let script = "label: gpt\nstart=64, size=8, type=U\nname=data\n";
    must(TEST, "sfdisk", &[&device.0], script);
    let open = || {
        File::options()
            .read(true)
            .write(true)
            .open(&device.0)
            .unwrap()
    };
    let before = observe(&open(), None).unwrap();
    let size = disk_identity::SectorSize::B4096;
    assert_eq!(before.identity().sector_size, size);
    assert!(before.warnings().is_empty());
    let change = Change::fresh(before.identity(), &mut ids(8))
        .with_attributes(before.identity(), |p| p.attributes | attributes::READ_ONLY);
    let patch = before.plan(&change).unwrap();
    patch.apply(&open()).unwrap();
    let after = observe(&open(), Some(size)).unwrap();
    for seen in [&after, &before] {
        sgdisk_agrees(TEST, &device.0, seen.identity());
        sfdisk_agrees(TEST, &device.0, seen.identity());
        blkid_agrees(TEST, &device.0, seen.identity());
        patch.inverse().apply(&open()).unwrap();
    }
}

/// A bare FAT volume ends in 55 AA like an MBR.
#[test]
fn bare_fat_is_no_table() {
    const TEST: &str = "bare_fat_is_no_table";
    for fat in ["12", "16", "32"] {
        let image = Image::new(64 << 20);
        if must(TEST, "mkfs.fat", &["-F", fat, image.name()], "").is_none() {
            return;
        }
        let seen = image.seen();
        assert_eq!(
            seen.identity().table,
            disk_identity::TableKind::None,
            "FAT{fat}"
        );
    }
}

/// Promise: looking, planning and writing take less than a millisecond, whatever the disk's size.
#[test]
fn a_change_is_quick() {
    let Some(dir) = [Path::new("/dev/shm")].into_iter().find(|dir| dir.is_dir()) else {
        println!("skipped: a_change_is_quick (no memory file system)");
        return;
    };
    let mut spec = crate::images::Gpt::new(512, 128);
    let first = spec.first_usable;
    spec.parts = (1..=128)
        .map(|index| crate::images::part(index, crate::images::LINUX, first, first))
        .collect();
    let file = tempfile::tempfile_in(dir).unwrap();
    disk_identity::DiskWrite::write_all_at(&file, &spec.build(), 0).unwrap();
    let mut times: Vec<_> = (0..50)
        .map(|seed| {
            let start = std::time::Instant::now();
            let seen = observe(&file, None).unwrap();
            let change = Change::fresh(seen.identity(), &mut ids(seed));
            seen.plan(&change).unwrap().apply(&file).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("median {:?}, of 128 partitions", times[25]);
    // A debug build on a busy machine; the promise is for a release build.
    let limit = if cfg!(debug_assertions) { 50 } else { 1 };
    assert!(times[25].as_millis() < limit, "{:?}", times[25]);
}
