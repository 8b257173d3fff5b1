//! Experiments that must fail: they show that the others can.

mod lab;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crash_lab::judge;
use crash_lab::power::Step;
use crash_lab::scenario::{Operation, Originals, Plan, Scenario};

use lab::{plan, scenario};

const ALL: Operation = Operation::Break(0x6, Originals::Masked);

/// The violation that the laboratory finds when the model is deaf to some syncs.
#[expect(clippy::panic, reason = "this is how a test ends that found nothing")]
fn deaf_to(operation: Operation, ignore: &dyn Fn(&Step) -> bool) -> String {
    let plan = Plan {
        rounds: 4,
        ignore,
        ..plan()
    };
    match scenario(operation).cut_everywhere(&plan) {
        Ok(tally) => panic!("nothing was found wrong: {tally:?}"),
        Err(failure) => failure.0,
    }
}

/// Prints how often a control bit, and how first.
fn tell(what: &str, found: &str) {
    let lines: Vec<&str> = found.lines().take(2).collect();
    println!("without {what}: {}", lines.join(" "));
}

#[test]
fn without_the_syncs_of_images() {
    let found = deaf_to(ALL, &|step| step.path().ends_with(".img"));
    tell("the syncs of images", &found);
    assert!(
        found.contains("table") || found.contains("neither"),
        "{found}"
    );
}

#[test]
fn without_the_sync_between_the_two_tables() {
    // On each disk the flush before the break comes first, then the one between the copies of the
    // table, then the last one.
    let seen = RefCell::new(BTreeMap::<String, BTreeSet<String>>::new());
    let found = deaf_to(ALL, &|step| {
        let mut seen = seen.borrow_mut();
        let of_disk = seen.entry(step.path().to_owned()).or_default();
        step.path().ends_with(".img")
            && step.show().contains("fdatasync")
            && of_disk.insert(step.show())
            && of_disk.len() == 2
    });
    tell("the sync between the two tables", &found);
    assert!(found.contains("no valid table is left"), "{found}");
}

#[test]
fn without_the_syncs_of_the_log_of_the_catalogue() {
    let found = deaf_to(ALL, &|step| step.path().ends_with("catalogue.db-wal"));
    tell("the syncs of the catalogue's log", &found);
    assert!(
        found.contains("neither") || found.contains("forgotten") || found.contains("the table of"),
        "{found}"
    );
}

#[test]
fn without_the_syncs_of_the_folder_of_images() {
    let found = deaf_to(Operation::Create, &|step| step.path() == "array");
    tell("the syncs of the folder of images", &found);
    assert!(
        found.contains("is missing") || found.contains("forgotten"),
        "{found}"
    );
}

#[test]
fn without_recovery() {
    let scenario: Scenario = scenario(ALL);
    let mut between = 0;
    let count = scenario
        .recording()
        .cuts(2, &|_| false, &mut |remains| {
            between += usize::from(judge::is_between(&scenario, &remains.tree));
            Ok(())
        })
        .unwrap();
    println!(
        "without recovery: {between} of {} states are on neither side",
        count.different
    );
    assert!(
        between > 0,
        "no state is between, so recovery was never put to the test"
    );
}
