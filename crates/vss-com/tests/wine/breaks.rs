//! Breaks through COM, each looked at from this side by sgdisk, sfdisk and the image's bytes: the
//! numbered checks of the contract (spec: break §12) that one machine with an array of images can show.

use std::collections::BTreeMap;
use std::fs;

use crate::disks::{Identity, bits, identity, is_read_only, same_data};
use crate::place::{APP, FIRST, LOG, Place, SECOND, copy_of, plain_id};
use crate::program::{Report, last};

/// What cannot be shown here, and where it is.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "2",
        "no set of a software provider without classic LVM: crates/vss/tests/lab",
    ),
    (
        "3",
        "who may not read the rendezvous file does not reach the daemon: crates/vssd/tests/it/access.rs",
    ),
    (
        "13",
        "an original that arrives after a break: crates/vss-coordinator/tests/it/checks.rs",
    ),
    (
        "17",
        "no copy can be exposed yet; `forgotten` in breaks.cpp has the code",
    ),
    ("18", "no transportable set can be created yet"),
    (
        "19, 20",
        "the array never vetoes: crates/vss-coordinator/tests/it/checks.rs",
    ),
    (
        "21",
        "gone.rs kills the daemon during a break; each step: crates/crash-lab/tests",
    ),
    ("24", "no writer can subscribe yet"),
    (
        "27, 28",
        "no provider resynchronises LUNs yet; `documents` in breaks.cpp has the codes",
    ),
];

const FINISHED: u32 = 0x0004_230A;
const REVERT_ID_FAILED: u32 = 0x8004_23F6;

type Facts = BTreeMap<String, Vec<String>>;

/// The disks of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disks {
    originals: Vec<Identity>,
    copies: Vec<Identity>,
}

fn disks(place: &Place, set: &str) -> Disks {
    // Where the array has them: the host does not see a masked one.
    let of = |name: &str| identity(&place.path("state/array").join(format!("{name}.img")));
    Disks {
        originals: ["app", "log"].map(of).to_vec(),
        copies: ["app", "log"].map(|lun| of(&copy_of(lun, set))).to_vec(),
    }
}

/// A break with flags, the originals in `masked` being masked before it; the disks before and after.
fn with_flags(flags: u32, outcome: u32, masked: &[&str], place: &Place) -> (Disks, Disks, String) {
    let mut seen = Vec::new();
    let mut id = String::new();
    let program = place
        .program("breaks")
        .arg("flags")
        .arg(format!("{flags:#x}"))
        .arg(format!("{outcome:#x}"));
    let report = program.arg(APP).arg(LOG).run_with(|at, facts| {
        id = last(facts, "set").to_owned();
        assert_eq!(at, ["before", "after"][seen.len()]);
        seen.push(disks(place, &id));
        if at == "before" && !masked.is_empty() {
            place.vss(&[&["lun", "mask"], masked].concat());
        }
        String::new()
    });
    // Six of the call and its operation, then the set: forgotten, or still there.
    report.good(if outcome == FINISHED { 13 } else { 7 });
    let [before, after] = seen.try_into().unwrap();
    (before, after, id)
}

fn bits_of(disk: &Identity) -> Vec<[bool; 4]> {
    disk.attributes.iter().copied().map(bits).collect()
}

/// Disk and partition ids, without attributes.
fn ids(disks: &[Identity]) -> Vec<(String, Vec<String>)> {
    disks
        .iter()
        .map(|disk| (disk.disk.clone(), disk.partitions.clone()))
        .collect()
}

/// Checks 1, 4 and 5, all 256 low flags, and the order of checks.
#[test]
fn codes_that_arguments_decide() {
    for (checks, reason) in ELSEWHERE {
        println!("checks {checks} of the contract are not here: {reason}");
    }
    let place = Place::new();
    let program = place.program("breaks").arg("codes").arg(APP).arg(LOG);
    let mut whole = None;
    let report = program.run_with(|_, facts: &Facts| {
        let set = last(facts, "set");
        let disks = disks(&place, set);
        assert!(
            disks
                .copies
                .iter()
                .all(|copy| { bits_of(copy).iter().all(|bits| *bits == [true; 4]) })
        );
        whole = Some(place.sets().len());
        String::new()
    });
    report.good(11 + 256 + (256 - 7) + 7 + 1);
    assert_eq!(whole, Some(1));
}

/// Checks 6, 7, and 15 with originals present.
#[test]
fn a_plain_break() {
    let place = Place::new();
    let mut seen = Vec::new();
    let program = place.program("breaks").arg("plain").arg(APP).arg(LOG);
    let report = program.run_with(|_, facts| {
        let set = last(facts, "set");
        seen.push(disks(&place, set));
        for lun in ["app", "log"] {
            let copy = place.device(&copy_of(lun, set));
            assert!(is_read_only(&copy) && same_data(&place.device(lun), &copy));
        }
        String::new()
    });
    report.good(8);
    assert_eq!(ids(&seen[0].copies), ids(&seen[1].copies));
    assert_eq!(seen[0].originals, seen[1].originals);
    // Read-only stays, shadow copy and hidden go, no drive letter stays.
    assert_eq!(bits_of(&seen[1].copies[0]), [[true, false, false, true]; 2]);
}

/// Check 15 with originals masked: as far as it goes, which is all the way.
#[test]
fn a_plain_break_beside_nothing_reverts() {
    let place = Place::new();
    let program = place.program("breaks").arg("plain").arg(APP).arg(LOG);
    let mut after = None;
    let report = program.run_with(|at, facts| {
        if at == "before" {
            place.vss(&["lun", "mask", "app", "log"]);
        } else {
            after = Some(disks(&place, last(facts, "set")));
        }
        String::new()
    });
    report.good(8);
    let after = after.unwrap();
    assert_eq!(ids(&after.copies), ids(&after.originals));
}

