//! The outside: machines that are booted, cut off and booted again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vss_lab::{Exit, Machine, Setup};

use crate::guest::{BEFORE, JOB, STORAGE, VISIBLE, What};
use crate::storage::{DISKS, FILE_SYSTEMS, Kind};
use crate::trace::{is_freeze, is_suspension};

/// Steps of each command after which the power is cut, when nobody says otherwise.
const CUTS: usize = 2;

/// How long a machine may run.
const LIMIT: Duration = Duration::from_secs(180);
/// Sizes of the storage's disk and of the state folder's.
const SIZES: [u64; 2] = [320 << 20, 48 << 20];

/// Their images.
const NAMES: [&str; 2] = ["storage", "state"];

/// Disks as they were before the command.
struct Base {
    folder: TempDir,
    /// What the guest needs to know of it.
    before: String,
}

/// Makes them once for all tests on storage of this kind.
fn base(kind: Kind) -> &'static Base {
    static BASES: [OnceLock<Base>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    BASES[kind as usize].get_or_init(|| {
        let folder = TempDir::new().unwrap();
        for (image, size) in images(&folder).iter().zip(SIZES) {
            File::create(image).unwrap().set_len(size).unwrap();
        }
        let mut machine = boot(kind, &folder, "prepare", "", false);
        let before = machine.wait_for("before ").unwrap();
        assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 0 });
        Base { folder, before }
    })
}

fn images(folder: &TempDir) -> [PathBuf; 2] {
    NAMES.map(|name| folder.path().join(name))
}

