//! The real daemon in a folder of its own, and what it says.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use vss_api::client::{Client, Endpoint};

/// Longer than anything takes that comes to an end.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How often is looked where nobody tells.
const TICK: Duration = Duration::from_millis(2);

/// True as soon as it is, false after a very long time.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + LONG;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        thread::park_timeout(TICK);
    }
}

/// A folder with the settings and the state of a daemon.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    /// With these settings, besides those that keep it in its folder.
    pub(crate) fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Other users must get at the socket.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let place = Self { dir };
        place.set(settings);
        place
    }

    /// Other settings, from the next start.
    pub(crate) fn set(&self, settings: &str) {
        let settings = format!("group = \"\"\n{settings}\n[log]\ntarget = \"stderr\"\n");
        fs::write(self.path("vssd.toml"), settings).unwrap();
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/vssd.sock")
    }

    /// The daemon, not started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vssd"));
        command
            .arg("--config")
            .arg(self.path("vssd.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .arg("--socket")
            .arg(self.socket());
        for variable in [
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "LISTEN_PID",
            "JOURNAL_STREAM",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// The daemon, once it serves.
    pub(crate) fn start(&self) -> Daemon {
        let daemon = Daemon::spawn(&mut self.command());
        daemon.said("Serving");
        daemon
    }

    /// A client of the daemon, which serves.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&Endpoint::Unix(self.socket())).unwrap()
    }
}

/// A running daemon; killed on drop.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Daemon {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        let (told, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                told.lines.lock().unwrap().0.push(line);
                told.more.notify_all();
            }
            told.lines.lock().unwrap().1 = true;
            told.more.notify_all();
        });
        Self { child, log }
    }

    /// Waits for a line with this text in the log, and gives it.
    pub(crate) fn said(&self, text: &str) -> String {
        let lines = self.log.lines.lock().unwrap();
        let find = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        let (lines, _) = self
            .log
            .more
            .wait_timeout_while(lines, LONG, |(lines, over)| !*over && find(lines).is_none())
            .unwrap();
        find(&lines.0).unwrap_or_else(|| panic!("no {text:?} in the log:\n{}", lines.0.join("\n")))
    }

    /// All that it has said so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().0.clone()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end, and for all that it has to say.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "it does not end:\n{}", self.log().join("\n"));
        let lines = self.log.lines.lock().unwrap();
        let _over = self
            .log
            .more
            .wait_timeout_while(lines, LONG, |(_, over)| !*over)
            .unwrap();
        status.unwrap()
    }

    /// SIGTERM, and the end that follows.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{}", self.log().join("\n"));
    }

    /// A figure from `/proc/PID/status`, in KiB.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}:")));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end: exit code, and what it said on either stream.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// Whether this test may become other users; says so if not.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: {test} (needs root to become another user)");
    }
    root
}

/// Whether a program is there; says so if not.
pub(crate) fn has(program: &str, test: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
    });
    if !found {
        println!("skipped: {test} ({program} is missing)");
    }
    found
}
