//! Attached LUNs: what the host sees of them, judged by the tools of others.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::bench::{Bench, attached, claim, device, is_refused, read, text};
use common::loops::{run, sysfs};
use common::{MIB, Top, write};
use vss_model::{HardwareOptions, ResultCode};
use vss_provider::{Access, HardwareProvider, HardwareProviderEx};
use vss_provider_file::{Adopt, Change};

/// Whether this kernel reads partition tables of this kind, by the word of losetup; also the control:
/// without being asked to scan, it finds none.
fn kernel_reads_gpt(bench: &Bench, image: &Path) -> bool {
    let copy = bench.top.path().join("probe");
    fs::copy(image, &copy).unwrap();
    let mut found = [false, true].map(|scan| {
        let mut arguments = vec!["-f", "--show", text(&copy)];
        if scan {
            arguments.push("-P");
        }
        let device = PathBuf::from(run("losetup", &arguments).unwrap());
        let found = has_partition(&device);
        run("losetup", &["-d", text(&device)]).unwrap();
        found
    });
    assert!(!found[0], "partitions without a scan");
    found.reverse();
    found[0]
}

fn has_partition(device: &Path) -> bool {
    let name = device.file_name().unwrap().to_str().unwrap();
    !sysfs(device, &format!("{name}p1/size")).is_empty()
}

#[test]
fn attaching_is_a_wish_that_is_kept() {
    let Some(bench) = Bench::new("attaching_is_a_wish_that_is_kept") else {
        return;
    };
    let array = bench.top.open();
    array.create("db", MIB, 512, false).unwrap();
    assert_eq!(array.attach("db").unwrap(), Change::Changed);
    assert_eq!(array.attach("db").unwrap(), Change::AlreadySo);
    assert!(bench.loops.devices().is_empty(), "it is masked");
    array.present("db").unwrap();
    let first = device(&array, "db");
    assert_eq!(bench.loops.devices(), [first.clone()].into());
    assert_eq!(array.attach("db").unwrap(), Change::AlreadySo);
    assert_eq!(array.mask("db").unwrap(), Change::Changed);
    assert!(bench.loops.devices().is_empty());
    array.present("db").unwrap();
    let presented = array.presented_luns().unwrap().pop().unwrap();
    assert_eq!(presented.device, device(&array, "db"));
    assert_eq!(presented.backing, Some(bench.image("db")));
    assert_eq!(array.detach("db").unwrap(), Change::Changed);
    assert_eq!(array.detach("db").unwrap(), Change::AlreadySo);
    assert!(bench.loops.devices().is_empty());
    assert_eq!(
        array.get("db").unwrap().device,
        Some(bench.top.host().join("db"))
    );
    assert_eq!(array.presented_luns().unwrap().pop().unwrap().backing, None);
    assert_eq!(
        array.attach("nothing").unwrap_err().code,
        ResultCode::VSS_E_OBJECT_NOT_FOUND
    );
    assert_eq!(
        bench.top.reader().attach("db").unwrap_err().code,
        ResultCode::VSS_E_BAD_STATE
    );
}

#[test]
fn a_loop_device_is_told_as_its_lun() {
    let Some(bench) = Bench::new("a_loop_device_is_told_as_its_lun") else {
        return;
    };
    let array = bench.top.open();
    let device = attached(&array, "db", 512);
    array.create("other", MIB, 512, true).unwrap();
    let wanted = array.get("db").unwrap().information;
    let mut blank = wanted.clone();
    blank.identifiers.clear();
    blank.serial_number.clear();
    assert!(blank.lun_id().is_none());
    for path in [&device, &bench.image("db"), &bench.top.host().join("db")] {
        let mut lun = blank.clone();
        assert!(
            array.fill_in_lun_info(path, &mut lun).unwrap(),
            "{}",
            path.display()
        );
        assert_eq!(lun, wanted, "{}", path.display());
    }
    assert!(
        !array
            .fill_in_lun_info(Path::new("/dev/null"), &mut blank)
            .unwrap()
    );
}

