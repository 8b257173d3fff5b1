//! Lives of sets, in the orders in which requesters call.

use crate::disks::{identity, same_data};
use crate::place::{APP, LOG, Place, copy_of, plain_id};
use crate::program::last;

/// The checks of a life with two volumes, without `SetContext`.
const WHOLE: usize = 88;

#[track_caller]
fn whole(order: &str, checks: usize) {
    let place = Place::new();
    let mut seen = Vec::new();
    let report = place
        .program("life")
        .arg(order)
        .arg(APP)
        .arg(LOG)
        .run_with(|at, facts| {
            seen.push(at.to_owned());
            let set = last(facts, "set");
            if at == "created" {
                assert_eq!(place.sets(), [plain_id(set)]);
                let shown = place.json(&["show", &plain_id(set)]);
                let ids = shown["snapshots"].as_array().unwrap().iter();
                let ids: Vec<_> = ids.map(|copy| copy["id"].as_str().unwrap()).collect();
                let told: Vec<_> = facts["copy"].iter().map(|id| plain_id(id)).collect();
                assert_eq!(ids, told);
                for lun in ["app", "log"] {
                    let copy = place.device(&copy_of(lun, set));
                    assert!(same_data(&place.device(lun), &copy), "{lun}");
                    // Its original is visible, so that it has an identity of its own.
                    assert_ne!(identity(&place.device(lun)).disk, identity(&copy).disk);
                }
            } else {
                assert_eq!(at, "released");
                assert_eq!(place.sets(), [""; 0]);
                assert_eq!(place.copies(), [""; 0]);
            }
            String::new()
        });
    report.good(checks);
    assert_eq!(seen, ["created", "released"]);
}

#[test]
fn a_backup_with_writers() {
    whole("whole", WHOLE + 1);
}

#[test]
fn a_backup_without_a_context() {
    whole("no-context", WHOLE);
}

#[test]
fn another_object_breaks_what_it_finds() {
    let place = Place::new();
    place
        .program("life")
        .arg("administration")
        .arg(APP)
        .arg(LOG)
        .run()
        .good(12);
    assert_eq!(place.sets(), [""; 0]);
    assert_eq!(place.copies().len(), 2);
}

#[test]
fn contexts_without_writers() {
    let place = Place::new();
    let program = place.program("life").arg("no-writers").arg(APP).arg(LOG);
    program.run().good(64);
    assert_eq!(place.sets().len(), 1);
}

#[test]
fn copies_and_sets_are_deleted() {
    let place = Place::new();
    let program = place.program("life").arg("deletion").arg(APP).arg(LOG);
    program.run().good(25);
    assert_eq!(place.copies(), [""; 0]);
}

#[test]
fn a_creation_is_given_up() {
    let place = Place::new();
    let program = place.program("life").arg("abort").arg(APP).arg(LOG);
    program.run().good(8);
    assert_eq!(place.copies(), [""; 0]);
}

/// The set of a process that ends without a release is gone, and so is its hold on creation.
#[test]
fn a_process_just_ends() {
    let place = Place::new();
    let program = place.program("life").arg("leave").arg(APP).arg(LOG);
    let report = program.run_with(|_, facts| {
        assert_eq!(place.sets(), [plain_id(last(facts, "set"))]);
        String::new()
    });
    report.good(1);
    // The daemon hears of it from the connection, a little later.
    assert!(crate::place::eventually(
        || place.sets().is_empty() && place.copies().is_empty()
    ));
    let program = place.program("life").arg("abort").arg(APP).arg(LOG);
    program.run().good(8);
}
