//! Who is at the other end of a Unix socket.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use vss_sys::{PeerCredentials, peer_credentials};

/// Kills the child when the test ends early.
struct Connected(Child);

impl Drop for Connected {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn own_credentials_come_back() {
    let (one, other) = UnixStream::pair().unwrap();
    let peer = peer_credentials(&one).unwrap();
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    assert_eq!(peer.pid, rustix::process::getpid().as_raw_pid());
    let mut mine = groups_of_this_process();
    let mut told = peer.groups.clone();
    mine.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, mine);
    drop(other);
}

#[test]
fn what_is_no_unix_connection_has_no_peer() {
    let file = tempfile::tempfile().unwrap();
    assert!(peer_credentials(&file).is_err());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(peer_credentials(&listener).is_err());
}

#[test]
fn groups_of_another_user_are_seen_however_many() {
    for count in [0_u32, 3, 32, 33, 500] {
        let groups: Vec<u32> = (0..count).map(|n| 70_000 + n).collect();
        let Some(peer) = connect_as(65_534, 65_533, &groups) else {
            return;
        };
        assert_eq!(peer.uid, 65_534);
        assert_eq!(peer.gid, 65_533);
        assert_eq!(peer.groups, groups, "{count} groups");
    }
}

/// Has a process with these ids connect; `None` where that cannot be done.
fn connect_as(uid: u32, gid: u32, groups: &[u32]) -> Option<PeerCredentials> {
    const NAME: &str = "groups_of_another_user_are_seen_however_many";
    if !rustix::process::geteuid().is_root() {
        println!("skipped: {NAME} (needs root to become another user)");
        return None;
    }
    let python = Path::new("/usr/bin/python3");
    let setpriv = Path::new("/usr/bin/setpriv");
    if !python.exists() || !setpriv.exists() {
        println!("skipped: {NAME} (needs setpriv and python3)");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    // The other user must get at the socket.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&path, everybody).unwrap();
    let list = groups
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(",");
    let mut command = Command::new(setpriv);
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"));
    if groups.is_empty() {
        command.arg("--clear-groups");
    } else {
        command.arg(format!("--groups={list}"));
    }
    command
        .arg(python)
        .arg("-c")
        .arg(
            "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)",
        )
        .arg(&path)
        .stdout(Stdio::null());
    let mut child = Connected(command.spawn().unwrap());
    listener.set_nonblocking(true).unwrap();
    let socket = loop {
        match listener.accept() {
            Ok((socket, _)) => break socket,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let ended = child.0.try_wait().unwrap();
                assert!(ended.is_none(), "the other process ended: {ended:?}");
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    };
    let peer = peer_credentials(&socket).unwrap();
    drop(socket);
    child.0.wait().unwrap();
    Some(peer)
}

fn groups_of_this_process() -> Vec<u32> {
    let mut status = String::new();
    std::fs::File::open("/proc/self/status")
        .unwrap()
        .read_to_string(&mut status)
        .unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))
        .unwrap();
    line.split_whitespace()
        .map(|group| group.parse().unwrap())
        .collect()
}
