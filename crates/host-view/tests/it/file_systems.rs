//! From LUNs up to file systems, and from paths down to all they stand on.

use std::path::Path;

use crate::tree::{Tree, lvm, no};

/// A file system on a loop device on a file system on a logical volume over two disks, and another on a
/// partition of the first disk.
fn nested() -> Tree {
    let mut tree = Tree::new();
    tree.device("sda", "8:0")
        .partition("sda", "sda1", "8:1", 1)
        .partition("sda", "sda2", "8:2", 2)
        .device("sdb", "8:16")
        .device("sdc", "8:32")
        .dm(0, "vg-big", &lvm(""), &["sda2", "sdb"])
        .loop_device(0, "/big/images/a.img")
        .loop_device(1, "/inner/b.img (deleted)");
    tree.mount("8:1", "/one", "ext4", "/dev/sda1");
    tree.mount("253:0", "/big", "xfs", "/dev/mapper/vg-big");
    tree.mount_line("40 1 253:0 /part /bound rw - xfs /dev/mapper/vg-big rw");
    tree.mount("7:0", "/inner", "ext4", "/dev/loop0");
    tree.mount("7:1", "/inmost", "ext4", "/dev/loop1");
    tree.mount("8:32", "/other", "ext4", "/dev/sdc");
    tree
}

#[test]
fn the_deepest_come_first_and_each_once() {
    let view = nested().view();
    let found: Vec<_> = view
        .file_systems_on(&[no("8:0")])
        .into_iter()
        .map(|fs| (fs.mount_point.display().to_string(), fs.level, fs.elsewhere))
        .collect();
    assert_eq!(
        found,
        [
            ("/inmost".into(), 2, true),
            ("/inner".into(), 1, true),
            ("/one".into(), 0, false),
            ("/big".into(), 0, true),
        ]
    );
    let both = view.file_systems_on(&[no("8:16"), no("8:0")]);
    assert!(both.iter().all(|fs| !fs.elsewhere));
    assert_eq!(both[3].luns, [no("8:0"), no("8:16")]);
}

#[test]
fn what_is_beneath_a_lun_does_not_lie_on_it() {
    let view = nested().view();
    let found = view.file_systems_on(&[no("7:0")]);
    let points: Vec<_> = found.iter().map(|fs| fs.mount_point.as_path()).collect();
    assert_eq!(points, [Path::new("/inmost"), Path::new("/inner")]);
}

#[test]
fn deleted_files_of_loop_devices_are_told() {
    let view = nested().view();
    let file = view.device(no("7:1")).unwrap().loop_file.clone().unwrap();
    assert_eq!(file.file, Path::new("/inner/b.img"));
    assert!(file.deleted);
}

#[test]
fn ground_is_everything_beneath() {
    let view = nested().view();
    let ground = view.ground_of(Path::new("/inmost/state")).unwrap();
    assert_eq!(ground.file_system, no("7:1"));
    let under = ["7:0", "7:1", "8:0", "8:2", "8:16", "253:0"].map(no);
    assert_eq!(ground.under.into_iter().collect::<Vec<_>>(), under);
    let systems = ["7:0", "7:1", "253:0"].map(no);
    assert_eq!(ground.file_systems.into_iter().collect::<Vec<_>>(), systems);
    let root = view.ground_of(Path::new("/etc")).unwrap();
    assert!(root.devices.is_empty() && root.fs_type == "rootfs");
}

#[test]
fn a_writable_root_is_the_best_point() {
    let mut tree = Tree::new();
    tree.device("sda", "8:0");
    tree.mount_line("50 1 8:0 /sub /a rw - ext4 /dev/sda rw");
    tree.mount_line("51 1 8:0 / /b ro - ext4 /dev/sda rw");
    tree.mount_line("52 1 8:0 / /c rw - ext4 /dev/sda rw");
    let found = tree.view().file_systems_on(&[no("8:0")]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].mount_point, Path::new("/c"));
    assert!(!found[0].read_only);
}

#[test]
fn counts_of_writes_are_read_anew() {
    let tree = Tree::new();
    tree.device("sda", "8:0");
    let view = tree.view();
    // The eighth of them is a flush, which writes nothing.
    let sectors = |writes: u32| 16 + 8 * writes.saturating_sub(8);
    let stat = |writes: u32, discards: u32, flight: u32| {
        tree.file(
            "sys/dev/block/8:0/stat",
            format!(
                " 10 1 80 2 {writes} 0 {} 3 {flight} 9 9 {discards} 0 {} 1 5 6\n",
                sectors(writes),
                8 * discards
            ),
        );
        view.write_count(no("8:0")).unwrap()
    };
    let before = stat(7, 1, 0);
    assert_eq!(
        (before.writes, before.sectors_written, before.flushes),
        (7, 16, 5)
    );
    assert!(stat(7, 1, 0).is_unwritten_since(&before));
    assert!(stat(8, 1, 0).is_unwritten_since(&before));
    for (writes, discards, flight) in [(9, 1, 0), (7, 2, 0), (7, 1, 1)] {
        assert!(!stat(writes, discards, flight).is_unwritten_since(&before));
    }
    // Reads on their way do not count where the kernel tells them apart.
    tree.file("sys/dev/block/8:0/inflight", "  3  0\n");
    assert!(stat(7, 1, 3).is_unwritten_since(&before));
    tree.file("sys/dev/block/8:0/inflight", "  0  1\n");
    assert!(!stat(7, 1, 1).is_unwritten_since(&before));
    tree.file("sys/dev/block/8:0/stat", "1 2 x");
    assert!(view.write_count(no("8:0")).is_err());
    assert!(view.write_count(no("8:1")).is_err());
}
