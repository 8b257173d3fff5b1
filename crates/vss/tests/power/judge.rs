//! After a cut: what is there, and whether it may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vss_lab::guest::{Mount, check_ledger, fsck, run, succeeds};

use crate::guest::{
    Before, DISKS, FILE_SYSTEMS, GROUP, Mounts, VISIBLE, What, activate, answer, break_words,
    create_words, guid, path, show_disks, text, vss,
};

/// Says all that is wrong, and on which side of the command the storage is.
pub(crate) fn judge(what: What, before: &Before) {
    activate(what == What::Create || std::env::var_os(VISIBLE).is_some());
    let mut problems = Vec::new();
    {
        let mounts = Mounts::new();
        let start = vss(&["delete", "00000000-0000-4000-8000-000000000000"]);
        let said = String::from_utf8_lossy(&start.stderr).into_owned();
        if !said.contains("VSS_E_OBJECT_NOT_FOUND") {
            problems.push(format!("the next start failed: {said}"));
        }
        let seen = look(what, before, &mut problems);
        println!("side {}", seen.side(what, before));
        originals(&mounts, &mut problems);
        repeat(what, before, &seen, &mut problems);
    }
    whole(what, before, &mut problems);
    end(&problems);
}

fn end(problems: &[String]) {
    for problem in problems {
        println!("problem {}", problem.replace('\n', " | "));
    }
    println!("judged");
}

/// What the program and LVM say.
struct Seen {
    /// Ids of the sets that are listed.
    sets: Vec<String>,
}

impl Seen {
    /// Whether the storage is as before the command or as after it.
    fn side(&self, what: What, before: &Before) -> &'static str {
        let is_before = match what {
            What::Create => self.sets.len() == 1,
            What::Break => self.sets.contains(&before.set),
        };
        if is_before { "before" } else { "after" }
    }
}

/// Looks at everything without changing it.
fn look(what: What, before: &Before, problems: &mut Vec<String>) -> Seen {
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
    let most = match what {
        What::Create => 2,
        What::Break => 1,
    };
    if sets.len() > most || (what == What::Create && !sets.contains(&before.set)) {
        problems.push(format!("listed are {sets:?}, {} was there", before.set));
    }
    let mut copies = BTreeSet::new();
    for set in &sets {
        copies.extend(look_at_set(set, before, problems));
    }
    let tagged: BTreeSet<String> = volumes()
        .into_iter()
        .filter(|volume| volume.tags.contains("openvss.copy"))
        .map(|volume| volume.name)
        .collect();
    if tagged != copies {
        problems.push(format!(
            "copies in LVM are {tagged:?}, listed are {copies:?}"
        ));
    }
    if !sets.contains(&before.set) {
        look_at_broken(before, problems);
    }
    Seen { sets }
}

/// Devices whose writers would wait.
fn suspended(problems: &mut Vec<String>) {
    let states = run(
        "dmsetup",
        &["info", "-c", "--noheadings", "-o", "name,suspended"],
    );
    for line in states.lines().filter(|line| line.contains("Suspended")) {
        problems.push(format!("suspended: {line}"));
    }
}

/// Looks at a set that is listed; gives the volumes of its copies.
fn look_at_set(set: &str, before: &Before, problems: &mut Vec<String>) -> Vec<String> {
    let shown = answer(&vss(&["show", set]));
    let count = array(&shown["snapshots"]).count();
    let mut volumes = Vec::new();
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
        let (lun, original) = (text(&disk["lun"]), text(&disk["original"]));
        let name = |lun: &str| {
            lun.split_once('/')
                .map_or(String::new(), |(_, name)| name.to_owned())
        };
        let (volume, original) = (name(&lun), name(&original));
        if let Some(index) = FILE_SYSTEMS.iter().position(|name| *name == original) {
            places[index] = Some(path(&volume));
        }
        if let Some(index) = DISKS.iter().position(|name| *name == original) {
            let found = guid(&path(&volume));
            let known = before.copies.iter().find(|copy| copy.volume == volume);
            match known.and_then(|copy| copy.guid.as_ref()) {
                Some(guid) if *guid != found => {
                    problems.push(format!("copy {lun} was {guid} and is {found} now"));
                }
                None if before.originals[index] == found => {
                    problems.push(format!(
                        "copy {lun} bears the identity of its original, {found}"
                    ));
                }
                _ => {}
            }
            check_table(&volume, problems);
        }
        volumes.push(volume);
    }
    if count != 4 || volumes.len() != 4 {
        problems.push(format!("set {set} has {count} copies on {volumes:?}"));
    }
    if let [Some(first), Some(second)] = &places {
        ledger_of_copies([first, second], problems);
    }
    volumes
}

