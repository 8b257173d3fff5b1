//! After a cut: what is there, and whether it may be.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use vss_lab::guest::{Mount, check_ledger, fsck, run, succeeds};

use crate::guest::{
    Before, Mounts, VISIBLE, What, answer, break_words, create_words, device, guid, name_of,
    start_words, text, vss,
};
use crate::storage::{DISKS, Expected, FILE_SYSTEMS, Storage};

/// What is judged.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) storage: &'a dyn Storage,
    /// The command that was cut off.
    pub(crate) what: What,
    /// Whether this host was shown the original disks.
    pub(crate) disks: bool,
    pub(crate) before: &'a Before,
}

/// Says all that is wrong, and on which side of the command the storage is.
pub(crate) fn judge(storage: &dyn Storage, what: What, before: &Before) {
    let case = Case {
        storage,
        what,
        disks: what == What::Create || std::env::var_os(VISIBLE).is_some(),
        before,
    };
    storage.show(case.disks);
    let mut problems = Vec::new();
    {
        let mounts = Mounts::new(storage);
        let start = vss(&start_words());
        let said = String::from_utf8_lossy(&start.stderr).into_owned();
        if !said.contains("VSS_E_OBJECT_NOT_FOUND") {
            problems.push(format!("the next start failed: {said}"));
        }
        let seen = look(case, &mut problems);
        println!("side {}", seen.side(case));
        originals(&mounts, &mut problems);
        repeat(case, &seen, &mut problems);
    }
    // What is broken may be the end of the rest.
    say(&problems);
    problems.clear();
    whole(case, &mut problems);
    say(&problems);
    println!("judged");
}

fn say(problems: &[String]) {
    for problem in problems {
        println!("problem {}", problem.replace('\n', " | "));
    }
}

/// What the program says.
pub(crate) struct Seen {
    /// Ids of the sets that are listed.
    sets: Vec<String>,
}

