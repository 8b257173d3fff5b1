//! Many threads.

use crate::place::{APP, LOG, Place};
use crate::program::Program;

#[test]
fn sixteen_on_one_object() {
    let place = Place::new();
    let program = place.program("threads").arg("one").arg(APP).arg(LOG);
    program.run().good(6);
}

#[test]
fn sixteen_with_their_own() {
    let place = Place::new();
    let program = place.program("threads").arg("own").arg(APP).arg(LOG);
    program.run().good(1);
    assert!(place.sets().is_empty());
    assert_eq!(place.copies().len(), 16);
}

/// Control: threads really run at a time, so that what nobody guards goes wrong.
#[test]
fn a_race_is_found() {
    // On one processor chance may be kind once, but not each time.
    let found = (0..20).any(|_| Program::new("threads").arg("control").run().code == Some(1));
    assert!(found);
}
