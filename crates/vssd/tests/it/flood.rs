//! Too many connections, and connections that make no sense.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use vss_api::client::{Client, Endpoint};
use vss_model::ErrorKind;
use vss_service::{Queries, Service};

use crate::child::{Flood, look};
use crate::daemon::{Daemon, LONG, Place, eventually, has, is_root};

/// How much the daemon may use at its worst, in KiB.
const MEMORY: u64 = 256 << 10;

#[test]
fn half_open_connections_of_one_do_not_keep_others_out() {
    const TEST: &str = "half_open_connections_of_one_do_not_keep_others_out";
    if !is_root(TEST) || !has("setpriv", TEST) {
        return;
    }
    // Longer than the test: only the limits keep the place open.
    let place = Place::new(
        "[limits]\nconnections = 4096\nconnections_per_caller = 4096\npreface_seconds = 3600\n",
    );
    let daemon = place.start();
    let flood = Flood::start(&place, 65_534, 3000);
    // Half of the places are for those with privilege.
    daemon.said("no place (limits.connections, half of it");
    let client = place.client();
    for _ in 0..100 {
        client.status().unwrap();
    }
    let memory = daemon.memory("VmHWM");
    assert!(memory < MEMORY, "{memory} KiB");
    println!("2048 half-open connections: {memory} KiB at most");
    drop(flood);
    assert!(place.client().status().is_ok());
    daemon.stop();
}

#[test]
fn one_caller_gets_so_many_connections_and_no_more() {
    let place = Place::new("[limits]\nconnections_per_caller = 5\npreface_seconds = 3600\n");
    let daemon = place.start();
    let mut open: Vec<_> = (0..6)
        .map(|_| UnixStream::connect(place.socket()).unwrap())
        .collect();
    daemon.said("no place (limits.connections_per_caller)");
    // Which one it was depends on nothing but the order: the last.
    let mut last = open.pop().unwrap();
    assert!(is_closed(&mut last));
    assert!(!is_closed(&mut open[0]), "the control: the others stay");
    drop(open);
    // The places are free again as soon as the daemon sees it.
    assert!(eventually(|| {
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        !is_closed(&mut stream)
    }));
    daemon.stop();
}

#[test]
fn a_connection_that_says_nothing_is_closed_in_time() {
    let place = Place::new("[limits]\npreface_seconds = 1\n");
    let daemon = place.start();
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut rest = Vec::new();
    // Returns when the daemon closes it; whatever it says before that is its own affair.
    let closed = stream.read_to_end(&mut rest);
    assert!(closed.is_ok() || closed.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    assert!(place.client().status().is_ok());
    daemon.stop();
}

/// The daemon must neither die nor spin when it may open no more files.
#[test]
fn running_out_of_files_is_survived() {
    let place = Place::new("[limits]\npreface_seconds = 3600\n");
    let inner = place.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    let daemon = Daemon::spawn(&mut command);
    daemon.said("this process may open 64 files");
    daemon.said("Serving");
    let open: Vec<_> = (0..100)
        .map(|_| UnixStream::connect(place.socket()).unwrap())
        .collect();
    daemon.said("could not accept a connection");
    drop(open);
    assert!(eventually(|| connects(&place)));
    let said = daemon.log();
    let failures = said.iter().filter(|line| line.contains("could not accept"));
    assert!(failures.count() < 10, "{said:?}");
    daemon.stop();
}

fn connects(place: &Place) -> bool {
    Client::connect(&Endpoint::Unix(place.socket())).is_ok_and(|client| client.status().is_ok())
}

#[test]
fn frames_that_make_no_sense_harm_nobody() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let place = Place::new("");
    let daemon = place.start();
    let client = place.client();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..500 {
        let mut bytes = Vec::new();
        if round % 4 != 0 {
            bytes.extend_from_slice(PREFACE);
            bytes.extend_from_slice(SETTINGS);
        }
        for _ in 0..next() % 8 {
            let length = usize::try_from(next() % 64).unwrap();
            let told = if next() % 4 == 0 { 0x00FF_FFFF } else { length };
            bytes.extend_from_slice(&u32::try_from(told).unwrap().to_be_bytes()[1..]);
            // Type, flags, stream.
            bytes.push(next().to_le_bytes()[0] % 12);
            bytes.push(next().to_le_bytes()[0]);
            bytes.extend_from_slice(&u32::try_from(next() % 9).unwrap().to_be_bytes());
            bytes.extend((0..length).map(|_| next().to_le_bytes()[0]));
        }
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        // The daemon may have closed it by now.
        let _ = stream.write_all(&bytes);
        if round % 50 == 0 {
            client.status().unwrap();
        }
    }
    client.status().unwrap();
    // A flood of bytes that never becomes a request is not kept in memory.
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let chunk = vec![0xAA; 1 << 20];
    let _ = (0..64).try_for_each(|_| stream.write_all(&chunk));
    let memory = daemon.memory("VmHWM");
    assert!(memory < MEMORY, "{memory} KiB");
    let log = daemon.log().join("\n");
    assert!(!log.contains("gave up"), "{log}");
    daemon.stop();
}

/// One that opens sessions without end gets its share; others are served, and nothing piles up.
#[test]
fn thousands_of_sessions_do_not_keep_others_out() {
    const TEST: &str = "thousands_of_sessions_do_not_keep_others_out";
    if !is_root(TEST) || !has("setpriv", TEST) {
        return;
    }
    let place = Place::new("[limits]\nsessions = 600\nsessions_per_caller = 400\n");
    let settings = fs::read_to_string(place.path("vssd.toml")).unwrap();
    let settings = settings.replace("group = \"\"", "group = \"54321\"");
    fs::write(place.path("vssd.toml"), settings).unwrap();
    let daemon = place.start();
    let clients: Vec<Client> = (0..8).map(|_| place.client()).collect();
    let mut open = Vec::new();
    let mut refused = 0;
    for number in 0..3000 {
        match clients[number % clients.len()].create_backup_components() {
            Ok(session) => open.push(session),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
                let hint = error.hint().unwrap_or_default();
                assert!(hint.contains("sessions_per_caller"), "{hint}");
                refused += 1;
            }
        }
    }
    assert_eq!((open.len(), refused), (400, 2600));
    let another = look(&place, 65_534, 54_321, &[]);
    assert!(another.starts_with("S_OK S_OK"), "{another}");
    let memory = daemon.memory("VmHWM");
    assert!(memory < MEMORY, "{memory} KiB");
    println!("400 sessions open, 2600 refused: {memory} KiB at most");
    drop(open);
    // What is released makes room.
    drop(clients[0].create_backup_components().unwrap());
    daemon.stop();
}

/// Whether the other side has closed; one that stays open has nothing to say for a moment.
fn is_closed(stream: &mut UnixStream) -> bool {
    let moment = Some(Duration::from_millis(300));
    stream.set_read_timeout(moment).unwrap();
    loop {
        match stream.read(&mut [0; 64]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
