//! A state folder, disks in it, and ways to run `vss` on it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use vss_coordinator::StatePaths;

use crate::disks;
use crate::vssd::Daemon;

/// Everything that a test needs; gone when it is dropped.
pub(crate) struct World {
    // Before the folder: the daemon must be gone when that is removed.
    daemon: Option<Daemon>,
    dir: TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a run that must be good said.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What a run that must fail said on stderr.
    #[track_caller]
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }

    /// The object of a good run with `--json`; stdout holds it and nothing else.
    #[track_caller]
    pub(crate) fn object(self) -> Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The error of a failed run with `--json`.
    #[track_caller]
    pub(crate) fn error(self, code: i32) -> Value {
        assert_eq!(self.stdout, "");
        let text = self.bad(code);
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let error = &value["error"];
        let mut keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["code", "hint", "message", "name"]);
        assert!(error["message"].is_string());
        error.clone()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            daemon: None,
            dir: tempfile::Builder::new()
                .prefix("vss-cli-")
                .tempdir()
                .unwrap(),
        }
    }

    /// On a daemon; `None`, and said, where there is none to start.
    pub(crate) fn with_daemon(test: &str) -> Option<Self> {
        let mut world = Self::new();
        world.daemon = Some(Daemon::start(world.dir.path(), &world.state(), test)?);
        Some(world)
    }

    /// Its daemon.
    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Kills the daemon.
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon.as_mut().unwrap().kill();
    }

    /// Ends the daemon; what it left is there for commands without one.
    pub(crate) fn stop_daemon(&mut self) {
        self.daemon = None;
    }

    /// With the LUNs `app` (GPT, two partitions) and `log` (MBR, one).
    pub(crate) fn with_disks() -> Self {
        let world = Self::new();
        world.add_disks();
        world
    }

    /// Adds the LUNs `app` (GPT, two partitions) and `log` (MBR, one).
    pub(crate) fn add_disks(&self) {
        let world = self;
        disks::app(&world.path("app.img")).unwrap();
        disks::log(&world.path("log.img")).unwrap();
        for name in ["app", "log"] {
            let file = world.path(&format!("{name}.img"));
            world
                .run(["lun", "adopt", name, file.to_str().unwrap()])
                .good();
        }
    }

    /// Adds the LUN `big`, which takes a while to copy.
    pub(crate) fn add_big(&self) {
        let file = self.path("big.img");
        dense(&file, 256 << 20);
        self.run(["lun", "adopt", "big", file.to_str().unwrap()])
            .good();
    }

    /// The same with a set of both; its id.
    pub(crate) fn with_set() -> (Self, String) {
        let world = Self::with_disks();
        let set = world.create(&["app", "log"]);
        (world, set)
    }

    /// Creates a set; its id.
    #[track_caller]
    pub(crate) fn create(&self, volumes: &[&str]) -> String {
        let mut args = vec!["--json", "create"];
        args.extend(volumes);
        text(&self.run(args).object()["set_id"])
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn paths(&self) -> StatePaths {
        StatePaths::new(self.state())
    }

    /// `vss` on this state, in an environment without surprises.
    pub(crate) fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = bare(self.dir.path());
        match &self.daemon {
            None => command.env("VSS_STATE", self.state()),
            Some(daemon) => command.env("VSS_CONNECT", daemon.endpoint()),
        };
        command.args(args);
        command
    }

    #[track_caller]
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        Run::new(self.command(args).output().unwrap())
    }

    /// The object of a run with `--json` that must be good.
    #[track_caller]
    pub(crate) fn json<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(all).object()
    }

    /// The error of a run with `--json` that must fail with 1.
    #[track_caller]
    pub(crate) fn error<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(all).error(1)
    }

    /// `vss identity show` of the LUN where the host sees it.
    #[track_caller]
    pub(crate) fn identity(&self, lun: &str) -> Value {
        let device = self.state().join("host").join(lun);
        self.json(["identity", "show", device.to_str().unwrap()])
    }
}

/// `vss` with nothing but a home.
pub(crate) fn bare(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vss"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .env("TMPDIR", home)
        .current_dir(home);
    command
}

/// A string in a JSON value.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no string: {value}"))
        .to_owned()
}

/// The names of LUNs that a listing shows.
pub(crate) fn names(luns: &Value) -> Vec<String> {
    luns["luns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lun| text(&lun["name"]))
        .collect()
}

/// An image whose every byte is written, so that copying it takes a while.
fn dense(path: &Path, size: u64) {
    use std::io::{Read, Write};
    let mut source = std::io::repeat(0x5a).take(size);
    let mut file = File::create(path).unwrap();
    std::io::copy(&mut source, &mut file).unwrap();
    file.flush().unwrap();
}
