//! From a copy to a disk that can be written and has an identity of its own, for 1 and 8 disks.
//!
//! With openvss a copy has its new identity from its creation on, so both the break alone and the whole way
//! from the original on are compared. udev looks at every disk once it was changed: it is at rest before
//! anything is measured, and what is measured is measured once more until it is at rest again.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use vss_lab::guest::{run as program, settle};

use super::rig::{DISKS, Rig, typed};
use super::{Extent, goal, table};
use crate::Result;
use crate::measure::{Times, ratio, words};

/// What one types for each disk once its copy is there.
const TYPED: [(&str, &[&str]); 4] = [
    ("lvchange -ay -K", &["lvchange", "-qq", "-ay", "-K"]),
    ("sgdisk -G", &["sgdisk", "-G"]),
    ("partprobe", &["partprobe"]),
    ("lvchange -kn", &["lvchange", "-qq", "-kn"]),
];

/// What sgdisk sleeps after a write.
const SLEEP: Duration = Duration::from_secs(1);

/// One way from the original to a writable disk with an identity of its own.
#[derive(Debug, Default)]
struct Way {
    creation: Times,
    /// From the copy to that disk.
    change: Times,
    /// The same, until udev has looked at the disks.
    rested: Times,
    /// Everything, with what udev does between the two and after them.
    whole: Times,
}

impl Way {
    /// Measures creation and change; gives what they give.
    fn measure<C, D>(
        &mut self,
        create: impl FnOnce() -> Result<C>,
        change: impl FnOnce(&C) -> Result<D>,
    ) -> Result<(C, D)> {
        settle();
        let whole = Instant::now();
        let created = create()?;
        self.creation.add(whole.elapsed());
        settle();
        let start = Instant::now();
        let changed = change(&created)?;
        self.change.add(start.elapsed());
        settle();
        self.rested.add(start.elapsed());
        self.whole.add(whole.elapsed());
        Ok((created, changed))
    }
}

#[derive(Debug, Default)]
struct Measured {
    vss: Way,
    typed: Way,
    /// The commands, all disks together.
    commands: Vec<Times>,
    /// Steps of creation and break in their order.
    steps: Vec<(String, Times)>,
}

pub(super) fn run(rig: &Rig, extent: Extent) -> Result<()> {
    let (mut rows, mut typed_rows, mut step_rows) = (Vec::new(), Vec::new(), Vec::new());
    for &disks in DISKS.iter().filter(|disks| extent.wants_breaks(**disks)) {
        let names = rig.disks.get(..disks).ok_or("too few disks")?;
        let mut measured = Measured {
            commands: vec![Times::default(); TYPED.len()],
            ..Measured::default()
        };
        for number in 0..extent.rounds(disks) {
            if number.is_multiple_of(2) {
                ours(rig, names, &mut measured)?;
                theirs(rig, names, &mut measured)?;
            } else {
                theirs(rig, names, &mut measured)?;
                ours(rig, names, &mut measured)?;
            }
        }
        say(
            extent,
            disks,
            &measured,
            &mut rows,
            &mut typed_rows,
            &mut step_rows,
        );
    }
    table(
        &format!(
            "A writable disk with an identity of its own ({})",
            extent.words()
        ),
        &[
            "disks",
            "part",
            "openvss: median (range)",
            "typed: median (range)",
            "openvss is faster",
        ],
        rows,
        &[
            (
                "openvss",
                "vss create /dev/vssbench/d0 …; vss break SET --read-write --revert-identity none",
            ),
            ("typed, creation", "lvcreate -qq -s -n c-d0 vssbench/d0; …"),
            (
                "typed, identity",
                "lvchange -qq -ay -K vssbench/c-d0; sgdisk -G /dev/vssbench/c-d0; partprobe /dev/vssbench/c-d0; lvchange -qq -kn vssbench/c-d0; …",
            ),
        ],
    );
    table(
        &format!("What the typed commands take ({})", extent.words()),
        &["disks", "command", "all disks: median (range)"],
        typed_rows,
        &[],
    );
    table(
        &format!("Steps of openvss ({})", extent.words()),
        &["disks", "step", "median (range)"],
        step_rows,
        &[],
    );
    Ok(())
}

