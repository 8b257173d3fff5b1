//! Copies on file systems of their own: full ones and such with shared extents. Needs root to mount.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use common::{MIB, Top, finish, names, open_at, prepare, write};
use tempfile::TempDir;
use vss_model::ResultCode;
use vss_provider::CreateSnapshotSet;
use vss_provider_file::{CopyProgress, FileArray};

/// A file system in a file, mounted; unmounted and gone on drop.
struct Mounted {
    dir: TempDir,
}

impl Mounted {
    /// `None`, with a word, where this host cannot do it.
    fn new(kind: &str, size: u64, test: &str) -> Option<Self> {
        let skip = |why: String| println!("skipped: {test} ({})", why.trim());
        let dir = tempfile::Builder::new()
            .prefix("openvss-file-test-mount-")
            .tempdir()
            .unwrap();
        let image = dir.path().join("image");
        File::create(&image).unwrap().set_len(size).unwrap();
        fs::create_dir(dir.path().join("mnt")).unwrap();
        let mounted = Self { dir };
        let mkfs = Command::new(format!("mkfs.{kind}"))
            .arg("-q")
            .arg(&image)
            .output();
        let mount = || {
            Command::new("mount")
                .args(["-o", "loop", "-t", kind])
                .args([&image, &mounted.path()])
                .output()
        };
        for result in [mkfs, mount()] {
            match result {
                Ok(output) if output.status.success() => {}
                Ok(output) => {
                    skip(String::from_utf8_lossy(&output.stderr).into_owned());
                    return None;
                }
                Err(error) => {
                    skip(error.to_string());
                    return None;
                }
            }
        }
        Some(mounted)
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    /// Bytes in use, once all that is written is on the medium.
    fn used(&self) -> u64 {
        rustix::fs::syncfs(File::open(self.path()).unwrap()).unwrap();
        let space = rustix::fs::statvfs(self.path()).unwrap();
        (space.f_blocks - space.f_bfree) * space.f_frsize
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing may be left mounted, also when a failing test still has a file open.
        for arguments in [&["--quiet"][..], &["--quiet", "--lazy"][..]] {
            let unmounted = Command::new("umount")
                .args(arguments)
                .arg(self.path())
                .status();
            if unmounted.is_ok_and(|status| status.success()) {
                break;
            }
        }
    }
}

/// Makes a LUN with this many bytes of data at its start.
fn with_data(array: &FileArray, name: &str, size: u64, data: u64) {
    let lun = array.create(name, size, 512, true).unwrap();
    write(&lun.image, 0, &vec![0x5A; usize::try_from(data).unwrap()]);
    File::open(&lun.image).unwrap().sync_all().unwrap();
}

fn contents(top: &Path) -> (Vec<String>, Vec<String>) {
    let images = names(&top.join("array"))
        .into_iter()
        .filter(|name| !name.starts_with("array.db"))
        .collect();
    (images, names(&top.join("host")).into_iter().collect())
}

#[test]
fn mount_a_full_file_system_is_seen_before_anything_is_done() {
    let test = "mount_a_full_file_system_is_seen_before_anything_is_done";
    let Some(disk) = Mounted::new("ext4", 64 * MIB, test) else {
        return;
    };
    let array = open_at(&disk.path());
    with_data(&array, "a", 100 * MIB, 20 * MIB);
    with_data(&array, "b", 100 * MIB, 14 * MIB);
    let before = contents(&disk.path());
    // Each fits, both do not.
    let error = prepare(&array, &["a", "b"]).unwrap_err();
    assert_eq!(error.code, ResultCode::VSS_E_INSUFFICIENT_STORAGE);
    assert!(error.hint.is_some());
    assert_eq!(contents(&disk.path()), before);
    let set = prepare(&array, &["b"]).unwrap();
    finish(&array, set, &["b"]).unwrap();
    assert_eq!(array.list().unwrap().len(), 3);
}

#[test]
fn mount_a_file_system_that_fills_up_in_the_commit_is_left_clean() {
    let test = "mount_a_file_system_that_fills_up_in_the_commit_is_left_clean";
    let Some(disk) = Mounted::new("ext4", 64 * MIB, test) else {
        return;
    };
    let array = open_at(&disk.path());
    with_data(&array, "a", 16 * MIB, 4 * MIB);
    with_data(&array, "b", 100 * MIB, 14 * MIB);
    let before = contents(&disk.path());
    let set = prepare(&array, &["a", "b"]).unwrap();
    // Somebody else fills the file system after it was found to have room.
    let filler = disk.path().join("filler");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&filler)
        .unwrap();
    let space = rustix::fs::statvfs(disk.path()).unwrap();
    let left = (space.f_bfree * space.f_frsize).saturating_sub(9 * MIB);
    file.write_all(&vec![1; usize::try_from(left).unwrap()])
        .unwrap();
    file.sync_all().unwrap();
    let error = array.commit_snapshots(set).unwrap_err();
    assert_eq!(
        error.code,
        ResultCode::VSS_E_INSUFFICIENT_STORAGE,
        "{error}"
    );
    assert_eq!(contents(&disk.path()), before);
    array.abort_snapshots(set).unwrap();
    assert_eq!(array.list().unwrap().len(), 2);
    assert!(array.post_commit_snapshots(set, 2).is_err());
    drop(file);
    fs::remove_file(&filler).unwrap();
    let set = prepare(&array, &["a", "b"]).unwrap();
    finish(&array, set, &["a", "b"]).unwrap();
}

