//! Power cuts of a whole host while sets are made and broken, each followed by a new start on the same disks.
//!
//! The machine is User-Mode Linux; its disks outlive it. The program runs under `strace` in it, which tells
//! of each step; the power is cut right after one of them. `VSS_POWER_CUTS` says after how many steps of
//! each command, spread over all of them; `all` is every step, and `@7,9` these. `VSS_POWER_KEEP` keeps the
//! disks of a cut that went wrong, as they were right after it, in this folder.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod guest;
mod judge;
mod trace;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use vss_lab::{Exit, Machine, Setup};

use guest::{BEFORE, JOB, VISIBLE, What};
use trace::is_suspension;

/// Steps of each command after which the power is cut, when nobody says otherwise.
const CUTS: usize = 3;
/// How long a machine may run.
const LIMIT: Duration = Duration::from_secs(180);
/// Sizes of the group's disk and of the state folder's.
const SIZES: [u64; 2] = [320 << 20, 48 << 20];

/// Their images.
const NAMES: [&str; 2] = ["group", "state"];

/// Disks as they were before the command.
struct Base {
    folder: TempDir,
    /// What the guest needs to know of it.
    before: String,
}

/// Makes them once for all tests.
fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        for (image, size) in images(&folder).iter().zip(SIZES) {
            File::create(image).unwrap().set_len(size).unwrap();
        }
        let mut machine = boot(&folder, "prepare", "", false);
        let before = machine.wait_for("before ").unwrap();
        assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 0 });
        Base { folder, before }
    })
}

fn images(folder: &TempDir) -> [PathBuf; 2] {
    NAMES.map(|name| folder.path().join(name))
}

/// The disks of before, once more.
fn copy() -> TempDir {
    copy_of(&base().folder)
}

fn copy_of(disks: &TempDir) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (from, to) in images(disks).iter().zip(images(&folder)) {
        let copied = Command::new("cp")
            .arg("--sparse=always")
            .args([from, &to])
            .status()
            .unwrap();
        assert!(copied.success());
    }
    folder
}

/// A program that is built beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_vss")).with_file_name(name)
}

/// Why these tests cannot run here.
fn unavailable() -> Option<String> {
    vss_lab::unavailable().or_else(|| {
        for (program, package) in [
            ("/usr/bin/strace", "strace"),
            ("/usr/sbin/lvm", "lvm2"),
            ("/usr/sbin/thin_check", "thin-provisioning-tools"),
            ("/usr/sbin/sgdisk", "gdisk"),
            ("/usr/sbin/mkfs.ext4", "e2fsprogs"),
        ] {
            if !Path::new(program).exists() {
                return Some(format!("{program} is missing (package {package})"));
            }
        }
        for (program, package) in [("vss-lab-init", "vss-lab"), ("vss-keeper", "vss-keeper")] {
            if !beside(program).exists() {
                return Some(format!("{program} is not built (cargo build -p {package})"));
            }
        }
        None
    })
}

/// True when these tests can run; says that one is skipped otherwise.
fn can_run(test: &str) -> bool {
    let why = unavailable();
    if let Some(why) = &why {
        println!("skipped: {test} ({why})");
    }
    why.is_none()
}

fn boot(folder: &TempDir, job: &str, before: &str, visible: bool) -> Machine {
    let mut setup = Setup::default().memory_mib(512).limit(LIMIT);
    for image in images(folder) {
        setup = setup.disk(image);
    }
    setup = setup.env(JOB, job).env(BEFORE, before);
    if visible {
        setup = setup.env(VISIBLE, "1");
    }
    let program = std::env::current_exe().unwrap();
    let words = ["--exact", "guest::job", "--nocapture", "--test-threads=1"];
    let command = std::iter::once(program.into_os_string()).chain(words.map(Into::into));
    setup.boot(&beside("vss-lab-init"), command).unwrap()
}

/// When the power is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// After this step.
    Step(usize),
    /// As soon as the keeper has suspended so many devices.
    Suspended(usize),
    /// Once the command is done.
    Done,
}

/// Runs the command until the cut; gives the steps that were heard of.
fn act(folder: &TempDir, what: What, cut: Cut) -> Vec<String> {
    let mut machine = boot(
        folder,
        &format!("act {}", what.name()),
        &base().before,
        false,
    );
    let mut steps = Vec::new();
    let mut suspended = 0;
    while let Some(line) = machine.line().unwrap() {
        if line.starts_with("done ") {
            machine.kill();
            // Else it was no cut.
            assert!(
                line.contains("operation"),
                "{line}: {}",
                machine.last_words()
            );
            return steps;
        }
        let Some(step) = line.strip_prefix("step ") else {
            continue;
        };
        let (_, step) = step.split_once(' ').unwrap();
        steps.push(step.to_owned());
        suspended += usize::from(is_suspension(step));
        let reached = match cut {
            Cut::Step(number) => steps.len() == number,
            Cut::Suspended(number) => suspended == number,
            Cut::Done => false,
        };
        if reached {
            machine.kill();
            return steps;
        }
    }
    panic!("the machine ended by itself: {}", machine.last_words());
}

/// What a new start finds.
struct Verdict {
    side: String,
    problems: Vec<String>,
}

