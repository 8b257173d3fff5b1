//! The target by iSCSI.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use vss_model::LunInformation;
use vss_provider::{CreateSnapshotSet, HardwareProvider, Provider};

use crate::lio::{read, write};
use crate::trouble::{LEN, begin, byte, copied, device_of, mask, seen};
use crate::wire::{Access, Wire};

/// What the kernel says the disk under a device node is.
fn name_of(device: &Path) -> String {
    let name = device.file_name().unwrap().to_str().unwrap();
    fs::read_to_string(format!("/sys/block/{name}/device/wwid"))
        .unwrap()
        .trim()
        .to_owned()
}

fn called(lun: &LunInformation) -> String {
    lun.lun_id().unwrap().to_string()
}

/// The number under which the host sees the disk of a device node.
fn number_of(device: &Path) -> u32 {
    let name = device.file_name().unwrap().to_str().unwrap();
    let scsi = fs::canonicalize(format!("/sys/block/{name}/device")).unwrap();
    let address = scsi.file_name().unwrap().to_str().unwrap();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// A set from its beginning to the end of its copy. The list, where there is one, gives the numbers of two
/// LUNs to each other.
fn whole_life(access: Access) {
    let mut wire = Wire::new(access);
    let (number, shown) = match access {
        Access::Everybody => (2, 2),
        Access::Listed => (4, 2),
    };
    let db = wire.lab.store("db", &byte(1), 512);
    let other = wire.lab.store("other", &byte(9), 512);
    let disk = wire.map(&db, number, shown);
    wire.map(&other, 6 - number, 6 - shown);
    let before = wire.leavings();

    let provider = wire.lab.open();
    provider.on_load().unwrap();
    let luns = provider.presented_luns().unwrap();
    assert_eq!(luns.len(), 2, "{luns:?}");
    let (device, original) = seen(&provider, "lio:db").unwrap();
    assert_eq!(device, disk);
    assert_eq!(read(&device, 0, LEN), byte(1));
    assert_eq!(name_of(&device), called(&original));

    let (copy, _) = copied(&provider);
    write(&device, 0, &byte(2));
    let device = device_of(&provider, &copy).unwrap();
    assert_eq!(read(&device, 0, LEN), byte(1));
    assert_eq!(name_of(&device), called(&copy));
    assert_ne!(called(&copy), called(&original));
    write(&device, 4096, &[5; 512]);

    mask(&provider, &copy, &original).unwrap();
    assert!(device_of(&provider, &copy).is_none());
    assert!(!device.exists());
    let with_copy = wire.leavings().len();

    provider.locate_luns(std::slice::from_ref(&copy)).unwrap();
    assert_ne!(wire.leavings().len(), with_copy);
    let device = device_of(&provider, &copy).unwrap();
    assert_eq!(name_of(&device), called(&copy));
    assert_eq!(read(&device, 4096, 512), [5; 512]);
    assert_eq!(read(&device, 0, 4096), byte(1)[..4096]);

    provider.on_lun_empty(&device, &copy).unwrap();
    assert_eq!(wire.leavings(), before);
    assert_eq!(provider.presented_luns().unwrap().len(), 2);
}

#[test]
fn a_set_where_everybody_sees_everything() {
    whole_life(Access::Everybody);
}

#[test]
fn a_set_where_a_list_gives_other_numbers() {
    whole_life(Access::Listed);
}

/// The number of a visible copy is given to another LUN; neither the host nor the provider is told.
fn stale(access: Access) {
    let mut wire = Wire::new(access);
    let db = wire.lab.store("db", &byte(1), 512);
    let other = wire.lab.store("other", &byte(9), 512);
    wire.map(&db, 0, 0);
    let provider = wire.lab.open();
    let (copy, original) = copied(&provider);
    let was = device_of(&provider, &copy).unwrap();
    let number = number_of(&was);
    // Not stored yet, and never to be stored in another LUN.
    let mut open = OpenOptions::new().write(true).open(&was).unwrap();
    open.write_all(&[7; 4096]).unwrap();
    wire.unmap_silently(number);
    wire.map_silently(&other, number, number);

    // The control: the device, and all that the host knows of it, are the copy's; the content is not.
    assert!(was.exists());
    assert_eq!(name_of(&was), called(&copy));
    assert_eq!(read(&was, 65536, 512), byte(9)[..512]);
    assert!(device_of(&provider, &copy).is_none());
    assert!(seen(&provider, "lio:other").is_none());

    provider.locate_luns(std::slice::from_ref(&copy)).unwrap();
    let now = device_of(&provider, &copy).unwrap();
    assert_ne!(number_of(&now), number);
    assert_eq!(name_of(&now), called(&copy));
    assert_eq!(read(&now, 65536, 512), byte(1)[..512]);
    assert!(!wire.scsi(number).exists(), "the stale disk is there");
    drop(open);
    assert_eq!(
        fs::read(wire.lab.images.join("other.img")).unwrap(),
        byte(9)
    );
    let device = wire.scan(number);
    assert_eq!(seen(&provider, "lio:other").unwrap().0, device);

    // Once more, and withdrawn instead.
    let number = number_of(&now);
    wire.unmap_silently(number);
    let third = wire.lab.store("third", &byte(8), 512);
    wire.map_silently(&third, number, number);
    assert_eq!(name_of(&now), called(&copy));
    mask(&provider, &copy, &original).unwrap();
    assert!(!wire.scsi(number).exists(), "the stale disk is there");
    provider.on_lun_empty(&now, &copy).unwrap();
    assert_eq!(
        fs::read(wire.lab.images.join("third.img")).unwrap(),
        byte(8)
    );
}

#[test]
fn a_stale_disk_is_not_mistaken() {
    stale(Access::Everybody);
}

#[test]
fn a_stale_disk_of_a_list_is_not_mistaken() {
    stale(Access::Listed);
}

#[test]
fn a_stale_original_is_not_presented() {
    let mut wire = Wire::new(Access::Everybody);
    let db = wire.lab.store("db", &byte(1), 512);
    let other = wire.lab.store("other", &byte(9), 512);
    let device = wire.map(&db, 0, 0);
    let provider = wire.lab.open();
    let (_, original) = seen(&provider, "lio:db").unwrap();
    wire.unmap_silently(0);
    wire.map_silently(&other, 0, 0);
    wire.map_silently(&db, 1, 1);
    // The control: by its device it would be the original.
    assert_eq!(name_of(&device), called(&original));
    assert_eq!(read(&device, 0, 512), byte(9)[..512]);
    assert_eq!(provider.presented_luns().unwrap(), []);
    assert_eq!(wire.scan(1), seen(&provider, "lio:db").unwrap().0);
}

#[test]
fn a_crash_at_each_phase_and_an_abort_leave_nothing() {
    let mut wire = Wire::new(Access::Listed);
    let db = wire.lab.store("db", &byte(1), 512);
    wire.map(&db, 3, 0);
    let before = wire.leavings();
    for phases in 1..=7 {
        let provider = wire.lab.open();
        provider.on_load().unwrap();
        let (set, ..) = begin(&provider, phases);
        if phases > 1 {
            assert_ne!(wire.leavings(), before, "after {phases} phases nothing");
        }
        drop(provider);
        let provider = wire.lab.open();
        provider.on_load().unwrap();
        provider.abort_snapshots(set).unwrap();
        assert_eq!(wire.leavings(), before, "after {phases} phases");
    }
}

#[test]
fn copies_come_back_with_the_session() {
    let mut wire = Wire::new(Access::Listed);
    let db = wire.lab.store("db", &byte(1), 512);
    wire.map(&db, 3, 0);
    let provider = wire.lab.open();
    let (copy, _) = copied(&provider);
    drop(provider);
    wire.log_out();

    let provider = wire.lab.open();
    provider.on_load().unwrap();
    assert_eq!(provider.presented_luns().unwrap(), []);
    let problems = provider.take_problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("no portal group"), "{problems:?}");

    wire.log_in();
    provider.on_load().unwrap();
    assert_eq!(provider.take_problems(), Vec::<String>::new());
    let device = device_of(&provider, &copy).unwrap();
    assert_eq!(name_of(&device), called(&copy));
    assert_eq!(read(&device, 0, LEN), byte(1));
}