#[test]
fn mount_copies_share_extents_on_xfs() {
    let test = "mount_copies_share_extents_on_xfs";
    let Some(disk) = Mounted::new("xfs", 400 * MIB, test) else {
        return;
    };
    let array = open_at(&disk.path());
    with_data(&array, "big", 1 << 40, 150 * MIB);
    let before = disk.used();
    // Two full copies would not fit.
    for _ in 0..2 {
        let set = prepare(&array, &["big"]).unwrap();
        finish(&array, set, &["big"]).unwrap();
    }
    let grown = disk.used().saturating_sub(before);
    assert!(grown < 8 * MIB, "two copies of 150 MiB took {grown} bytes");
    let copies: Vec<_> = array
        .list()
        .unwrap()
        .into_iter()
        .filter(|lun| lun.set.is_some())
        .collect();
    assert_eq!(copies.len(), 2);
    // Written apart, they stay apart.
    write(&copies[0].image, 0, &[1; 512]);
    for (path, first) in [
        (disk.path().join("host/big"), 0x5A),
        (copies[0].image.clone(), 1),
        (copies[1].image.clone(), 0x5A),
    ] {
        let mut byte = [0];
        std::os::unix::fs::FileExt::read_exact_at(&File::open(path).unwrap(), &mut byte, 0)
            .unwrap();
        assert_eq!(byte, [first]);
    }
}

#[test]
fn mount_holes_stay_holes_without_shared_extents() {
    let test = "mount_holes_stay_holes_without_shared_extents";
    let Some(disk) = Mounted::new("ext4", 64 * MIB, test) else {
        return;
    };
    let array = open_at(&disk.path());
    let lun = array.create("thin", 10 << 30, 512, true).unwrap();
    for at in [0, 5 << 30, (10 << 30) - 4096] {
        write(&lun.image, at, &[0x77; 4096]);
    }
    let set = prepare(&array, &["thin"]).unwrap();
    finish(&array, set, &["thin"]).unwrap();
    let copy = array
        .list()
        .unwrap()
        .into_iter()
        .find(|lun| lun.set == Some(set))
        .unwrap();
    assert_eq!(copy.size_bytes, 10 << 30);
    assert!(copy.allocated_bytes < MIB, "{}", copy.allocated_bytes);
    let file = File::open(&copy.image).unwrap();
    let mut block = [0; 4096];
    for at in [0, 5 << 30, (10 << 30) - 4096] {
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut block, at).unwrap();
        assert_eq!(block, [0x77; 4096]);
    }
}

#[test]
fn copies_are_named_owned_and_writable() {
    let top = Top::new();
    let array = top.open();
    let lun = array.create("db", MIB, 512, true).unwrap();
    fs::set_permissions(&lun.image, fs::Permissions::from_mode(0o440)).unwrap();
    let set = prepare(&array, &["db"]).unwrap();
    let copies = finish(&array, set, &["db"]).unwrap();
    let hex = set.as_uuid().simple().to_string();
    let copy = array.get(&format!("db@{}", &hex[..8])).unwrap();
    assert_eq!(copies, [copy.information]);
    assert_eq!(fs::metadata(&copy.image).unwrap().mode() & 0o777, 0o640);
    assert!(!copy.read_only && copy.presented);
    let original = copy.copy_of.unwrap();
    assert_eq!((original.name.as_str(), original.id), ("db", lun.id));
    // The original may go; the copy stays and still knows it.
    array.delete("db").unwrap();
    assert_eq!(array.get(&copy.name).unwrap().copy_of.unwrap().name, "db");
}

