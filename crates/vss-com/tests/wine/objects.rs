//! The rules of COM, the objects that calls hand out, and the exports.

use crate::place::{APP, LOG, Place};

fn objects(what: &str, checks: usize) {
    let place = Place::new();
    place
        .program("objects")
        .arg(what)
        .arg(APP)
        .arg(LOG)
        .run()
        .good(checks);
    assert!(place.sets().is_empty() && place.copies().is_empty());
}

#[test]
fn interfaces() {
    objects("interfaces", 54);
}

#[test]
fn operations() {
    objects("operations", 9);
}

#[test]
fn enumerators() {
    objects("enumerators", 35);
}

#[test]
fn strings() {
    objects("strings", 12);
}

#[test]
fn exports() {
    objects("exports", 28);
}
