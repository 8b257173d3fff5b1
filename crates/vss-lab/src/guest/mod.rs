//! For tests inside the lab: storage of their own, and programs. Everything panics on failure, as tests
//! do.

#![expect(clippy::panic, reason = "for tests, in which a panic is how to fail")]

mod disk;
mod file_system;
mod group;
mod ledger;

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

pub use disk::{Image, LoopDisk, drop_caches, read_at, write_at};
pub use file_system::{Mount, fsck, mkfs};
pub use group::{Group, check_thin_pool, make_thin, make_thin_pool};
pub use ledger::{Ledger, check_ledger};

use crate::boot::LAB_VARIABLE;

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a condition that nothing tells of.
const PAUSE: Duration = Duration::from_millis(5);

/// Goes on only inside the lab: what its tests do would harm a host.
///
/// # Panics
/// Anywhere else.
pub fn in_lab() {
    assert!(
        std::env::var_os(LAB_VARIABLE).is_some() && Path::new("/proc/exitcode").exists(),
        "this test runs in the lab only: cargo xtask lab"
    );
}

/// Runs a program to its end; gives what it said.
///
/// # Panics
/// It cannot be started, or fails.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("could not start {program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {} ended with {}\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program; true when it succeeds.
#[must_use]
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Does without udev from now on: LVM makes its nodes itself and waits for nobody, which is many times
/// quicker here. Links below `/dev/disk` are no longer made.
///
/// # Panics
/// udev does not end, or LVM's settings cannot be written.
pub fn without_udev() {
    wait_until("the end of udev", || {
        let is_there = is_running("systemd-udevd");
        if is_there {
            // One that has only just begun does not listen yet: it is told again.
            let _ = Command::new("udevadm")
                .args(["control", "--timeout=5", "--exit"])
                .output();
        }
        !is_there
    });
    // It stays behind. By it libraries tell whether udev runs, and dmsetup and partprobe would wait for it.
    match std::fs::remove_file("/run/udev/control") {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            panic!("could not remove the socket of udev: {error}")
        }
        _ => {}
    }
    std::fs::write("/etc/lvm/lvm.conf", crate::boot::lvm_conf(false))
        .unwrap_or_else(|error| panic!("could not write LVM's settings: {error}"));
}

/// Whether a process of this name, which has at most 15 characters, runs.
fn is_running(name: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    processes.flatten().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        stat.split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(") "))
            .is_some_and(|(is, rest)| is == name && !rest.starts_with('Z'))
    })
}

/// Has udev again, after a test that did without; for tests that need links below `/dev/disk`.
///
/// # Panics
/// udev does not start.
pub fn with_udev() {
    if succeeds("udevadm", &["control", "--ping"]) {
        return;
    }
    crate::boot::start_udev().unwrap_or_else(|error| panic!("could not start udev: {error}"));
    std::fs::write("/etc/lvm/lvm.conf", crate::boot::lvm_conf(true))
        .unwrap_or_else(|error| panic!("could not write LVM's settings: {error}"));
}

/// Waits until udev has done everything that was asked of it.
///
/// # Panics
/// It takes too long.
pub fn settle() {
    run("udevadm", &["settle", "--timeout=60"]);
}

/// Waits until a condition is true.
///
/// # Panics
/// It does not become true in a minute; `what` completes "waited for …".
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited for {what} in vain");
        thread::sleep(PAUSE);
    }
}
