//! What the experiments share.
#![allow(dead_code, reason = "not every experiment uses everything")]

use crash_lab::Outcome;
use crash_lab::scenario::{Operation, Plan, Scenario, Tally};
use crash_lab::shim::Rig;

/// How much is tried at random; `VSS_CRASH_ROUNDS` asks for more.
pub(crate) fn rounds() -> Option<usize> {
    std::env::var("VSS_CRASH_ROUNDS").ok()?.parse().ok()
}

/// The result, or the end of the test.
#[expect(clippy::panic, reason = "this is how a test ends that found something")]
pub(crate) fn must<T>(name: &str, outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"))
}

pub(crate) fn scenario(operation: Operation) -> Scenario {
    let rig = Rig::new(
        env!("CARGO_BIN_EXE_crash-driver"),
        env!("CARGO_TARGET_TMPDIR"),
    );
    must("set-up", rig.and_then(|rig| Scenario::new(&rig, operation)))
}

pub(crate) fn plan() -> Plan<'static> {
    Plan {
        rounds: rounds().unwrap_or(2),
        ignore: &|_| false,
        promise: true,
        sample: 8,
    }
}

pub(crate) fn say(name: &str, tally: &Tally) {
    let Tally {
        count,
        before,
        after,
    } = tally;
    println!(
        "{name}: {} cut points, {} states, {} different: {before} came to rest before, {after} after",
        count.points, count.states, count.different
    );
}
