//! A daemon of a test's own.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, getegid, geteuid, kill_process};

/// For how long a daemon may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `vssd`; stopped when it is dropped.
pub(crate) struct Daemon {
    process: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts the program built beside `vss`; `None`, and said, where there is none.
    pub(crate) fn start(folder: &Path, state: &Path, test: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_vss")).with_file_name("vssd");
        if !program.exists() {
            println!("skipped: {test} (vssd is not built)");
            return None;
        }
        let Some(group) = group() else {
            println!("skipped: {test} (neither root nor in a group with a name)");
            return None;
        };
        let config = folder.join("vssd.toml");
        std::fs::write(&config, format!("group = {group:?}\n")).unwrap();
        let socket = folder.join("vssd.sock");
        let notices = folder.join("notify");
        let notified = UnixDatagram::bind(&notices).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        let process = Command::new(program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("NOTIFY_SOCKET", &notices)
            .arg("--config")
            .arg(config)
            .arg("--state")
            .arg(state)
            .arg("--socket")
            .arg(&socket)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("vssd.log")).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { process, socket };
        let mut notice = [0; 4096];
        loop {
            match notified.recv(&mut notice) {
                Ok(len) if String::from_utf8_lossy(&notice[..len]).contains("READY=1") => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let log = std::fs::read_to_string(folder.join("vssd.log"));
                    panic!("vssd did not begin: {error}; {log:?}");
                }
            }
        }
        Some(daemon)
    }

    /// What `--connect` takes.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        // Of a process that was waited for, the number may be somebody else's.
        if let (Ok(None), Some(pid)) = (self.process.try_wait(), pid) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// The group whose members the daemon serves: root needs none.
fn group() -> Option<String> {
    if geteuid().is_root() {
        return Some(String::new());
    }
    let own = getegid().as_raw().to_string();
    std::fs::read_to_string("/etc/group")
        .ok()?
        .lines()
        .find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&own.as_str())).then(|| fields[0].to_owned())
        })
}
