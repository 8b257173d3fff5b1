//! LVM thin volumes with file systems in use.

use std::path::Path;

use vss_lab::guest::{Group, Ledger, Mount, check_ledger, fsck, mkfs, run, settle, wait_until};

use crate::world::{World, is_in_sysfs, is_read_only, is_writable, kernel_name};

/// Entries that a ledger has before anything is done to it.
const ENTRIES: u64 = 20;

/// How a copy of this kind is mounted beside its original.
fn options(kind: &str) -> &'static str {
    match kind {
        "ext4" => "ro,noload",
        "xfs" => "ro,norecovery,nouuid",
        _ => "ro",
    }
}

/// MiB of a volume. btrfs writes nothing in place, so that a ledger fills volumes and copies in the
/// end: all four must fit into the machine's memory. XFS wants at least 300.
fn size(kind: &str) -> u64 {
    if kind == "btrfs" { 112 } else { 320 }
}

fn a_ledger_over_two_volumes(kind: &str) {
    let world = World::new();
    let group = Group::with_pool("vsslabthin", 900, 512);
    let volumes = ["a", "b"].map(|name| group.thin(name, size(kind)));
    for volume in &volumes {
        mkfs(kind, volume);
    }
    let places = ["/mnt/a", "/mnt/b"];
    let mounts: Vec<Mount> = volumes
        .iter()
        .zip(places)
        .map(|(volume, place)| Mount::new(volume, place, "rw"))
        .collect();
    let ledger = Ledger::start(mounts[0].place(), mounts[1].place());
    wait_until("entries in the ledger", || ledger.written() > ENTRIES);

    let created = world.create(&places);
    assert_eq!(created.answer["consistency"], "file-system");
    for time in ["freeze_micros", "held_micros", "copy_micros"] {
        assert!(created.answer[time].as_u64().unwrap() > 0, "{time}");
    }
    let before = ledger.written();
    wait_until("writes to go on", || ledger.written() > before);
    let tags = run(
        "lvs",
        &["--noheadings", "-o", "lv_name,lv_tags", group.name()],
    );
    assert_eq!(tags.matches("openvss.copy").count(), 2, "{tags}");
    for device in &created.devices {
        assert!(device.starts_with("/dev/vss"), "{}", device.display());
        assert!(is_read_only(device) && !is_writable(device));
    }
    ledger.stop();
    if kind == "btrfs" {
        // Two of one file system cannot be mounted beside each other.
        for mount in mounts {
            mount.unmount();
        }
        run("btrfs", &["device", "scan", "--forget"]);
    }
    let copies: Vec<Mount> = created
        .devices
        .iter()
        .zip(["/mnt/copy-a", "/mnt/copy-b"])
        .map(|(device, place)| Mount::new(&device.display().to_string(), place, options(kind)))
        .collect();
    let entries = check_ledger(copies[0].place(), copies[1].place());
    assert!(
        entries.clone().is_ok_and(|(first, _)| first > ENTRIES),
        "{entries:?}"
    );
    let refused = world.fails(&["delete", &created.set]);
    assert!(refused.contains("/mnt/copy-"), "{refused}");
    drop(copies);

    world.vss(&["break", &created.set, "--read-write"]);
    for device in &created.devices {
        assert!(!is_read_only(device) && is_writable(device));
        fsck(kind, &device.display().to_string());
    }
    let tags = run(
        "lvs",
        &[
            "--noheadings",
            "-o",
            "lv_tags,lv_skip_activation",
            group.name(),
        ],
    );
    assert!(
        !tags.contains("openvss.copy") && !tags.contains("skip"),
        "{tags}"
    );
    assert!(
        world
            .fails(&["delete", &created.set])
            .contains("VSS_E_OBJECT_NOT_FOUND")
    );
}

#[test]
fn a_ledger_on_ext4_stays_balanced() {
    a_ledger_over_two_volumes("ext4");
}

#[test]
fn a_ledger_on_xfs_stays_balanced() {
    a_ledger_over_two_volumes("xfs");
}

#[test]
fn a_ledger_on_btrfs_stays_balanced() {
    a_ledger_over_two_volumes("btrfs");
}

