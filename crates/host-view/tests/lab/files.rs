//! File systems: on several devices, upon each other, mounted more than once.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use host_view::{DevNo, ResolveError};
use vss_lab::guest::{LoopDisk, Mount, in_lab, mkfs, run};

use crate::judges::{check_everything, number, view};

const MIB: u64 = 1 << 20;

fn st_dev(path: &str) -> DevNo {
    DevNo::from_raw(Path::new(path).metadata().unwrap().dev())
}

#[test]
fn btrfs_on_two_devices() {
    in_lab();
    run("modprobe", &["btrfs"]);
    let (a, b) = (LoopDisk::new(256 * MIB, 512), LoopDisk::new(256 * MIB, 512));
    run("mkfs.btrfs", &["-q", "-f", a.device(), b.device()]);
    run("btrfs", &["device", "scan", a.device(), b.device()]);
    let whole = Mount::new(b.device(), "/mnt/hv-b", "");
    run("btrfs", &["subvolume", "create", "/mnt/hv-b/sub"]);
    let sub = Mount::new(b.device(), "/mnt/hv-sub", "subvol=sub");
    let view = view();
    check_everything(&view);
    let both = [number(&view, a.device()), number(&view, b.device())];
    assert_eq!(
        view.resolve(a.device().as_ref())
            .unwrap()
            .fs_type
            .as_deref(),
        Some("btrfs")
    );
    for point in ["/mnt/hv-b", "/mnt/hv-sub"] {
        let volume = view.resolve(Path::new(point)).unwrap();
        let mut devices = volume.devices.clone();
        devices.dedup();
        assert_eq!(devices.len(), 2, "{point}");
        assert_eq!(volume.mount_points, [Path::new("/mnt/hv-b")]);
    }
    // One of the two numbers is enough to find it, once.
    let found = view.file_systems_on(&both[..1]);
    assert_eq!(found.len(), 1);
    assert!(found[0].elsewhere);
    assert_eq!(found[0].mount_point, Path::new("/mnt/hv-b"));
    assert_eq!(found[0].device, st_dev("/mnt/hv-b"));
    sub.unmount();
    whole.unmount();
}

#[test]
fn a_file_system_in_a_file_of_another() {
    in_lab();
    let disk = LoopDisk::new(128 * MIB, 512);
    mkfs("ext4", disk.device());
    let outer = Mount::new(disk.device(), "/mnt/hv-out", "");
    run("mkdir", &["/mnt/hv-out/folder", "/mnt/hv-bind"]);
    run("mount", &["--bind", "/mnt/hv-out/folder", "/mnt/hv-bind"]);
    run("truncate", &["-s", "32M", "/mnt/hv-out/in.img"]);
    let inner = run("losetup", &["-f", "--show", "/mnt/hv-out/in.img"]);
    let inner = inner.trim();
    mkfs("ext4", inner);
    let upper = Mount::new(inner, "/mnt/hv in", "");
    let view = view();
    check_everything(&view);
    let lun = number(&view, disk.device());
    let found: Vec<_> = view
        .file_systems_on(&[lun])
        .into_iter()
        .map(|fs| (fs.mount_point, fs.level, fs.device, fs.elsewhere))
        .collect();
    assert_eq!(
        found,
        [
            ("/mnt/hv in".into(), 1, st_dev("/mnt/hv in"), false),
            ("/mnt/hv-out".into(), 0, st_dev("/mnt/hv-out"), false),
        ]
    );
    let ground = view
        .file_system_of(Path::new("/mnt/hv in/lost+found"))
        .unwrap();
    assert!(ground.under.contains(&lun));
    assert!(ground.file_systems.contains(&st_dev("/mnt/hv-out")));
    let bound = view.resolve(Path::new("/mnt/hv-bind")).unwrap();
    assert_eq!(bound.mount_points, [Path::new("/mnt/hv-out")]);
    assert!(matches!(
        view.resolve(Path::new("/mnt/hv-out/folder")),
        Err(ResolveError::InsideMount { mount_point, .. }) if mount_point == Path::new("/mnt/hv-out")
    ));
    assert!(matches!(
        view.resolve(Path::new("/run")),
        Err(ResolveError::NoBlockDevice { fs_type, .. }) if fs_type == "tmpfs"
    ));
    let type_of = run("blkid", &["-p", "-s", "TYPE", "-o", "value", inner]);
    assert_eq!(
        view.resolve(inner.as_ref()).unwrap().fs_type.as_deref(),
        Some(type_of.trim())
    );
    upper.unmount();
    run("losetup", &["-d", inner]);
    run("umount", &["/mnt/hv-bind"]);
    outer.unmount();
}

#[test]
fn writes_are_counted() {
    in_lab();
    let disk = LoopDisk::new(16 * MIB, 512);
    let view = view();
    let number = number(&view, disk.device());
    let before = view.write_count(number).unwrap();
    let _ = vss_lab::guest::read_at(disk.device().as_ref(), 0, 4096);
    assert!(
        view.write_count(number)
            .unwrap()
            .is_unwritten_since(&before)
    );
    vss_lab::guest::write_at(disk.device().as_ref(), 4096, &[7; 4096]);
    let after = view.write_count(number).unwrap();
    assert!(!after.is_unwritten_since(&before));
    assert_eq!(after.sectors_written - before.sectors_written, 8);
}

#[test]
fn a_look_is_quick() {
    in_lab();
    let disks: Vec<_> = (0..8).map(|_| LoopDisk::new(MIB, 512)).collect();
    let start = std::time::Instant::now();
    let view = view();
    let settled = start.elapsed();
    let start = std::time::Instant::now();
    for _ in 0..10 {
        host_view::HostView::read(&host_view::Roots::default()).unwrap();
    }
    println!(
        "{} devices, {} mounts: a look takes {:?} (the first, with udev, {settled:?})",
        view.devices().count(),
        view.mounts().len(),
        start.elapsed() / 10
    );
    drop(disks);
}
