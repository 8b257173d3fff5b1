//! A real `vssd` for the time of the run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use vss_api::client::{Client, Endpoint};

use crate::Result;
use crate::report::Report;
use crate::socket::process::Cpu;

/// Longer than any start takes.
const START_LIMIT: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(2);

/// The `vssd` beside this program; a case that cannot be measured without it is skipped by its name.
pub(crate) fn program(case: &str, report: &mut Report) -> Result<Option<PathBuf>> {
    let vssd = std::env::current_exe()?.with_file_name("vssd");
    if vssd.is_file() {
        return Ok(Some(vssd));
    }
    report.skip(case, "there is no vssd beside vss-bench");
    Ok(None)
}

/// The running program; killed on drop.
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    loopback: PathBuf,
}

impl Daemon {
    /// Starts it on a state folder in `place`, and waits until it serves. All settings but the places
    /// have their defaults; the log goes to a file.
    pub(crate) fn start(vssd: &Path, place: &Path) -> Result<Self> {
        let settings = place.join("vssd.toml");
        let loopback = place.join("loopback");
        let text = format!(
            "group = \"\"\n[log]\ntarget = \"stderr\"\n[loopback]\nlisten = \"127.0.0.1:0\"\nfile = {loopback:?}\n"
        );
        fs::write(&settings, text)?;
        let socket = place.join("vssd.sock");
        let log = place.join("vssd.log");
        let mut command = Command::new(vssd);
        command
            .arg("--config")
            .arg(&settings)
            .arg("--state")
            .arg(place.join("daemon"))
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        for variable in ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"] {
            command.env_remove(variable);
        }
        let mut daemon = Self {
            child: command.spawn()?,
            socket,
            loopback,
        };
        let until = Instant::now() + START_LIMIT;
        while let Err(error) = daemon.connect() {
            if daemon.child.try_wait()?.is_some() || Instant::now() > until {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("vssd does not serve ({error}):\n{said}").into());
            }
            thread::park_timeout(TICK);
        }
        Ok(daemon)
    }

    /// A caller of its own, with its own connection.
    pub(crate) fn connect(&self) -> Result<Client> {
        Ok(Client::connect(&Endpoint::Unix(self.socket.clone()))?)
    }

    /// The same over loopback TCP.
    pub(crate) fn connect_tcp(&self) -> Result<Client> {
        Ok(Client::connect(&Endpoint::Loopback(self.loopback.clone()))?)
    }

    /// The rendezvous file for callers over loopback TCP.
    pub(crate) fn rendezvous(&self) -> &Path {
        &self.loopback
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has used of the processors so far.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        Cpu::of(&self.pid().to_string())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
