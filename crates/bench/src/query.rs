//! Time and memory of `vss list` with many copies.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vss_coordinator::MAX_VOLUMES;

use crate::args::Args;
use crate::measure::{Times, words};
use crate::report::{Report, table};
use crate::rig::Rig;
use crate::{Result, child, cli};

const COPIES: usize = 10_000;
const QUICK_COPIES: usize = 1_000;
const ROUNDS: usize = 31;
const SIZE: u64 = 1 << 20;
const TIME_GOAL: Duration = Duration::from_millis(20);
const MEMORY_GOAL_KIB: u64 = 64 << 10;

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let Some(vss) = &args.vss else {
        report.skip("query", "no program vss was named");
        return Ok(());
    };
    let root = place.join("query");
    let copies = if args.quick { QUICK_COPIES } else { COPIES };
    let start = Instant::now();
    fill(&root, copies)?;
    eprintln!("made {copies} copies in {}", words(start.elapsed()));

    let list = cli::list(&root);
    let output = Command::new(vss).args(&list).output()?;
    let told = count(&serde_json::from_slice(&output.stdout)?);
    if told != copies {
        return Err(format!("vss list tells of {told} copies, not of {copies}").into());
    }
    let nothing = [OsString::from("--version")];
    let (mut listing, mut starting) = (Times::default(), Times::default());
    let (mut memory, mut start_memory) = (0, 0);
    for _ in 0..args.rounds(ROUNDS) {
        let usage = child::measure(vss, &list)?;
        listing.add(usage.time());
        memory = usage.max_rss_kib.max(memory);
        let usage = child::measure(vss, &nothing)?;
        starting.add(usage.time());
        start_memory = usage.max_rss_kib.max(start_memory);
    }
    report.case(
        "query",
        json!({
            "copies": copies,
            "bytes_printed": output.stdout.len(),
            "time": listing.to_json(),
            "max_rss_kib": memory,
            "version_time": starting.to_json(),
            "version_max_rss_kib": start_memory,
        }),
    );
    let mib = |kib: u64| format!("{}.{} MiB", kib >> 10, ((kib & 1023) * 10) >> 10);
    table(
        &format!("vss list --json with {copies} copies, whole process"),
        &["time", "memory", "vss --version", "its memory"],
        [vec![
            words(listing.median()),
            mib(memory),
            words(starting.median()),
            mib(start_memory),
        ]],
    );
    report.goal(
        &format!("vss list with {copies} copies: under 20 ms"),
        words(listing.median()),
        listing.median() < TIME_GOAL,
    );
    report.goal(
        &format!("vss list with {copies} copies: under 64 MiB"),
        mib(memory),
        memory < MEMORY_GOAL_KIB,
    );
    Ok(())
}

/// Creates sets until there are so many copies.
fn fill(root: &Path, copies: usize) -> Result<()> {
    let rig = Rig::open(root)?;
    let luns = rig.originals("q", MAX_VOLUMES, SIZE)?;
    let mut made = 0;
    while made < copies {
        let part = luns
            .get(..MAX_VOLUMES.min(copies - made))
            .unwrap_or_default();
        rig.create(part)?;
        made += part.len();
        if made / 1000 > (made - part.len()) / 1000 {
            eprintln!("{made} of {copies} copies ...");
        }
    }
    Ok(())
}

/// How many different copies a listing tells of.
fn count(listing: &Value) -> usize {
    let below = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned();
    let ids: HashSet<String> = below(listing, "sets")
        .unwrap_or_default()
        .iter()
        .flat_map(|set| below(set, "snapshots").unwrap_or_default())
        .filter_map(|copy| Some(copy.get("id")?.as_str()?.to_owned()))
        .collect();
    ids.len()
}
