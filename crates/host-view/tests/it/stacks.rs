//! From volumes down to LUNs.

use host_view::{Cut, Position, Reached};

use crate::tree::{Tree, lvm, no};

fn reached(lun: &str, position: Position) -> Reached {
    Reached {
        lun: no(lun),
        position,
    }
}

/// Two disks of two partitions each.
fn disks() -> Tree {
    let tree = Tree::new();
    tree.device("sda", "8:0")
        .partition("sda", "sda1", "8:1", 1)
        .partition("sda", "sda2", "8:2", 2)
        .device("sdb", "8:16")
        .partition("sdb", "sdb1", "8:17", 1);
    tree
}

/// Cuts `devices` where the LUNs are those given, and expects LUNs with positions.
#[track_caller]
fn check(tree: &Tree, devices: &[&str], luns: &[&str], expected: &[(&str, Position)]) {
    let devices: Vec<_> = devices.iter().map(|d| no(d)).collect();
    let cut = tree
        .view()
        .cut(&devices, &|device| luns.iter().any(|lun| no(lun) == device));
    let expected = expected.iter().map(|(l, p)| reached(l, *p)).collect();
    assert_eq!(cut, Cut::Covered(expected));
}

#[track_caller]
fn check_uncovered(tree: &Tree, device: &str, luns: &[&str], leaf: &str) {
    let cut = tree
        .view()
        .cut(&[no(device)], &|d| luns.iter().any(|lun| no(lun) == d));
    assert_eq!(cut, Cut::Uncovered(no(leaf)));
}

#[test]
fn a_lun_is_its_own_volume() {
    check(&disks(), &["8:0"], &["8:0"], &[("8:0", Position::Whole)]);
}

#[test]
fn a_partition_lies_on_its_disk() {
    check(
        &disks(),
        &["8:2"],
        &["8:0"],
        &[("8:0", Position::Partition(2))],
    );
    check_uncovered(&disks(), "8:2", &["8:16"], "8:0");
}

#[test]
fn a_partition_may_be_a_lun_itself() {
    check(
        &disks(),
        &["8:2"],
        &["8:0", "8:2"],
        &[("8:2", Position::Whole)],
    );
}

#[test]
fn linear_and_striped_lie_on_all_their_disks() {
    let tree = disks();
    tree.dm(0, "vg-lin", &lvm(""), &["sdb", "sda2"]);
    let stacked = [("8:0", Position::Stacked), ("8:16", Position::Stacked)];
    check(&tree, &["253:0"], &["8:0", "8:16"], &stacked);
    check_uncovered(&tree, "253:0", &["8:0"], "8:16");
}

/// A thin volume over a pool over two disks.
fn thin() -> Tree {
    let tree = disks();
    tree.dm(0, "vg-pool_tmeta", &lvm("_tmeta"), &["sdb"])
        .dm(1, "vg-pool_tdata", &lvm("_tdata"), &["sda", "sdb"])
        .dm(2, "vg-pool-tpool", &lvm("-tpool"), &["dm-0", "dm-1"])
        .dm(3, "vg-t1", &lvm(""), &["dm-2"])
        .dm(4, "vg-t2", &lvm(""), &["dm-2"]);
    tree
}

#[test]
fn thin_volumes_are_luns_or_lie_on_the_pools_disks() {
    check(
        &thin(),
        &["253:3"],
        &["253:3"],
        &[("253:3", Position::Whole)],
    );
    let stacked = [("8:16", Position::Stacked), ("8:0", Position::Stacked)];
    check(&thin(), &["253:3"], &["8:0", "8:16"], &stacked);
    check(&thin(), &["253:3", "253:4"], &["8:0", "8:16"], &stacked);
}

#[test]
fn crypt_on_a_partition_is_stacked() {
    let tree = disks();
    tree.dm(0, "secret", "CRYPT-LUKS2-aa-secret", &["sda1"]);
    check(&tree, &["253:0"], &["8:0"], &[("8:0", Position::Stacked)]);
}

#[test]
fn raid_of_partitions_lies_on_both_disks() {
    let tree = disks();
    tree.device("md0", "9:0").slaves("md0", &["sda1", "sdb1"]);
    tree.file("sys/block/md0/md/level", "raid1\n");
    let stacked = [("8:0", Position::Stacked), ("8:16", Position::Stacked)];
    check(&tree, &["9:0"], &["8:0", "8:16"], &stacked);
    let view = tree.view();
    assert_eq!(
        view.device(no("9:0")).unwrap().md.as_ref().unwrap().level,
        "raid1"
    );
}

