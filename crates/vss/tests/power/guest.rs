//! Inside the machine: storage made, the command run under the eyes of the host, and what is there after
//! the cut.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vss_lab::guest::{Ledger, Mount, in_lab, mkfs, run, wait_until, without_udev};

use crate::judge;
use crate::trace::{CALLS, DELAYS, Steps};

/// Names what the machine is for; nothing is done without it.
pub(crate) const JOB: &str = "VSS_POWER_JOB";
/// What was there before, as the machine that made it said.
pub(crate) const BEFORE: &str = "VSS_POWER_BEFORE";
/// Set when the originals of the disks come up before the next start after a cut.
pub(crate) const VISIBLE: &str = "VSS_POWER_VISIBLE";

pub(crate) const GROUP: &str = "vsspower";
/// Disks with a partition table.
pub(crate) const DISKS: [&str; 2] = ["d1", "d2"];
/// File systems, mounted and written to.
pub(crate) const FILE_SYSTEMS: [&str; 2] = ["a", "b"];
/// Entries that a ledger has before anything is done to it.
const ENTRIES: u64 = 5;

/// The command that is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Create,
    Break,
}

impl What {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Break => "break",
        }
    }
}

/// What the storage was like before the command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Before {
    /// The set that is there already.
    pub(crate) set: String,
    pub(crate) copies: Vec<CopyBefore>,
    /// GUIDs of the disks, in the order of [`DISKS`].
    pub(crate) originals: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CopyBefore {
    /// The copy's volume in the group.
    pub(crate) volume: String,
    /// The original's.
    pub(crate) original: String,
    /// GUID of the copy's partition table, if it has one.
    pub(crate) guid: Option<String>,
}

#[test]
fn job() {
    let Some(job) = std::env::var_os(JOB) else {
        // The other side: this one is run in machines.
        return;
    };
    in_lab();
    // What the test harness has begun to say ends here.
    println!();
    without_udev();
    fs::OpenOptions::new()
        .append(true)
        .open("/etc/lvm/lvm.conf")
        .and_then(|mut settings| settings.write_all(b"devices/types=[ \"ubd\", 16 ]\n"))
        .unwrap();
    match job.to_str().unwrap() {
        "prepare" => prepare(),
        "act create" => act(What::Create),
        "act break" => act(What::Break),
        "judge create" => judge::judge(What::Create, &before()),
        "judge break" => judge::judge(What::Break, &before()),
        "control" => judge::control(&before()),
        other => panic!("nobody knows the job {other}"),
    }
}

fn before() -> Before {
    serde_json::from_str(&std::env::var(BEFORE).unwrap()).unwrap()
}

/// Makes all storage and one set of it.
fn prepare() {
    run("pvcreate", &["-qq", "--yes", "/dev/ubda"]);
    run("vgcreate", &["-qq", "--yes", GROUP, "/dev/ubda"]);
    run(
        "lvcreate",
        &[
            "-qq",
            "--yes",
            "--type",
            "thin-pool",
            "--extents",
            "80%FREE",
            "--chunksize",
            "64k",
            "--poolmetadatasize",
            "4m",
            "--name",
            "pool",
            GROUP,
        ],
    );
    let pool = format!("{GROUP}/pool");
    for name in DISKS.iter().chain(&FILE_SYSTEMS) {
        run(
            "lvcreate",
            &[
                "-qq",
                "--yes",
                "--virtualsize",
                "32m",
                "--thinpool",
                &pool,
                "--name",
                name,
            ],
        );
    }
    for disk in DISKS {
        run("sgdisk", &["-n", "1:0:0", "-t", "1:8300", &path(disk)]);
    }
    for name in FILE_SYSTEMS {
        mkfs("ext4", &path(name));
    }
    mkfs("ext4", "/dev/ubdb");
    let mounts = Mounts::new();
    let ledger = mounts.ledger();
    let created = answer(&vss(&create_words()));
    ledger.stop();
    let copies: Vec<CopyBefore> = created["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| {
            let volume = text(&copy["lun"]).split_once('/').unwrap().1.to_owned();
            let original = Path::new(&text(&copy["original"]))
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let guid = DISKS
                .contains(&original.as_str())
                .then(|| guid(&path(&volume)));
            CopyBefore {
                volume,
                original,
                guid,
            }
        })
        .collect();
    let before = Before {
        set: text(&created["set_id"]),
        copies,
        originals: DISKS.map(|disk| guid(&path(disk))).into(),
    };
    drop(mounts);
    run("vgchange", &["-qq", "-an", GROUP]);
    for disk in DISKS {
        // Their copies take their places.
        run(
            "lvchange",
            &[
                "-qq",
                "--setactivationskip",
                "y",
                &format!("{GROUP}/{disk}"),
            ],
        );
    }
    println!("before {}", serde_json::to_string(&before).unwrap());
}

