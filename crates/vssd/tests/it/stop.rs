//! The orderly stop, and the one that is in a hurry.

use rustix::process::Signal;
use vss_model::Context;
use vss_service::{Queries, Service, is_connection_lost};

use crate::daemon::Place;
use crate::disks;

#[test]
fn sessions_are_released_at_the_end() {
    let place = Place::new("");
    let mut daemon = place.start();
    let client = place.client();
    disks::empty(&client, "one");
    let session = client.create_backup_components().unwrap();
    disks::set_in(session.as_ref(), Context::BACKUP, &["one"]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().code(), Some(0), "{:?}", daemon.log());
    assert!(is_connection_lost(&client.sets().unwrap_err()));
    // Nothing was left to the next start.
    let names = std::fs::read_dir(place.path("state/host")).unwrap();
    assert_eq!(names.count(), 1, "the copy is gone, the original is not");
}

#[test]
fn a_running_operation_is_waited_for() {
    const TEST: &str = "a_running_operation_is_waited_for";
    let place = Place::new("");
    let mut daemon = place.start();
    let client = place.client();
    let Some(blocked) = disks::blocked_break(&place, &client, TEST) else {
        return;
    };
    daemon.signal(Signal::TERM);
    daemon.said("SIGTERM: stopping");
    // Others are not let in any more.
    assert!(crate::daemon::eventually(|| !place.socket().exists()));
    drop(blocked.lease);
    assert_eq!(daemon.end().code(), Some(0), "{:?}", daemon.log());
    let daemon = place.start();
    let client = place.client();
    let record = client.record(blocked.operation.operation()).unwrap();
    assert_eq!(record.error, None);
    assert!(!record.recovered, "it ended in its own time");
    assert!(client.set(blocked.set).is_err());
    daemon.stop();
}

#[test]
fn the_time_limit_ends_the_wait_and_the_next_start_the_operation() {
    const TEST: &str = "the_time_limit_ends_the_wait_and_the_next_start_the_operation";
    let place = Place::new("[shutdown]\nlimit_seconds = 1\n");
    let mut daemon = place.start();
    let client = place.client();
    let Some(blocked) = disks::blocked_break(&place, &client, TEST) else {
        return;
    };
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().code(), Some(1), "{:?}", daemon.log());
    let line = daemon.said("the time limit is over");
    assert!(line.contains(&blocked.set.to_string()), "{line}");
    let operation = blocked.operation.operation();
    assert!(line.contains(&operation.to_string()), "{line}");
    drop(blocked.lease);
    let daemon = place.start();
    let line = daemon.said("recovered:");
    assert!(line.contains(&blocked.set.to_string()), "{line}");
    assert!(place.client().record(operation).unwrap().recovered);
    daemon.stop();
}

#[test]
fn a_second_signal_ends_at_once() {
    const TEST: &str = "a_second_signal_ends_at_once";
    let place = Place::new("[shutdown]\nlimit_seconds = 86400\n");
    let mut daemon = place.start();
    let client = place.client();
    let Some(blocked) = disks::blocked_break(&place, &client, TEST) else {
        return;
    };
    daemon.signal(Signal::TERM);
    daemon.said("SIGTERM: stopping");
    daemon.signal(Signal::INT);
    assert_eq!(daemon.end().code(), Some(1), "{:?}", daemon.log());
    daemon.said("SIGINT again: stopped at once");
    drop(blocked);
}