/// Looks at the copies of the set that was there and is no more: disks in their originals' place.
fn look_at_broken(before: &Before, problems: &mut Vec<String>) {
    let volumes = volumes();
    let mut reverted = Vec::new();
    let mut places = Vec::new();
    for copy in &before.copies {
        let name = &copy.volume;
        let Some(volume) = volumes.iter().find(|volume| volume.name == *name) else {
            problems.push(format!("the disk {name} of a broken set is gone"));
            continue;
        };
        if volume.attributes.ends_with('k') || !volume.attributes.starts_with("Vw") {
            problems.push(format!(
                "{name} is no ordinary volume: {}",
                volume.attributes
            ));
        }
        let device = path(name);
        if !Path::new(&device).exists() || run("blockdev", &["--getro", &device]).trim() != "0" {
            problems.push(format!("{name} is not there to be written"));
            continue;
        }
        if let Some(index) = DISKS.iter().position(|disk| *disk == copy.original) {
            let found = guid(&device);
            if found == before.originals[index] {
                reverted.push(true);
            } else if Some(&found) == copy.guid.as_ref() {
                reverted.push(false);
            } else {
                problems.push(format!("{name} is {found}, which nobody ever was"));
            }
            check_table(name, problems);
        } else {
            places.push(device);
        }
    }
    let all = reverted.iter().all(|one| *one);
    let none = !reverted.iter().any(|one| *one);
    let mixed = !all && !none;
    if mixed || (none && std::env::var_os(VISIBLE).is_none()) {
        problems.push(format!("identities went back: {reverted:?}"));
    }
    if let [first, second] = &places[..] {
        ledger_of_copies([first, second], problems);
    }
}

fn check_table(volume: &str, problems: &mut Vec<String>) {
    let verdict = run("sgdisk", &["-v", &path(volume)]);
    if !verdict.contains("No problems found") {
        problems.push(format!("the partition table of {volume}: {verdict}"));
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
fn repeat(what: What, before: &Before, seen: &Seen, problems: &mut Vec<String>) {
    match what {
        What::Create => {
            let again = vss(&create_words());
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
                look(what, before, problems);
            } else if !said.contains("VSS_E_OBJECT_NOT_FOUND") {
                problems.push(format!("break again of a broken set: {said}"));
            }
        }
    }
}

/// File systems, LVM and the pool are whole, and the originals are who they were.
fn whole(what: What, before: &Before, problems: &mut Vec<String>) {
    show_disks();
    for (index, disk) in DISKS.iter().enumerate() {
        let found = guid(&path(disk));
        if found != before.originals[index] {
            problems.push(format!("the original {disk} is {found} now"));
        }
    }
    for name in FILE_SYSTEMS {
        fsck("ext4", &path(name));
    }
    if what == What::Break {
        for copy in &before.copies {
            if copy.guid.is_none() {
                fsck("ext4", &path(&copy.volume));
            }
        }
    }
    run("vgck", &[GROUP]);
    run("vgchange", &["-qq", "-an", GROUP]);
    let metadata = format!("{GROUP}/pool_tmeta");
    run("lvchange", &["-qq", "-ay", "--yes", &metadata]);
    run("thin_check", &["-q", &format!("/dev/{metadata}")]);
    run("lvchange", &["-qq", "-an", &metadata]);
}

/// A volume of the group.
struct Volume {
    name: String,
    tags: String,
    attributes: String,
}

fn volumes() -> Vec<Volume> {
    let report = run(
        "lvs",
        &[
            "--reportformat",
            "json",
            "-o",
            "lv_name,lv_tags,lv_attr",
            GROUP,
        ],
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    array(&report["report"][0]["lv"])
        .map(|volume| Volume {
            name: text(&volume["lv_name"]),
            tags: text(&volume["lv_tags"]),
            attributes: text(&volume["lv_attr"]),
        })
        .collect()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Breaks one thing after the other by hand and says what is then seen of it.
pub(crate) fn control(before: &Before) {
    activate(false);
    let _mounts = Mounts::new();
    vss(&["delete", "00000000-0000-4000-8000-000000000000"]);
    let say = |name: &str| {
        let mut problems = Vec::new();
        look(What::Break, before, &mut problems);
        println!(
            "control {name}: {}",
            problems.join("; ").replace('\n', " | ")
        );
    };
    say("nothing");

    let copy = before
        .copies
        .iter()
        .find(|copy| copy.guid.is_some())
        .unwrap();
    let (device, guid) = (
        PathBuf::from(path(&copy.volume)),
        copy.guid.clone().unwrap(),
    );
    let index = DISKS
        .iter()
        .position(|disk| *disk == copy.original)
        .unwrap();
    let set_guid = |guid: &str| {
        let device = device.display().to_string();
        run("blockdev", &["--setrw", &device]);
        run("sgdisk", &["-U", guid, &device]);
        run("blockdev", &["--setro", &device]);
    };
    set_guid(&before.originals[index]);
    say("reverted");
    set_guid(&guid);

    let stray = [
        "-qq",
        "--yes",
        "-s",
        "--addtag",
        "openvss.copy",
        "-n",
        "stray",
    ];
    run("lvcreate", &[&stray[..], &[&format!("{GROUP}/a")]].concat());
    say("stray");
    run("lvremove", &["-qq", "--yes", &format!("{GROUP}/stray")]);

    // Looking at more would wait for it. There is no udev that would have to be waited for.
    let spare = |words: &[&str]| {
        run("dmsetup", &[words, &["--noudevsync", "spare"]].concat());
    };
    spare(&["create", "--table", "0 8 zero"]);
    spare(&["suspend"]);
    let mut problems = Vec::new();
    suspended(&mut problems);
    println!("control suspended: {}", problems.join("; "));
    spare(&["remove"]);
    say("mended");
    println!("judged");
}
