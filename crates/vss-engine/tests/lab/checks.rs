//! Checks by their numbers (spec: break §12), each on every kind of storage.
//!
//! Not here: 2 is in the tests of `vss` (classic snapshots), 3, 18, 20 and 24 ask nothing of storage (no
//! copy on these can be transported), 17 and 25 to 28 need exposure, documents or resynchronisation, 21 is
//! cut power.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use disk_identity::Identity;
use disk_identity::attributes::{HIDDEN, READ_ONLY, SHADOW_COPY};
use vss_lab::guest::run;
use vss_model::{Context, ResultCode, SetId};
use vss_service::{Queries, Service};

use crate::storage::Storage;
use crate::watch::Watch;
use crate::world::{World, identity};

const FINISHED: Result<ResultCode, ResultCode> = Ok(ResultCode::VSS_S_ASYNC_FINISHED);
const REVERT_FAILED: Result<ResultCode, ResultCode> = Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED);

fn is_read_only(device: &Path) -> bool {
    run("blockdev", &["--getro", &device.display().to_string()]).trim() == "1"
}

fn set_read_only(device: &Path, read_only: bool) {
    let flag = if read_only { "--setro" } else { "--setrw" };
    run("blockdev", &[flag, &device.display().to_string()]);
}

/// Writes what is there already.
fn write(device: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(device)?;
    let mut block = [0; 4096];
    file.read_exact_at(&mut block, 8 << 20)?;
    file.write_all_at(&block, 8 << 20)?;
    file.sync_all()
}

fn ids(identity: &Identity) -> Vec<String> {
    let mut ids: Vec<String> = identity.ids().map(|id| id.to_string()).collect();
    ids.sort();
    ids
}

fn ids_of(devices: &[std::path::PathBuf]) -> Vec<Vec<String>> {
    devices
        .iter()
        .map(|device| ids(&identity(device)))
        .collect()
}

fn unknown_and_illegal<S: Storage + Default>() {
    let world = World::<S>::new();
    let nobody = SetId::from_uuid(uuid::Uuid::from_u128(7));
    assert_eq!(
        world.break_ex(nobody, 0),
        Err(ResultCode::VSS_E_OBJECT_NOT_FOUND),
        "check 1"
    );
    let (set, devices) = world.create();
    let before = ids_of(&devices);
    for flags in [0x3, 0x5, 0x9, 0xC, 0xE, 0x10, 0x100, 0x800] {
        assert_eq!(
            world.break_ex(set, flags),
            Err(ResultCode::E_INVALIDARG),
            "check 5: {flags:#x}"
        );
    }
    let session = world.service.administration().unwrap();
    let nowhere = session.break_snapshot_set_ex(set, 0x2, None, None);
    assert_eq!(
        nowhere.unwrap_err().code(),
        ResultCode::E_INVALIDARG,
        "check 4"
    );
    assert_eq!(ids_of(&devices), before);
    assert!(devices.iter().all(|device| is_read_only(device)));
    assert!(world.is_listed(set));
}

fn plain_breaks_stay_read_only<S: Storage + Default>() {
    let world = World::<S>::new();
    let (set, devices) = world.create();
    let before = ids_of(&devices);
    assert_ne!(
        before,
        ids_of(&world.originals),
        "a copy has an identity of its own"
    );
    world
        .service
        .administration()
        .unwrap()
        .break_snapshot_set(set, None)
        .unwrap();
    assert!(!world.is_listed(set), "check 6");
    for device in &devices {
        assert!(is_read_only(device) && write(device).is_err(), "check 6");
        let seen = identity(device);
        assert_eq!(seen.partitions[0].attributes & (SHADOW_COPY | HIDDEN), 0);
        assert_eq!(seen.partitions[0].attributes & READ_ONLY, READ_ONLY);
    }
    // Originals are present, so nothing goes back (check 15).
    assert_eq!(ids_of(&devices), before, "check 15");
    assert_eq!(
        world.break_ex(set, 0),
        Err(ResultCode::VSS_E_OBJECT_NOT_FOUND),
        "check 7"
    );
}

