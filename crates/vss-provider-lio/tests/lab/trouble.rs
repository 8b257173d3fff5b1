//! What goes wrong between the target, the host and the provider.

use std::fs;
use std::path::PathBuf;

use uuid::Uuid;
use vss_lab::guest::run;
use vss_model::{
    HardwareOptions, LunInformation, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{Access, CreateSnapshotSet, HardwareProvider, Provider};
use vss_provider_lio::LioProvider;

use crate::lio::{Lab, Store, read, write};

pub(crate) const LEN: usize = 1 << 20;

pub(crate) fn byte(tag: u8) -> Vec<u8> {
    vec![tag; LEN]
}

/// One original, mapped.
fn one() -> (Lab, Store) {
    let mut lab = Lab::new();
    let store = lab.store("db", &byte(1), 512);
    lab.map(&store, 0);
    (lab, store)
}

pub(crate) fn seen(provider: &LioProvider, name: &str) -> Option<(PathBuf, LunInformation)> {
    provider
        .presented_luns()
        .unwrap()
        .into_iter()
        .find(|lun| lun.name == name)
        .map(|lun| (lun.device, lun.information))
}

pub(crate) fn device_of(provider: &LioProvider, lun: &LunInformation) -> Option<PathBuf> {
    provider
        .presented_luns()
        .unwrap()
        .into_iter()
        .find(|one| one.information.is_same_lun(lun))
        .map(|one| one.device)
}

/// Does the first phases of a creation; gives the set and the original.
pub(crate) fn begin(provider: &LioProvider, phases: usize) -> (SetId, PathBuf, LunInformation) {
    let set = SetId::from_uuid(Uuid::new_v4());
    let (device, original) = seen(provider, "lio:db").unwrap();
    let mut luns = [original.clone()];
    let steps: [&dyn Fn(); 8] = [
        &|| {
            provider
                .begin_prepare_snapshot(
                    set,
                    SnapshotId::from_uuid(Uuid::new_v4()),
                    SnapshotAttributes::empty(),
                    std::slice::from_ref(&device),
                    &mut luns.clone(),
                )
                .unwrap();
        },
        &|| provider.end_prepare_snapshots(set).unwrap(),
        &|| provider.pre_commit_snapshots(set).unwrap(),
        &|| provider.commit_snapshots(set).unwrap(),
        &|| provider.post_commit_snapshots(set, 1).unwrap(),
        &|| {
            let targets = provider
                .get_target_luns(
                    std::slice::from_ref(&device),
                    std::slice::from_ref(&original),
                )
                .unwrap();
            provider.locate_luns(&targets).unwrap();
        },
        &|| provider.pre_final_commit_snapshots(set).unwrap(),
        &|| provider.post_final_commit_snapshots(set).unwrap(),
    ];
    steps.iter().take(phases).for_each(|step| step());
    luns[0].disk_signature = Uuid::nil();
    (set, device, original)
}

/// A finished copy, visible.
pub(crate) fn copied(provider: &LioProvider) -> (LunInformation, LunInformation) {
    let (_, device, original) = begin(provider, 8);
    let copy = provider
        .get_target_luns(&[device], std::slice::from_ref(&original))
        .unwrap()
        .remove(0);
    (copy, original)
}

pub(crate) fn mask(
    provider: &LioProvider,
    copy: &LunInformation,
    original: &LunInformation,
) -> Result<(), vss_provider::ProviderError> {
    provider.ex().unwrap().on_lun_state_change(
        std::slice::from_ref(copy),
        std::slice::from_ref(original),
        HardwareOptions::DO_MASK_LUNS,
    )
}

#[test]
fn a_crash_at_each_phase_and_an_abort_leave_nothing() {
    let (lab, _store) = one();
    let before = lab.leavings();
    for phases in 1..=7 {
        let provider = lab.open();
        provider.on_load().unwrap();
        let (set, ..) = begin(&provider, phases);
        if phases > 1 {
            assert_ne!(
                lab.leavings(),
                before,
                "after {phases} phases nothing could leak"
            );
        }
        drop(provider);
        let provider = lab.open();
        provider.on_load().unwrap();
        provider.abort_snapshots(set).unwrap();
        assert_eq!(lab.leavings(), before, "after {phases} phases");
    }
}

#[test]
fn a_number_given_away_is_not_mistaken() {
    let (mut lab, _store) = one();
    let provider = lab.open();
    let (copy, original) = copied(&provider);
    let was = device_of(&provider, &copy).unwrap();
    let number = (1..8)
        .find(|number| lab.port.join(format!("lun/lun_{number}")).exists())
        .unwrap();
    mask(&provider, &copy, &original).unwrap();
    assert!(!was.exists());

    let other = lab.store("other", &byte(9), 512);
    lab.map(&other, number);
    // The control: whoever trusts the number takes the wrong disk.
    let (wrong, _) = seen(&provider, "lio:other").unwrap();
    assert_eq!(lab.number_of("other"), Some(number));
    assert_eq!(read(&wrong, 0, 512), byte(9)[..512]);
    assert!(device_of(&provider, &copy).is_none());

    provider.locate_luns(std::slice::from_ref(&copy)).unwrap();
    let now = device_of(&provider, &copy).unwrap();
    assert_ne!(now, wrong);
    assert_eq!(read(&now, 0, LEN), byte(1));
    assert_eq!(read(&wrong, 0, 512), byte(9)[..512]);

    mask(&provider, &copy, &original).unwrap();
    assert!(device_of(&provider, &copy).is_none());
    assert_eq!(read(&wrong, 0, 512), byte(9)[..512]);
    provider.on_lun_empty(&now, &copy).unwrap();
    assert_eq!(read(&wrong, 0, 512), byte(9)[..512]);
}

/// An administrator unmaps the visible copy and maps another LUN in its place; the provider was not told.
#[test]
fn a_lun_swapped_behind_the_provider_is_not_touched() {
    let (mut lab, _store) = one();
    let provider = lab.open();
    let (copy, original) = copied(&provider);
    lab.unmap(1);
    let other = lab.store("other", &byte(9), 512);
    lab.map(&other, 1);
    let (wrong, _) = seen(&provider, "lio:other").unwrap();
    assert!(device_of(&provider, &copy).is_none());
    mask(&provider, &copy, &original).unwrap();
    assert!(seen(&provider, "lio:other").is_some());
    provider.locate_luns(std::slice::from_ref(&copy)).unwrap();
    let now = device_of(&provider, &copy).unwrap();
    assert_eq!(read(&now, 0, LEN), byte(1));
    assert_ne!(now, wrong);
}

#[test]
fn a_copy_in_use_is_not_withdrawn() {
    let mut lab = Lab::new();
    let store = lab.store("db", &vec![0; 32 << 20], 512);
    lab.map(&store, 0);
    let provider = lab.open();
    let (device, _) = seen(&provider, "lio:db").unwrap();
    run("mkfs.ext4", &["-q", device.to_str().unwrap()]);
    let (copy, original) = copied(&provider);
    let device = device_of(&provider, &copy).unwrap();
    fs::create_dir_all("/run/lio-mount").unwrap();
    run("mount", &[device.to_str().unwrap(), "/run/lio-mount"]);
    let refused = mask(&provider, &copy, &original).unwrap_err();
    assert_eq!(refused.code, ResultCode::VSS_E_PROVIDER_VETO);
    assert!(refused.message.contains("/run/lio-mount"), "{refused}");
    assert!(provider.on_lun_empty(&device, &copy).is_err());
    assert!(device_of(&provider, &copy).is_some());
    run("umount", &["/run/lio-mount"]);
    mask(&provider, &copy, &original).unwrap();
    assert!(device_of(&provider, &copy).is_none());
}

#[test]
fn copies_come_back_after_a_reboot() {
    let (mut lab, store) = one();
    let provider = lab.open();
    let (shown, original) = copied(&provider);
    let (hidden, _) = copied(&provider);
    mask(&provider, &hidden, &original).unwrap();
    let device = device_of(&provider, &shown).unwrap();
    write(&device, 4096, &[7; 512]);
    provider
        .set_access(std::slice::from_ref(&shown), Access::ReadWrite)
        .unwrap();
    drop(provider);
    lab.power_off();

    // Nothing to come back to yet: told, and not fatal.
    let provider = lab.open();
    provider.on_load().unwrap();
    let problems = provider.take_problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("no portal group"), "{problems:?}");
    drop(provider);

    fs::create_dir_all(&lab.port).unwrap();
    fs::write(lab.port.join("nexus"), "naa.6001405000000001").unwrap();
    let image = fs::read(lab.images.join("db.img")).unwrap();
    let again = lab.store("db", &image, 512);
    // The administrator's tools restore the serial number too; this one's is new.
    assert_ne!(again.serial, store.serial);
    lab.map(&again, 0);
    let provider = lab.open();
    provider.on_load().unwrap();
    assert_eq!(provider.take_problems(), Vec::<String>::new());
    let device = device_of(&provider, &shown).unwrap();
    assert_eq!(read(&device, 4096, 512), [7; 512]);
    assert_eq!(read(&device, 0, 512), byte(1)[..512]);
    assert!(device_of(&provider, &hidden).is_none());
    provider.locate_luns(std::slice::from_ref(&hidden)).unwrap();
    let device = device_of(&provider, &hidden).unwrap();
    assert_eq!(read(&device, 0, LEN), byte(1));

    // An ordinary disk is nobody's to delete.
    let refused = provider.on_lun_empty(&device, &shown).unwrap_err();
    assert_eq!(refused.code, ResultCode::E_INVALIDARG);
    provider.on_lun_empty(&device, &hidden).unwrap();
    assert!(device_of(&provider, &shown).is_some());
}

