//! Loopback TCP: the rendezvous file, the token in it, and callers without one.

use std::fs;
use std::io::{ErrorKind as IoError, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::thread;

use rustix::process::Signal;
use vss_api::client::{Client, Endpoint, TlsFiles};
use vss_model::{Context, Error, ErrorKind};
use vss_service::{Queries, Service, is_connection_lost};

use crate::daemon::{Daemon, LONG, Place, eventually, is_root, run};
use crate::disks;

const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn file(place: &Place) -> PathBuf {
    place.path("run/loopback")
}

fn settings(place: &Place, limits: &str) -> String {
    let file = file(place);
    format!("[loopback]\nlisten = \"127.0.0.1:0\"\nfile = {file:?}\n{limits}")
}

fn serving(limits: &str) -> (Place, Daemon) {
    let place = Place::new("");
    place.set(&settings(&place, limits));
    let daemon = place.start();
    (place, daemon)
}

fn connect(place: &Place) -> Result<Client, Error> {
    let text = format!("loopback:{}", file(place).display());
    Client::connect(&Endpoint::parse(&text, TlsFiles::default())?)
}

/// What the file holds: address, token and answer.
fn held(place: &Place) -> [String; 3] {
    let text = fs::read_to_string(file(place)).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.try_into().unwrap()
}

fn dial(place: &Place) -> TcpStream {
    let stream = TcpStream::connect(held(place)[0].clone()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Returns when the daemon closes it, with what it said before.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), IoError::ConnectionReset);
    }
    rest
}

#[test]
fn a_set_lives_its_whole_life_over_loopback() {
    let (place, daemon) = serving("");
    let line = daemon.said("Serving");
    assert!(line.contains(&held(&place)[0]), "{line}");
    assert!(line.contains(&file(&place).display().to_string()), "{line}");
    let client = connect(&place).unwrap();
    disks::with_table(&place, &client, "db");
    let session = client.create_backup_components().unwrap();
    let set = disks::set_in(session.as_ref(), Context::BACKUP, &["db/1"]);
    // The same service as behind the socket.
    let sets = place.client().sets().unwrap();
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].set_id, set);
    // A set of this context ends with its session.
    drop(session);
    assert!(eventually(|| client.sets().unwrap().is_empty()));
    let set = disks::lasting_set(&client, &["db"]);
    let session = client.administration().unwrap();
    let mut slot = None;
    session
        .break_snapshot_set_ex(set, 0, None, Some(&mut slot))
        .unwrap();
    slot.unwrap().wait(None).unwrap();
    assert!(client.sets().unwrap().is_empty());
    assert_eq!(client.luns().unwrap().len(), 2);
    assert_eq!(client.status().unwrap().refused, 0);
    daemon.stop();
    assert!(!file(&place).exists());
}

#[test]
fn a_wrong_token_is_refused_and_on_record() {
    let (place, daemon) = serving("");
    let [address, token, answer] = held(&place);
    let ours = place.path("mine");
    fs::write(&ours, format!("{address}\n{WRONG}\n{answer}\n")).unwrap();
    let refused = Client::connect(&Endpoint::Loopback(ours.clone())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AccessDenied);
    assert!(!is_connection_lost(&refused));
    assert!(refused.chain().contains("does not take the token"));
    let other = place.client();
    let recorded = || {
        let refusals = other.refusals(10).unwrap();
        let of = |one: &&vss_service::Refusal| {
            one.caller.contains("wrong token") && one.method == "connection"
        };
        refusals.iter().filter(of).map(|one| one.count).sum::<u64>()
    };
    assert!(eventually(|| recorded() == 1));
    // The control: with the right one in the same file a new client is served.
    fs::write(&ours, format!("{address}\n{token}\n{answer}\n")).unwrap();
    let client = Client::connect(&Endpoint::Loopback(ours)).unwrap();
    assert!(client.luns().unwrap().is_empty());
    assert_eq!(recorded(), 1);
    for line in daemon.log() {
        let is_secret = line.contains(&token) || line.contains(&answer);
        assert!(!is_secret, "the log tells the tokens");
    }
    daemon.stop();
}

