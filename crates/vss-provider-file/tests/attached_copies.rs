//! Shadow copies of attached LUNs, and the suite of all providers over them.

mod common;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use common::bench::{Bench, attached, claim, device, is_refused, read};
use common::harness::FileHarness;
use common::loops::{are_usable, sysfs};
use common::{finish, prepare, write};
use vss_provider::conformance::{self, CheckFailure};
use vss_provider::{CreateSnapshotSet, HardwareProvider, Provider};
use vss_provider_file::FileArray;

#[test]
fn attached_luns_pass_the_suite_of_all_providers() {
    if are_usable("attached_luns_pass_the_suite_of_all_providers") {
        conformance::run_all(FileHarness::attached);
    }
}

#[test]
fn attached_luns_pass_the_suite_on_a_host_that_restarts() {
    if !are_usable("attached_luns_pass_the_suite_on_a_host_that_restarts") {
        return;
    }
    // The numbers of loop devices do not outlive the host, and these checks compare paths; a test below
    // stands for them.
    let by_path = [
        "finished_copies_outlive_a_crash",
        "abort_after_a_crash_frees",
    ];
    let failures: Vec<CheckFailure> = conformance::checks()
        .iter()
        .filter(|check| !by_path.contains(&check.name))
        .filter_map(|check| check.run(FileHarness::attached_on_a_restarted_host()).err())
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn copies_are_attached_and_leave_nothing() {
    let Some(bench) = Bench::new("copies_are_attached_and_leave_nothing") else {
        return;
    };
    let array = bench.top.open();
    let originals = [
        attached(&array, "small", 512),
        attached(&array, "large", 4096),
    ];
    for original in &originals {
        write(original, 4096, b"before the instant");
    }
    let before = bench.loops.devices();
    let names = ["small", "large"];
    let set = prepare(&array, &names).unwrap();
    let copies = finish(&array, set, &names).unwrap();
    assert_eq!(bench.loops.devices().len(), 4);
    for original in &originals {
        write(original, 4096, b"later than that...");
    }
    let luns = array.list().unwrap();
    for (copy, name) in copies.iter().zip(names) {
        let lun = luns.iter().find(|lun| lun.information == *copy).unwrap();
        assert!(lun.attached);
        assert_eq!(lun.copy_of.as_ref().unwrap().name, name);
        let device = device(&array, &lun.name);
        assert!(!before.contains(&device));
        assert_eq!(read(&device, 4096, 18), b"before the instant");
        assert_eq!(
            sysfs(&device, "queue/logical_block_size"),
            lun.sector_size.to_string()
        );
        assert_eq!(sysfs(&device, "ro"), "0");
        let user = claim(&device);
        is_refused(
            &array.on_lun_empty(&device, copy).unwrap_err(),
            &lun.name,
            &device,
        );
        drop(user);
        array.on_lun_empty(&device, copy).unwrap();
        assert!(!lun.image.exists());
    }
    assert_eq!(bench.loops.devices(), before);
    bench.top.is_consistent(&array);
    array.on_load().unwrap();
    assert_eq!(bench.loops.devices(), before);
}

#[test]
fn copies_outlive_a_restart_of_the_host() {
    let Some(bench) = Bench::new("copies_outlive_a_restart_of_the_host") else {
        return;
    };
    let array = bench.top.open();
    write(&attached(&array, "db", 512), 4096, b"before the instant");
    let set = prepare(&array, &["db"]).unwrap();
    let copy = finish(&array, set, &["db"]).unwrap().pop().unwrap();
    write(&device(&array, "db"), 4096, b"later than that...");
    let found = |array: &FileArray| {
        let luns = array.presented_luns().unwrap();
        let lun = luns.into_iter().find(|lun| lun.information == copy);
        (lun.as_ref().unwrap().name.clone(), lun.unwrap().backing)
    };
    let before = found(&array);
    drop(array);
    bench.loops.detach_all();
    let array = bench.top.open();
    assert_eq!(found(&array), before);
    let device = device(&array, &before.0);
    assert_eq!(read(&device, 4096, 18), b"before the instant");
    assert_eq!(bench.loops.devices().len(), 2);
    array.abort_snapshots(set).unwrap();
    assert_eq!(bench.loops.devices(), [self::device(&array, "db")].into());
    bench.top.is_consistent(&array);
}

/// What an application wrote is in the memory of the device, which is not that of the image.
#[test]
fn what_is_in_the_memory_of_a_device_is_copied() {
    let test = "what_is_in_the_memory_of_a_device_is_copied";
    let Some(bench) = Bench::new(test) else {
        return;
    };
    let array = bench.top.open();
    let original = attached(&array, "db", 512);
    let set = prepare(&array, &["db"]).unwrap();
    // Open to the end: the last one that closes a device flushes it.
    let writer = OpenOptions::new().write(true).open(&original).unwrap();
    writer.write_all_at(b"not synced", 4096).unwrap();
    if read(&bench.image("db"), 4096, 10) == b"not synced" {
        println!("skipped: {test} (the kernel wrote at once)");
        return;
    }
    let copy = finish(&array, set, &["db"]).unwrap().pop().unwrap();
    let luns = array.list().unwrap();
    let lun = luns.iter().find(|lun| lun.information == copy).unwrap();
    assert_eq!(read(&lun.image, 4096, 10), b"not synced");
    assert_eq!(read(&device(&array, &lun.name), 4096, 10), b"not synced");
    drop(writer);
}