/// Runs the command and says each of its steps, until somebody cuts the power.
fn act(what: What) {
    activate(what == What::Create);
    let mounts = Mounts::new();
    let _ledger = mounts.ledger();
    println!("ready");
    let told = "/tmp/steps";
    run("mkfifo", &[told]);
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-y",
        "-s",
        "12",
        "-o",
        told,
        "-e",
        &format!("trace={CALLS}"),
    ]);
    for (calls, delay) in DELAYS {
        traced.args(["-e", &format!("inject={calls}:delay_exit={delay}")]);
    }
    let before = before();
    let words: Vec<String> = match what {
        What::Create => create_words(),
        What::Break => break_words(&before.set),
    };
    let child = traced
        .arg(env!("CARGO_BIN_EXE_vss"))
        .args(world())
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut steps = Steps::default();
    let mut number = 0;
    for line in BufReader::new(File::open(told).unwrap()).lines() {
        if let Some(step) = steps.line(&line.unwrap()) {
            number += 1;
            println!("step {number} {step}");
        }
    }
    println!(
        "done {}",
        String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).trim()
    );
    loop {
        thread::park();
    }
}

/// Brings the group up; the disks as well if wanted, which otherwise stay away.
pub(crate) fn activate(disks: bool) {
    run("vgchange", &["-qq", "-ay", GROUP]);
    if disks {
        show_disks();
    }
}

pub(crate) fn show_disks() {
    for disk in DISKS {
        run(
            "lvchange",
            &[
                "-qq",
                "-ay",
                "--ignoreactivationskip",
                &format!("{GROUP}/{disk}"),
            ],
        );
    }
}

/// The state folder and the file systems, mounted.
pub(crate) struct Mounts {
    pub(crate) places: [PathBuf; 2],
    _mounts: Vec<Mount>,
}

impl Mounts {
    pub(crate) fn new() -> Self {
        let mut mounts = vec![Mount::new("/dev/ubdb", "/mnt/state", "rw")];
        for name in FILE_SYSTEMS {
            mounts.push(Mount::new(&path(name), &format!("/mnt/{name}"), "rw"));
        }
        Self {
            places: FILE_SYSTEMS.map(|name| Path::new("/mnt").join(name)),
            _mounts: mounts,
        }
    }

    /// A ledger that has begun. An earlier one is forgotten.
    fn ledger(&self) -> Ledger {
        for place in &self.places {
            let _ = fs::remove_file(place.join("ledger"));
        }
        rustix::fs::sync();
        let ledger = Ledger::start(&self.places[0], &self.places[1]);
        wait_until("entries in the ledger", || ledger.written() > ENTRIES);
        ledger
    }
}

pub(crate) fn create_words() -> Vec<String> {
    let mut words = vec!["create".to_owned()];
    words.extend(FILE_SYSTEMS.map(|name| format!("/mnt/{name}")));
    words.extend(DISKS.map(path));
    words
}

pub(crate) fn break_words(set: &str) -> Vec<String> {
    ["break", set, "--read-write"].map(str::to_owned).into()
}

fn world() -> [&'static str; 3] {
    ["--state", "/mnt/state/vss", "--json"]
}

pub(crate) fn vss<S: AsRef<str>>(words: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vss"))
        .args(world())
        .args(words.iter().map(AsRef::as_ref))
        .output()
        .unwrap()
}

/// What the program answered, which must have been content.
pub(crate) fn answer(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The path of a volume.
pub(crate) fn path(volume: &str) -> String {
    format!("/dev/{GROUP}/{volume}")
}

/// The GUID of a disk as `sgdisk` sees it.
pub(crate) fn guid(device: &str) -> String {
    run("sgdisk", &["-p", device])
        .lines()
        .find_map(|line| {
            line.strip_prefix("Disk identifier (GUID): ")
                .map(str::to_owned)
        })
        .unwrap_or_else(|| format!("no GUID on {device}"))
}
