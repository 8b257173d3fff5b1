//! File systems of the tests' own, writers on them, and a daemon in a process of its own.

#![allow(
    dead_code,
    reason = "shared by test programs that need different parts"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use vss_keeper::{FileSystem, Keeper, Plan};
use vss_sys::freeze;

/// Longer than anything takes that is not held.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// A writer that has not come back after this is blocked.
pub(crate) const BLOCKED: Duration = Duration::from_millis(200);
/// Has the test executable play the daemon; its value is the plan.
pub(crate) const DAEMON: &str = "OPENVSS_KEEPER_TEST_DAEMON";

/// Either kind of file system that the freeze is tried on.
pub(crate) const KINDS: [&str; 2] = ["ext4", "xfs"];

/// A mounted file system in an image, thawed and unmounted on drop.
pub(crate) struct Mounted {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Mounted {
    /// Says why the test is skipped where there can be none.
    pub(crate) fn new(kind: &str, test: &str) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("openvss-keeper-test-")
            .tempdir()
            .unwrap();
        Self::in_folder(kind, test, folder)
    }

    /// One whose image lies in another.
    pub(crate) fn within(other: &Self, kind: &str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir_in(other.path()).unwrap();
        Self::in_folder(kind, test, folder)
    }

    fn in_folder(kind: &str, test: &str, folder: tempfile::TempDir) -> Option<Self> {
        let image = folder.path().join("image");
        // XFS takes no less than 300 MiB; the file has holes.
        let size = if kind == "xfs" { 320 << 20 } else { 32 << 20 };
        File::create(&image).unwrap().set_len(size).unwrap();
        let mut mounted = Self {
            folder,
            is_mounted: false,
        };
        std::fs::create_dir(mounted.path()).unwrap();
        let device = mounted.path();
        let made = ran(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
        let made = made.and_then(|()| {
            ran(Command::new("mount")
                .args(["-o", "loop"])
                .args([&image, &device]))
        });
        if let Err(reason) = made {
            println!("skipped: {test} ({kind}: {reason})");
            return None;
        }
        mounted.is_mounted = true;
        Some(mounted)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    pub(crate) fn plan_entry(&self, level: u32) -> FileSystem {
        file_system(&self.path(), level)
    }

    pub(crate) fn open(&self) -> File {
        File::open(self.path()).unwrap()
    }

    pub(crate) fn assert_writable(&self, what: &str) {
        let writer = Writer::start(&self.path());
        assert!(writer.is_done_within(LIMIT), "{what}: still frozen");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !self.is_mounted {
            return;
        }
        if let Ok(folder) = File::open(self.path()) {
            let _ = freeze::thaw(&folder);
        }
        // Lazily, as a writer of a failed test may still be on its way out.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// A plan's entry for whatever is mounted there.
pub(crate) fn file_system(mount_point: &Path, level: u32) -> FileSystem {
    let dev = std::fs::metadata(mount_point).unwrap().dev();
    FileSystem {
        mount_point: mount_point.to_owned(),
        device: (rustix::fs::major(dev), rustix::fs::minor(dev)),
        level,
    }
}

/// Runs a program to its end; its complaint where it fails.
pub(crate) fn ran(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// One synchronous write, in a thread of its own.
pub(crate) struct Writer {
    done: Receiver<std::io::Result<()>>,
}

impl Writer {
    pub(crate) fn start(folder: &Path) -> Self {
        let path = folder.join("written");
        let (sender, done) = channel();
        std::thread::spawn(move || {
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(b"written")?;
                file.sync_all()
            });
            let _ = sender.send(written);
        });
        Self { done }
    }

    /// A write of another kind, which tells its end.
    pub(crate) fn of(done: Receiver<std::io::Result<()>>) -> Self {
        Self { done }
    }

    /// Fails the test where the write ended with an error.
    pub(crate) fn is_done_within(&self, limit: Duration) -> bool {
        match self.done.recv_timeout(limit) {
            Ok(written) => {
                written.unwrap();
                true
            }
            Err(_) => false,
        }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // Dead already is dead enough.
    let _ = kill_process(pid, signal);
}

/// The states of a process's threads (`proc(5)`), one letter each.
pub(crate) fn thread_states(pid: u32) -> String {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return String::new();
    };
    let states = threads.flatten().filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    });
    states.collect()
}

/// Whether any thread of a process still runs: after a kill one may wait in the kernel for a freeze.
/// The kernel's own count is asked, as a list of threads can miss some while others exit.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let fields: Vec<_> = stat
        .rsplit_once(") ")
        .map_or(vec![], |(_, rest)| rest.split(' ').collect());
    let (Some(&state), Some(&threads)) = (fields.first(), fields.get(17)) else {
        return false;
    };
    !(matches!(state, "Z" | "X") && matches!(threads, "0" | "1"))
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let until = std::time::Instant::now() + LIMIT;
    while !condition() {
        assert!(std::time::Instant::now() < until, "in vain: {what}");
        std::thread::yield_now();
    }
}

/// Waits until a process is gone, or dead and not yet waited for.
pub(crate) fn wait_for_death(pid: u32) {
    wait_until("the keeper's death", || !is_alive(pid));
}

/// This executable as a daemon that does what it is told, step by step.
pub(crate) struct Daemon {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub(crate) keeper_pid: u32,
}

impl Daemon {
    /// `test` is the function of this executable that calls [`play_daemon`].
    pub(crate) fn start(plan: &Plan, test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(DAEMON, serde_json::to_string(plan).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It complains of the killed keeper.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut daemon = Self {
            child,
            orders,
            answers,
            keeper_pid: 0,
        };
        daemon.keeper_pid = daemon.wait_for("keeper ").parse().unwrap();
        daemon
    }

    /// Has a step done, and waits for its end.
    pub(crate) fn step(&mut self, step: &str) {
        self.order(step);
        assert_eq!(self.wait_for("done "), step);
    }

    /// Has a step begun.
    pub(crate) fn order(&mut self, step: &str) {
        writeln!(self.orders, "{step}").unwrap();
    }

    fn wait_for(&mut self, start: &str) -> String {
        loop {
            let line = self.answers.next().unwrap().unwrap();
            // The test harness writes before it on the same line.
            if let Some((_, rest)) = line.split_once(start) {
                return rest.to_owned();
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The daemon's side; returns at once in an ordinary run of the tests.
pub(crate) fn play_daemon(program: &Path) {
    let Ok(plan) = std::env::var(DAEMON) else {
        return;
    };
    let plan: Plan = serde_json::from_str(&plan).unwrap();
    let mut keeper = Keeper::start(program, &plan).unwrap();
    println!("keeper {}", keeper.pid());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        match line.as_str() {
            "flush" => drop(keeper.flush().unwrap()),
            "freeze" => drop(keeper.freeze().unwrap()),
            "suspend" => drop(keeper.suspend().unwrap()),
            "release" => {
                keeper.release().unwrap();
                println!("done release");
                return;
            }
            other => unreachable!("no such step: {other}"),
        }
        println!("done {line}");
    }
}
