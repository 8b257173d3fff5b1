//! Images attached as loop devices.

use std::path::{Path, PathBuf};

use vss_lab::guest::{Mount, mkfs, run, settle, wait_until, write_at};

use crate::world::{World, is_in_sysfs, is_read_only, is_writable, kernel_name, text};

fn partuuid(partition: &Path) -> String {
    run(
        "blkid",
        &[
            "-p",
            "-o",
            "value",
            "-s",
            "PART_ENTRY_UUID",
            &partition.display().to_string(),
        ],
    )
    .trim()
    .to_owned()
}

fn by_partuuid(uuid: &str) -> Option<PathBuf> {
    std::fs::canonicalize(Path::new("/dev/disk/by-partuuid").join(uuid)).ok()
}

/// A LUN with one partition, attached; gives the partition.
fn attached(world: &World, name: &str) -> PathBuf {
    world.vss(&["lun", "create", name, "--size", "400M"]);
    let answer = world.vss(&["lun", "attach", name]);
    let device = text(&answer["luns"][0]["device"]);
    assert!(device.starts_with("/dev/loop"), "{answer}");
    run("sgdisk", &["-n", "1:0:0", "-t", "1:8300", &device]);
    run("partprobe", &[&device]);
    settle();
    PathBuf::from(format!("{device}p1"))
}

#[test]
fn a_mounted_partition_is_copied_broken_and_takes_its_originals_place() {
    let world = World::new();
    let partition = attached(&world, "db");
    mkfs("ext4", &partition.display().to_string());
    let mount = Mount::new(&partition.display().to_string(), "/mnt/db", "rw");
    std::fs::write(mount.place().join("file"), "of the instant").unwrap();
    let created = world.create(&["/mnt/db"]);
    assert_eq!(created.answer["consistency"], "file-system");
    std::fs::write(mount.place().join("file"), "later").unwrap();
    let copy = &created.devices[0];
    assert!(kernel_name(copy).ends_with("p1"), "{}", kernel_name(copy));
    assert!(is_read_only(copy) && !is_writable(copy));
    let mounted = Mount::new(&copy.display().to_string(), "/mnt/copy", "ro,noload");
    assert_eq!(
        std::fs::read_to_string(mounted.place().join("file")).unwrap(),
        "of the instant"
    );
    mounted.unmount();
    let original = partuuid(&partition);
    assert_ne!(partuuid(copy), original);
    settle();
    wait_until("udev to follow the new identity", || {
        by_partuuid(&partuuid(copy)) == std::fs::canonicalize(copy).ok()
    });
    assert_eq!(by_partuuid(&original).unwrap(), partition);

    mount.unmount();
    world.vss(&["lun", "mask", "db"]);
    assert!(!is_in_sysfs(&kernel_name_of(&partition)));
    world.vss(&[
        "break",
        &created.set,
        "--read-write",
        "--revert-identity",
        "all",
    ]);
    assert_eq!(partuuid(copy), original);
    assert!(!is_read_only(copy) && is_writable(copy));
    wait_until("udev to follow the old identity", || {
        by_partuuid(&original) == std::fs::canonicalize(copy).ok()
    });
    let mounted = Mount::new(&copy.display().to_string(), "/mnt/db", "rw");
    assert_eq!(
        std::fs::read_to_string(mounted.place().join("file")).unwrap(),
        "of the instant"
    );
}

fn kernel_name_of(partition: &Path) -> String {
    partition.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_masked_copy_has_no_loop_device_left() {
    let world = World::new();
    let partition = attached(&world, "log");
    mkfs("xfs", &partition.display().to_string());
    let loops = || {
        run("losetup", &["--noheadings", "--list", "-O", "NAME"])
            .lines()
            .count()
    };
    let before = loops();
    let created = world.create(&["log"]);
    assert_eq!(loops(), before + 1);
    world.vss(&["break", &created.set, "--mask"]);
    assert_eq!(loops(), before);
    let second = world.create(&[&partition.display().to_string()]);
    world.vss(&["delete", &second.set]);
    assert_eq!(loops(), before);
    world.vss(&["lun", "detach", "log"]);
    assert_eq!(loops(), before - 1);
}

/// Nobody keeps a raw writer away from a loop device; that it wrote is seen all the same.
#[test]
fn a_device_that_is_written_meanwhile_is_not_called_consistent() {
    let world = World::new();
    let partition = attached(&world, "raw");
    // Enough that the copy takes longer than a write.
    write_at(&partition, 0, &vec![7; 96 << 20]);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        use std::io::{Seek, Write};
        use std::os::unix::fs::OpenOptionsExt;
        let (stop, partition) = (std::sync::Arc::clone(&stop), partition.clone());
        std::thread::spawn(move || {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .custom_flags(0o4_010_000)
                .open(partition)
                .unwrap();
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                file.rewind().unwrap();
                file.write_all(&[7; 4096]).unwrap();
                file.sync_data().unwrap();
            }
        })
    };
    let why = world.fails(&["create", "raw/1"]);
    let torn = world.vss(&["create", "raw/1", "--allow-torn"]);
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    writer.join().unwrap();
    assert!(why.contains("VSS_E_HOLD_WRITES_TIMEOUT"), "{why}");
    assert_eq!(torn["consistency"], "torn");
    // The control: without the writer the same volume is of one instant.
    assert_eq!(world.create(&["raw/1"]).answer["consistency"], "crash");
}