#[test]
fn progress_is_told_and_listing_does_not_wait() {
    let top = Top::new();
    let array = top.open();
    with_data(&array, "a", 40 * MIB, 33 * MIB);
    with_data(&array, "b", 2 * MIB, MIB);
    let told = Arc::new(Mutex::new(Vec::<CopyProgress>::new()));
    let seen = Arc::clone(&told);
    let reader = top.reader();
    array.on_progress(Some(Arc::new(move |progress| {
        // In the middle of the commit: the copies are not to be seen, the originals are.
        assert_eq!(reader.list().unwrap().len(), 2);
        seen.lock().unwrap().push(progress);
        true
    })));
    let set = prepare(&array, &["a", "b"]).unwrap();
    finish(&array, set, &["a", "b"]).unwrap();
    let told = told.lock().unwrap();
    for (index, lun, total_bytes) in [(1, "a", 40 * MIB), (2, "b", 2 * MIB)] {
        let last = told
            .iter()
            .rfind(|progress| progress.index == index)
            .unwrap();
        let expected = CopyProgress {
            lun: lun.into(),
            done_bytes: total_bytes,
            total_bytes,
            index,
            count: 2,
        };
        assert_eq!(*last, expected);
    }
    array.on_progress(None);
}

#[test]
fn phases_out_of_order_are_refused() {
    let top = Top::new();
    let array = top.open();
    array.create("db", MIB, 512, true).unwrap();
    let set = prepare(&array, &["db"]).unwrap();
    let veto = ResultCode::VSS_E_PROVIDER_VETO;
    assert_eq!(array.post_commit_snapshots(set, 1).unwrap_err().code, veto);
    assert_eq!(
        array.pre_final_commit_snapshots(set).unwrap_err().code,
        veto
    );
    assert_eq!(
        array.post_final_commit_snapshots(set).unwrap_err().code,
        veto
    );
    // Repeats are fine, in whichever phase.
    for _ in 0..2 {
        array.end_prepare_snapshots(set).unwrap();
        array.pre_commit_snapshots(set).unwrap();
    }
    for _ in 0..2 {
        array.commit_snapshots(set).unwrap();
    }
    for _ in 0..2 {
        array.post_commit_snapshots(set, 1).unwrap();
    }
    assert_eq!(top.files().len(), 2);
    array.abort_snapshots(set).unwrap();
    top.is_consistent(&array);
}

#[test]
fn originals_that_are_gone_are_named() {
    let top = Top::new();
    let array = top.open();
    array.create("a", MIB, 512, true).unwrap();
    array.create("b", MIB, 512, true).unwrap();
    let set = prepare(&array, &["a", "b"]).unwrap();
    array.delete("b").unwrap();
    let error = array.commit_snapshots(set).unwrap_err();
    assert_eq!(error.code, ResultCode::VSS_E_PROVIDER_VETO);
    assert!(error.message.contains("b.img"), "{error}");
    assert_eq!(top.files().len(), 1);
    array.abort_snapshots(set).unwrap();
    top.is_consistent(&array);
}

/// A copy of terabytes must not keep a shutdown waiting.
#[test]
fn a_copy_can_be_stopped_in_the_middle() {
    let top = Top::new();
    let array = top.open();
    with_data(&array, "a", 64 * MIB, 48 * MIB);
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    array.on_progress(Some(Arc::new(move |progress| {
        *count.lock().unwrap() += 1;
        progress.done_bytes >= progress.total_bytes
    })));
    let set = prepare(&array, &["a"]).unwrap();
    let result = finish(&array, set, &["a"]);
    if *seen.lock().unwrap() == 1 && result.is_ok() {
        println!("skipped: a_copy_can_be_stopped_in_the_middle (this file system shares extents)");
        return;
    }
    assert!(result.is_err());
    assert_eq!(*seen.lock().unwrap(), 1, "it stopped at the first word");
    array.on_progress(None);
    array.abort_snapshots(set).unwrap();
    assert_eq!(array.list().unwrap().len(), 1);
}
