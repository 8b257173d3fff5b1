//! The figures for Prometheus.

use std::io::{Read, Write};
use std::net::TcpStream;

use vss_model::{ErrorKind, SetId};
use vss_service::{Queries, Service};

use crate::daemon::{Daemon, Place, eventually};
use crate::disks;

const SETTINGS: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n";

fn address(daemon: &Daemon) -> String {
    let line = daemon.said("figures on http://");
    let (_, rest) = line.split_once("http://").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn scrape(address: &str) -> String {
    let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    answer
}

/// The value of a figure by its name and labels; 0 for one that is not there.
fn value(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[test]
fn operations_are_counted_once_each() {
    let place = Place::new(SETTINGS);
    let daemon = place.start();
    let address = address(&daemon);
    let client = place.client();
    disks::empty(&client, "one");
    disks::empty(&client, "two");
    let set = disks::lasting_set(&client, &["one", "two"]);
    let text = scrape(&address);
    let finished = "VSS_S_ASYNC_FINISHED";
    let ended = |text: &str, kind: &str, code: &str| {
        value(
            text,
            &format!("vss_operations_total{{kind=\"{kind}\",code=\"{code}\"}}"),
        )
    };
    let is = |text: &str, name: &str, wanted: f64| {
        let found = value(text, name);
        assert!(
            (found - wanted).abs() < 0.001,
            "{name}: {found}, not {wanted}\n{text}"
        );
    };
    assert!(
        (ended(&text, "create", finished) - 1.0).abs() < 0.001,
        "{text}"
    );
    is(&text, "vss_operation_seconds_count{kind=\"create\"}", 1.0);
    is(&text, "vss_writes_held_seconds_count", 1.0);
    is(&text, "vss_disks_total{kind=\"create\"}", 2.0);
    is(&text, "vss_sets", 1.0);
    is(&text, "vss_copies", 2.0);
    is(&text, "vss_operations_running", 0.0);
    assert!(value(&text, "vss_connections") >= 1.0, "{text}");
    assert!(value(&text, "process_start_time_seconds") > 1e9, "{text}");
    let version = env!("CARGO_PKG_VERSION");
    is(
        &text,
        &format!("vss_build_info{{version=\"{version}\"}}"),
        1.0,
    );

    let session = client.administration().unwrap();
    assert!(eventually(|| value(&scrape(&address), "vss_sessions") > 0.5));
    session.break_snapshot_set(set, None).unwrap();
    drop(session);
    let text = scrape(&address);
    assert!(
        (ended(&text, "break", finished) - 1.0).abs() < 0.001,
        "{text}"
    );
    is(&text, "vss_disks_total{kind=\"break\"}", 2.0);
    is(&text, "vss_sets", 0.0);
    is(&text, "vss_writes_held_seconds_count", 1.0);
    assert!(eventually(|| value(&scrape(&address), "vss_sessions") < 0.5));
    daemon.stop();
}

/// A break that fails as an operation, not only as a call: the identity to be given back is in use.
#[test]
fn failures_are_counted_by_their_code() {
    let place = Place::new(SETTINGS);
    let daemon = place.start();
    let address = address(&daemon);
    let client = place.client();
    disks::with_table(&place, &client, "db");
    let set = disks::lasting_set(&client, &["db"]);
    let session = client.administration().unwrap();
    // A set that nobody knows is no operation at all.
    let mut slot = None;
    let unknown = SetId::from_uuid(uuid::Uuid::from_u128(7));
    let error = session
        .break_snapshot_set_ex(unknown, 0, None, Some(&mut slot))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
    // The original is there and bears the identity.
    session
        .break_snapshot_set_ex(set, disks::REVERT, None, Some(&mut slot))
        .unwrap();
    let operation = slot.unwrap();
    operation.wait(None).unwrap();
    let code = operation.query_status().unwrap();
    assert!(!code.is_success(), "{code}");
    let text = scrape(&address);
    let name = code.name_or_hex();
    let counted = value(
        &text,
        &format!("vss_operations_total{{kind=\"break\",code=\"{name}\"}}"),
    );
    assert!((counted - 1.0).abs() < 0.001, "{text}");
    let all = text
        .lines()
        .filter(|line| line.starts_with("vss_operations_total{kind=\"break\""));
    assert_eq!(all.count(), 1, "{text}");
    assert!(client.set(set).is_ok());
    daemon.stop();
}

#[test]
fn nothing_but_get_metrics() {
    let place = Place::new(SETTINGS);
    let daemon = place.start();
    let address = address(&daemon);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404"),
        (
            "GET /metrics/../x HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 404",
        ),
        (
            "POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 405",
        ),
        ("garbage\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let answer = ask(&address, request);
        assert!(answer.starts_with(status), "{request}: {answer}");
    }
    // A head without end is not read to its end.
    let mut stream = TcpStream::connect(&address).unwrap();
    let chunk = [b'x'; 4096];
    let refused = eventually(|| stream.write_all(&chunk).is_err());
    assert!(refused);
    // Silent ones do not keep others out for good: each is closed in its time.
    let silent: Vec<_> = (0..32)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    assert!(eventually(|| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains("# EOF")
    }));
    drop(silent);
    daemon.stop();
}
