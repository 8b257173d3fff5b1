//! A power cut at every call of every operation: recovery brings each disk to one side, whole.

mod lab;

use crash_lab::scenario::{Operation, Originals, Plan, Tally};
use crash_lab::service::Service;
use crash_lab::tools;
use crash_lab::tree::Tree;
use crash_lab::view::View;
use crash_lab::{Outcome, judge};

use lab::{must, plan, rounds, say, scenario};

fn everywhere(name: &str, operation: Operation) {
    let scenario = scenario(operation);
    let tally = must(name, scenario.cut_everywhere(&plan()));
    say(name, &tally);
    assert!(
        tally.before > 0 && tally.after > 0,
        "{name}: one side was never reached"
    );
}

#[test]
fn break_that_reverts_all_with_originals_masked() {
    everywhere(
        "break 0x6, originals masked",
        Operation::Break(0x6, Originals::Masked),
    );
}

#[test]
fn break_that_reverts_what_it_can_with_originals_masked() {
    everywhere(
        "break 0x2, originals masked",
        Operation::Break(0x2, Originals::Masked),
    );
}

#[test]
fn break_that_makes_writable_beside_the_originals() {
    everywhere(
        "break 0x2, originals present",
        Operation::Break(0x2, Originals::Present),
    );
}

#[test]
fn break_that_leaves_read_only() {
    everywhere("break 0x0", Operation::Break(0x0, Originals::Present));
}

#[test]
fn break_that_masks() {
    everywhere("break 0x1", Operation::Break(0x1, Originals::Present));
}

#[test]
fn break_that_keeps_identities() {
    everywhere("break 0x8", Operation::Break(0x8, Originals::Masked));
}

#[test]
fn create() {
    everywhere("create", Operation::Create);
}

#[test]
fn delete() {
    everywhere("delete", Operation::Delete);
}

#[test]
fn undo() {
    everywhere("undo", Operation::Undo);
}

/// A power cut during the recovery from a power cut.
fn twice(name: &str, operation: Operation) {
    let scenario = scenario(operation);
    // States from which there is something to recover, spread over the run.
    let mut crashed: Vec<Tree> = Vec::new();
    let gathered = scenario.recording().cuts(0, &|_| false, &mut |remains| {
        if judge::is_between(&scenario, &remains.tree) {
            crashed.push(remains.tree);
        }
        Ok(())
    });
    must(name, gathered);
    let wanted = if rounds().is_some() { crashed.len() } else { 3 };
    let every = (crashed.len() / wanted).max(1);
    let mut sum = Tally::default();
    for crashed in crashed.iter().step_by(every) {
        let recovery = must(name, scenario.recovery(crashed));
        let plan = Plan {
            rounds: 1,
            promise: false,
            ..plan()
        };
        let tally = must(name, scenario.cut(&recovery, &plan));
        sum.count += tally.count;
        sum.before += tally.before;
        sum.after += tally.after;
    }
    say(&format!("recovery of {name}"), &sum);
    assert!(
        sum.count.different > 0,
        "{name}: no state was to be recovered"
    );
}

#[test]
fn recovery_of_a_break() {
    twice("break 0x6", Operation::Break(0x6, Originals::Masked));
}

#[test]
fn recovery_of_a_creation() {
    twice("create", Operation::Create);
}

#[test]
fn recovery_of_a_deletion() {
    twice("delete", Operation::Delete);
}

#[test]
fn recovery_of_an_undo() {
    twice("undo", Operation::Undo);
}

/// Some of the recovered states, before the programs of others.
#[test]
fn programs_of_others_agree() {
    let programs = tools::present();
    for (name, operation) in [
        ("break 0x6", Operation::Break(0x6, Originals::Masked)),
        ("create", Operation::Create),
    ] {
        let scenario = scenario(operation);
        let (mut number, mut states, mut answers) = (0_usize, 0, 0);
        let mut ask = |tree: &Tree| -> Outcome {
            judge::clear(scenario.state())?;
            tree.store(scenario.state())?;
            drop(Service::open(scenario.state())?);
            let view = View::read(scenario.state())?;
            answers += tools::agree(&programs, scenario.state(), &view)?;
            states += 1;
            Ok(())
        };
        let count = scenario.recording().cuts(1, &|_| false, &mut |remains| {
            number += 1;
            if number.is_multiple_of(25) {
                ask(&remains.tree)
            } else {
                Ok(())
            }
        });
        must(name, count);
        println!("{name}: {states} recovered states, {answers} answers of {programs:?}");
    }
}
