//! What a break costs, against its floor and against sgdisk.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vss_service::AuditRecord;

use crate::args::Args;
use crate::floor::{self, Walk};
use crate::measure::{Times, millis, ratio, timed, words};
use crate::report::{Report, table};
use crate::rig::Rig;
use crate::{Result, child, cli, sgdisk};

/// Disks, and rounds of a full run.
const CASES: &[(usize, usize)] = &[(1, 31), (8, 21), (64, 15), (512, 5)];
/// The number of disks that the goals speak of.
const GOAL_DISKS: usize = 64;
/// Size of a disk; most of it is a hole.
const SIZE: u64 = 64 << 20;

/// Times of one number of disks.
struct Case {
    disks: usize,
    library: Times,
    process: Option<Times>,
    floors: [Times; WALKS.len()],
    steps: Vec<(String, Times)>,
}

const WALKS: [Walk; 3] = [Walk::Loop, Walk::Threads, Walk::TwoSyncs];

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let root = place.join("breaks");
    let sgdisk = sgdisk::find();
    let mut by_sgdisk = None;
    let mut cases = Vec::new();
    for &(disks, rounds) in CASES {
        if !args.wants_disks(disks) {
            continue;
        }
        eprintln!("breaks of {disks} disks ...");
        let luns = Rig::open(&root)?.originals(&format!("b{disks}"), disks, SIZE)?;
        if let Some(sgdisk) = &sgdisk
            && disks == 1
        {
            sgdisk::verify(sgdisk, &image(&Rig::open(&root)?, &luns)?)?;
        }
        let mut case = Case::new(disks);
        for round in 0..args.rounds(rounds) {
            let images = case.round(args, &root, &luns, round)?;
            if let Some(sgdisk) = &sgdisk
                && disks == sgdisk::SAMPLE
                && round == 0
            {
                by_sgdisk = Some(sgdisk::measure(sgdisk, &images)?);
            }
            Rig::open(&root)?.clear(&luns)?;
        }
        let rig = Rig::open(&root)?;
        for lun in &luns {
            rig.array.delete(lun)?;
        }
        cases.push(case);
    }
    if sgdisk.is_none() {
        report.skip("breaks against sgdisk", "no sgdisk");
    }
    if args.vss.is_none() {
        report.skip("breaks as processes", "no program vss was named");
    }
    show(&cases, by_sgdisk.as_ref(), report);
    Ok(())
}

fn image(rig: &Rig, luns: &[String]) -> Result<PathBuf> {
    Ok(rig.array.get(luns.first().ok_or("no LUN")?)?.image)
}

impl Case {
    fn new(disks: usize) -> Self {
        Self {
            disks,
            library: Times::default(),
            process: None,
            floors: Default::default(),
            steps: Vec::new(),
        }
    }

    /// Creates and breaks, then writes the same again in the bare ways; gives the disks' images.
    fn round(
        &mut self,
        args: &Args,
        root: &Path,
        luns: &[String],
        round: usize,
    ) -> Result<Vec<PathBuf>> {
        if let Some(vss) = &args.vss
            && self.disks <= GOAL_DISKS
        {
            let rig = Rig::open(root)?;
            let sets = rig.create_all(luns)?;
            drop(rig);
            for set in sets {
                let (_, usage) = timed(root, || child::measure(vss, &cli::break_set(root, set)))?;
                self.process.get_or_insert_default().add(usage.time());
            }
            Rig::open(root)?.clear(luns)?;
        }

        let rig = Rig::open(root)?;
        let sets = rig.create_all(luns)?;
        let session = rig.session()?;
        let (time, audits) = rig.break_all(&session, &sets)?;
        self.library.add(time);
        check(&audits, self.disks)?;
        self.take_steps(&audits);
        let disks = floor::of(&audits)?;
        for turn in 0..WALKS.len() {
            let number = (round + turn) % WALKS.len();
            let (Some(&walk), Some(times)) = (WALKS.get(number), self.floors.get_mut(number))
            else {
                continue;
            };
            times.add(timed(root, || floor::write(&disks, walk))?.0);
        }
        Ok(audits
            .iter()
            .flat_map(|audit| audit.disks.iter().filter_map(|disk| disk.device.clone()))
            .collect())
    }