#[test]
fn paths_of_one_lun_count_once() {
    let tree = Tree::new();
    tree.device("sda", "8:0")
        .device("sdb", "8:16")
        .dm(0, "mpatha", "mpath-3600", &["sda", "sdb"])
        .dm(1, "mpatha-part3", "part3-mpath-3600", &["dm-0"]);
    check(&tree, &["253:0"], &["253:0"], &[("253:0", Position::Whole)]);
    check(
        &tree,
        &["253:1"],
        &["253:0"],
        &[("253:0", Position::Partition(3))],
    );
    check(
        &tree,
        &["253:1"],
        &["8:0", "8:16"],
        &[("8:0", Position::Partition(3))],
    );
    check(&tree, &["253:0"], &["8:16"], &[("8:16", Position::Whole)]);
    check_uncovered(&tree, "253:0", &[], "8:0");
}

#[test]
fn a_loop_device_ends_the_walk() {
    let mut tree = disks();
    tree.mount("8:1", "/srv", "ext4", "/dev/sda1");
    tree.loop_device(0, "/srv/a.img")
        .partition("loop0", "loop0p1", "259:0", 1);
    check(
        &tree,
        &["259:0"],
        &["7:0"],
        &[("7:0", Position::Partition(1))],
    );
    check_uncovered(&tree, "259:0", &["8:0"], "7:0");
}

#[test]
fn two_partitions_of_one_disk_are_one_lun() {
    check(
        &disks(),
        &["8:1", "8:2"],
        &["8:0"],
        &[("8:0", Position::Stacked)],
    );
}

#[test]
fn what_lies_upon_a_lun() {
    let mut tree = thin();
    tree.mount("253:3", "/t1", "xfs", "/dev/mapper/vg-t1");
    tree.file(
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/mapper/vg-t2 partition 1 0 -2\n",
    );
    let view = tree.view();
    let tops: Vec<_> = view
        .volumes_on(no("8:16"))
        .into_iter()
        .filter(|above| above.top && !above.internal)
        .collect();
    let numbers: Vec<_> = tops.iter().map(|above| above.device).collect();
    assert_eq!(numbers, ["8:17", "253:3", "253:4"].map(no));
    assert_eq!(tops[0].position, Position::Partition(1));
    assert_eq!(tops[1].position, Position::Stacked);
    assert_eq!(tops[1].mount_points, [std::path::Path::new("/t1")]);
    assert!(tops[2].swap && !tops[1].swap);
    let bare = view.volumes_on(no("253:4"));
    assert!(bare.len() == 1 && bare[0].top && bare[0].position == Position::Whole);
}

#[test]
fn names_of_the_kernel_are_understood() {
    let tree = disks();
    tree.device("cciss!c0d0", "104:0")
        .dm(0, "vg-a", &lvm(""), &["cciss!c0d0"]);
    let view = tree.view();
    assert_eq!(view.device(no("104:0")).unwrap().name, "cciss/c0d0");
    assert_eq!(
        view.path(no("253:0")).unwrap(),
        tree.root().join("dev/mapper/vg-a")
    );
    check(
        &tree,
        &["253:0"],
        &["104:0"],
        &[("104:0", Position::Stacked)],
    );
}

#[test]
fn relatives_and_partitions_are_found() {
    let tree = thin();
    tree.dm(5, "mpatha", "mpath-3600", &[])
        .dm(6, "mpatha-part3", "part3-mpath-3600", &["dm-5"]);
    let view = tree.view();
    assert_eq!(view.partition(no("8:0"), 2), Some(no("8:2")));
    assert_eq!(view.partition(no("253:5"), 3), Some(no("253:6")));
    assert_eq!(view.partition(no("8:0"), 3), None);
    for (device, to, related) in [
        ("253:3", "8:0", true),
        ("8:0", "253:3", true),
        ("8:0", "8:0", true),
        ("253:3", "253:4", false),
        ("8:17", "253:3", false),
    ] {
        assert_eq!(
            view.is_related(no(device), &[no(to)]),
            related,
            "{device} {to}"
        );
    }
    assert_eq!(view.name_of(no("99:1")), "99:1");
}