#[test]
fn other_tools_see_a_disk_of_the_right_geometry() {
    let test = "other_tools_see_a_disk_of_the_right_geometry";
    let Some(bench) = Bench::new(test) else {
        return;
    };
    if run("sgdisk", &["--version"]).is_none() {
        println!("skipped: {test} (needs sgdisk)");
        return;
    }
    let array = bench.top.open();
    for sector_size in [512_u32, 4096] {
        let name = format!("disk{sector_size}");
        let first = attached(&array, &name, sector_size);
        let sectors = run("blockdev", &["--getss", text(&first)]).unwrap();
        assert_eq!(sectors, sector_size.to_string());
        let start = format!("1:{}:+4M", MIB / u64::from(sector_size));
        run("sgdisk", &["-n", &start, "-c", "1:data", text(&first)]).unwrap();
        let kind = ["-p", "-o", "value", "-s", "PTTYPE", text(&first)];
        assert_eq!(run("blkid", &kind).unwrap(), "gpt");
        let line = ["-bdnro", "NAME,SIZE,LOG-SEC,RO,TYPE", text(&first)];
        assert_eq!(
            run("lsblk", &line).unwrap(),
            format!(
                "{} {} {sector_size} 0 loop",
                first.file_name().unwrap().to_str().unwrap(),
                16 * MIB
            )
        );
        // The wish survives, and with it the scan of what was written meanwhile.
        array.mask(&name).unwrap();
        let header = usize::try_from(sector_size).unwrap();
        assert_eq!(read(&bench.image(&name), header, 8), b"EFI PART");
        array.present(&name).unwrap();
        let again = device(&array, &name);
        let table = run("sgdisk", &["-p", text(&again)]).unwrap();
        assert!(table.contains("data"), "{table}");
        assert!(
            table.contains(&format!("{sector_size}/512 bytes"))
                || table.contains(&format!("{sector_size} bytes"))
                || table.contains(&format!("{sector_size}/{sector_size} bytes")),
            "{table}"
        );
    }
}

#[test]
fn partitions_appear() {
    let Some(bench) = Bench::new("partitions_appear") else {
        return;
    };
    let array = bench.top.open();
    let device = attached(&array, "db", 512);
    if run("sgdisk", &["-n", "1:2048:+4M", text(&device)]).is_none() {
        println!("skipped: partitions_appear (needs sgdisk)");
        return;
    }
    array.mask("db").unwrap();
    if !kernel_reads_gpt(&bench, &bench.image("db")) {
        println!("skipped: partitions_appear (this kernel reads no GPT)");
        return;
    }
    array.present("db").unwrap();
    let device = self::device(&array, "db");
    assert!(has_partition(&device));
    let kinds = run("lsblk", &["-bnro", "SIZE,TYPE", text(&device)]).unwrap();
    assert_eq!(kinds, format!("{} loop\n{} part", 16 * MIB, 4 * MIB));
    let partition = PathBuf::from(format!("{}p1", text(&device)));
    // In use is also whose partition is.
    let user = claim(&partition);
    is_refused(&array.mask("db").unwrap_err(), "db", &device);
    drop(user);
    assert_eq!(array.mask("db").unwrap(), Change::Changed);
    assert!(!has_partition(&device));
}

#[test]
fn an_image_without_write_bits_is_attached_read_only() {
    let Some(bench) = Bench::new("an_image_without_write_bits_is_attached_read_only") else {
        return;
    };
    let array = bench.top.open();
    array.create("db", MIB, 512, true).unwrap();
    let control = attached(&array, "control", 512);
    fs::set_permissions(bench.image("db"), Permissions::from_mode(0o444)).unwrap();
    array.attach("db").unwrap();
    let locked = device(&array, "db");
    assert_eq!(sysfs(&locked, "ro"), "1");
    assert_eq!(sysfs(&control, "ro"), "0");
    // Some kernels refuse the opening, others the writing.
    let try_write = |device: &Path| {
        let device = OpenOptions::new().write(true).open(device)?;
        device.write_all_at(b"bytes", 0)?;
        device.sync_all()
    };
    assert!(try_write(&locked).is_err());
    try_write(&control).unwrap();

    // What the LUN is from now on decides how it is attached next.
    let lun = [array.get("db").unwrap().information];
    for (access, ro) in [(Access::ReadWrite, "0"), (Access::ReadOnly, "1")] {
        array.set_access(&lun, access).unwrap();
        array.mask("db").unwrap();
        array.present("db").unwrap();
        assert_eq!(sysfs(&device(&array, "db"), "ro"), ro, "{access:?}");
    }
}

#[test]
fn a_lun_in_use_stays_as_it_is() {
    let Some(bench) = Bench::new("a_lun_in_use_stays_as_it_is") else {
        return;
    };
    let array = bench.top.open();
    let device = attached(&array, "db", 512);
    let before = array.get("db").unwrap();
    let user = claim(&device);
    for (what, result) in [
        ("mask", array.mask("db").map(drop)),
        ("detach", array.detach("db").map(drop)),
        ("delete", array.delete("db")),
    ] {
        is_refused(&result.expect_err(what), "db", &device);
        assert_eq!(array.get("db").unwrap(), before, "{what}");
        assert_eq!(bench.loops.devices(), [device.clone()].into(), "{what}");
        bench.top.is_consistent(&array);
    }
    // The control: it was the user that stood in the way.
    drop(user);
    array.delete("db").unwrap();
    assert!(bench.loops.devices().is_empty());
}

