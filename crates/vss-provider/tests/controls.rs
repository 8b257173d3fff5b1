//! Providers that are wrong in one way each: the suite must notice, at the right check.
//!
//! Without them a check that never fails would look like a check that passes.

#![expect(clippy::unwrap_used, reason = "a test's provider may panic")]

mod broken;
mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use broken::{Broken, Defect};
use common::{ArrayHarness, OverArray};
use vss_provider::conformance::{checks, failures};
use vss_provider::fake::SimpleArray;

impl OverArray for Broken {
    fn array(&self) -> &SimpleArray {
        &self.array
    }
}

fn failing(defect: Defect) -> BTreeSet<&'static str> {
    failures(|| ArrayHarness::new(move |dir| Broken::open(dir, defect)))
        .iter()
        .map(|failure| failure.check)
        .collect()
}

#[test]
fn the_wrapper_alone_is_no_defect() {
    assert_eq!(failing(Defect::None), BTreeSet::new());
}

/// Each defect with the checks that it fails: all of them, and no other.
///
/// The check that is about the rule comes first; the others meet the same damage on their way, such
/// as a copy that is gone before it can be looked at.
const EXPECTED: &[(Defect, &[&str])] = &[
    (Defect::IsSoftware, &["properties_are_stable"]),
    (Defect::VersionChanges, &["properties_are_stable"]),
    (
        Defect::RefusesTwoLuns,
        &["own_luns_are_supported", "several_luns_in_one_set"],
    ),
    (Defect::AcceptsForeign, &["foreign_luns_are_not_supported"]),
    (Defect::AcceptsMixed, &["mixed_luns_are_not_supported"]),
    (
        Defect::TouchesInterconnects,
        &["support_leaves_interconnects_alone"],
    ),
    (Defect::RefusesOwnCopies, &["own_copies_are_supported"]),
    (
        Defect::AgreesToDifferential,
        &["agreed_contexts_can_be_made"],
    ),
    (
        Defect::FillInLeavesPadding,
        &["fill_in_gives_the_recorded_information"],
    ),
    (
        Defect::FillInClaimsForeign,
        &["fill_in_does_not_know_foreign_luns"],
    ),
    (
        Defect::ListsMaskedOriginals,
        &["masked_original_is_not_presented"],
    ),
    (Defect::CopiesAtEndPrepare, &["copy_holds_the_instant"]),
    (
        Defect::CopiesAtPostCommit,
        &["copy_holds_the_instant", "committed_copies_outlive_a_crash"],
    ),
    (
        Defect::MarksOriginalForAMoment,
        &[
            "originals_stay_untouched",
            "abort_after_a_crash_frees",
            "abort_after_commit",
            "committed_copies_outlive_a_crash",
        ],
    ),
    (Defect::CopiesFirstLunOnly, &["several_luns_in_one_set"]),
    (Defect::CopiesTwice, &["lun_of_two_volumes_is_copied_once"]),
    (Defect::ForgetsSectorSize, &["copy_keeps_the_sector_size"]),
    (
        Defect::KeepsAbandonedSet,
        &["new_set_drops_abandoned_preparation"],
    ),
    (Defect::UnknownSetIsFine, &["unknown_set_is_not_found"]),
    (Defect::UnknownSetIsVetoed, &["unknown_set_is_not_found"]),
    (Defect::LocatesAnything, &["unknown_luns_are_errors"]),
    (Defect::InventsCodes, &["codes_are_of_the_list"]),
    (
        Defect::SharesCopies,
        &[
            "sets_are_independent",
            "empty_frees_nothing_else",
            "mask_leaves_others_alone",
        ],
    ),
    (Defect::TargetsInArrayOrder, &["targets_are_one_to_one"]),
    (Defect::GivesSignature, &["target_signature_is_nil"]),
    (
        Defect::BorrowsIdentifier,
        &["target_has_an_identifier_of_its_own"],
    ),
    (
        Defect::NewIdentifierEachTime,
        &[
            "targets_are_stable",
            "fill_in_gives_the_recorded_information",
            "finished_copies_outlive_a_crash",
            "located_copies_bear_the_recorded_information",
            "targets_are_one_to_one",
        ],
    ),
    (
        Defect::VisibleAtPostCommit,
        &["copies_are_hidden_before_locate"],
    ),
    (
        Defect::RevisionDiffers,
        &["located_copies_bear_the_recorded_information"],
    ),
    (
        Defect::LocatesOnce,
        &["locate_is_repeatable", "committed_copies_outlive_a_crash"],
    ),
    (Defect::LosesWrites, &["located_copy_is_read_write"]),
    (
        Defect::AbortDoesNothing,
        &[
            "abort_after_begin_prepare",
            "abort_after_a_crash_frees",
            "abort_after_commit",
            "abort_after_end_prepare",
            "abort_after_get_target_luns",
            "abort_after_locate",
            "abort_after_post_commit",
            "abort_after_pre_commit",
            "abort_after_pre_final_commit",
        ],
    ),
    (
        Defect::AbortLeaksAfterCommit,
        &[
            "abort_after_commit",
            "abort_after_a_crash_frees",
            "abort_after_get_target_luns",
            "abort_after_locate",
            "abort_after_post_commit",
            "abort_after_pre_final_commit",
        ],
    ),
    (
        Defect::AbortFailsForUnknown,
        &["abort_is_repeatable", "half_made_sets_go"],
    ),
    (Defect::AbortTakesAll, &["abort_leaves_other_sets_alone"]),
    (
        Defect::MaskDoesNothing,
        &["mask_withdraws_and_keeps", "masked_stays_masked"],
    ),
    (
        Defect::MaskDeletes,
        &[
            "mask_withdraws_and_keeps",
            "identifiers_survive_masking",
            "masked_stays_masked",
        ],
    ),
    (Defect::MasksOnce, &["mask_is_repeatable"]),
    (Defect::MasksAll, &["mask_leaves_others_alone"]),
    (
        Defect::NotifyMasks,
        &["notifications_change_nothing", "read_write_lun_stays"],
    ),
    (Defect::ReadWriteIsSwept, &["read_write_lun_stays"]),
    (Defect::EmptyDoesNothing, &["empty_reclaims"]),
    (Defect::EmptiesOnce, &["empty_is_repeatable"]),
    (Defect::EmptiesSet, &["empty_frees_nothing_else"]),
    (Defect::EmptiesOriginals, &["empty_frees_nothing_else"]),
    (Defect::MaskingRenames, &["identifiers_survive_masking"]),
    (
        Defect::KeepsHalfMade,
        &["half_made_sets_go", "abort_after_a_crash_frees"],
    ),
    (
        Defect::LosesCommitted,
        &["committed_copies_outlive_a_crash"],
    ),
    (
        Defect::LosesFinished,
        &[
            "finished_copies_outlive_a_crash",
            "committed_copies_outlive_a_crash",
            "masked_stays_masked",
            "read_write_lun_stays",
        ],
    ),
    (Defect::UnmasksAtRestart, &["masked_stays_masked"]),
    (Defect::ReusesNumbers, &["identifiers_are_not_reused"]),
];

#[test]
fn each_defect_fails_at_its_checks() {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let work = || {
        while let Some((defect, expected)) = EXPECTED.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = failing(*defect);
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            if found != expected {
                let text = format!("{defect:?} fails {found:?} and not {expected:?}");
                wrong.lock().unwrap().push(text);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without an identifier of the right type nothing else can go well either.
#[test]
fn an_identifier_of_another_type_does_not_count() {
    let found = failing(Defect::HasVendorIdentifierOnly);
    assert!(found.contains("target_has_an_identifier_of_its_own"));
}

#[test]
fn each_check_has_a_defect_that_it_finds() {
    let covered: BTreeSet<&str> = EXPECTED
        .iter()
        .flat_map(|(_, checks)| checks.iter().copied())
        .collect();
    let all: BTreeSet<&str> = checks::<ArrayHarness<Broken>>()
        .iter()
        .map(|check| check.name)
        .collect();
    assert_eq!(covered, all);
    let tried: BTreeSet<String> = EXPECTED.iter().map(|(d, _)| format!("{d:?}")).collect();
    assert_eq!(tried.len(), EXPECTED.len());
}
