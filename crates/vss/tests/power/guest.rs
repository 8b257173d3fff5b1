//! Inside the machine: storage made, the command run under the eyes of the host, and what is there after
//! the cut.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vss_lab::guest::{Ledger, Mount, in_lab, mkfs, run, wait_until, without_udev};

use crate::storage::{DISKS, FILE_SYSTEMS, Kind, STATE, STATE_DISK, Storage};
use crate::trace::{CALLS, DELAYS, Steps};
use crate::{control, judge};

/// Names what the machine is for; nothing is done without it.
pub(crate) const JOB: &str = "VSS_POWER_JOB";
/// The name of the kind of storage.
pub(crate) const STORAGE: &str = "VSS_POWER_STORAGE";
/// What was there before, as the machine that made it said.
pub(crate) const BEFORE: &str = "VSS_POWER_BEFORE";
/// Set when the originals of the disks come up before the next start after a cut.
pub(crate) const VISIBLE: &str = "VSS_POWER_VISIBLE";

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
    /// The copy's name.
    pub(crate) name: String,
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
    let storage = storage();
    storage.start();
    match job.to_str().unwrap() {
        "prepare" => prepare(storage),
        "act create" => act(storage, What::Create, &create_words),
        "act break" => act(storage, What::Break, &|_| break_words(&before().set)),
        "start create" => act(storage, What::Create, &|_| start_words()),
        "start break" => act(storage, What::Break, &|_| start_words()),
        "judge create" => judge::judge(storage, What::Create, &before()),
        "judge break" => judge::judge(storage, What::Break, &before()),
        "control" => control::control(storage, &before()),
        other => panic!("nobody knows the job {other}"),
    }
}

fn storage() -> &'static dyn Storage {
    let name = std::env::var(STORAGE).unwrap();
    Kind::named(&name).unwrap().storage()
}

fn before() -> Before {
    serde_json::from_str(&std::env::var(BEFORE).unwrap()).unwrap()
}

/// Makes all storage and one set of it.
fn prepare(storage: &dyn Storage) {
    storage.make();
    for disk in DISKS {
        run(
            "sgdisk",
            &["-n", "1:0:0", "-t", "1:8300", &device(storage, disk)],
        );
    }
    for name in FILE_SYSTEMS {
        mkfs("ext4", &device(storage, name));
    }
    mkfs("ext4", STATE_DISK);
    let mounts = Mounts::new(storage);
    let ledger = mounts.ledger();
    let created = answer(&vss(&create_words(storage)));
    ledger.stop();
    let set = text(&created["set_id"]);
    let before = Before {
        copies: copies(storage, &answer(&vss(&["show", &set]))),
        originals: DISKS.map(|disk| guid(&device(storage, disk))).into(),
        set,
    };
    drop(mounts);
    storage.put_away();
    println!("before {}", serde_json::to_string(&before).unwrap());
}

/// The copies of a set that is shown.
fn copies(storage: &dyn Storage, shown: &Value) -> Vec<CopyBefore> {
    let disks = shown["disks"].as_array().unwrap();
    disks
        .iter()
        .map(|disk| {
            let (name, original) = (
                name_of(storage, &disk["lun"]),
                name_of(storage, &disk["original"]),
            );
            let guid = DISKS
                .contains(&original.as_str())
                .then(|| guid(&device(storage, &name)));
            CopyBefore {
                name,
                original,
                guid,
            }
        })
        .collect()
}

/// Runs a command and says each of its steps, until somebody cuts the power. The host is shown what `what`
/// finds.
fn act(storage: &dyn Storage, what: What, words: &dyn Fn(&dyn Storage) -> Vec<String>) {
    storage.show(what == What::Create);
    let mounts = Mounts::new(storage);
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
    let child = traced
        .arg(env!("CARGO_BIN_EXE_vss"))
        .args(world())
        .args(words(storage))
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

/// The state folder and the file systems, mounted.
pub(crate) struct Mounts {
    pub(crate) places: [PathBuf; 2],
    _mounts: Vec<Mount>,
}

impl Mounts {
    pub(crate) fn new(storage: &dyn Storage) -> Self {
        let mut mounts = vec![Mount::new(STATE_DISK, "/mnt/state", "rw")];
        for name in FILE_SYSTEMS {
            let device = device(storage, name);
            mounts.push(Mount::new(&device, &format!("/mnt/{name}"), "rw"));
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

pub(crate) fn create_words(storage: &dyn Storage) -> Vec<String> {
    let mut words = vec!["create".to_owned()];
    words.extend(FILE_SYSTEMS.map(|name| format!("/mnt/{name}")));
    words.extend(DISKS.map(|disk| device(storage, disk)));
    words
}

pub(crate) fn break_words(set: &str) -> Vec<String> {
    ["break", set, "--read-write"].map(str::to_owned).into()
}

/// A command that does nothing but start.
pub(crate) fn start_words() -> Vec<String> {
    ["delete", "00000000-0000-4000-8000-000000000000"]
        .map(str::to_owned)
        .into()
}

fn world() -> [&'static str; 3] {
    ["--state", STATE, "--json"]
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

/// The device of an original or of a copy, which must be there.
pub(crate) fn device(storage: &dyn Storage, name: &str) -> String {
    storage
        .device(name)
        .unwrap_or_else(|| panic!("{name} is not there"))
}

/// The name in what the program calls a LUN.
pub(crate) fn name_of(storage: &dyn Storage, lun: &Value) -> String {
    let lun = text(lun);
    lun.strip_prefix(storage.prefix())
        .map_or_else(|| lun.clone(), str::to_owned)
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