#[test]
fn a_mounted_lun_stays_mounted() {
    let test = "a_mounted_lun_stays_mounted";
    let Some(bench) = Bench::new(test) else {
        return;
    };
    let array = bench.top.open();
    let device = attached(&array, "db", 512);
    let folder = Mount(bench.top.path().join("mnt"));
    fs::create_dir(&folder.0).unwrap();
    if run("mkfs.ext4", &["-q", text(&device)]).is_none()
        || run("mount", &[text(&device), text(&folder.0)]).is_none()
    {
        println!("skipped: {test} (no ext4 to be mounted)");
        return;
    }
    is_refused(&array.mask("db").unwrap_err(), "db", &device);
    fs::write(folder.0.join("still"), "there").unwrap();
    drop(folder);
    assert_eq!(array.mask("db").unwrap(), Change::Changed);
    assert!(bench.loops.devices().is_empty());
}

/// A mount that goes on drop.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &[text(&self.0)]);
    }
}

/// The kernel takes a device from under a mere reader only when that one is done, and then also after
/// the attempt was given up, unless told not to.
#[test]
fn a_refusal_is_not_made_good_later() {
    let Some(bench) = Bench::new("a_refusal_is_not_made_good_later") else {
        return;
    };
    let array = bench.top.open();
    let device = attached(&array, "db", 512);
    let reader = File::open(&device).unwrap();
    is_refused(&array.mask("db").unwrap_err(), "db", &device);
    drop(reader);
    assert_eq!(bench.loops.devices(), [device.clone()].into());
    assert_eq!(sysfs(&device, "loop/autoclear"), "0");
    assert_eq!(array.mask("db").unwrap(), Change::Changed);
}

#[test]
fn luns_are_masked_together_or_not_at_all() {
    let Some(bench) = Bench::new("luns_are_masked_together_or_not_at_all") else {
        return;
    };
    let array = bench.top.open();
    let names = ["a", "b", "c"];
    for name in names {
        attached(&array, name, 512);
    }
    let luns = names.map(|name| array.get(name).unwrap().information);
    for busy in names {
        let device = device(&array, busy);
        let user = claim(&device);
        let error = array
            .on_lun_state_change(&luns, &luns, HardwareOptions::DO_MASK_LUNS)
            .unwrap_err();
        is_refused(&error, busy, &device);
        drop(user);
        for name in names {
            self::device(&array, name);
        }
        assert_eq!(bench.loops.devices().len(), names.len());
    }
    array
        .on_lun_state_change(&luns, &luns, HardwareOptions::DO_MASK_LUNS)
        .unwrap();
    assert!(bench.loops.devices().is_empty());
}

#[test]
fn an_old_catalogue_is_brought_up_to_date() {
    let Some(bench) = Bench::new("an_old_catalogue_is_brought_up_to_date") else {
        return;
    };
    fs::create_dir(bench.top.array()).unwrap();
    File::create(bench.image("db"))
        .unwrap()
        .set_len(MIB)
        .unwrap();
    // As version 1 of the array made it.
    bench
        .top
        .sql()
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE lun (
                 guid          TEXT PRIMARY KEY,
                 name          TEXT NOT NULL UNIQUE,
                 state         TEXT NOT NULL
                               CHECK (state IN ('creating', 'splitting', 'ready', 'deleting')),
                 size_bytes    INTEGER NOT NULL CHECK (size_bytes > 0),
                 sector_size   INTEGER NOT NULL CHECK (sector_size IN (512, 4096)),
                 presented     INTEGER NOT NULL CHECK (presented IN (0, 1)),
                 linked        INTEGER NOT NULL CHECK (linked IN (0, 1)),
                 set_id        TEXT,
                 original_guid TEXT,
                 original_name TEXT,
                 CHECK ((set_id IS NULL) = (original_guid IS NULL)),
                 CHECK ((set_id IS NULL) = (original_name IS NULL))
             ) STRICT;
             CREATE INDEX lun_of_set ON lun (set_id) WHERE set_id IS NOT NULL;
             CREATE INDEX lun_presented ON lun (name) WHERE presented = 1;
             CREATE TABLE last_set (
                 only_row INTEGER PRIMARY KEY CHECK (only_row = 1), set_id TEXT NOT NULL
             ) STRICT;
             INSERT INTO lun VALUES ('6b1f3c52-0d9e-4e47-9a35-c8d271f4b06e', 'db', 'ready',
                 1048576, 512, 1, 0, NULL, NULL, NULL);
             PRAGMA application_id = 0x6f565341;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    let reader = bench.top.reader();
    let old = reader.get("db").unwrap();
    assert!(!old.attached);
    let array = bench.top.open();
    assert_eq!(array.get("db").unwrap(), old);
    assert_eq!(array.attach("db").unwrap(), Change::Changed);
    // Beside the owner, by the reader of before and by a new one.
    for reader in [reader, bench.top.reader()] {
        assert_eq!(reader.get("db").unwrap(), array.get("db").unwrap());
        assert!(reader.get("db").unwrap().attached);
    }
    drop(array);
    assert!(bench.top.open().get("db").unwrap().attached);
}

