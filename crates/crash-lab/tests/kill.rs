//! The process is killed at every call that changes a file: the next start brings each disk to one
//! side, whole.

mod lab;

use crash_lab::Outcome;
use crash_lab::judge::{self, Depth, Verdict};
use crash_lab::scenario::{Operation, Originals, Scenario};
use crash_lab::shim::{Mode, Side};
use crash_lab::tree::Tree;

use lab::{must, rounds, scenario};

/// Right after a call is right before the next, but for other threads; so most are killed before.
const AFTER_EVERY: u32 = 6;

fn killed(scenario: &Scenario, call: u32, side: Side) -> Outcome<Option<Verdict>> {
    scenario.reset()?;
    let run = scenario.run(&Mode::Kill(call, side))?;
    if !run.killed {
        return Ok(None);
    }
    judge::before_recovery(scenario, &Tree::scan(scenario.state())?.0)?;
    let depth = Depth {
        twice: call.is_multiple_of(4),
        further: call.is_multiple_of(4),
    };
    judge::recover(scenario, run.reported_success(), false, depth).map(Some)
}

fn everywhere(name: &str, operation: Operation) {
    let scenario = scenario(operation);
    let (mut before, mut after) = (0, 0);
    let mut call = 0;
    'calls: loop {
        call += 1;
        let both = rounds().is_some() || call % AFTER_EVERY == 0;
        for side in [Side::Before, Side::After]
            .into_iter()
            .take(if both { 2 } else { 1 })
        {
            match must(
                &format!("{name}, killed {side:?} call {call}"),
                killed(&scenario, call, side),
            ) {
                None => break 'calls,
                Some(Verdict::Before) => before += 1,
                Some(Verdict::After) => after += 1,
            }
        }
    }
    println!(
        "{name}: killed at {} calls; {before} came to rest before, {after} after",
        call - 1
    );
    assert!(call > 40, "{name}: too few calls were seen");
    assert!(
        before > 0 && after > 0,
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