fn read_write_clones<S: Storage + Default>() {
    let world = World::<S>::new();
    let originals = ids_of(&world.originals);
    let (set, devices) = world.create();
    let before = ids_of(&devices);
    assert_eq!(world.break_ex(set, 0x4), REVERT_FAILED, "check 10");
    assert_eq!(ids_of(&devices), before, "check 10");
    assert!(world.is_listed(set), "check 10");
    assert_eq!(world.break_ex(set, 0xA), FINISHED, "check 14");
    for device in &devices {
        assert!(!is_read_only(device), "check 8");
        write(device).unwrap();
        let attributes = identity(device).partitions[0].attributes;
        assert_eq!(
            attributes & (READ_ONLY | SHADOW_COPY | HIDDEN),
            0,
            "check 8"
        );
        run("sgdisk", &["-v", &device.display().to_string()]);
    }
    assert_eq!(ids_of(&devices), before, "check 14");
    assert_eq!(ids_of(&world.originals), originals);
}

fn masked_disks_are_gone<S: Storage + Default>() {
    let world = World::<S>::new();
    let (set, devices) = world.create();
    let names: Vec<_> = devices
        .iter()
        .map(|device| std::fs::canonicalize(device).unwrap())
        .collect();
    assert_eq!(world.break_ex(set, 0x1), FINISHED, "check 9");
    for (device, name) in devices.iter().zip(&names) {
        assert!(!device.exists(), "check 9");
        let kernel = Path::new("/sys/class/block").join(name.file_name().unwrap());
        // A loop device stays as an empty one.
        let size = std::fs::read_to_string(kernel.join("size")).unwrap_or_default();
        assert!(
            !kernel.exists() || size.trim() == "0",
            "check 9: {}",
            kernel.display()
        );
    }
    assert!(!world.is_listed(set));
}

fn originals_are_replaced<S: Storage + Default>() {
    let world = World::<S>::new();
    let originals = ids_of(&world.originals);
    let (set, devices) = world.create();
    let before = ids_of(&devices);
    world.storage.mask(&world.service, 1);
    assert!(world.storage.unmask(&world.service, 1));
    world.storage.mask(&world.service, 0);
    assert_eq!(world.break_ex(set, 0x6), REVERT_FAILED, "check 11");
    assert_eq!(ids_of(&devices), before, "check 11");
    world.storage.mask(&world.service, 1);
    assert_eq!(world.break_ex(set, 0x6), FINISHED, "check 12");
    assert_eq!(ids_of(&devices), originals, "check 12");
    for device in &devices {
        run("sgdisk", &["-v", &device.display().to_string()]);
        write(device).unwrap();
    }
    // The original comes second: the embedded array refuses it, others show it, and nothing changes for
    // the disk that took its place.
    let comes = world.storage.unmask(&world.service, 0);
    assert_eq!(ids_of(&devices), originals, "check 13");
    if comes {
        assert_eq!(ids_of(&world.originals[..1]), originals[..1], "check 13");
    }
}

fn disks_in_use_are_not_masked<S: Storage + Default>() {
    let world = World::<S>::new();
    let (set, devices) = world.create();
    let before = ids_of(&devices);
    // As a mounted file system has it.
    let user = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::EXCL.bits().cast_signed())
        .open(&devices[0])
        .unwrap();
    assert_eq!(
        world.break_ex(set, 0x1),
        Ok(ResultCode::VSS_E_PROVIDER_VETO),
        "check 19"
    );
    assert!(world.is_listed(set), "check 19");
    assert_eq!(ids_of(&devices), before, "check 19");
    assert!(
        devices.iter().all(|device| is_read_only(device)),
        "check 19"
    );
    drop(user);
    assert_eq!(world.break_ex(set, 0x1), FINISHED);
    assert!(devices.iter().all(|device| !device.exists()));
}

/// Flags of the partitions of a disk.
fn flags_of(device: &Path) -> Vec<u64> {
    identity(device)
        .partitions
        .iter()
        .map(|partition| partition.attributes & (READ_ONLY | SHADOW_COPY | HIDDEN))
        .collect()
}