    fn take_steps(&mut self, audits: &[Arc<AuditRecord>]) {
        // With several sets at once the slowest is the one that was waited for.
        let mut slowest: BTreeMap<&str, Duration> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        for step in audits.iter().flat_map(|audit| &audit.steps) {
            if !order.contains(&&*step.step) {
                order.push(&step.step);
            }
            let time = slowest.entry(&step.step).or_default();
            *time = (*time).max(Duration::from_micros(step.micros));
        }
        for name in order {
            let time = slowest.get(name).copied().unwrap_or_default();
            match self.steps.iter_mut().find(|(known, _)| known == name) {
                Some((_, times)) => times.add(time),
                None => self
                    .steps
                    .push((name.to_owned(), [time].into_iter().collect())),
            }
        }
    }
}

/// A break that did something else than was asked for would make every number a lie.
fn check(audits: &[Arc<AuditRecord>], disks: usize) -> Result<()> {
    let reports: Vec<_> = audits.iter().flat_map(|audit| &audit.disks).collect();
    if reports.len() != disks {
        return Err(format!("{} disks were broken, not {disks}", reports.len()).into());
    }
    for report in reports {
        let device = report.device.as_ref().ok_or("a disk was masked")?;
        let seen = disk_identity::observe(&File::open(device)?, None)?;
        if report.after.as_ref() != Some(seen.identity())
            || report.after == report.before
            || report.read_only_after != Some(false)
        {
            return Err(format!("LUN {} was not changed as reported", report.lun).into());
        }
    }
    Ok(())
}

fn show(cases: &[Case], sgdisk: Option<&Times>, report: &mut Report) {
    let mut rows = Vec::new();
    let mut in_json: Vec<Value> = Vec::new();
    for case in cases {
        let count = u32::try_from(case.disks).unwrap_or(u32::MAX);
        let time = case.library.median();
        let [bare, threads, two_syncs] = &case.floors;
        let against = |floor: &Times| {
            let floor = floor.median();
            format!("{} ({:.2}×)", words(floor), ratio(time, floor))
        };
        let tool = sgdisk.map(|times| times.median() * count);
        rows.push(vec![
            case.disks.to_string(),
            words(time),
            against(bare),
            against(threads),
            against(two_syncs),
            tool.map_or_else(
                || "–".to_owned(),
                |tool| {
                    let note = if case.disks > sgdisk::SAMPLE {
                        ", from 8"
                    } else {
                        ""
                    };
                    format!(
                        "{} ({:.0}×{note})",
                        words(tool),
                        case.library.speed_over(tool)
                    )
                },
            ),
            case.process
                .as_ref()
                .map_or_else(|| "–".to_owned(), |times| words(times.median())),
        ]);
        let steps: Vec<Value> = case
            .steps
            .iter()
            .map(|(name, times)| json!({"step": name, "time": times.to_json()}))
            .collect();
        in_json.push(json!({
            "disks": case.disks,
            "library": case.library.to_json(),
            "process": case.process.as_ref().map(Times::to_json),
            "floor_loop": bare.to_json(),
            "floor_16_threads": threads.to_json(),
            "floor_two_syncs": two_syncs.to_json(),
            "sgdisk_ms": tool.map(millis),
            "sgdisk_is_extrapolated": case.disks > sgdisk::SAMPLE,
            "steps": steps,
        }));
        if case.disks == GOAL_DISKS {
            let times = case.library.median().as_secs_f64() / bare.median().as_secs_f64();
            report.goal(
                "break of 64 disks: at most 2× the floor",
                format!("{times:.2}×"),
                times <= 2.0,
            );
            if let Some(tool) = tool {
                let faster = case.library.speed_over(tool);
                report.goal(
                    "break of 64 disks: at least 500× faster than sgdisk",
                    format!("{faster:.0}×"),
                    faster >= 500.0,
                );
            }
        }
    }
    report.case("breaks", in_json.into());
    table(
        "Break, read-write with reverted identity",
        &[
            "disks",
            "break",
            "floor, loop (break is)",
            "floor, 16 threads",
            "floor, 2 syncs a disk",
            "sgdisk (break is faster)",
            "vss break, process",
        ],
        rows,
    );
    if let Some(case) = cases.iter().find(|case| case.disks == GOAL_DISKS) {
        show_steps(case);
    }
}

fn show_steps(case: &Case) {
    let told: Duration = case.steps.iter().map(|(_, times)| times.median()).sum();
    let total = case.library.median();
    let mut rows: Vec<Vec<String>> = case
        .steps
        .iter()
        .map(|(name, times)| vec![name.clone(), words(times.median())])
        .collect();
    rows.push(vec![
        "everything else".to_owned(),
        words(total.saturating_sub(told)),
    ]);
    rows.push(vec!["the whole break".to_owned(), words(total)]);
    let title = format!("Steps of the break of {} disks", case.disks);
    table(&title, &["step", "time"], rows);
}
