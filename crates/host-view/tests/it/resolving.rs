//! From names to volumes.

use std::path::{Path, PathBuf};

use host_view::{HostView, ResolveError, Volume};

use crate::tree::{Tree, no};

fn at(view: &HostView, path: &str) -> Result<Volume, ResolveError> {
    view.volume_at(Path::new(path))
}

fn host() -> Tree {
    let mut tree = Tree::new();
    tree.device("sda", "8:0")
        .partition("sda", "sda1", "8:1", 1)
        .device("sdb", "8:16")
        .device("sdc", "8:32");
    tree.mount("8:1", "/srv", "ext4", "/dev/sda1");
    tree
}

#[test]
fn a_mount_point_is_its_volume_and_nothing_within_is() {
    let view = host().view();
    let volume = at(&view, "/srv").unwrap();
    assert_eq!(volume.devices, [no("8:1")]);
    assert_eq!(volume.fs_type.as_deref(), Some("ext4"));
    assert_eq!(volume.file_system, Some(no("8:1")));
    let Err(ResolveError::InsideMount { mount_point, .. }) = at(&view, "/srv/db/x") else {
        unreachable!("a folder inside a mount was taken for a volume");
    };
    assert_eq!(mount_point, Path::new("/srv"));
    // Not by the letters of its name.
    assert!(
        matches!(at(&view, "/srv2"), Err(ResolveError::InsideMount { mount_point, .. }) if mount_point == Path::new("/"))
    );
}

#[test]
fn escapes_are_taken_out() {
    let mut tree = host();
    tree.mount("8:16", r"/a\040b\134c\011\012d", "ext4", "/dev/sdb");
    let volume = at(&tree.view(), "/a b\\c\t\nd").unwrap();
    assert_eq!(volume.devices, [no("8:16")]);
}

#[test]
fn the_topmost_of_stacked_mounts_counts() {
    let mut tree = host();
    tree.mount_line("50 1 8:16 / /m rw - ext4 /dev/sdb rw");
    tree.mount_line("51 50 8:32 / /m rw - ext4 /dev/sdc rw");
    assert_eq!(at(&tree.view(), "/m").unwrap().devices, [no("8:32")]);
}

#[test]
fn a_mount_under_an_overmounted_folder_is_hidden() {
    let mut tree = host();
    tree.mount_line("50 1 0:40 / /m rw - tmpfs tmpfs rw");
    tree.mount_line("51 50 8:16 / /m/in rw - ext4 /dev/sdb rw");
    tree.mount_line("52 50 0:41 / /m rw - tmpfs tmpfs rw");
    let view = tree.view();
    assert!(matches!(
        at(&view, "/m/in"),
        Err(ResolveError::InsideMount { .. })
    ));
    let systems = view.file_systems_on(&[no("8:16")]);
    assert!(!systems[0].reachable);
}

#[test]
fn a_root_that_is_no_mount_is_no_hindrance() {
    // As in a changed root: the parent of what is seen is not seen.
    let tree = Tree::new();
    tree.device("sda", "8:0");
    tree.file(
        "proc/self/mountinfo",
        "30 7 8:0 / /srv rw - ext4 /dev/sda rw\n",
    );
    let view = HostView::read(&host_view::Roots::under(tree.root())).unwrap();
    assert_eq!(at(&view, "/srv").unwrap().devices, [no("8:0")]);
    assert!(matches!(
        at(&view, "/x"),
        Err(ResolveError::NowhereMounted { .. })
    ));
}

#[test]
fn bind_mounts_are_the_same_volume() {
    let mut tree = host();
    tree.mount_line("60 1 8:1 /db /bound ro - ext4 /dev/sda1 rw");
    tree.mount_line("61 1 8:1 / /again ro - ext4 /dev/sda1 rw");
    let volume = at(&tree.view(), "/bound").unwrap();
    assert_eq!(volume.devices, [no("8:1")]);
    assert_eq!(volume.mount_points, ["/srv", "/again"].map(PathBuf::from));
}

