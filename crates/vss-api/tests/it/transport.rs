//! Connections that are not what they should be.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use vss_api::server::Limits;
use vss_service::Queries;

use crate::rig::{PATIENCE, Rig};

/// Reads until the other side closes; true when it did.
fn is_closed(mut stream: UnixStream, limit: Duration) -> bool {
    stream.set_read_timeout(Some(limit)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[test]
fn garbage_instead_of_a_preface() {
    let rig = Rig::uncut(Limits::default());
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 4096],
        &[0; 64],
    ] {
        let mut stream = rig.raw();
        stream.write_all(garbage).unwrap();
        assert!(is_closed(stream, PATIENCE));
    }
    assert!(rig.client().sets().is_ok());
}

#[test]
fn garbage_after_the_preface() {
    let rig = Rig::uncut(Limits::default());
    let mut stream = rig.raw();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&[0xff; 4096]).unwrap();
    assert!(is_closed(stream, PATIENCE));
    assert!(rig.client().sets().is_ok());
}

#[test]
fn who_says_nothing_is_dropped() {
    let rig = Rig::uncut(Limits {
        preface_timeout: Duration::from_millis(50),
        ..Limits::default()
    });
    assert!(is_closed(rig.raw(), PATIENCE));
    let mut half = rig.raw();
    half.write_all(&PREFACE[..10]).unwrap();
    assert!(is_closed(half, PATIENCE));
    // Control: the clock stops with the preface.
    let mut whole = rig.raw();
    whole.write_all(PREFACE).unwrap();
    whole.write_all(SETTINGS).unwrap();
    assert!(!is_closed(whole, Duration::from_millis(500)));
}

/// Pings find a peer that is there no more, or has stopped to answer.
#[test]
fn who_answers_no_ping_is_dropped() {
    let rig = Rig::uncut(Limits {
        // Long enough for a client on a busy machine to answer in.
        keepalive: Duration::from_secs(1),
        ..Limits::default()
    });
    let mut silent = rig.raw();
    silent.write_all(PREFACE).unwrap();
    silent.write_all(SETTINGS).unwrap();
    assert!(is_closed(silent, PATIENCE));
    // Control: a client that answers pings stays.
    let client = rig.client();
    let session = vss_service::Service::administration(&client).unwrap();
    assert!(is_closed(
        {
            let mut other = rig.raw();
            other.write_all(PREFACE).unwrap();
            other.write_all(SETTINGS).unwrap();
            other
        },
        PATIENCE
    ));
    session.start_snapshot_set().unwrap();
    assert!(rig.fake.inside().released.is_empty());
}

#[test]
fn a_client_works_within_another_runtime() {
    let rig = Rig::new();
    let outer = crate::rig::runtime();
    outer.block_on(async {
        let client = rig.client();
        assert!(client.sets().is_ok());
        drop(client);
    });
}