/// After a crash the file is still there, and anybody may take the port.
#[test]
fn who_answers_in_place_of_the_daemon_is_not_believed() {
    let (place, mut daemon) = serving("");
    let [address, token, answer] = held(&place);
    daemon.signal(Signal::KILL);
    daemon.end();
    let listener = TcpListener::bind(&address).unwrap();
    let lines = [
        String::new(),
        format!("openvss-answer {token}\n"),
        format!("openvss-denied {WRONG}\n"),
        format!("openvss-answer {}\n", answer.to_uppercase()),
        "\0".repeat(1 << 16),
        // The control: only the daemon could say this.
        format!("openvss-answer {answer}\n"),
    ];
    let count = lines.len();
    let impostor = thread::spawn(move || {
        for line in lines {
            let (mut stream, _) = listener.accept().unwrap();
            let mut preamble = vec![0; "openvss-token ".len() + 64 + 1];
            stream.read_exact(&mut preamble).unwrap();
            // Who has seen enough of it may be gone.
            let _ = stream.write_all(line.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            let mut asked = Vec::new();
            let _ = stream.read_to_end(&mut asked);
            let is_answer = line.contains(&answer);
            assert_eq!(asked.is_empty(), !is_answer, "{line:?}");
        }
    });
    let ask = || connect(&place).and_then(|client| client.status());
    let errors: Vec<Error> = (0..count).map(|_| ask().unwrap_err()).collect();
    impostor.join().unwrap();
    let denied: Vec<bool> = errors
        .iter()
        .map(|error| error.kind() == ErrorKind::AccessDenied)
        .collect();
    assert_eq!(denied, [false, true, true, true, true, false]);
    for error in errors {
        assert_ne!(
            is_connection_lost(&error),
            error.kind() == ErrorKind::AccessDenied
        );
        assert!(error.hint().is_some(), "{}", error.chain());
    }
}

#[test]
fn the_file_is_for_root_and_the_group() {
    const TEST: &str = "the_file_is_for_root_and_the_group";
    let (place, daemon) = serving("");
    let mode = |place: &Place| fs::metadata(file(place)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place), 0o600);
    daemon.stop();
    if !is_root(TEST) {
        return;
    }
    let settings = fs::read_to_string(place.path("vssd.toml")).unwrap();
    let settings = settings.replace("group = \"\"", "group = \"54321\"");
    fs::write(place.path("vssd.toml"), settings).unwrap();
    let daemon = place.start();
    let metadata = fs::metadata(file(&place)).unwrap();
    assert_eq!(
        (mode(&place), metadata.uid(), metadata.gid()),
        (0o640, 0, 54_321)
    );
    daemon.stop();
}

#[test]
fn a_daemon_that_starts_again_is_found_again() {
    let (place, mut daemon) = serving("");
    let client = connect(&place).unwrap();
    client.status().unwrap();
    let [_, first, answer] = held(&place);
    daemon.signal(Signal::KILL);
    daemon.end();
    // Its file is still there, and leads nowhere.
    assert!(file(&place).exists());
    let lost = |error: &Error| is_connection_lost(error) && error.hint().is_some();
    assert!(lost(&client.status().unwrap_err()));
    assert!(lost(&connect(&place).unwrap_err()));
    let daemon = place.start();
    assert!(eventually(|| client.status().is_ok()));
    let [_, second, other] = held(&place);
    assert!(
        second != first && other != answer,
        "they are new at every start"
    );
    daemon.stop();
    // The file is gone.
    assert!(lost(&client.status().unwrap_err()));
    let missing = connect(&place).unwrap_err();
    assert!(lost(&missing), "{}", missing.chain());
}