#[test]
fn a_device_of_a_mounted_volume_is_that_volume() {
    let view = host().view();
    let volume = view
        .volume_of_device(Path::new("/dev/sda1"), no("8:1"))
        .unwrap();
    assert_eq!(volume.mount_points, [Path::new("/srv")]);
    let bare = view
        .volume_of_device(Path::new("/dev/sdb"), no("8:16"))
        .unwrap();
    assert!(bare.fs_type.is_none() && bare.mount_points.is_empty());
    assert!(matches!(
        view.volume_of_device(Path::new("/dev/x"), no("8:99")),
        Err(ResolveError::NoSuchDevice { .. })
    ));
}

/// A btrfs over two devices, with two subvolumes mounted.
fn btrfs() -> Tree {
    let mut tree = host();
    tree.folder("sys/fs/btrfs/features");
    tree.folder("sys/fs/btrfs/aaaa/devices/sdb");
    tree.folder("sys/fs/btrfs/aaaa/devices/sdc");
    tree.mount_line("70 1 0:50 /@home /home rw - btrfs /dev/sdc rw,subvol=/@home");
    tree.mount_line("71 1 0:50 /@data /data ro - btrfs /dev/sdc rw,subvol=/@data");
    tree
}

#[test]
fn btrfs_lies_on_all_its_devices() {
    let view = btrfs().view();
    let volume = at(&view, "/home").unwrap();
    assert_eq!(volume.devices, [no("8:16"), no("8:32")]);
    assert_eq!(volume.mount_points, ["/home", "/data"].map(PathBuf::from));
    assert_eq!(
        view.volume_of_device(Path::new("/dev/sdb"), no("8:16"))
            .unwrap()
            .devices,
        volume.devices
    );
    let systems = view.file_systems_on(&[no("8:16")]);
    assert_eq!(systems.len(), 1);
    assert!(systems[0].elsewhere && !systems[0].read_only);
    assert_eq!(systems[0].device, no("0:50"));
    assert_eq!(systems[0].mount_point, Path::new("/home"));
}

#[test]
fn a_log_of_its_own_belongs_to_the_volume() {
    let mut tree = host();
    tree.mount_line("80 1 8:16 / /x rw - xfs /dev/sdb rw,logdev=/dev/sdc,noquota");
    assert_eq!(
        at(&tree.view(), "/x").unwrap().devices,
        [no("8:16"), no("8:32")]
    );
}

#[test]
fn what_lies_on_no_device_says_so() {
    let mut tree = host();
    tree.mount("0:60", "/run", "tmpfs", "tmpfs");
    tree.mount("0:61", "/nfs", "nfs4", "server:/export");
    tree.mount_line("90 1 0:62 / /over rw - overlay overlay rw,lowerdir=/srv/l1:/srv/l2,upperdir=/srv/up,workdir=/srv/w");
    let view = tree.view();
    let cases: [(&str, &str, &[&str]); 3] = [
        ("/run", "tmpfs", &[]),
        ("/nfs", "nfs4", &["server:/export"]),
        ("/over", "overlay", &["/srv/up", "/srv/l1", "/srv/l2"]),
    ];
    for (point, kind, made_of) in cases {
        let Err(ResolveError::NoBlockDevice { fs_type, below, .. }) = at(&view, point) else {
            unreachable!("{point} has no block device");
        };
        assert_eq!(fs_type, kind);
        assert_eq!(below, made_of.iter().map(PathBuf::from).collect::<Vec<_>>());
    }
    let ground = view.ground_of(Path::new("/over/state")).unwrap();
    assert!(ground.devices.is_empty());
    assert!(ground.under.contains(&no("8:0")) && ground.file_systems.contains(&no("8:1")));
}

#[test]
fn links_are_followed_and_missing_names_are_told() {
    let mut tree = host();
    let point = tree.folder("mnt").canonicalize().unwrap();
    std::os::unix::fs::symlink(&point, tree.root().join("link")).unwrap();
    tree.mount("8:16", point.to_str().unwrap(), "ext4", "/dev/sdb");
    let view = tree.view();
    assert_eq!(view.resolve(&tree.root().join("link")).unwrap().name, point);
    assert!(matches!(
        view.resolve(&tree.root().join("none")),
        Err(ResolveError::Look { .. })
    ));
}
