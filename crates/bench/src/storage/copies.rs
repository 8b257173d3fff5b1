//! Copies of 1, 8 and 32 volumes in use, all of them being written all the time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use vss_lab::guest::{run as program, settle};

use super::rig::Rig;
use super::writer::Writers;
use super::{Extent, goal, table};
use crate::Result;
use crate::measure::{Times, ratio, words};

/// How copies are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `vss create`.
    Vss,
    /// `lvcreate`, one after the other: every copy of another instant.
    Lvcreate,
    /// The same while the writers are stopped.
    Stopped,
    /// The device mapper's own commands; LVM does not know of the copies.
    Dmsetup,
}

const WAYS: [Way; 4] = [Way::Vss, Way::Lvcreate, Way::Stopped, Way::Dmsetup];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Vss => "vss create",
            Self::Lvcreate => "lvcreate one by one",
            Self::Stopped => "lvcreate, writers stopped",
            Self::Dmsetup => "dmsetup behind LVM's back",
        }
    }

    fn promise(self) -> &'static str {
        match self {
            Self::Vss => "one instant",
            Self::Lvcreate => "none in common",
            Self::Stopped => "one instant, if all writers are known",
            Self::Dmsetup => "one instant, unknown to LVM",
        }
    }
}

/// What one round of one way took.
#[derive(Debug, Default, Clone, Copy)]
struct Round {
    total: Duration,
    held: Duration,
    /// What `vss` says of itself: how long file systems were frozen, and volumes suspended.
    own: Option<(Duration, Duration)>,
}

#[derive(Debug, Default)]
struct Rounds(Vec<Round>);

impl Rounds {
    fn times(&self, of: impl Fn(&Round) -> Option<Duration>) -> Times {
        self.0.iter().filter_map(of).collect()
    }

    fn total(&self) -> Times {
        self.times(|round| Some(round.total))
    }

    fn held(&self) -> Times {
        self.times(|round| Some(round.held))
    }
}

pub(super) fn run(rig: &Rig, extent: Extent) -> Result<()> {
    let mut rows = Vec::new();
    for volumes in extent.copies() {
        let chosen = rig.mounted.get(..volumes).ok_or("too few volumes")?;
        let files: Vec<PathBuf> = chosen.iter().map(|(_, place)| place.join("load")).collect();
        let mut writers = Writers::start(&files)?;
        let mut all: Vec<(Way, Rounds)> = WAYS.map(|way| (way, Rounds::default())).into();
        // What a writer waits when nothing is copied but as many programs run: there is one processor.
        let mut idle = Times::default();
        for number in 0..extent.rounds(volumes) {
            // The first in line changes, so that nobody always follows the same one.
            for step in 0..WAYS.len() {
                let (way, rounds) = all
                    .get_mut((number + step) % WAYS.len())
                    .ok_or("no such way")?;
                let round = one(rig, *way, chosen, &mut writers)?;
                println!("{volumes} volumes, {way:?}: {}", words(round.total));
                rounds.0.push(round);
            }
            let (gap, ()) = writers.held(|_| {
                for (name, _) in chosen {
                    program("lvs", &["--noheadings", &Rig::volume(name)]);
                }
                Ok(())
            })?;
            idle.add(gap);
        }
        drop(writers);
        say(extent, volumes, &all, &idle, &mut rows);
    }
    table(
        &format!("Copies of thin volumes in use ({})", extent.words()),
        &[
            "volumes",
            "way",
            "copies of",
            "total: median (range)",
            "longest gap of a writer",
            "vss says: frozen, of that suspended",
        ],
        rows,
        &[
            ("vss create", "vss create /mnt/v0 /mnt/v1 …"),
            (
                "lvcreate one by one",
                "lvcreate -qq -s -kn -ay -pr -n c0 vssbench/v0; lvcreate … v1; …",
            ),
            (
                "lvcreate, writers stopped",
                "kill -STOP $WRITERS; lvcreate -qq -s -kn -ay -pr -n c0 vssbench/v0; …; kill -CONT $WRITERS",
            ),
            (
                "dmsetup behind LVM's back",
                "dmsetup suspend vssbench-v0; …; dmsetup message vssbench-pool-tpool 0 'create_snap 100000 1'; …; dmsetup resume vssbench-v0; …; dmsetup create --readonly c0 --table '0 98304 thin 254:2 100000'; …",
            ),
            (
                "what does not work",
                "fsfreeze -f /mnt/v0; lvcreate -s -n c0 vssbench/v0 (its suspend fails with EBUSY)",
            ),
        ],
    );
    Ok(())
}