#[test]
fn a_restart_of_the_host_is_made_good_at_load() {
    let Some(bench) = Bench::new("a_restart_of_the_host_is_made_good_at_load") else {
        return;
    };
    let array = bench.top.open();
    write(&attached(&array, "db", 4096), 8192, b"kept");
    attached(&array, "masked", 512);
    array.mask("masked").unwrap();
    drop(array);
    assert_eq!(
        bench.loops.devices().len(),
        1,
        "a service that ends leaves them"
    );
    bench.loops.detach_all();
    assert!(bench.loops.devices().is_empty());
    // The control: without a load there is the link alone.
    let lun = bench.top.reader().get("db").unwrap();
    assert_eq!(lun.device, Some(bench.top.host().join("db")));
    for _ in 0..2 {
        let array = bench.top.open();
        let device = device(&array, "db");
        assert_eq!(bench.loops.devices(), [device.clone()].into());
        assert_eq!(sysfs(&device, "queue/logical_block_size"), "4096");
        assert_eq!(read(&device, 8192, 4), b"kept");
        assert_eq!(bench.top.reader().get("db").unwrap().device, Some(device));
    }
}

#[test]
fn a_lost_image_does_not_keep_the_others_from_loading() {
    let Some(bench) = Bench::new("a_lost_image_does_not_keep_the_others_from_loading") else {
        return;
    };
    let file = bench.top.path().join("elsewhere");
    File::create(&file).unwrap().set_len(MIB).unwrap();
    let array = bench.top.open();
    array
        .adopt("a", &file, Adopt::Link, Some(512), true)
        .unwrap();
    array.attach("a").unwrap();
    attached(&array, "b", 512);
    drop(array);
    bench.loops.detach_all();
    fs::remove_file(&file).unwrap();
    let array = bench.top.open();
    device(&array, "b");
    assert_eq!(array.list().unwrap().len(), 2);
    array.delete("a").unwrap();
}

#[test]
fn a_loop_device_of_others_is_not_doubled() {
    let Some(bench) = Bench::new("a_loop_device_of_others_is_not_doubled") else {
        return;
    };
    let array = bench.top.open();
    array.create("db", 16 * MIB, 512, true).unwrap();
    let image = bench.image("db");
    // By a name of its own.
    let twin = bench.top.path().join("twin");
    fs::hard_link(&image, &twin).unwrap();
    let foreign = PathBuf::from(run("losetup", &["-f", "--show", text(&twin)]).unwrap());
    array.attach("db").unwrap();
    assert_eq!(device(&array, "db"), foreign);
    assert_eq!(bench.loops.devices(), [foreign].into());
    assert_eq!(array.mask("db").unwrap(), Change::Changed);
    assert!(bench.loops.devices().is_empty());
}

/// A partition on a loop device of its own, and a disk of other sectors, are not the LUN.
#[test]
fn a_loop_device_on_a_part_of_the_image_is_not_the_lun() {
    let Some(bench) = Bench::new("a_loop_device_on_a_part_of_the_image_is_not_the_lun") else {
        return;
    };
    let array = bench.top.open();
    let others = [
        &["--offset", "1048576"][..],
        &["--sizelimit", "1048576"],
        &["--sector-size", "4096"],
    ];
    for (index, arguments) in others.iter().enumerate() {
        let name = format!("db{index}");
        array.create(&name, 16 * MIB, 512, true).unwrap();
        let image = bench.image(&name);
        let mut arguments = arguments.to_vec();
        arguments.extend(["-f", "--show", text(&image)]);
        let foreign = PathBuf::from(run("losetup", &arguments).unwrap());
        array.attach(&name).unwrap();
        let own = device(&array, &name);
        assert_ne!(own, foreign, "{arguments:?}");
        assert_eq!(sysfs(&own, "size"), (16 * MIB / 512).to_string());
        assert_eq!(array.mask(&name).unwrap(), Change::Changed);
        assert_eq!(bench.loops.devices(), [foreign].into(), "{arguments:?}");
        bench.loops.detach_all();
    }
}

#[test]
fn nothing_changes_without_privilege() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: nothing_changes_without_privilege (needs not to be root)");
        return;
    }
    let top = Top::new();
    let array = top.open();
    array.create("db", MIB, 512, true).unwrap();
    let before = array.get("db").unwrap();
    let error = array.attach("db").unwrap_err();
    assert_eq!(error.code, ResultCode::E_ACCESSDENIED);
    assert!(error.hint.is_some());
    assert_eq!(array.get("db").unwrap(), before);
    assert_eq!(array.detach("db").unwrap(), Change::AlreadySo);
}
