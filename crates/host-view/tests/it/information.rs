//! Who disks are.

use host_view::vpd::{self, VpdError};
use vss_model::{BusType, IdentifierType};

use crate::tree::{Tree, no};

/// Page 0x83 of a LUN of the in-kernel target, as `sg_vpd --page=di --hex` showed it: NAA and T10
/// names, then two numbers and a name of the port, a logical unit group, and names of port and target.
const PAGE_83: &str = "\
    00 83 00 a4 01 03 00 10 60 01 40 5a bb cc dd ef \
    00 14 22 39 34 45 56 67 02 01 00 34 4c 49 4f 2d \
    4f 52 47 20 46 49 4c 45 49 4f 3a 61 62 62 63 63 \
    64 64 65 2d 66 30 30 31 2d 34 32 32 33 2d 39 33 \
    34 34 2d 35 35 36 36 37 37 38 38 39 39 30 30 00 \
    61 94 00 04 00 00 00 02 61 95 00 04 00 00 00 00 \
    01 06 00 04 00 00 00 00 63 98 00 20 6e 61 61 2e \
    35 30 30 31 34 30 35 30 30 30 30 30 30 30 30 32 \
    2c 74 2c 30 78 30 30 30 31 00 00 00 63 a8 00 18 \
    6e 61 61 2e 35 30 30 31 34 30 35 30 30 30 30 30 \
    30 30 30 32 00 00 00 00";

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

#[test]
fn page_83_gives_the_luns_own_names() {
    let names = vpd::identifiers(&bytes(PAGE_83)).unwrap();
    let kinds: Vec<_> = names.iter().map(|name| name.identifier_type).collect();
    assert_eq!(
        kinds,
        [
            IdentifierType::FcphName,
            IdentifierType::VendorId,
            IdentifierType::LogicalUnitGroup
        ]
    );
    let naa = bytes("60 01 40 5a bb cc dd ef 00 14 22 39 34 45 56 67");
    assert_eq!(names[0].bytes, naa);
    assert_eq!(
        names[1].bytes,
        b"LIO-ORG FILEIO:abbccdde-f001-4223-9344-556677889900"
    );
}

#[test]
fn every_type_and_no_other_is_known() {
    for kind in 0..16_u8 {
        let page = [0, 0x83, 0, 6, 1, kind, 0, 2, 7, 7];
        let names = vpd::identifiers(&page).unwrap();
        assert_eq!(names.len(), usize::from(kind <= 8), "type {kind}");
    }
    for association in [1_u8, 2, 3] {
        let page = [0, 0x83, 0, 6, 1, association << 4 | 3, 0, 2, 7, 7];
        assert!(vpd::identifiers(&page).unwrap().is_empty());
    }
}

#[test]
fn pages_without_their_form_are_refused() {
    let cases: [(&[u8], VpdError); 5] = [
        (&[], VpdError::NoHeader(0)),
        (&[0, 0x83, 0], VpdError::NoHeader(3)),
        (
            &[0, 0x80, 0, 0],
            VpdError::WrongPage {
                expected: 0x83,
                found: 0x80,
            },
        ),
        (
            &[0, 0x83, 0, 9, 1, 3, 0, 0],
            VpdError::Truncated { said: 9, has: 4 },
        ),
        (
            &[0, 0x83, 0, 5, 1, 3, 0, 2, 7],
            VpdError::Descriptor { at: 4 },
        ),
    ];
    for (page, error) in cases {
        assert_eq!(vpd::identifiers(page), Err(error));
    }
}