fn say(
    extent: Extent,
    volumes: usize,
    all: &[(Way, Rounds)],
    idle: &Times,
    rows: &mut Vec<Vec<String>>,
) {
    for (way, rounds) in all {
        let (total, held) = (rounds.total(), rounds.held());
        let frozen = rounds.times(|round| Some(round.own?.0));
        let suspended = rounds.times(|round| Some(round.own?.1));
        println!(
            "{}",
            json!({
                "case": "copies", "udev": extent.udev, "volumes": volumes, "way": way.name(),
                "total": total.to_json(), "longest_gap": held.to_json(),
                "vss_freeze": frozen.to_json(), "vss_held": suspended.to_json(),
            })
        );
        rows.push(vec![
            volumes.to_string(),
            way.name().to_owned(),
            way.promise().to_owned(),
            total.with_range(),
            held.with_range(),
            if *way == Way::Vss {
                format!("{}, {}", words(frozen.median()), words(suspended.median()))
            } else {
                "–".to_owned()
            },
        ]);
    }
    println!(
        "{}",
        json!({
            "case": "copies", "udev": extent.udev, "volumes": volumes, "way": "nothing",
            "longest_gap": idle.to_json(),
        })
    );
    rows.push(vec![
        volumes.to_string(),
        "nothing: lvs one by one".to_owned(),
        "–".to_owned(),
        "–".to_owned(),
        idle.with_range(),
        "–".to_owned(),
    ]);
    if volumes == 8 {
        let held = |wanted| {
            all.iter()
                .find(|(way, _)| *way == wanted)
                .map_or(Duration::ZERO, |(_, rounds)| rounds.held().median())
        };
        let share = ratio(held(Way::Vss), held(Way::Stopped));
        goal(
            &format!(
                "copies of 8 volumes, {}: writers wait at most 1/10 of what they do by typed commands with one instant",
                extent.words()
            ),
            &format!("1/{:.1}", 1.0 / share),
            share <= 0.1,
        );
    }
}

fn one(rig: &Rig, way: Way, volumes: &[(String, PathBuf)], writers: &mut Writers) -> Result<Round> {
    let names: Vec<&str> = volumes.iter().map(|(name, _)| name.as_str()).collect();
    let mut round = Round::default();
    // What udev still has to do is of the round before.
    settle();
    match way {
        Way::Vss => {
            let places: Vec<String> = volumes
                .iter()
                .map(|(_, place)| place.display().to_string())
                .collect();
            let mut create = vec!["create"];
            create.extend(places.iter().map(String::as_str));
            let (held, (total, answer)) = writers.held(|_| {
                let start = Instant::now();
                let answer = rig.vss(&create)?;
                Ok((start.elapsed(), answer))
            })?;
            let own = |name: &str| answer[name].as_u64().map(Duration::from_micros);
            round = Round {
                total,
                held,
                own: own("freeze_micros").zip(own("held_micros")),
            };
            if answer["consistency"] != "file-system" {
                return Err(format!("copies are not what they should be: {answer}").into());
            }
            let set = answer["set_id"].as_str().ok_or("no set")?;
            rig.vss(&["delete", set])?;
        }
        Way::Lvcreate | Way::Stopped => {
            (round.held, round.total) = writers.held(|writers| {
                let start = Instant::now();
                if way == Way::Stopped {
                    writers.stop()?;
                }
                for name in &names {
                    let (copy, origin) = (format!("c-{name}"), Rig::volume(name));
                    program(
                        "lvcreate",
                        &["-qq", "-s", "-kn", "-ay", "-pr", "-n", &copy, &origin],
                    );
                }
                if way == Way::Stopped {
                    writers.go_on()?;
                }
                Ok(start.elapsed())
            })?;
            let copies: Vec<String> = names.iter().map(|name| format!("c-{name}")).collect();
            rig.remove(&copies);
        }
        Way::Dmsetup => {
            (round.held, round.total) = writers.held(|_| {
                let start = Instant::now();
                behind(&names)?;
                Ok(start.elapsed())
            })?;
            forget(&names);
        }
    }
    rig.check_clean()?;
    Ok(round)
}

/// Ids of thin devices from here on are not LVM's.
const FIRST_ID: usize = 100_000;

/// Copies by the device mapper's own commands.
fn behind(names: &[&str]) -> Result<()> {
    let pool = Rig::mapped_pool();
    // A person would have written these down before.
    let tables: Vec<String> = names
        .iter()
        .map(|name| program("dmsetup", &["table", &Rig::mapped(name)]))
        .collect();
    for name in names {
        program("dmsetup", &["suspend", &Rig::mapped(name)]);
    }
    for (number, table) in tables.iter().enumerate() {
        let origin = table.split_whitespace().last().ok_or("an empty table")?;
        let message = format!("create_snap {} {origin}", FIRST_ID + number);
        program("dmsetup", &["message", &pool, "0", &message]);
    }
    for name in names {
        program("dmsetup", &["resume", &Rig::mapped(name)]);
    }
    for (number, (name, table)) in names.iter().zip(&tables).enumerate() {
        let (table, _) = table.trim().rsplit_once(' ').ok_or("an empty table")?;
        let table = format!("{table} {}", FIRST_ID + number);
        let copy = format!("bench-copy-{name}");
        program(
            "dmsetup",
            &["create", "--readonly", &copy, "--table", &table],
        );
    }
    Ok(())
}

/// Removes what [`behind`] made.
fn forget(names: &[&str]) {
    for (number, name) in names.iter().enumerate() {
        program(
            "dmsetup",
            &["remove", "--retry", &format!("bench-copy-{name}")],
        );
        let message = format!("delete {}", FIRST_ID + number);
        program("dmsetup", &["message", &Rig::mapped_pool(), "0", &message]);
    }
}
