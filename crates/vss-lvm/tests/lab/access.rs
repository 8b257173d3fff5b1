//! What the storage remembers of a broken copy.

use std::path::{Path, PathBuf};

use uuid::Uuid;
use vss_lab::guest::{Group, in_lab, run};
use vss_lvm::LvmThin;
use vss_model::{LunInformation, SetId, SnapshotAttributes, SnapshotId};
use vss_provider::{Access, CreateSnapshotSet, HardwareProvider};

/// Copies of volumes of the group, located, and read-only to the host as the coordinator makes them.
fn copies(group: &Group, provider: &LvmThin, count: usize) -> (Vec<LunInformation>, Vec<PathBuf>) {
    for at in 0..count {
        assert!(Path::new(&group.thin(&format!("o{at}"), 4)).exists());
    }
    let set = SetId::from_uuid(Uuid::new_v4());
    let originals = provider.presented_luns().unwrap();
    let devices: Vec<PathBuf> = originals.iter().map(|lun| lun.device.clone()).collect();
    let mut luns: Vec<LunInformation> = originals.into_iter().map(|lun| lun.information).collect();
    let snapshot = SnapshotId::from_uuid(Uuid::new_v4());
    provider
        .begin_prepare_snapshot(
            set,
            snapshot,
            SnapshotAttributes::empty(),
            &devices,
            &mut luns,
        )
        .unwrap();
    provider.end_prepare_snapshots(set).unwrap();
    provider.pre_commit_snapshots(set).unwrap();
    provider.commit_snapshots(set).unwrap();
    provider.post_commit_snapshots(set, 1).unwrap();
    let copies = provider.get_target_luns(&devices, &luns).unwrap();
    provider.locate_luns(&copies).unwrap();
    provider.pre_final_commit_snapshots(set).unwrap();
    provider.post_final_commit_snapshots(set).unwrap();
    let seen = provider.presented_luns().unwrap();
    let devices: Vec<PathBuf> = copies
        .iter()
        .map(|copy| {
            let lun = seen.iter().find(|lun| lun.information.is_same_lun(copy));
            lun.unwrap().device.clone()
        })
        .collect();
    for device in &devices {
        run("blockdev", &["--setro", device.to_str().unwrap()]);
    }
    (copies, devices)
}

/// As after a reboot of the host.
fn activate_anew(group: &Group) {
    run("vgchange", &["-qq", "-an", group.name()]);
    run("vgchange", &["-qq", "-aay", group.name()]);
}

fn read_only(device: &Path) -> bool {
    let flag = run("blockdev", &["--getro", device.to_str().unwrap()]);
    flag.trim() == "1"
}

/// The host's own flag is not taken for LVM's permission: once, a copy that was to stay read-only
/// came back writable after a reboot.
#[test]
fn read_only_outlives_a_reboot() {
    in_lab();
    let group = Group::with_pool("vssaccess", 160, 512);
    let provider = LvmThin::new();
    let (copies, devices) = copies(&group, &provider, 2);
    let all = group.volumes().len();
    for _ in 0..2 {
        provider.set_access(&copies, Access::ReadOnly).unwrap();
    }
    assert!(devices.iter().all(|device| read_only(device)));
    activate_anew(&group);
    assert!(devices.iter().all(|device| device.exists()));
    assert!(devices.iter().all(|device| read_only(device)));
    // Nothing of ours touches an ordinary volume.
    for (copy, device) in copies.iter().zip(&devices) {
        assert!(provider.on_lun_empty(device, copy).is_err());
    }
    assert_eq!(group.volumes().len(), all);
    provider.set_access(&copies, Access::ReadWrite).unwrap();
    assert!(!devices.iter().any(|device| read_only(device)));
    group.check();
}

#[test]
fn read_write_outlives_a_reboot() {
    in_lab();
    let group = Group::with_pool("vssaccess", 160, 512);
    let provider = LvmThin::new();
    let (copies, devices) = copies(&group, &provider, 2);
    for _ in 0..2 {
        provider.set_access(&copies, Access::ReadWrite).unwrap();
    }
    activate_anew(&group);
    assert!(devices.iter().all(|device| device.exists()));
    assert!(!devices.iter().any(|device| read_only(device)));
}

#[test]
fn copies_stay_away_after_a_reboot() {
    in_lab();
    let group = Group::with_pool("vssaccess", 160, 512);
    let provider = LvmThin::new();
    let (copies, devices) = copies(&group, &provider, 2);
    provider.set_access(&copies, Access::ReadOnly).unwrap();
    provider.set_access(&copies, Access::Copy).unwrap();
    activate_anew(&group);
    assert!(!devices.iter().any(|device| device.exists()));
    provider.locate_luns(&copies).unwrap();
    for (copy, device) in copies.iter().zip(&devices) {
        provider.on_lun_empty(device, copy).unwrap();
    }
    assert_eq!(group.volumes().len(), 3);
}

/// Tags and permission as LVM has them.
fn standing(group: &Group, device: &Path) -> String {
    let name = device.file_name().unwrap().to_str().unwrap();
    let volume = group
        .volumes()
        .into_iter()
        .find(|volume| name == format!("{}-{}", group.name(), volume.replace('-', "--")))
        .unwrap();
    let path = format!("{}/{volume}", group.name());
    let columns = ["--noheadings", "-o", "lv_tags,lv_attr", &path];
    run("lvs", &columns).trim().to_owned()
}

/// A copy whose permission somebody has changed by hand: the quick way, which takes copies for writable,
/// must leave it to the careful one.
#[test]
fn the_permission_of_an_administrator_is_seen() {
    in_lab();
    let group = Group::with_pool("vssaccess", 160, 512);
    let provider = LvmThin::new();
    let (copies, devices) = copies(&group, &provider, 3);
    let path = |device: &Path| device.to_str().unwrap().to_owned();
    run("lvchange", &["-qq", "-pr", &path(&devices[0])]);
    run("lvchange", &["-qq", "-pr", &path(&devices[1])]);
    assert!(standing(&group, &devices[0]).contains("openvss.copy"));
    provider
        .set_access(&copies[..1], Access::ReadWrite)
        .unwrap();
    provider.set_access(&copies[1..], Access::ReadOnly).unwrap();
    let seen: Vec<String> = devices
        .iter()
        .map(|device| standing(&group, device))
        .collect();
    assert!(
        !seen.iter().any(|seen| seen.contains("openvss.copy")),
        "{seen:?}"
    );
    activate_anew(&group);
    assert_eq!(
        devices
            .iter()
            .map(|device| read_only(device))
            .collect::<Vec<_>>(),
        [false, true, true]
    );
}

/// Nothing but a copy is changed by the quick way, and a volume that is no copy gets what was asked for.
#[test]
fn ordinary_volumes_and_copies_together() {
    in_lab();
    let group = Group::with_pool("vssaccess", 160, 512);
    let provider = LvmThin::new();
    let (copies, devices) = copies(&group, &provider, 2);
    provider.set_access(&copies[..1], Access::ReadOnly).unwrap();
    provider.set_access(&copies, Access::ReadWrite).unwrap();
    activate_anew(&group);
    assert!(!devices.iter().any(|device| read_only(device)));
    provider.set_access(&copies, Access::Copy).unwrap();
    for device in &devices {
        assert!(standing(&group, device).contains("openvss.copy"));
    }
}
