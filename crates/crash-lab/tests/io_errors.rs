//! Every call on images, and on the catalogues, fails in turn: the operation says so, and nothing is
//! left half done.

mod lab;

use crash_lab::faults::{self, Tally};
use crash_lab::scenario::{Operation, Originals};
use crash_lab::shim::{Class, Lasts};

use lab::{must, scenario};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

const IMAGES: [(i32, Lasts); 4] = [
    (EIO, Lasts::Once),
    (EIO, Lasts::Forever),
    (EIO, Lasts::Short),
    (ENOSPC, Lasts::Once),
];

const CATALOGUES: [(i32, Lasts); 3] = [
    (EIO, Lasts::Once),
    (EIO, Lasts::Forever),
    (ENOSPC, Lasts::Once),
];

fn everywhere(name: &str, operation: Operation, class: Class) {
    let kinds: &[_] = match class {
        Class::Images => &IMAGES,
        Class::Catalogues => &CATALOGUES,
    };
    let Tally {
        runs,
        failures,
        named,
        ..
    } = must(name, faults::everywhere(&scenario(operation), class, kinds));
    println!(
        "{name}, {class:?}: {runs} runs, {failures} reported a failure, {named} disks named as damaged"
    );
    assert!(runs > failures, "{name}: no run got through");
}

const ALL: Operation = Operation::Break(0x6, Originals::Masked);
const BESIDE: Operation = Operation::Break(0x2, Originals::Present);

#[test]
fn break_that_reverts_all_images() {
    everywhere("break 0x6, originals masked", ALL, Class::Images);
}

#[test]
fn break_that_reverts_all_catalogues() {
    everywhere("break 0x6, originals masked", ALL, Class::Catalogues);
}

#[test]
fn break_beside_the_originals_images() {
    everywhere("break 0x2, originals present", BESIDE, Class::Images);
}

#[test]
fn break_beside_the_originals_catalogues() {
    everywhere("break 0x2, originals present", BESIDE, Class::Catalogues);
}

#[test]
fn create_images() {
    everywhere("create", Operation::Create, Class::Images);
}

#[test]
fn create_catalogues() {
    everywhere("create", Operation::Create, Class::Catalogues);
}

#[test]
fn delete_images() {
    everywhere("delete", Operation::Delete, Class::Images);
}

#[test]
fn delete_catalogues() {
    everywhere("delete", Operation::Delete, Class::Catalogues);
}

#[test]
fn undo_images() {
    everywhere("undo", Operation::Undo, Class::Images);
}

#[test]
fn undo_catalogues() {
    everywhere("undo", Operation::Undo, Class::Catalogues);
}