#[test]
fn a_connection_that_says_nothing_is_closed_in_time() {
    let (place, daemon) = serving("[limits]\npreface_seconds = 1\n");
    let mut silent = dial(&place);
    assert!(rest(&mut silent).is_empty());
    daemon.said("it took too long");
    // A preamble is not enough.
    let mut stream = dial(&place);
    let [_, token, _] = held(&place);
    stream
        .write_all(format!("openvss-token {token}\n").as_bytes())
        .unwrap();
    rest(&mut stream);
    assert!(connect(&place).unwrap().status().is_ok());
    daemon.stop();
}

#[test]
fn a_preamble_may_come_in_pieces() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let (place, daemon) = serving("[limits]\npreface_seconds = 3600\n");
    let preamble = format!("openvss-token {}\n", held(&place)[1]);
    let mut all = preamble.into_bytes();
    all.extend_from_slice(PREFACE);
    all.extend_from_slice(&SETTINGS);
    let mut stream = dial(&place);
    for byte in all {
        stream.write_all(&[byte]).unwrap();
    }
    let mut answer = [0; "openvss-answer ".len() + 64 + 1];
    stream.read_exact(&mut answer).unwrap();
    let wanted = format!("openvss-answer {}\n", held(&place)[2]);
    assert_eq!(answer, wanted.as_bytes());
    // HTTP/2 answers with settings of its own.
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "{frame:?}");
    drop(stream);
    daemon.stop();
}

#[test]
fn garbage_is_closed_at_once() {
    let (place, daemon) = serving("[limits]\npreface_seconds = 3600\n");
    let [_, token, _] = held(&place);
    for line in [
        // One byte too many, and the same in upper case.
        format!("openvss-token {token}0\n"),
        format!("OPENVSS-TOKEN {token}\n"),
        "GET / HTTP/1.1\r\n".repeat(8),
        "\0".repeat(79),
    ] {
        let mut stream = dial(&place);
        stream.write_all(line.as_bytes()).unwrap();
        assert!(rest(&mut stream).is_empty());
    }
    daemon.said("it sent something else");
    let mut short = dial(&place);
    short.write_all(b"openvss-token").unwrap();
    short.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut short).is_empty());
    assert!(connect(&place).unwrap().status().is_ok());
    for line in daemon.log() {
        assert!(!line.contains(&token), "the log tells the token");
    }
    daemon.stop();
}

#[test]
fn a_file_of_somebody_else_is_neither_replaced_nor_removed() {
    let (place, daemon) = serving("");
    fs::remove_file(file(&place)).unwrap();
    fs::write(file(&place), "precious").unwrap();
    daemon.stop();
    assert_eq!(fs::read(file(&place)).unwrap(), b"precious");
    let (code, said) = run(&mut place.command());
    assert_eq!(code, Some(1));
    assert!(said.contains("is no rendezvous file"), "{said}");
    assert_eq!(fs::read(file(&place)).unwrap(), b"precious");
    // What an interrupted start left is no obstacle.
    fs::remove_file(file(&place)).unwrap();
    fs::write(place.path("run/loopback.new"), "half").unwrap();
    let daemon = place.start();
    assert!(connect(&place).unwrap().status().is_ok());
    assert!(!place.path("run/loopback.new").exists());
    daemon.stop();
}

#[test]
fn names_of_volumes_reach_clients() {
    let (place, daemon) = serving("[volumes]\n'e:\\Mnt' = \"/srv\"\n\"E:\" = \"db/1\"\n");
    let names = connect(&place).unwrap().volume_names().unwrap();
    let names: Vec<_> = names.iter().map(|one| (&*one.name, &*one.volume)).collect();
    assert_eq!(names, [("E:\\", "db/1"), ("E:\\Mnt\\", "/srv")]);
    daemon.stop();
}

#[test]
fn an_address_of_the_network_is_refused() {
    let place = Place::new("[loopback]\nlisten = \"0.0.0.0:0\"\n");
    let (code, said) = run(place.command().arg("--check-config"));
    assert_eq!(code, Some(1));
    assert!(said.contains("0.0.0.0:0 is no loopback address"), "{said}");
}