fn say(
    extent: Extent,
    disks: usize,
    measured: &Measured,
    rows: &mut Vec<Vec<String>>,
    typed_rows: &mut Vec<Vec<String>>,
    step_rows: &mut Vec<Vec<String>>,
) {
    let count = u32::try_from(disks).unwrap_or(1);
    let (ours, theirs) = (&measured.vss, &measured.typed);
    let awake: Times = [theirs.change.median().saturating_sub(SLEEP * count)]
        .into_iter()
        .collect();
    let parts = [
        ("break | identity", &ours.change, &theirs.change),
        ("the same, had sgdisk not slept", &ours.change, &awake),
        (
            "the same, until udev is at rest",
            &ours.rested,
            &theirs.rested,
        ),
        ("creation", &ours.creation, &theirs.creation),
        ("the whole way", &ours.whole, &theirs.whole),
    ];
    let mut json_parts = Map::new();
    for (part, ours, theirs) in parts {
        rows.push(vec![
            disks.to_string(),
            part.replace(" | ", " or "),
            ours.with_range(),
            theirs.with_range(),
            format!("{:.1}×", ours.speed_over(theirs.median())),
        ]);
        json_parts.insert(
            part.to_owned(),
            json!({ "vss": ours.to_json(), "typed": theirs.to_json() }),
        );
    }
    let mut commands = Map::new();
    for ((name, _), times) in TYPED.iter().zip(&measured.commands) {
        typed_rows.push(vec![
            disks.to_string(),
            (*name).to_owned(),
            times.with_range(),
        ]);
        commands.insert((*name).to_owned(), times.to_json());
    }
    let mut steps = Vec::new();
    for (name, times) in &measured.steps {
        step_rows.push(vec![disks.to_string(), name.clone(), times.with_range()]);
        steps.push(json!({ "step": name, "time": times.to_json() }));
    }
    println!(
        "{}",
        json!({
            "case": "breaks", "udev": extent.udev, "disks": disks,
            "parts": json_parts, "commands": commands, "steps": steps,
        })
    );
    let faster = ratio(theirs.change.median(), ours.change.median());
    goal(
        &format!(
            "break of {disks} disk{}, {}: at least 20× faster than the typed commands",
            if disks == 1 { "" } else { "s" },
            extent.words()
        ),
        &format!("{faster:.1}× ({})", words(ours.change.median())),
        faster >= 20.0,
    );
}

fn ours(rig: &Rig, names: &[String], measured: &mut Measured) -> Result<()> {
    let devices: Vec<String> = names.iter().map(|name| Rig::device(name)).collect();
    let mut create = vec!["create"];
    create.extend(devices.iter().map(String::as_str));
    let (created, broken) = measured.vss.measure(
        || rig.vss(&create),
        |created| {
            let set = created["set_id"].as_str().ok_or("no set")?;
            rig.vss(&["break", set, "--read-write", "--revert-identity", "none"])
        },
    )?;
    if let Some(operation) = created["operation"].as_str() {
        let shown = rig.vss(&["show", operation])?;
        note(&mut measured.steps, "create", &shown["steps"]);
    }
    note(&mut measured.steps, "break", &broken["steps"]);
    let mut copies = Vec::new();
    for disk in broken["disks"].as_array().ok_or("no disks")? {
        let lun = disk["lun"].as_str().ok_or("no LUN")?;
        let (_, copy) = lun.split_once('/').ok_or("no volume")?;
        copies.push(copy.to_owned());
    }
    check(names, &copies)?;
    rig.remove(&copies);
    rig.check_clean()
}

/// Adds the times of the steps that an operation has.
fn note(all: &mut Vec<(String, Times)>, operation: &str, steps: &Value) {
    for step in steps.as_array().into_iter().flatten() {
        let (Some(name), Some(micros)) = (step["step"].as_str(), step["micros"].as_u64()) else {
            continue;
        };
        let name = format!("{operation}: {name}");
        let time = Duration::from_micros(micros);
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.add(time),
            None => all.push((name, [time].into_iter().collect())),
        }
    }
}

fn theirs(rig: &Rig, names: &[String], measured: &mut Measured) -> Result<()> {
    let copies: Vec<String> = names.iter().map(|name| format!("c-{name}")).collect();
    let create = || {
        for (name, copy) in names.iter().zip(&copies) {
            program("lvcreate", &["-qq", "-s", "-n", copy, &Rig::volume(name)]);
        }
        Ok(())
    };
    let change = |(): &()| {
        let mut each = [Duration::ZERO; TYPED.len()];
        for copy in &copies {
            let (volume, device) = (Rig::volume(copy), Rig::device(copy));
            for ((_, command), time) in TYPED.iter().zip(&mut each) {
                let (name, words) = command.split_first().ok_or("no command")?;
                let object = if name.starts_with("lv") {
                    &volume
                } else {
                    &device
                };
                let mut words = words.to_vec();
                words.push(object);
                *time += typed(name, &words);
            }
        }
        Ok(each)
    };
    let ((), each) = measured.typed.measure(create, change)?;
    for (times, time) in measured.commands.iter_mut().zip(each) {
        times.add(time);
    }
    check(names, &copies)?;
    rig.remove(&copies);
    rig.check_clean()
}

/// A copy that is not what was paid for ends the run.
fn check(names: &[String], copies: &[String]) -> Result<()> {
    for (name, copy) in names.iter().zip(copies) {
        let (original, own) = (guid(&Rig::device(name))?, guid(&Rig::device(copy))?);
        if original == own {
            return Err(format!("{copy} has the identity of {name}").into());
        }
        if program("blockdev", &["--getro", &Rig::device(copy)]).trim() != "0" {
            return Err(format!("{copy} cannot be written").into());
        }
    }
    Ok(())
}

fn guid(device: &str) -> Result<String> {
    program("sgdisk", &["-p", device])
        .lines()
        .find_map(|line| line.strip_prefix("Disk identifier (GUID): "))
        .map(str::to_owned)
        .ok_or_else(|| format!("{device} has no GUID").into())
}
