//! A daemon that programs under Wine find, with two LUNs that they know as volumes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::disks;
use crate::program::{Program, setting, windows_path};

/// The LUN with a GPT, its two partitions, and the LUN with an MBR.
pub(crate) const APP: &str = r"E:\";
pub(crate) const LOG: &str = r"F:\";
pub(crate) const FIRST: &str = r"G:\";
pub(crate) const SECOND: &str = r"H:\";

const SETTINGS: &str = r#"
group = ""
[loopback]
listen = "127.0.0.1:0"
file = "FOLDER/loopback"
[volumes]
'E:\' = "app"
'F:\' = "log"
'G:\' = "app/1"
'H:\' = "app/2"
[log]
target = "stderr"
"#;

/// Longer than any start takes.
const LONG: Duration = Duration::from_secs(60);

/// A folder with all of it.
pub(crate) struct Place {
    // Before the folder: the daemon must be gone when that is removed.
    daemon: Option<Child>,
    dir: TempDir,
}

impl Place {
    /// With the LUNs `app` and `log`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("vss-com-")
            .tempdir()
            .unwrap();
        let folder = dir.path().to_str().unwrap();
        fs::write(
            dir.path().join("vssd.toml"),
            SETTINGS.replace("FOLDER", folder),
        )
        .unwrap();
        let mut place = Self { daemon: None, dir };
        place.start();
        disks::gpt(&place.path("app.img"));
        disks::mbr(&place.path("log.img"));
        for name in ["app", "log"] {
            let image = place.path(&format!("{name}.img"));
            place.vss(&["lun", "adopt", name, image.to_str().unwrap()]);
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the host sees a LUN.
    pub(crate) fn device(&self, lun: &str) -> PathBuf {
        self.path("state/host").join(lun)
    }

    /// Starts the daemon; it serves.
    pub(crate) fn start(&mut self) {
        // With the umask of the shipped unit.
        let mut child = Command::new("sh")
            .args(["-c", "umask 077 && exec \"$0\" \"$@\""])
            .arg(setting("VSS_COM_BIN").join("vssd"))
            .arg("--config")
            .arg(self.path("vssd.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .arg("--socket")
            .arg(self.path("run/vssd.sock"))
            .env_remove("NOTIFY_SOCKET")
            .env_remove("LISTEN_FDS")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (serving, served) = mpsc::channel();
        thread::spawn(move || {
            let mut said = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                said.push_str(&line);
                said.push('\n');
                if line.contains("Serving") {
                    let _ = serving.send(Ok(()));
                }
            }
            let _ = serving.send(Err(said));
        });
        match served.recv_timeout(LONG) {
            Ok(Ok(())) => {}
            Ok(Err(said)) => panic!("vssd ended:\n{said}"),
            Err(_) => {
                let _ = child.kill();
                panic!("vssd does not serve");
            }
        }
        self.daemon = Some(child);
    }

    /// The process of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// Ends the daemon by a signal.
    pub(crate) fn end(&mut self, signal: Signal) {
        let mut daemon = self.daemon.take().unwrap();
        kill_process(Pid::from_child(&daemon), signal).unwrap();
        daemon.wait().unwrap();
    }

    /// What a `vss` command says, which must be good.
    #[track_caller]
    pub(crate) fn vss(&self, arguments: &[&str]) -> String {
        let output = Command::new(setting("VSS_COM_BIN").join("vss"))
            .args(arguments)
            .env(
                "VSS_CONNECT",
                format!("unix:{}", self.path("run/vssd.sock").display()),
            )
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "vss {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The object that a `vss` command prints.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.vss(&[&["--json"], arguments].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// The ids of the sets that there are.
    pub(crate) fn sets(&self) -> Vec<String> {
        let list = self.json(&["list"]);
        let sets = list["sets"].as_array().unwrap();
        sets.iter()
            .map(|set| set["set_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A LUN, as `vss lun list` shows it.
    pub(crate) fn lun(&self, name: &str) -> Option<Value> {
        let list = self.json(&["lun", "list"]);
        let luns = list["luns"].as_array().unwrap();
        luns.iter().find(|lun| lun["name"] == name).cloned()
    }

    /// The LUNs that are no originals.
    pub(crate) fn copies(&self) -> Vec<String> {
        let list = self.json(&["lun", "list"]);
        let luns = list["luns"].as_array().unwrap();
        luns.iter()
            .filter(|lun| !lun["copy_of"].is_null())
            .map(|lun| lun["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A program that finds this daemon.
    pub(crate) fn program(&self, name: &str) -> Program {
        let file = windows_path(&self.path("loopback"));
        Program::new(name).env("VSS_CONNECT", format!("loopback:{file}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// An id as `vss` prints it, from one as Windows prints it.
pub(crate) fn plain_id(id: &str) -> String {
    id.trim_matches(['{', '}']).to_lowercase()
}

/// The name of a copy's LUN.
pub(crate) fn copy_of(lun: &str, set: &str) -> String {
    let set = plain_id(set);
    format!("{lun}@{}", set.get(..8).unwrap())
}

/// True as soon as it is, false after a long time.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let until = std::time::Instant::now() + LONG;
    loop {
        if condition() {
            return true;
        }
        if std::time::Instant::now() > until {
            return false;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}
