//! The real daemon, started and killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use vss_api::client::{Client, Endpoint};
use vss_service::Queries;

/// Longer than any start or end takes.
const LONG: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(5);

pub(crate) struct Daemon {
    folder: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    pub(crate) fn start(folder: &Path) -> Self {
        let mut daemon = Self {
            folder: folder.to_owned(),
            child: None,
        };
        daemon.restart();
        daemon
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("vssd.sock")
    }

    /// Starts it and waits until it serves.
    pub(crate) fn restart(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("vssd.log"))
            .unwrap();
        let config = self.folder.join("vssd.toml");
        if !config.exists() {
            std::fs::write(&config, "[log]\ntarget = \"stderr\"\nlevel = \"warn\"\n").unwrap();
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_vssd"))
            .arg("--config")
            .arg(&config)
            .arg("--state")
            .arg(self.folder.join("state"))
            .arg("--socket")
            .arg(self.socket())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let until = Instant::now() + LONG;
        while connect(&self.socket()).is_none() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            assert!(
                Instant::now() < until,
                "the daemon does not serve:\n{}",
                self.log()
            );
            thread::sleep(TICK);
        }
        self.child = Some(child);
    }

    pub(crate) fn client(&self) -> Client {
        connect(&self.socket()).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and the end that follows.
    pub(crate) fn terminate(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}:\n{}", self.log());
                return;
            }
            if Instant::now() >= until {
                child.kill().unwrap();
                panic!("the daemon does not end:\n{}", self.log());
            }
            thread::sleep(TICK);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("vssd.log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A connection, if the daemon serves.
pub(crate) fn connect(socket: &Path) -> Option<Client> {
    let client = Client::connect(&Endpoint::Unix(socket.to_owned())).ok()?;
    client.status().ok()?;
    Some(client)
}
