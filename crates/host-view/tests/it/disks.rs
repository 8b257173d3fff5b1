//! Every disk once.

use host_view::{DiskKind, HostView};

use crate::tree::{Tree, lvm, no};

fn scsi(tree: &Tree, name: &str, number: &str, wwid: &str) {
    tree.device(name, number);
    tree.file(&format!("sys/block/{name}/device/type"), "0\n");
    tree.file(
        &format!("sys/block/{name}/device/wwid"),
        format!("{wwid}\n"),
    );
}

#[test]
fn paths_are_one_disk_with_and_without_multipath() {
    let tree = Tree::new();
    for (name, number, wwid) in [
        ("sda", "8:0", "naa.6001"),
        ("sdb", "8:16", "naa.6001"),
        ("sdc", "8:32", "naa.6002"),
        ("sdd", "8:48", "naa.6002"),
        ("sde", "8:64", "naa.6003"),
    ] {
        scsi(&tree, name, number, wwid);
    }
    tree.dm(0, "mpatha", "mpath-36001", &["sda", "sdb"]).dm(
        1,
        "mpatha1",
        "part1-mpath-36001",
        &["dm-0"],
    );
    let disks = tree.view().disks();
    let nodes: Vec<_> = disks.iter().map(|disk| disk.nodes.clone()).collect();
    assert_eq!(
        nodes,
        [
            vec![no("253:0"), no("8:0"), no("8:16")],
            vec![no("8:32"), no("8:48")],
            vec![no("8:64")],
        ]
    );
    let id = disks[0].information.as_ref().unwrap().lun_id().unwrap();
    assert_eq!(id.to_string(), "naa.6001");
}

#[test]
fn one_name_and_two_sizes_are_two_disks() {
    let tree = Tree::new();
    scsi(&tree, "sda", "8:0", "naa.6001");
    scsi(&tree, "sdb", "8:16", "naa.6001");
    tree.file("sys/block/sdb/size", "2000\n");
    assert_eq!(tree.view().disks().len(), 2);
    // The quick look sees the same.
    let quick = HostView::read_disks(&tree.roots()).unwrap();
    assert_eq!(quick.disks(), tree.view().disks());
    tree.file("sys/block/sdb/size", "0\n");
    let quick = HostView::read_disks(&tree.roots()).unwrap();
    assert_eq!(
        quick.disks().len(),
        1,
        "a drive without a medium is no disk"
    );
}

#[test]
fn a_vendors_name_alone_does_not_make_one_disk_of_two() {
    let tree = Tree::new();
    scsi(&tree, "sda", "8:0", "t10.LIO-ORG FILEIO:");
    scsi(&tree, "sdb", "8:16", "t10.LIO-ORG FILEIO:");
    assert_eq!(tree.view().disks().len(), 2);
    for name in ["sda", "sdb"] {
        tree.file(
            &format!("sys/block/{name}/device/vpd_pg80"),
            b"\0\x80\0\x01S",
        );
    }
    assert_eq!(tree.view().disks().len(), 1);
}

#[test]
fn a_serial_number_will_do_where_there_is_no_identifier() {
    let tree = Tree::new();
    for (name, number, serial) in [
        ("sda", "8:0", &b"\0\x80\0\x02S1"[..]),
        ("sdb", "8:16", b"\0\x80\0\x02S1"),
        ("sdc", "8:32", b"\0\x80\0\x02S2"),
        ("sdd", "8:48", b"\0\x80\0\0"),
        ("sde", "8:64", b"\0\x80\0\0"),
    ] {
        tree.device(name, number);
        tree.file(&format!("sys/block/{name}/device/type"), "0\n");
        tree.file(&format!("sys/block/{name}/device/vpd_pg80"), serial);
    }
    assert_eq!(tree.view().disks().len(), 4);
}

#[test]
fn volumes_are_told_apart_and_inner_devices_left_out() {
    let tree = Tree::new();
    tree.device("vda", "254:0")
        .partition("vda", "vda1", "254:1", 1)
        .device("sr0", "11:0")
        .device("ram0", "1:0")
        .device("zram0", "251:0")
        .device("loop3", "7:3")
        .loop_device(0, "/a.img")
        .loop_device(1, "/a.img")
        .loop_device(2, "/b.img")
        .dm(0, "vg-pool-tpool", &lvm("-tpool"), &["vda1"])
        .dm(1, "vg-t-real", &lvm("-real"), &["vda1"])
        .dm(2, "vg-t-cow", &lvm("-cow"), &["vda1"])
        .dm(3, "vg-p_tdata", &lvm("_tdata"), &["vda1"])
        .dm(4, "vg-t", &lvm(""), &["dm-1"])
        .dm(5, "c", "CRYPT-LUKS2-x-c", &["dm-4"])
        .device("md0", "9:0");
    tree.folder("sys/block/md0/md");
    tree.file("sys/block/loop3/size", "0\n");
    let disks = tree.view().disks();
    let list: Vec<_> = disks
        .iter()
        .map(|d| (d.node, d.nodes.len(), d.kind.clone()))
        .collect();
    let file = |name: &str| DiskKind::Loop {
        file: name.into(),
        offset: 0,
    };
    assert_eq!(
        list,
        [
            (no("7:0"), 2, file("/a.img")),
            (no("7:2"), 1, file("/b.img")),
            (no("9:0"), 1, DiskKind::Md),
            (no("253:4"), 1, DiskKind::DeviceMapper),
            (no("253:5"), 1, DiskKind::DeviceMapper),
            (no("254:0"), 1, DiskKind::Disk),
        ]
    );
}
