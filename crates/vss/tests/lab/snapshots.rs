//! Classic LVM snapshots: a software provider, whose sets cannot be broken.

use vss_lab::guest::{Group, Ledger, Mount, check_ledger, mkfs, run, wait_until};

use crate::world::{World, is_read_only};

#[test]
fn sets_of_classic_snapshots_are_of_one_instant_and_cannot_be_broken() {
    let world = World::new();
    run("modprobe", &["dm-snapshot"]);
    let group = Group::new("vsslabclassic", 600, 512);
    let volumes = ["a", "b"].map(|name| group.linear(name, 100));
    for volume in &volumes {
        mkfs("ext4", volume);
    }
    let mounts = [
        Mount::new(&volumes[0], "/mnt/a", "rw"),
        Mount::new(&volumes[1], "/mnt/b", "rw"),
    ];
    let ledger = Ledger::start(mounts[0].place(), mounts[1].place());
    wait_until("entries in the ledger", || ledger.written() > 20);
    let created = world.create(&["/mnt/a", "/mnt/b"]);
    assert_eq!(created.answer["consistency"], "file-system");
    let before = ledger.written();
    wait_until("writes to go on", || ledger.written() > before);
    ledger.stop();
    let copies: Vec<Mount> = created
        .devices
        .iter()
        .zip(["/mnt/copy-a", "/mnt/copy-b"])
        .map(|(device, place)| {
            assert!(device.starts_with("/dev/vss") && is_read_only(device));
            Mount::new(&device.display().to_string(), place, "ro,noload")
        })
        .collect();
    let entries = check_ledger(copies[0].place(), copies[1].place());
    assert!(entries.is_ok(), "{entries:?}");
    drop(copies);

    let volumes = group.volumes();
    for flags in [&[][..], &["--read-write"], &["--mask"]] {
        let why = world.fails(&[&["break", &*created.set], flags].concat());
        assert!(why.contains("VSS_E_PROVIDER_VETO"), "{why}");
    }
    assert_eq!(group.volumes(), volumes, "nothing is changed");
    world.vss(&["show", &created.set]);
    world.vss(&["delete", &created.set]);
    assert_eq!(group.volumes(), ["a", "b"]);
}
