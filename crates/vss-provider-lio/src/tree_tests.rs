use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Backing, Fabric, Nexus, Port, Roots, backing, free_number, serial};

/// A made-up target with one backstore of each kind, mapped over loopback and iSCSI.
fn roots(folder: &Path) -> Roots {
    let roots = Roots {
        target: folder.join("target"),
        sys: folder.join("sys"),
        dev: folder.join("dev"),
    };
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (hba, name, info) in [
        (
            "fileio_0",
            "db",
            "Status: ACTIVATED\n TCM FILEIO ID: 0        File: /a b/db.img  Size: 4096  Mode: O_DSYNC Async: 0\n",
        ),
        (
            "iblock_7",
            "wal",
            "iBlock device: dm-4  UDEV PATH: /dev/vg/wal  readonly: 0\n",
        ),
        ("rd_mcp_1", "ram", "TCM RAMDISK ID: 1\n"),
    ] {
        let store = roots.backstore(hba, name);
        write(&store.join("enable"), "1\n");
        write(&store.join("info"), info);
        write(
            &store.join("wwn/vpd_unit_serial"),
            &format!("T10 VPD Unit Serial Number: serial-{name}\n"),
        );
        write(&store.join("wwn/vendor_id"), "LIO-ORG\n");
        write(&store.join("wwn/company_id"), "0x001405\n");
        write(&store.join("attrib/block_size"), "4096\n");
    }
    fs::create_dir_all(roots.target.join("core/alua/lu_gps")).unwrap();
    for (port, number, store) in [
        ("loopback/naa.1/tpgt_1", 0, "fileio_0/db"),
        ("loopback/naa.1/tpgt_1", 5, "rd_mcp_1/ram"),
        ("iscsi/iqn.x/tpgt_2", 1, "iblock_7/wal"),
    ] {
        let lun = roots.target.join(port).join(format!("lun/lun_{number}"));
        fs::create_dir_all(&lun).unwrap();
        let leads = Path::new("../../../../../../target/core").join(store);
        symlink(leads, lun.join("x")).unwrap();
    }
    let port = roots.target.join("loopback/naa.1/tpgt_1");
    fs::create_dir_all(port.join("lun/lun_3")).unwrap();
    write(&port.join("address"), "4:0:1\n");
    write(&port.join("nexus"), "naa.2\n");
    write(&roots.target.join("iscsi/iqn.x/tpgt_2/enable"), "1\n");
    roots
}

fn loopback() -> Port {
    Port {
        fabric: Fabric::Loopback,
        target: "naa.1".into(),
        tag: 1,
    }
}

#[test]
fn a_tree_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let roots = roots(folder.path());
    let stores = roots.backstores().unwrap();
    assert_eq!(stores.len(), 3);
    assert_eq!(stores[0].serial, "serial-db");
    assert_eq!(stores[0].block_size, 4096);
    assert_eq!(
        stores[0].backing,
        Backing::File {
            path: "/a b/db.img".into(),
            buffered: false
        }
    );
    assert_eq!(
        stores[1].backing,
        Backing::Block {
            path: "/dev/dm-4".into()
        }
    );
    assert_eq!(stores[2].backing, Backing::Other("rd_mcp".into()));
    let ports = roots.ports().unwrap();
    assert_eq!(ports.len(), 2);
    assert_eq!(ports[0], loopback());
    let mappings = roots.mappings(&ports[0]).unwrap();
    let found: Vec<_> = mappings
        .iter()
        .map(|one| (one.number, one.name.as_str()))
        .collect();
    assert_eq!(found, [(0, "db"), (5, "ram")]);
    assert_eq!(roots.numbers(&ports[0]).unwrap(), [0, 3, 5]);
    assert_eq!(
        roots.nexuses(&ports[0]),
        [Nexus {
            host: 4,
            channel: 0,
            id: 1
        }]
    );
    // Nobody is logged in.
    assert!(roots.nexuses(&ports[1]).is_empty());
}

#[test]
fn a_group_without_nexus_is_not_reached() {
    let folder = tempfile::tempdir().unwrap();
    let roots = roots(folder.path());
    fs::write(roots.port(&loopback()).join("nexus"), "\n").unwrap();
    assert!(roots.nexuses(&loopback()).is_empty());
}

#[test]
fn sessions_lead_to_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let roots = roots(folder.path());
    let session = roots.sys.join("class/iscsi_session/session1");
    let device = roots.sys.join("devices/platform/host3/session1");
    fs::create_dir_all(&session).unwrap();
    fs::create_dir_all(&device).unwrap();
    symlink(&device, session.join("device")).unwrap();
    fs::write(session.join("targetname"), "iqn.x\n").unwrap();
    fs::write(session.join("tpgt"), "2\n").unwrap();
    let port = &roots.ports().unwrap()[1];
    assert_eq!(
        roots.nexuses(port),
        [Nexus {
            host: 3,
            channel: 0,
            id: 0
        }]
    );
    fs::create_dir_all(device.join("target3:0:9")).unwrap();
    assert_eq!(
        roots.nexuses(port),
        [Nexus {
            host: 3,
            channel: 0,
            id: 9
        }]
    );
    fs::write(session.join("targetname"), "iqn.y\n").unwrap();
    assert!(roots.nexuses(port).is_empty());
}

#[test]
fn a_host_without_target_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let roots = Roots {
        target: folder.path().join("none"),
        ..Roots::default()
    };
    assert!(roots.backstores().unwrap().is_empty());
    assert!(roots.ports().unwrap().is_empty());
}

#[test]
fn odd_lines_are_no_trouble() {
    assert_eq!(serial("nonsense"), "");
    assert_eq!(serial("T10 VPD Unit Serial Number: \n"), "");
    assert_eq!(
        backing("fileio", "", "/x"),
        Backing::File {
            path: "/x".into(),
            buffered: false
        }
    );
    assert_eq!(
        backing("iblock", "", ""),
        Backing::Block { path: "".into() }
    );
    assert_eq!(
        backing("iblock", "iBlock device: dm-4  UDEV PATH: ", "/dev/vg/x"),
        Backing::Block {
            path: "/dev/vg/x".into()
        }
    );
    for text in ["", "1:2", "1:2:3:4", "a:b:c", "1:2:-3"] {
        assert_eq!(Nexus::parse(text), None, "{text}");
    }
}

#[test]
fn numbers_are_not_given_twice() {
    assert_eq!(free_number(None, &[0, 1, 3]), 2);
    assert_eq!(free_number(Some(7), &[0, 1]), 7);
    assert_eq!(free_number(Some(1), &[0, 1]), 2);
}