/// The control of the ledgers above: snapshots one after the other, as one types them.
#[test]
fn a_ledger_without_the_common_instant_is_torn() {
    let _world = World::new();
    let group = Group::with_pool("vsslabtorn", 900, 512);
    let volumes = ["a", "b"].map(|name| group.thin(name, 320));
    for volume in &volumes {
        mkfs("ext4", volume);
    }
    let mounts = [
        Mount::new(&volumes[0], "/mnt/a", "rw"),
        Mount::new(&volumes[1], "/mnt/b", "rw"),
    ];
    let ledger = Ledger::start(mounts[0].place(), mounts[1].place());
    wait_until("entries in the ledger", || ledger.written() > ENTRIES);
    for name in ["a", "b"] {
        let origin = format!("{}/{name}", group.name());
        let copy = format!("copy-{name}");
        run(
            "lvcreate",
            &["-qq", "--yes", "-s", "-kn", "-ay", "-n", &copy, &origin],
        );
        // Time for an entry between the two.
        let written = ledger.written();
        wait_until("more entries", || ledger.written() > written + 2);
    }
    ledger.stop();
    let copies = ["a", "b"].map(|name| {
        Mount::new(
            &group.path(&format!("copy-{name}")),
            &format!("/mnt/copy-{name}"),
            "ro,noload",
        )
    });
    let entries = check_ledger(copies[0].place(), copies[1].place());
    assert!(entries.is_err(), "{entries:?}");
}

#[test]
fn masked_copies_leave_the_kernel_and_lvm_is_content() {
    let world = World::new();
    let group = Group::with_pool("vsslabmask", 400, 512);
    let volume = group.thin("data", 100);
    let before = group.volumes().len();
    let created = world.create(&[&volume]);
    assert_eq!(
        created.answer["consistency"], "crash",
        "nothing was mounted"
    );
    let name = kernel_name(&created.devices[0]);
    assert!(is_in_sysfs(&name));
    // One that somebody uses stays, and so does its set.
    let held = Mount::new(
        {
            mkfs("ext4", &volume);
            &volume
        },
        "/mnt/original",
        "rw",
    );
    let second = world.create(&["/mnt/original"]);
    let used = Mount::new(
        &second.devices[0].display().to_string(),
        "/mnt/used",
        "ro,noload",
    );
    assert!(
        world
            .fails(&["break", &second.set, "--mask"])
            .contains("in use")
    );
    drop(used);
    world.vss(&["break", &second.set, "--mask"]);
    drop(held);

    world.vss(&["break", &created.set, "--mask"]);
    settle();
    assert!(!is_in_sysfs(&name) && !created.devices[0].exists());
    assert_eq!(group.volumes().len(), before + 2, "masked is not deleted");
    let third = world.create(&[&volume]);
    world.vss(&["delete", &third.set]);
    assert_eq!(group.volumes().len(), before + 2);
    group.check();
}

#[test]
fn a_disk_in_a_thin_volume_gets_an_identity_of_its_own_and_gives_it_back() {
    let world = World::new();
    let group = Group::with_pool("vsslabdisk", 400, 512);
    let volume = group.thin("disk", 100);
    run("sgdisk", &["-n", "1:0:0", "-t", "1:8300", &volume]);
    let guid = |device: &Path| {
        run("sgdisk", &["-p", &device.display().to_string()])
            .lines()
            .find_map(|line| {
                line.strip_prefix("Disk identifier (GUID): ")
                    .map(str::to_owned)
            })
            .unwrap()
    };
    let original = guid(Path::new(&volume));
    let created = world.create(&[&volume]);
    let copy = &created.devices[0];
    assert_ne!(guid(copy), original, "its original is there");
    let why = world.fails(&["break", &created.set, "--revert-identity", "all"]);
    assert!(why.contains("VSS_E_BREAK_REVERT_ID_FAILED"), "{why}");
    run("lvchange", &["-qq", "-an", &volume]);
    world.vss(&[
        "break",
        &created.set,
        "--read-write",
        "--revert-identity",
        "all",
    ]);
    assert_eq!(guid(copy), original);
    run("sgdisk", &["-v", &copy.display().to_string()]);
}
