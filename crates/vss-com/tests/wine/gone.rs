//! The daemon stops, is killed or is not there.

use rustix::process::Signal;

use crate::place::{APP, LOG, Place, eventually};

fn gone(what: &str, signal: Signal, checks: usize) {
    let mut place = Place::new();
    let program = place.program("gone").arg(what).arg(APP).arg(LOG);
    let mut seen = Vec::new();
    let report = program.run_with(|at, _| {
        seen.push(at.to_owned());
        match at {
            "end" => place.end(signal),
            _ => place.start(),
        }
        String::new()
    });
    report.good(checks);
    assert_eq!(seen, ["end", "start"]);
    // A break that had begun is over by now, in one way or the other.
    assert!(eventually(|| {
        let unfinished = place.json(&["list"])["unfinished"].clone();
        unfinished.as_array().is_some_and(Vec::is_empty)
    }));
}

#[test]
fn stopped() {
    gone("gone", Signal::TERM, 13);
}

#[test]
fn killed() {
    gone("gone", Signal::KILL, 13);
}

#[test]
fn killed_during_a_break() {
    gone("running", Signal::KILL, 5);
}

#[test]
fn not_there() {
    let mut place = Place::new();
    place.end(Signal::KILL);
    place.program("gone").arg("absent").run().good(1);
}