/// Check 8.
#[test]
fn a_read_write_break() {
    let place = Place::new();
    let (before, after, set) = with_flags(0x2, FINISHED, &[], &place);
    assert_eq!(ids(&before.copies), ids(&after.copies));
    assert_eq!(bits_of(&after.copies[0]), [[false, false, false, true]; 2]);
    for lun in ["app", "log"] {
        let copy = place.device(&copy_of(lun, &set));
        assert!(!is_read_only(&copy) && same_data(&place.device(lun), &copy));
    }
}

/// Check 9.
#[test]
fn a_break_that_masks() {
    let place = Place::new();
    let (before, after, set) = with_flags(0x1, FINISHED, &[], &place);
    assert_eq!(before, after, "masked disks go as they are");
    for lun in ["app", "log"] {
        let copy = copy_of(lun, &set);
        assert!(!place.device(&copy).exists());
        let shown = place.lun(&copy).unwrap();
        assert_eq!(shown["presented"], false, "{shown}");
    }
}

/// Checks 10 and 11.
#[test]
fn visible_originals_keep_their_identity_for_themselves() {
    let place = Place::new();
    for flags in [0x4, 0x6] {
        for masked in [&[][..], &["log"]] {
            let (before, after, set) = with_flags(flags, REVERT_ID_FAILED, masked, &place);
            assert_eq!(before, after, "{flags:#x} {masked:?}");
            place.vss(&["delete", &plain_id(&set)]);
            place.vss(&["lun", "unmask", "log"]);
        }
    }
}

/// Check 12: after a fast recovery the tables are those of the originals, byte for byte.
#[test]
fn masked_originals_are_replaced() {
    let place = Place::new();
    let (_, after, set) = with_flags(0x6, FINISHED, &["app", "log"], &place);
    assert_eq!(after.copies, after.originals);
    for lun in ["app", "log"] {
        let bytes =
            |name: &str| fs::read(place.path("state/array").join(format!("{name}.img"))).unwrap();
        assert!(bytes(lun) == bytes(&copy_of(lun, &set)), "{lun}");
    }
    // Without read-write: the same but for the bit.
    let other = Place::new();
    let (_, after, _) = with_flags(0x4, FINISHED, &["app", "log"], &other);
    assert_eq!(ids(&after.copies), ids(&after.originals));
    assert_eq!(bits_of(&after.copies[0]), [[true, false, false, false]; 2]);
}

/// Check 14, and flags 0x0.
#[test]
fn copies_beside_their_originals_keep_what_they_have() {
    let place = Place::new();
    for (flags, read_only) in [(0x0, true), (0x8, true), (0xA, false)] {
        let (before, after, set) = with_flags(flags, FINISHED, &[], &place);
        assert_eq!(ids(&before.copies), ids(&after.copies));
        assert_eq!(
            bits_of(&after.copies[0]),
            [[read_only, false, false, true]; 2],
            "{flags:#x}"
        );
        assert_eq!(
            is_read_only(&place.device(&copy_of("app", &set))),
            read_only
        );
    }
    // With nothing in the way, NONE still reverts nothing.
    let (before, after, _) = with_flags(0xA, FINISHED, &["app", "log"], &place);
    assert_eq!(ids(&before.copies), ids(&after.copies));
    assert_ne!(ids(&after.copies), ids(&after.originals));
}

/// Check 16.
#[test]
fn a_broken_set_outlives_its_object() {
    let place = Place::new();
    let program = place.program("breaks").arg("auto-release");
    let mut sets = 0;
    let report = program.arg(APP).arg(LOG).run_with(|_, facts| {
        sets += 1;
        assert!(place.sets().is_empty());
        for lun in ["app", "log"] {
            let copy = place.device(&copy_of(lun, last(facts, "set")));
            assert!(copy.exists() && !is_read_only(&copy));
        }
        String::new()
    });
    report.good(12);
    assert_eq!(sets, 2);
    assert_eq!(place.copies().len(), 4);
}

/// Checks 22 and 23.
#[test]
fn one_disk_with_two_volumes() {
    for volumes in [&[FIRST, SECOND][..], &[SECOND]] {
        let place = Place::new();
        let mut program = place.program("breaks").arg("flags").arg("0x2");
        program = program.arg(format!("{FINISHED:#x}"));
        for volume in volumes {
            program = program.arg(volume);
        }
        let mut after = None;
        let report: Report = program.run_with(|_, facts| {
            let copy = place.device(&copy_of("app", last(facts, "set")));
            after = Some(identity(&copy));
            String::new()
        });
        report.good(13);
        assert_eq!(place.copies().len(), 1, "one disk");
        // Also the partition that is not of the set.
        assert_eq!(
            bits_of(&after.unwrap()),
            [[false, false, false, true]; 2],
            "{volumes:?}"
        );
    }
}

#[test]
fn a_break_goes_on_without_its_handles() {
    let place = Place::new();
    let program = place.program("breaks").arg("let-go").arg(APP).arg(LOG);
    let mut broken = false;
    let report = program.run_with(|_, facts| {
        let copy = place.device(&copy_of("app", last(facts, "set")));
        broken = crate::place::eventually(|| place.sets().is_empty() && !is_read_only(&copy));
        String::new()
    });
    report.good(1);
    assert!(broken);
}

/// Checks 25 and 26.
#[test]
fn documents_lead_nowhere_after_a_break() {
    let place = Place::new();
    let program = place.program("breaks").arg("documents").arg(APP).arg(LOG);
    program.run().good(15);
}