fn judge(folder: &TempDir, what: What, visible: bool) -> Verdict {
    let job = format!("judge {}", what.name());
    let mut machine = boot(folder, &job, &base().before, visible);
    let mut verdict = Verdict {
        side: String::new(),
        problems: Vec::new(),
    };
    let mut judged = false;
    let exit = machine.wait(|line| {
        if let Some(side) = line.strip_prefix("side ") {
            side.clone_into(&mut verdict.side);
        } else if let Some(problem) = line.strip_prefix("problem ") {
            verdict.problems.push(problem.to_owned());
        }
        judged |= line == "judged";
    });
    match exit {
        Ok(Exit { status: 0 }) if judged => {}
        Ok(_) => verdict.problems.push(machine.last_words()),
        Err(error) => verdict.problems.push(error.to_string()),
    }
    verdict
}

/// Cuts and judges; gives the side on which the storage is, and the steps until the cut.
fn cut(what: What, cut: Cut, visible: bool) -> (String, Vec<String>) {
    let folder = copy();
    let steps = act(&folder, what, cut);
    let kept = std::env::var_os("VSS_POWER_KEEP").map(|place| (copy_of(&folder), place));
    let verdict = judge(&folder, what, visible);
    let last = steps.last().map_or("", String::as_str);
    println!(
        "{} cut at {cut:?}, {} steps: {}; last step {last}",
        what.name(),
        steps.len(),
        verdict.side
    );
    if let Some((kept, place)) = kept.filter(|_| !verdict.problems.is_empty()) {
        for (image, name) in images(&kept).iter().zip(NAMES) {
            fs::copy(image, Path::new(&place).join(name)).unwrap();
        }
    }
    assert!(
        verdict.problems.is_empty(),
        "{} cut at {cut:?}, last step {last}:\n{}",
        what.name(),
        verdict.problems.join("\n")
    );
    (verdict.side, steps)
}

/// The steps after which the power is cut, of so many.
fn chosen(total: usize) -> Vec<usize> {
    let Ok(wanted) = std::env::var("VSS_POWER_CUTS") else {
        return spread(total, CUTS);
    };
    match wanted.strip_prefix('@') {
        Some(steps) => steps.split(',').map(|step| step.parse().unwrap()).collect(),
        None if wanted == "all" => spread(total, total),
        None => spread(total, wanted.parse().unwrap()),
    }
}

/// So many numbers of 1 to `total`, evenly spread.
fn spread(total: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(total);
    (0..wanted)
        .map(|index| (2 * index + 1) * total / (2 * wanted) + 1)
        .collect()
}

#[test]
fn cuts_are_spread_over_all_steps() {
    assert_eq!(spread(4, 9), [1, 2, 3, 4]);
    assert_eq!(spread(100, 4), [13, 38, 63, 88]);
    assert!(spread(0, 3).is_empty());
}

/// Lets the command run to its end, and then cuts after steps of it.
fn cuts(what: What) {
    // The control: a command that was not cut off has its effect.
    let (side, steps) = cut(what, Cut::Done, false);
    assert_eq!(side, "after");
    for (index, step) in steps.iter().enumerate() {
        println!("step {}: {step}", index + 1);
    }
    let mut failed = Vec::new();
    for number in chosen(steps.len()) {
        // Originals that come up before the next start are in the way of their identities.
        let visible = what == What::Break && number % 2 == 0;
        let run = std::panic::catch_unwind(|| cut(what, Cut::Step(number), visible));
        if run.is_err() {
            failed.push(number);
        }
    }
    assert!(
        failed.is_empty(),
        "after these of {} steps: {failed:?}",
        steps.len()
    );
}

#[test]
fn a_creation_is_whole_or_gone_after_a_power_cut() {
    if can_run("a_creation_is_whole_or_gone_after_a_power_cut") {
        cuts(What::Create);
    }
}

#[test]
fn a_break_is_whole_or_not_begun_after_a_power_cut() {
    if can_run("a_break_is_whole_or_not_begun_after_a_power_cut") {
        cuts(What::Break);
    }
}

#[test]
fn nothing_stays_suspended_or_frozen_after_a_power_cut() {
    if !can_run("nothing_stays_suspended_or_frozen_after_a_power_cut") {
        return;
    }
    let all = guest::DISKS.len() + guest::FILE_SYSTEMS.len();
    let (side, _) = cut(What::Create, Cut::Suspended(all), false);
    assert_eq!(side, "before");
}

/// The control of all of the above: what is broken by hand is seen.
#[test]
fn storage_that_is_broken_is_judged_so() {
    if !can_run("storage_that_is_broken_is_judged_so") {
        return;
    }
    let folder = copy();
    let mut machine = boot(&folder, "control", &base().before, false);
    let mut said = Vec::new();
    let exit = machine.wait(|line| said.extend(line.strip_prefix("control ").map(str::to_owned)));
    assert_eq!(
        exit.unwrap(),
        Exit { status: 0 },
        "{}",
        machine.last_words()
    );
    let expected = [
        ("nothing: ", None),
        ("reverted: ", Some("copy vsspower/")),
        ("stray: ", Some("copies in LVM are")),
        ("suspended: ", Some("suspended: spare")),
        ("mended: ", None),
    ];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, (beginning, problem)) in said.iter().zip(expected) {
        let problems = said.strip_prefix(beginning).unwrap();
        match problem {
            Some(problem) => assert!(problems.starts_with(problem), "{said}"),
            None => assert_eq!(problems, "", "{said}"),
        }
    }
}
