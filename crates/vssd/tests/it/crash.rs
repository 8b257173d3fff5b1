//! SIGKILL in the middle of a break.

use std::fs;

use rustix::process::Signal;
use vss_service::{Queries, is_connection_lost};

use crate::daemon::Place;
use crate::disks;

#[test]
fn a_break_that_was_cut_off_is_ended_before_the_socket_is_there() {
    const TEST: &str = "a_break_that_was_cut_off_is_ended_before_the_socket_is_there";
    let place = Place::new("");
    let mut daemon = place.start();
    let client = place.client();
    let Some(blocked) = disks::blocked_break(&place, &client, TEST) else {
        return;
    };
    let image = disks::image_of_copy(&client, blocked.set);
    let signature = |bytes: &[u8]| bytes[440..444].to_vec();
    assert_ne!(
        signature(&fs::read(&image).unwrap()),
        [0x11, 0x22, 0x33, 0x44],
        "the break must not have written yet"
    );
    daemon.signal(Signal::KILL);
    daemon.end();
    let lost = blocked.operation.wait(None).unwrap_err();
    assert!(is_connection_lost(&lost), "{}", lost.chain());
    drop(blocked.lease);

    let daemon = place.start();
    let log = daemon.log();
    let line = |text: &str| {
        log.iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text}: {log:?}"))
    };
    assert!(line("recovered: finished break of set") < line("Serving"));
    // The old client finds its way to the new daemon.
    let record = client.record(blocked.operation.operation()).unwrap();
    assert!(record.recovered);
    assert_eq!(record.error, None);
    assert!(client.set(blocked.set).is_err());
    assert_eq!(
        signature(&fs::read(&image).unwrap()),
        [0x11, 0x22, 0x33, 0x44]
    );
    daemon.stop();
}
