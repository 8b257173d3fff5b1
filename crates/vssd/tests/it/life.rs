//! From settings to service: starts, refusals to start, sockets, notifications.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;

use rustix::process::Signal;
use vss_service::Queries;

use crate::daemon::{Daemon, LONG, Place, run};
use crate::disks;

#[test]
fn starts_serves_and_stops() {
    let place = Place::new("");
    let daemon = place.start();
    let mode = |path: &str| fs::metadata(place.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("run"), 0o755);
    assert_eq!(mode("run/vssd.sock"), 0o666);
    assert_eq!(mode("state"), 0o700);
    let status = place.client().status().unwrap();
    assert_eq!(
        status.pid,
        u32::try_from(daemon.pid().as_raw_pid()).unwrap()
    );
    assert_eq!(status.state_dir, place.path("state"));
    assert!(status.started.is_some());
    daemon.signal(Signal::HUP);
    daemon.said("SIGHUP has no effect");
    assert!(place.client().status().is_ok());
    daemon.stop();
    assert!(!place.socket().exists());
}

#[test]
fn wrong_settings_start_nothing() {
    let place = Place::new("[limits]\nconections = 3\n");
    let (code, said) = run(&mut place.command());
    assert_eq!(code, Some(1));
    let file = place.path("vssd.toml");
    let wanted = format!("error: {}:3: unknown field `conections`", file.display());
    assert!(said.starts_with(&wanted), "{said}");
    assert!(said.contains("`connections`"), "{said}");
    assert!(!place.path("state").exists());
    for argument in ["--check-config", "--print-config"] {
        let (code, again) = run(place.command().arg(argument));
        assert_eq!((code, again), (Some(1), said.clone()));
    }
    // The control: the same without the mistake.
    place.set("[limits]\nconnections = 3\n");
    let (code, said) = run(place.command().arg("--check-config"));
    assert_eq!((code, said), (Some(0), format!("{}: ok\n", file.display())));
    let (code, said) = run(place.command().arg("--print-config"));
    assert_eq!(code, Some(0));
    assert!(said.contains("\nconnections = 3\n"), "{said}");
    assert!(
        said.contains(&format!("{:?}", place.path("state"))),
        "{said}"
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let place = Place::new("");
    fs::remove_file(place.path("vssd.toml")).unwrap();
    let (code, said) = run(&mut place.command());
    assert_eq!(code, Some(1));
    assert!(said.contains("could not read"), "{said}");
}

#[test]
fn a_missing_group_is_a_warning() {
    let place = Place::new("");
    let settings = fs::read_to_string(place.path("vssd.toml")).unwrap();
    let settings = settings.replace("group = \"\"", "group = \"no-such-group\"");
    fs::write(place.path("vssd.toml"), settings).unwrap();
    let daemon = place.start();
    daemon.said("there is no group \"no-such-group\"");
    daemon.stop();
}

#[test]
fn a_second_daemon_is_told_who_runs() {
    let place = Place::new("");
    let daemon = place.start();
    let pid = daemon.pid().as_raw_pid();
    let (code, said) = run(&mut place.command());
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("held by process {pid}")), "{said}");
    // With a state folder of its own, but on the same socket.
    let mut command = Command::new(env!("CARGO_BIN_EXE_vssd"));
    command
        .arg("--config")
        .arg(place.path("vssd.toml"))
        .arg("--state")
        .arg(place.path("other"))
        .arg("--socket")
        .arg(place.socket());
    let (code, said) = run(&mut command);
    assert_eq!(code, Some(1));
    let wanted = format!("process {pid} listens on");
    assert!(said.contains(&wanted), "{said}");
    assert!(place.client().status().is_ok());
    daemon.stop();
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_not() {
    let place = Place::new("");
    fs::create_dir(place.path("run")).unwrap();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(
        fs::metadata(place.socket())
            .unwrap()
            .file_type()
            .is_socket()
    );
    let daemon = place.start();
    assert!(place.client().status().is_ok());
    daemon.stop();
    fs::write(place.socket(), "precious").unwrap();
    let (code, said) = run(&mut place.command());
    assert_eq!(code, Some(1));
    assert!(said.contains("is no socket"), "{said}");
    assert_eq!(fs::read(place.socket()).unwrap(), b"precious");
}

#[test]
fn a_socket_of_somebody_else_is_not_removed_at_the_end() {
    let place = Place::new("");
    let daemon = place.start();
    fs::remove_file(place.socket()).unwrap();
    let _other = UnixListener::bind(place.socket()).unwrap();
    daemon.stop();
    assert!(place.socket().exists());
}

#[test]
fn the_service_manager_is_told() {
    let place = Place::new("");
    let name = place.path("notify");
    let manager = UnixDatagram::bind(&name).unwrap();
    manager.set_read_timeout(Some(LONG)).unwrap();
    let receive = || {
        let mut buffer = [0; 4096];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let daemon = Daemon::spawn(place.command().env("NOTIFY_SOCKET", &name));
    assert_eq!(receive(), "STATUS=Looking for what an earlier run left\n");
    let ready = receive();
    let socket = place.socket();
    let wanted = format!("READY=1\nSTATUS=Serving on {}\n", socket.display());
    assert_eq!(ready, wanted);
    // Ready means that calls are answered.
    assert!(place.client().status().is_ok());
    daemon.stop();
    assert!(receive().starts_with("STOPPING=1\n"));
}

#[test]
fn copies_of_dead_sessions_are_gone_before_anybody_connects() {
    let place = Place::new("");
    let mut daemon = place.start();
    let client = place.client();
    disks::empty(&client, "one");
    let session = vss_service::Service::create_backup_components(&client).unwrap();
    disks::set_in(session.as_ref(), vss_model::Context::BACKUP, &["one"]);
    assert_eq!(client.sets().unwrap().len(), 1);
    daemon.signal(Signal::KILL);
    daemon.end();
    let daemon = place.start();
    let client = place.client();
    assert!(client.sets().unwrap().is_empty());
    assert_eq!(client.luns().unwrap().len(), 1);
    daemon.stop();
}
