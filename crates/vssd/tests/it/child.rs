//! What a test does as another user: this program again, in another role.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use vss_api::client::{Client, Endpoint};
use vss_service::{Queries, Service};

use crate::daemon::{Place, run};

const ROLE: &str = "VSSD_TEST_ROLE";
const SOCKET: &str = "VSSD_TEST_SOCKET";
const COUNT: &str = "VSSD_TEST_COUNT";

/// This program in a role, as a user and group; further groups with setpriv.
pub(crate) fn role(place: &Place, role: &str, uid: u32, gid: u32, groups: &[u32]) -> Command {
    // The build folder may be closed to others.
    let program = place.path("role");
    if !program.exists() {
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"));
    if groups.is_empty() {
        command.arg("--clear-groups");
    } else {
        let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
        command.arg(format!("--groups={}", groups.join(",")));
    }
    command
        .arg(program)
        .args(["--exact", "child::plays_its_role", "--nocapture"])
        .env(ROLE, role)
        .env(SOCKET, place.socket())
        .current_dir("/");
    command
}

/// What the role `look` found: a word for each call.
pub(crate) fn look(place: &Place, uid: u32, gid: u32, groups: &[u32]) -> String {
    let (code, said) = run(&mut role(place, "look", uid, gid, groups));
    assert_eq!(code, Some(0), "{said}");
    let words = said.lines().find_map(|line| {
        let (_, words) = line.split_once("found:")?;
        Some(words.trim().to_owned())
    });
    words.unwrap_or_else(|| panic!("{said}"))
}

/// Many connections that never say anything, kept until its stdin ends.
pub(crate) struct Flood {
    child: Child,
}

impl Flood {
    /// As a user; returns when all are open, as far as the daemon lets them be.
    pub(crate) fn start(place: &Place, uid: u32, count: usize) -> Self {
        let mut command = role(place, "flood", uid, uid, &[]);
        let mut child = command
            .env(COUNT, count.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"flooded") {
            assert_eq!(
                stdout.read(&mut byte).unwrap(),
                1,
                "{}",
                String::from_utf8_lossy(&said)
            );
            said.push(byte[0]);
        }
        // Nobody reads what the test framework says at its end.
        child.stdout = Some(stdout);
        Self { child }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test of its own, unless [`ROLE`] is set.
#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let socket = PathBuf::from(std::env::var_os(SOCKET).unwrap());
    match role.as_str() {
        "look" => {
            let client = Client::connect(&Endpoint::Unix(socket)).unwrap();
            let names = ["none".to_owned()];
            let answers = [
                word(client.status().map(drop)),
                word(client.sets().map(drop)),
                word(client.luns().map(drop)),
                word(client.refusals(1).map(drop)),
                word(client.create_backup_components().map(drop)),
                word(client.delete_luns(&names).map(drop)),
            ];
            println!("found: {}", answers.join(" "));
        }
        "flood" => {
            let count: usize = std::env::var(COUNT).unwrap().parse().unwrap();
            let open: Vec<_> = (0..count)
                .map(|_| UnixStream::connect(&socket).unwrap())
                .collect();
            println!("flooded");
            let mut rest = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut rest);
            drop(open);
        }
        other => panic!("no role {other:?}"),
    }
}

fn word(answer: Result<(), vss_model::Error>) -> String {
    match answer {
        Ok(()) => "S_OK".to_owned(),
        Err(error) => error.code().name_or_hex(),
    }
}
