//! What no kernel says must not harm.

use std::path::Path;

use host_view::{Cut, HostView, Roots, ViewError, WriteCount, mounts, vpd};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{collection::vec, proptest};

use crate::tree::{Tree, lvm, no};

#[test]
fn rings_end() {
    let mut tree = Tree::new();
    tree.device("sda", "8:0")
        .dm(0, "a", &lvm(""), &["dm-1"])
        .dm(1, "b", &lvm(""), &["dm-0", "sda"])
        .dm(2, "self", &lvm(""), &["dm-2"])
        .loop_device(0, "/m/a.img");
    tree.mount("7:0", "/m", "ext4", "/dev/loop0");
    tree.mount_line("90 91 8:0 / /x rw - ext4 /dev/sda rw");
    tree.mount_line("91 90 8:0 / /x rw - ext4 /dev/sda rw");
    let view = tree.view();
    assert_eq!(
        view.cut(&[no("253:0")], &|d| d == no("8:0")),
        Cut::Uncovered(no("253:0"))
    );
    assert_eq!(
        view.cut(&[no("253:2")], &|_| false),
        Cut::Uncovered(no("253:2"))
    );
    assert_eq!(view.volumes_on(no("253:0")).len(), 2);
    assert!(
        view.file_systems_on(&[no("7:0")])
            .iter()
            .all(|fs| fs.level <= 1)
    );
    assert!(view.ground_of(Path::new("/m/x")).is_ok());
    assert!(view.volume_at(Path::new("/x")).is_err());
}

#[test]
fn devices_without_sense_are_left_out() {
    let tree = Tree::new();
    tree.device("sda", "8:0")
        .device("sdb", "none")
        .device("sdc", "8:32:1");
    tree.folder("sys/block/sdd");
    tree.file("sys/block/sda/size", "many\n");
    tree.partition("sda", "sda1", "8:0", 1);
    tree.slaves("sda", &["gone"]);
    tree.file("sys/block/sda/sda2/partition", "4294967296\n");
    tree.file("sys/block/sda/dm/name", "\n");
    let view = tree.view();
    assert_eq!(view.devices().count(), 1);
    let sda = view.device(no("8:0")).unwrap();
    assert!(sda.sectors == 0 && sda.slaves.is_empty() && sda.dm.is_none());
}

#[test]
fn a_mount_that_is_not_understood_is_told() {
    let tree = Tree::new();
    tree.file(
        "proc/self/mountinfo",
        "1 0 0:1 / / rw - rootfs r rw\n1 2 three\n",
    );
    let Err(ViewError::Mount { line, text, .. }) = HostView::read(&Roots::under(tree.root()))
    else {
        unreachable!("the line has no form");
    };
    assert_eq!((line, text.as_str()), (2, "1 2 three"));
}

#[test]
fn a_host_without_sysfs_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        HostView::read(&Roots::under(folder.path())),
        Err(ViewError::Read { .. })
    ));
}

#[test]
fn the_host_that_runs_this_is_understood() {
    let roots = Roots::default();
    if !roots.sys.join("block").is_dir() {
        println!("skipped: the_host_that_runs_this_is_understood (no /sys/block)");
        return;
    }
    let start = std::time::Instant::now();
    let view = HostView::read(&roots).unwrap();
    println!(
        "{} devices, {} mounts in {:?}",
        view.devices().count(),
        view.mounts().len(),
        start.elapsed()
    );
    let ground = view.file_system_of(Path::new("/")).unwrap();
    assert_eq!(ground.mount_point, Path::new("/"));
    let all: Vec<_> = view.devices().map(|device| device.number).collect();
    for system in view.file_systems_on(&all) {
        assert!(system.devices.iter().all(|device| all.contains(device)));
    }
}

fn page(code: u8) -> impl Strategy<Value = Vec<u8>> {
    // Half of them begin well, so that what comes after the header is reached.
    prop_oneof![
        vec(any::<u8>(), 0..80),
        vec(any::<u8>(), 0..80).prop_map(move |rest| {
            let mut page = vec![0, code, 0, u8::try_from(rest.len()).unwrap()];
            page.extend(rest);
            page
        }),
        vec((any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..20)), 0..5).prop_map(
            move |descriptors| {
                let mut body = Vec::new();
                for (first, second, bytes) in descriptors {
                    body.extend([first, second, 0, u8::try_from(bytes.len()).unwrap()]);
                    body.extend(bytes);
                }
                let mut page = vec![0, code, 0, u8::try_from(body.len()).unwrap()];
                page.extend(body);
                page
            }
        ),
    ]
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"-".to_vec()),
        Just(b"8:1".to_vec()),
        Just(b"42".to_vec()),
        Just(b"/".to_vec()),
        Just(b"\\04".to_vec()),
        Just(b"\\999\\777\\040".to_vec()),
        vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn pages_never_panic(a in page(0x80), b in page(0x83)) {
        let _ = vpd::serial_number(&a);
        if let Ok(names) = vpd::identifiers(&b) {
            let bytes: usize = names.iter().map(|name| name.bytes.len() + 4).sum();
            assert!(bytes + 4 <= b.len());
        }
    }

    #[test]
    fn names_never_panic(text in "(naa|eui|t10|nvme|uuid)?\\.?\\PC{0,40}") {
        let _ = vpd::identifier_of_wwid(&text);
        let _ = WriteCount::parse(&text);
    }

    #[test]
    fn mount_lines_never_panic(fields in vec(field(), 0..14)) {
        let line = fields.join(&b' ');
        let _ = mounts::parse_mounts(&line);
        let _ = mounts::parse_swaps(&line);
    }

    #[test]
    fn escapes_come_back(text in vec(any::<u8>(), 0..40)) {
        let escaped: Vec<u8> = text
            .iter()
            .flat_map(|byte| match byte {
                b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
                _ => vec![*byte],
            })
            .collect();
        assert_eq!(mounts::unescape(&escaped), text);
    }
}