#[test]
fn what_cannot_be_copied_is_refused_by_name() {
    let mut lab = Lab::new();
    let plain = PathBuf::from("/run/lio-plain");
    fs::create_dir_all(&plain).unwrap();
    let images = std::mem::replace(&mut lab.images, plain);
    let store = lab.store("db", &byte(1), 512);
    lab.images = images;
    lab.map(&store, 0);
    let ram = lab
        .port
        .ancestors()
        .nth(3)
        .unwrap()
        .join("core/rd_mcp_0/ram");
    fs::create_dir_all(&ram).unwrap();
    fs::write(ram.join("control"), "rd_pages=32").unwrap();
    fs::write(ram.join("wwn/vpd_unit_serial"), "ramdisk").unwrap();
    fs::write(ram.join("enable"), "1").unwrap();
    let ram = Store {
        folder: ram,
        serial: "ramdisk".into(),
    };
    lab.map(&ram, 1);
    let provider = lab.open();
    for (name, reason) in [("lio:db", "/run/lio-plain/db.img"), ("lio:ram", "rd_mcp")] {
        let (device, lun) = seen(&provider, name).unwrap();
        let refused = provider
            .are_luns_supported(SnapshotAttributes::empty(), &[device], &mut [lun])
            .unwrap_err();
        assert!(refused.message.contains(reason), "{refused}");
    }
}

/// The same LUN by two portal groups.
#[test]
fn two_paths_are_one_lun() {
    let (lab, store) = one();
    let second = Lab::new();
    second.map(&store, 4);
    let provider = lab.open();
    let luns = provider.presented_luns().unwrap();
    assert_eq!(luns.len(), 1, "{luns:?}");
    let (copy, original) = copied(&provider);
    assert_eq!(provider.presented_luns().unwrap().len(), 2);
    for lab in [&lab, &second] {
        let luns = fs::read_dir(lab.port.join("lun")).unwrap().count();
        assert_eq!(luns, 2);
    }
    mask(&provider, &copy, &original).unwrap();
    assert_eq!(provider.presented_luns().unwrap().len(), 1);
    second.unmap(4);
    provider
        .on_lun_empty(&PathBuf::from("/dev/null"), &copy)
        .unwrap();
    assert_eq!(
        lab.leavings()
            .iter()
            .filter(|one| one.contains("vss"))
            .count(),
        0
    );
}