fn volumes_share_a_disk<S: Storage + Default>() {
    let world = World::<S>::new();
    let volumes = world.storage.volumes(&world.originals[0]);
    let ((set, _), _session) = world.create_of(Context::NAS_ROLLBACK, &volumes);
    let listed = world.service.set(set).unwrap();
    assert_eq!(listed.copies.len(), volumes.len(), "check 22");
    assert_eq!(listed.luns.len(), 1, "check 22");
    let disk = listed.luns[0].device.clone();
    assert_eq!(world.break_ex(set, 0x2), FINISHED, "check 22");
    assert_eq!(flags_of(&disk), [0, 0], "check 22");
    write(&disk).unwrap();
    run("sgdisk", &["-v", &disk.display().to_string()]);

    let ((set, _), _session) = world.create_of(Context::NAS_ROLLBACK, &volumes[..1]);
    let disk = world.service.set(set).unwrap().luns[0].device.clone();
    let both = READ_ONLY | SHADOW_COPY | HIDDEN;
    assert_eq!(flags_of(&disk), [both, both], "check 23");
    assert_eq!(world.break_ex(set, 0x2), FINISHED, "check 23");
    assert_eq!(flags_of(&disk), [0, 0], "check 23");
    let ((set, devices), _session) = world.create_of(Context::NAS_ROLLBACK, &volumes);
    assert!(devices.iter().all(|device| device.exists()));
    assert_eq!(world.break_ex(set, 0x1), FINISHED, "check 22");
    assert!(devices.iter().all(|device| !device.exists()), "check 22");
}

fn plain_breaks_revert_what_they_can<S: Storage + Default>() {
    let world = World::<S>::new();
    let originals = ids_of(&world.originals);
    let (set, devices) = world.create();
    world.storage.mask(&world.service, 0);
    world.storage.mask(&world.service, 1);
    assert_eq!(world.break_ex(set, 0x0), FINISHED, "check 15");
    assert_eq!(ids_of(&devices), originals, "check 15");
    assert!(
        devices.iter().all(|device| is_read_only(device)),
        "check 15"
    );
}

fn auto_release<S: Storage + Default>() {
    let world = World::<S>::new();
    let ((set, devices), session) = world.create_in(Context::FILE_SHARE_BACKUP);
    assert_eq!(world.break_ex(set, 0x2), FINISHED);
    drop(session);
    for device in &devices {
        write(device).unwrap();
    }
    let ((second, gone), session) = world.create_in(Context::FILE_SHARE_BACKUP);
    assert!(gone.iter().all(|device| device.exists()));
    drop(session);
    assert!(!world.is_listed(second), "check 16");
    assert!(gone.iter().all(|device| !device.exists()), "check 16");
}

/// udev reads a disk whose last writer has closed it. It is to find what the disk has become, and not to
/// take time from the break.
fn udev_looks_at_broken_disks_only<S: Storage + Default>() {
    let world = World::<S>::new();
    let (set, devices) = world.create();
    let is_listed = || world.is_listed(set);
    let by_hand = Watch::new(&devices).during(is_listed, || {
        for device in &devices {
            set_read_only(device, false);
            drop(File::options().write(true).open(device).unwrap());
            set_read_only(device, true);
        }
    });
    assert_eq!(by_hand, [true, true], "the watch sees what udev would");
    let seen = Watch::new(&devices).during(is_listed, || {
        assert_eq!(world.break_ex(set, 0xA), FINISHED);
    });
    assert_eq!(seen, [false, false]);
}

macro_rules! on_all_storage {
    ($($check:ident,)*) => {
        mod on_loop {
            $(#[test] fn $check() { super::$check::<crate::storage::Loops>(); })*
        }
        mod on_lvm_thin {
            $(#[test] fn $check() { super::$check::<crate::storage::Thin>(); })*
        }
        mod on_lio {
            $(#[test] fn $check() { super::$check::<crate::storage::Lio>(); })*
        }
    };
}

on_all_storage! {
    unknown_and_illegal,
    plain_breaks_stay_read_only,
    read_write_clones,
    masked_disks_are_gone,
    originals_are_replaced,
    disks_in_use_are_not_masked,
    volumes_share_a_disk,
    plain_breaks_revert_what_they_can,
    auto_release,
    udev_looks_at_broken_disks_only,
}