/// The same disks once more.
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
fn unavailable(kind: Kind) -> Option<String> {
    vss_lab::unavailable().or_else(|| {
        let common = [
            ("/usr/bin/strace", "strace"),
            ("/usr/sbin/dmsetup", "dmsetup"),
            ("/usr/sbin/sgdisk", "gdisk"),
            ("/usr/sbin/mkfs.ext4", "e2fsprogs"),
        ];
        for (program, package) in common.iter().chain(kind.storage().programs()) {
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
fn can_run(kind: Kind, test: &str) -> bool {
    let why = unavailable(kind);
    if let Some(why) = &why {
        println!("skipped: {test} on {} ({why})", kind.name());
    }
    why.is_none()
}

fn boot(kind: Kind, folder: &TempDir, job: &str, before: &str, visible: bool) -> Machine {
    let mut setup = Setup::default().memory_mib(512).limit(LIMIT);
    for image in images(folder) {
        setup = setup.disk(image);
    }
    setup = setup
        .env(JOB, job)
        .env(STORAGE, kind.name())
        .env(BEFORE, before);
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
    /// As soon as all file systems, and all devices that can be suspended, stand still.
    Still,
    /// Once the command is done.
    Done,
}

/// Runs the command until the cut; gives the steps that were heard of.
fn act(kind: Kind, folder: &TempDir, job: &str, cut: Cut) -> Vec<String> {
    let mut machine = boot(kind, folder, job, &base(kind).before, false);
    let mut steps = Vec::new();
    let mut still = 0;
    while let Some(line) = machine.line().unwrap() {
        if line.starts_with("done ") {
            machine.kill();
            // A command that failed was not cut off. A mere start says nothing.
            assert!(
                line.contains("operation") || job.starts_with("start"),
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
        still += usize::from(match kind {
            Kind::Thin => is_suspension(step),
            // Nothing suspends SCSI disks.
            Kind::Lio => is_freeze(step),
        });
        let reached = match cut {
            Cut::Step(number) => steps.len() == number,
            Cut::Still => still == all_still(kind),
            Cut::Done => false,
        };
        if reached {
            machine.kill();
            return steps;
        }
    }
    panic!("the machine ended by itself: {}", machine.last_words());
}

/// How many of the originals are held still at the instant.
const fn all_still(kind: Kind) -> usize {
    match kind {
        Kind::Thin => DISKS.len() + FILE_SYSTEMS.len(),
        Kind::Lio => FILE_SYSTEMS.len(),
    }
}

/// What a new start finds.
struct Verdict {
    side: String,
    problems: Vec<String>,
}

fn judge(kind: Kind, folder: &TempDir, what: What, visible: bool) -> Verdict {
    let job = format!("judge {}", what.name());
    let mut machine = boot(kind, folder, &job, &base(kind).before, visible);
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
fn cut(kind: Kind, what: What, cut: Cut, visible: bool) -> (String, Vec<String>) {
    let job = format!("act {}", what.name());
    cut_from(kind, &base(kind).folder, &job, what, cut, visible)
}

/// Does a job on a copy of these disks until the cut, and judges.
fn cut_from(
    kind: Kind,
    disks: &TempDir,
    job: &str,
    what: What,
    cut: Cut,
    visible: bool,
) -> (String, Vec<String>) {
    let start = Instant::now();
    let folder = copy_of(disks);
    let steps = act(kind, &folder, job, cut);
    let kept = std::env::var_os("VSS_POWER_KEEP").map(|place| (copy_of(&folder), place));
    let verdict = judge(kind, &folder, what, visible);
    let last = steps.last().map_or("", String::as_str);
    let name = format!("{job} on {} cut at {cut:?}", kind.name());
    println!(
        "{name}, {} steps: {}, {:.1} s; last step {last}",
        steps.len(),
        verdict.side,
        start.elapsed().as_secs_f64()
    );
    if let Some((kept, place)) = kept.filter(|_| !verdict.problems.is_empty()) {
        for (image, name) in images(&kept).iter().zip(NAMES) {
            fs::copy(image, Path::new(&place).join(name)).unwrap();
        }
    }
    assert!(
        verdict.problems.is_empty(),
        "{name}, last step {last}:\n{}",
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
pub(crate) fn cuts(kind: Kind, what: What) {
    if !can_run(kind, &format!("power cuts of a {}", what.name())) {
        return;
    }
    // The control: a command that was not cut off has its effect.
    let (side, steps) = cut(kind, what, Cut::Done, false);
    assert_eq!(side, "after");
    say_all(&steps);
    let mut failed = Vec::new();
    for number in chosen(steps.len()) {
        // Originals that come up before the next start are in the way of their identities.
        let visible = what == What::Break && number % 2 == 0;
        let run = std::panic::catch_unwind(|| cut(kind, what, Cut::Step(number), visible));
        if run.is_err() {
            failed.push(number);
        }
    }
    assert!(
        failed.is_empty(),
        "after these of {} steps: {failed:?}",
        steps.len()
    );
    if std::env::var("VSS_POWER_CUTS").is_ok_and(|wanted| !wanted.starts_with('@')) {
        cuts_of_the_start(kind, what, steps.len());
    }
}

fn say_all(steps: &[String]) {
    for (index, step) in steps.iter().enumerate() {
        println!("step {}: {step}", index + 1);
    }
}

/// Cuts a command of so many steps off when two thirds are done, and then the next start after steps of it.
fn cuts_of_the_start(kind: Kind, what: What, total: usize) {
    let disks = copy_of(&base(kind).folder);
    let job = format!("act {}", what.name());
    let last = act(kind, &disks, &job, Cut::Step(total * 2 / 3)).pop();
    println!("{job} on {} left off at {}", kind.name(), last.unwrap());
    let job = format!("start {}", what.name());
    let (side, steps) = cut_from(kind, &disks, &job, what, Cut::Done, false);
    say_all(&steps);
    let mut failed = Vec::new();
    for number in chosen(steps.len()) {
        let step = Cut::Step(number);
        let run = std::panic::catch_unwind(|| cut_from(kind, &disks, &job, what, step, false));
        // A start that is cut off changes nothing about where the next one leads.
        if run.map(|(side, _)| side).ok().as_ref() != Some(&side) {
            failed.push(number);
        }
    }
    assert!(
        failed.is_empty(),
        "after these of {} steps of the next start: {failed:?}",
        steps.len()
    );
}

/// Cuts while everything that the copies are made of is held still.
pub(crate) fn cut_while_all_is_still(kind: Kind) {
    if can_run(kind, "a power cut while all is still") {
        let (side, _) = cut(kind, What::Create, Cut::Still, false);
        assert_eq!(side, "before");
    }
}

/// The control of all of the above: what is broken by hand is seen.
pub(crate) fn control(kind: Kind) {
    if !can_run(kind, "the control of power cuts") {
        return;
    }
    let folder = copy_of(&base(kind).folder);
    let mut machine = boot(kind, &folder, "control", &base(kind).before, false);
    let mut said = Vec::new();
    let exit = machine.wait(|line| said.extend(line.strip_prefix("control ").map(str::to_owned)));
    assert_eq!(
        exit.unwrap(),
        Exit { status: 0 },
        "{}",
        machine.last_words()
    );
    // Which of the disks is copied first is nobody's business.
    let mut expected = vec![("nothing", ""), ("reverted", "copy d")];
    expected.extend(kind.storage().strays());
    expected.extend([("suspended", "suspended: spare"), ("mended", "")]);
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, (name, problem)) in said.iter().zip(expected) {
        let (of, problems) = said.split_once(": ").unwrap();
        assert_eq!(of, name, "{said}");
        assert!(problems.starts_with(problem), "{said}");
        assert_eq!(problems.is_empty(), problem.is_empty(), "{said}");
    }
}