#[test]
fn a_scsi_disk_says_who_it_is() {
    let tree = Tree::new();
    tree.device("sda", "8:0").partition("sda", "sda1", "8:1", 1);
    let device = "sys/block/sda/device";
    tree.file(&format!("{device}/type"), "0\n");
    tree.file(&format!("{device}/vendor"), "LIO-ORG \n");
    tree.file(&format!("{device}/model"), "db              \n");
    tree.file(&format!("{device}/rev"), "4.0 \n");
    tree.file(&format!("{device}/inquiry"), [0, 0, 5, 2, 91, 0, 0, 2]);
    tree.file(&format!("{device}/vpd_pg80"), b"\0\x80\0\x06 S123\0");
    tree.file(
        &format!("{device}/vpd_pg83"),
        [0, 0x83, 0, 6, 1, 3, 0, 2, 0x60, 1],
    );
    let view = tree.view();
    let lun = view.lun_information(no("8:0")).unwrap();
    assert_eq!(lun.vendor_id, "LIO-ORG");
    assert_eq!(lun.product_id, "db");
    assert_eq!(lun.product_revision, "4.0");
    assert_eq!(lun.serial_number, "S123");
    assert!(lun.command_queueing && lun.bus_type == BusType::Scsi);
    assert_eq!(lun.lun_id().unwrap().to_string(), "naa.6001");
    assert!(view.lun_information(no("8:1")).is_none());
}

#[test]
fn a_broken_page_gives_way_to_the_kernels_name() {
    let tree = Tree::new();
    tree.device("sda", "8:0");
    tree.file("sys/block/sda/device/type", "0\n");
    tree.file(
        "sys/block/sda/device/vpd_pg83",
        [0, 0x83, 0, 99, 1, 3, 0, 2, 0x60, 1],
    );
    tree.file("sys/block/sda/device/wwid", "naa.6002\n");
    let lun = tree.view().lun_information(no("8:0")).unwrap();
    assert_eq!(lun.lun_id().unwrap().to_string(), "naa.6002");
}

#[test]
fn nvme_namespaces_have_names_of_their_own() {
    let tree = Tree::new();
    for (name, number) in [
        ("nvme0n1", "259:0"),
        ("nvme0n2", "259:1"),
        ("nvme0n3", "259:2"),
    ] {
        tree.device(name, number);
        tree.file(&format!("sys/block/{name}/device/serial"), "S4EV\n");
        tree.file(&format!("sys/block/{name}/device/model"), "Fast 1T\n");
        tree.file(
            &format!("sys/block/{name}/nguid"),
            "00000000-0000-0000-0000-000000000000\n",
        );
    }
    // The path of a namespace with several is hidden and has no number that counts.
    tree.device("nvme0c0n1", "259:0");
    tree.file("sys/block/nvme0c0n1/hidden", "1\n");
    tree.file(
        "sys/block/nvme0n1/nguid",
        "36344730-4d50-0093-0025-384300000001\n",
    );
    tree.file("sys/block/nvme0n1/eui", "00 25 38 43 00 00 00 01\n");
    tree.file("sys/block/nvme0n2/eui", "00 25 38 43 00 00 00 02\n");
    tree.file("sys/block/nvme0n3/wwid", "nvme.144d-5334-46-00000003\n");
    let view = tree.view();
    let name = |number: &str| {
        let lun = view.lun_information(no(number)).unwrap();
        assert_eq!(
            (lun.serial_number.as_str(), lun.bus_type),
            ("S4EV", BusType::NVMe)
        );
        lun.lun_id().unwrap().to_string()
    };
    assert_eq!(name("259:0"), "eui.363447304d5000930025384300000001");
    assert_eq!(name("259:1"), "eui.0025384300000002");
    assert_eq!(name("259:2"), "nvme.144d-5334-46-00000003");
    assert_eq!(view.disks().len(), 3);
}

#[test]
fn virtio_has_a_serial_number_or_nothing() {
    let tree = Tree::new();
    tree.device("vda", "254:0")
        .device("vdb", "254:16")
        .device("loop0", "7:0");
    tree.file("sys/block/vda/serial", "disk-1");
    let view = tree.view();
    let lun = view.lun_information(no("254:0")).unwrap();
    assert_eq!(lun.serial_number, "disk-1");
    assert!(lun.lun_id().is_none());
    assert!(view.lun_information(no("254:16")).is_none());
    assert!(view.lun_information(no("7:0")).is_none());
}
