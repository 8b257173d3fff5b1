//! Sockets that come from whoever started the daemon.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use vss_api::client::{Client, Endpoint};
use vss_service::Queries;

use crate::daemon::{Daemon, Place, run};

/// The daemon with this socket as its descriptor 3, as systemd passes it on.
fn passed_on(place: &Place, socket: OwnedFd) -> Command {
    let daemon = place.command();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        // The process id stays the same over the exec.
        .arg("exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"")
        .arg("sh")
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .stdin(Stdio::from(socket));
    command
}

#[test]
fn a_unix_socket_is_taken_over_and_left_there() {
    let place = Place::new("");
    let path = place.path("activated.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // Connects before the daemon is there, as a caller does that wakes it.
    let early = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let kept = listener.try_clone().unwrap();
    let daemon = Daemon::spawn(&mut passed_on(&place, kept.into()));
    daemon.said("Serving on the socket of systemd");
    let client = Client::connect(&Endpoint::Unix(path.clone())).unwrap();
    assert!(client.status().is_ok());
    assert!(!place.socket().exists(), "no second socket is made");
    drop(early);
    daemon.stop();
    assert!(path.exists(), "it is not the daemon's to remove");
    // Callers wait there for the next daemon.
    let waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let daemon = Daemon::spawn(&mut passed_on(&place, listener.into()));
    daemon.said("Serving");
    drop(waiting);
    daemon.stop();
}

#[test]
fn a_tcp_socket_without_certificates_is_refused() {
    let place = Place::new("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = passed_on(&place, listener.into());
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = output.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("tcp.listen is not set"), "{said}");
}

#[test]
fn sockets_for_another_process_are_not_taken() {
    let place = Place::new("");
    let mut command = place.command();
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let daemon = Daemon::spawn(&mut command);
    daemon.said("Serving on /");
    daemon.stop();
    // The control for all of these: an unknown argument is wrong usage, not a start.
    assert_eq!(run(place.command().arg("--nonsense")).0, Some(2));
}