impl Seen {
    /// Whether the storage is as before the command or as after it.
    fn side(&self, case: Case<'_>) -> &'static str {
        let is_before = match case.what {
            What::Create => self.sets.len() == 1,
            What::Break => self.sets.contains(&case.before.set),
        };
        if is_before { "before" } else { "after" }
    }
}

/// Looks at everything without changing it.
pub(crate) fn look(case: Case<'_>, problems: &mut Vec<String>) -> Seen {
    let before = case.before;
    suspended(problems);
    let listed = answer(&vss(&["list"]));
    if listed["unfinished"]
        .as_array()
        .is_none_or(|left| !left.is_empty())
    {
        problems.push(format!("unfinished: {}", listed["unfinished"]));
    }
    let sets: Vec<String> = array(&listed["sets"])
        .map(|set| text(&set["set_id"]))
        .collect();
    let most = match case.what {
        What::Create => 2,
        What::Break => 1,
    };
    if sets.len() > most || (case.what == What::Create && !sets.contains(&before.set)) {
        problems.push(format!("listed are {sets:?}, {} was there", before.set));
    }
    let mut copies = BTreeSet::new();
    for set in &sets {
        copies.extend(look_at_set(case, set, problems));
    }
    let mut broken = BTreeSet::new();
    if !sets.contains(&before.set) {
        look_at_broken(case, problems);
        broken.extend(before.copies.iter().map(|copy| copy.name.clone()));
    }
    let shown = if case.disks { &DISKS[..] } else { &[] };
    let expected = Expected {
        originals: shown.iter().chain(&FILE_SYSTEMS).copied().collect(),
        copies,
        broken,
    };
    case.storage.look(&expected, problems);
    Seen { sets }
}

/// Devices whose writers would wait.
pub(crate) fn suspended(problems: &mut Vec<String>) {
    let states = run(
        "dmsetup",
        &["info", "-c", "--noheadings", "-o", "name,suspended"],
    );
    for line in states.lines().filter(|line| line.contains("Suspended")) {
        problems.push(format!("suspended: {line}"));
    }
}

/// Looks at a set that is listed; gives the names of its copies.
fn look_at_set(case: Case<'_>, set: &str, problems: &mut Vec<String>) -> Vec<String> {
    let Case {
        storage, before, ..
    } = case;
    let shown = answer(&vss(&["show", set]));
    let count = array(&shown["snapshots"]).count();
    let mut names = Vec::new();
    for copy in array(&shown["snapshots"]) {
        let device = text(&copy["device"]);
        if !Path::new(&device).exists() {
            problems.push(format!("{device} of set {set} is not there"));
        } else if run("blockdev", &["--getro", &device]).trim() != "1" {
            problems.push(format!("{device} of set {set} can be written"));
        }
    }
    let mut places = [None, None];
    for disk in array(&shown["disks"]) {
        let (name, original) = (
            name_of(storage, &disk["lun"]),
            name_of(storage, &disk["original"]),
        );
        names.push(name.clone());
        let Some(device) = storage.device(&name) else {
            problems.push(format!("copy {name} of set {set} is not there"));
            continue;
        };
        if let Some(index) = DISKS.iter().position(|name| *name == original) {
            let found = guid(&device);
            let known = before.copies.iter().find(|copy| copy.name == name);
            match known.and_then(|copy| copy.guid.as_ref()) {
                Some(guid) if *guid != found => {
                    problems.push(format!("copy {name} was {guid} and is {found} now"));
                }
                None if before.originals[index] == found => {
                    problems.push(format!(
                        "copy {name} bears the identity of its original, {found}"
                    ));
                }
                _ => {}
            }
            check_table(&device, problems);
        }
        if let Some(index) = FILE_SYSTEMS.iter().position(|name| *name == original) {
            places[index] = Some(device);
        }
    }
    if count != 4 || names.len() != 4 {
        problems.push(format!("set {set} has {count} copies, {names:?}"));
    }
    if let [Some(first), Some(second)] = &places {
        ledger_of_copies([first, second], problems);
    }
    names
}

/// Looks at the copies of the set that was there and is no more: disks in their originals' place.
fn look_at_broken(case: Case<'_>, problems: &mut Vec<String>) {
    let Case {
        storage, before, ..
    } = case;
    let mut reverted = Vec::new();
    let mut places = Vec::new();
    for copy in &before.copies {
        let name = &copy.name;
        let there = storage.device(name);
        let Some(device) =
            there.filter(|device| run("blockdev", &["--getro", device]).trim() == "0")
        else {
            problems.push(format!("{name} is not there to be written"));
            continue;
        };
        if let Some(index) = DISKS.iter().position(|disk| *disk == copy.original) {
            let found = guid(&device);
            if found == before.originals[index] {
                reverted.push(true);
            } else if Some(&found) == copy.guid.as_ref() {
                reverted.push(false);
            } else {
                problems.push(format!("{name} is {found}, which nobody ever was"));
            }
            check_table(&device, problems);
        } else {
            places.push(device);
        }
    }
    let all = reverted.iter().all(|one| *one);
    let none = !reverted.iter().any(|one| *one);
    let mixed = !all && !none;
    if mixed || (none && !case.disks) {
        problems.push(format!("identities went back: {reverted:?}"));
    }
    if let [first, second] = &places[..] {
        ledger_of_copies([first, second], problems);
    }
}

fn check_table(device: &str, problems: &mut Vec<String>) {
    let verdict = run("sgdisk", &["-v", device]);
    if !verdict.contains("No problems found") {
        problems.push(format!("the partition table on {device}: {verdict}"));
    }
}

/// Two copies of the ledger's file systems are of one instant.
fn ledger_of_copies(devices: [&str; 2], problems: &mut Vec<String>) {
    let places = ["/mnt/copy-a", "/mnt/copy-b"];
    let _mounts: Vec<Mount> = devices
        .iter()
        .zip(places)
        .map(|(device, place)| Mount::new(device, place, "ro,noload"))
        .collect();
    match check_ledger(Path::new(places[0]), Path::new(places[1])) {
        Ok((0, _)) => problems.push(format!("the ledger on {devices:?} is empty")),
        Ok(_) => {}
        Err(why) => problems.push(format!("the ledger on {devices:?}: {why}")),
    }
}

/// The originals take writes, and kept what was synced.
fn originals(mounts: &Mounts, problems: &mut Vec<String>) {
    if let Err(why) = check_ledger(&mounts.places[0], &mounts.places[1]) {
        problems.push(format!("the originals' ledger: {why}"));
    }
    for place in &mounts.places {
        let of = format!("of={}", place.join("probe").display());
        if !succeeds(
            "timeout",
            &[
                "10",
                "dd",
                "if=/dev/zero",
                &of,
                "bs=4096",
                "count=1",
                "conv=fsync",
            ],
        ) {
            problems.push(format!("{} takes no writes", place.display()));
        }
    }
}

/// The same command again.
fn repeat(case: Case<'_>, seen: &Seen, problems: &mut Vec<String>) {
    let before = case.before;
    match case.what {
        What::Create => {
            let again = vss(&create_words(case.storage));
            if !again.status.success() {
                let said = String::from_utf8_lossy(&again.stderr);
                problems.push(format!("create again: {said}"));
            }
            let count = array(&answer(&vss(&["list"]))["sets"]).count();
            if count != seen.sets.len() + 1 {
                problems.push(format!("after create again there are {count} sets"));
            }
        }
        What::Break => {
            let again = vss(&break_words(&before.set));
            let said = String::from_utf8_lossy(&again.stderr);
            if seen.sets.contains(&before.set) {
                if !again.status.success() {
                    problems.push(format!("break again: {said}"));
                }
                look(case, problems);
            } else if !said.contains("VSS_E_OBJECT_NOT_FOUND") {
                problems.push(format!("break again of a broken set: {said}"));
            }
        }
    }
}

/// File systems and the storage below are whole, and the originals are who they were.
fn whole(case: Case<'_>, problems: &mut Vec<String>) {
    let Case {
        storage, before, ..
    } = case;
    storage.show_disks();
    for (index, disk) in DISKS.iter().enumerate() {
        let found = guid(&device(storage, disk));
        if found != before.originals[index] {
            problems.push(format!("the original {disk} is {found} now"));
        }
    }
    for name in FILE_SYSTEMS {
        fsck("ext4", &device(storage, name));
    }
    if case.what == What::Break {
        for copy in &before.copies {
            if copy.guid.is_none() {
                fsck("ext4", &device(storage, &copy.name));
            }
        }
    }
    storage.whole();
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
