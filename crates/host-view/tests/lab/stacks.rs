//! LVM, encryption and RAID.

use std::collections::BTreeSet;
use std::path::Path;

use host_view::{Cut, DiskKind, Position};
use vss_lab::guest::{LoopDisk, Mount, in_lab, mkfs, run};

use crate::judges::{check_everything, check_stack, number, view};

const MIB: u64 = 1 << 20;

#[test]
fn lvm_over_two_disks() {
    in_lab();
    let (a, b) = (LoopDisk::new(320 * MIB, 512), LoopDisk::new(320 * MIB, 512));
    run("vgcreate", &["-q", "hv-g", a.device(), b.device()]);
    run(
        "lvcreate",
        &[
            "-q", "-y", "-Wn", "-Zn", "-L", "32M", "-i2", "-n", "striped", "hv-g",
        ],
    );
    // More than one disk has.
    run(
        "lvcreate",
        &["-q", "-y", "-Wn", "-Zn", "-L", "400M", "-n", "lin", "hv-g"],
    );
    run("lvcreate", &["-q", "-y", "-L", "64M", "-T", "hv-g/pool"]);
    run(
        "lvcreate",
        &["-q", "-y", "-V", "300M", "-T", "hv-g/pool", "-n", "thin"],
    );
    run(
        "lvcreate",
        &["-q", "-y", "-s", "-L", "16M", "-n", "snap", "hv-g/striped"],
    );
    mkfs("ext4", "/dev/hv-g/thin");
    let mount = Mount::new("/dev/hv-g/thin", "/mnt/hv thin", "");

    let view = view();
    check_everything(&view);
    for name in ["lin", "striped", "thin", "snap"] {
        check_stack(&view, &format!("/dev/hv-g/{name}"));
    }
    let luns = [number(&view, a.device()), number(&view, b.device())];
    let volume = view.resolve(Path::new("/mnt/hv thin")).unwrap();
    assert_eq!(volume.devices, [number(&view, "/dev/mapper/hv--g-thin")]);
    assert!(matches!(
        view.cut(&volume.devices, &|d| luns.contains(&d)),
        Cut::Covered(_)
    ));
    let Cut::Covered(reached) = view.cut(&[number(&view, "/dev/hv-g/lin")], &|d| luns.contains(&d))
    else {
        unreachable!("the volume lies on both disks");
    };
    assert!(reached.len() == 2 && reached.iter().all(|r| r.position == Position::Stacked));
    assert_eq!(view.file_systems_on(&luns)[0].mount_point, mount.place());

    // What LVM itself calls visible is what may be a disk; a pool is visible and no disk.
    let visible: BTreeSet<String> = run("lvs", &["--noheadings", "-o", "lv_name", "hv-g"])
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|name| name != "pool")
        .map(|name| format!("hv--g-{name}"))
        .collect();
    let ours: BTreeSet<String> = view
        .disks()
        .into_iter()
        .filter(|disk| disk.kind == DiskKind::DeviceMapper)
        .map(|disk| view.device(disk.node).unwrap().dm.clone().unwrap().name)
        .collect();
    assert_eq!(ours, visible);
    mount.unmount();
    run("vgremove", &["-q", "-f", "hv-g"]);
}

#[test]
fn encryption_on_a_partition() {
    in_lab();
    let disk = LoopDisk::new(96 * MIB, 512);
    run("sgdisk", &["-n1:0:+16M", "-n2:0:0", disk.device()]);
    run("partx", &["-u", disk.device()]);
    let part = format!("{}p2", disk.device());
    vss_lab::guest::settle();
    std::fs::write("/tmp/hv-key", "an open secret").unwrap();
    run("modprobe", &["dm-crypt"]);
    run(
        "cryptsetup",
        &[
            "luksFormat",
            "-q",
            "--pbkdf",
            "pbkdf2",
            "--pbkdf-force-iterations",
            "1000",
            &part,
            "/tmp/hv-key",
        ],
    );
    run(
        "cryptsetup",
        &["open", "--key-file", "/tmp/hv-key", &part, "hv-open"],
    );
    let view = view();
    check_everything(&view);
    check_stack(&view, "/dev/mapper/hv-open");
    check_stack(&view, &part);
    let lun = number(&view, disk.device());
    let cut = view.cut(&[number(&view, &part)], &|d| d == lun);
    assert!(matches!(cut, Cut::Covered(r) if r[0].position == Position::Partition(2)));
    run("cryptsetup", &["close", "hv-open"]);
}

#[test]
fn raid_over_two_disks() {
    in_lab();
    run("modprobe", &["raid1"]);
    let (a, b) = (LoopDisk::new(64 * MIB, 512), LoopDisk::new(64 * MIB, 512));
    run(
        "mdadm",
        &[
            "--create",
            "/dev/md77",
            "--run",
            "--metadata=1.2",
            "--level=1",
            "--raid-devices=2",
            "--bitmap=none",
            "--assume-clean",
            a.device(),
            b.device(),
        ],
    );
    let view = view();
    check_everything(&view);
    check_stack(&view, "/dev/md77");
    let md = view.device(number(&view, "/dev/md77")).unwrap();
    assert_eq!(md.md.as_ref().unwrap().level, "raid1");
    run("mdadm", &["--stop", "/dev/md77"]);
}
