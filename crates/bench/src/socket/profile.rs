//! What the daemon's processor time goes into, as perf sees it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Result;
use crate::args::Args;
use crate::report::{Report, table};
use crate::socket::process::{Onlooker, find};
use crate::socket::side::{KEEP_IDENTITY, READ_WRITE};
use crate::socket::throughput::storm;
use crate::socket::{Pair, clients, services};

const WHAT: &str = "socket: profile of a break";
const CALLERS: usize = 4;
/// Breaks that are looked at.
const BREAKS: usize = 128;
const ROUNDS: usize = 2;
/// Samples a second of each processor.
const FREQUENCY: &str = "499";
/// Costs that are shown.
const TOP: usize = 12;
/// Functions that say something about what their callees are for.
const TELLING: &[&str] = &[
    "vss_",
    "<vss_",
    "disk_identity::",
    "sqlite3_step",
    "__x64_sys_",
    "tonic::",
];
const TELLING_TOP: usize = 30;

pub(super) fn run(args: &Args, pair: &Pair, place: &Path, report: &mut Report) -> Result<Value> {
    let Some(perf) = find("perf") else {
        report.skip(WHAT, "no perf");
        return Ok(Value::Null);
    };
    if args.quick {
        report.skip(WHAT, "quick run");
        return Ok(Value::Null);
    }
    let mut profiles = Vec::new();
    for flags in [READ_WRITE, KEEP_IDENTITY] {
        eprintln!("profile of breaks {flags:#x} ...");
        profiles.push(of(&perf, flags, pair, place, report)?);
    }
    Ok(profiles.into())
}

fn of(perf: &Path, flags: u32, pair: &Pair, place: &Path, report: &mut Report) -> Result<Value> {
    let data = place.join("perf.data");
    let mut files = Vec::new();
    for round in 0..ROUNDS {
        let data = data.with_extension(format!("{flags}-{round}"));
        let sets = pair.socket.make(BREAKS)?;
        let clients = clients(&pair.daemon, CALLERS)?;
        let mut command = Command::new(perf);
        command
            .args(["record", "--quiet", "--freq", FREQUENCY])
            .args(["--call-graph", "dwarf,8192", "--output"])
            .arg(&data)
            .args(["--pid", &pair.daemon.pid().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let begun = || data.metadata().is_ok_and(|file| file.len() > 0);
        let onlooker = match Onlooker::start(&mut command, begun) {
            Ok(onlooker) => onlooker,
            Err(error) => {
                report.skip(WHAT, &format!("perf cannot look into vssd: {error}"));
                pair.socket.delete(&sets)?;
                return Ok(Value::Null);
            }
        };
        let (_, operations) = storm(&services(&clients), &sets, flags)?;
        onlooker.stop()?;
        pair.socket.check(&operations)?;
        pair.socket.clear()?;
        files.push(data);
    }
    let objects = costs(perf, &files, "--no-children", "overhead,dso")?;
    let mut symbols = costs(perf, &files, "--no-children", "overhead,symbol")?;
    let mut whole = costs(perf, &files, "--children", "overhead_children,symbol")?;
    whole.retain(|(name, _)| {
        // After the mark for user or kernel.
        let name = name.split_once("] ").map_or(&**name, |(_, name)| name);
        TELLING.iter().any(|start| name.starts_with(start))
    });
    whole.truncate(TELLING_TOP);
    if symbols.is_empty() {
        report.skip(WHAT, "perf saw nothing");
        return Ok(Value::Null);
    }
    let rows = |costs: &[(String, f64)], most: usize| {
        let rows = costs.iter().take(most);
        rows.map(|(name, share)| vec![name.clone(), format!("{share:.1} %")])
            .collect::<Vec<_>>()
    };
    table(
        &format!("Processor time of vssd, breaks {flags:#x}, by where the code is"),
        &["object", "share"],
        rows(&objects, TOP),
    );
    table(
        &format!("Processor time of vssd, breaks {flags:#x}, by function, without what it calls"),
        &["function", "share"],
        rows(&symbols, TOP),
    );
    table(
        &format!("Processor time of vssd, breaks {flags:#x}, by function, with what it calls"),
        &["function", "share"],
        rows(&whole, TELLING_TOP),
    );
    symbols.truncate(TELLING_TOP);
    Ok(json!({
        "flags": flags,
        "objects": objects,
        "functions": symbols,
        "functions_with_callees": whole,
    }))
}

/// Shares of the samples in percent, the largest first.
fn costs(
    perf: &Path,
    files: &[PathBuf],
    children: &str,
    fields: &str,
) -> Result<Vec<(String, f64)>> {
    let mut sums = BTreeMap::<String, f64>::new();
    for file in files {
        let output = Command::new(perf)
            .args(["report", "--stdio", "--quiet", children, "-g", "none"])
            .args(["--fields", fields, "--field-separator", "\t", "--input"])
            .arg(file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some((share, name)) = line.trim().split_once('\t') else {
                continue;
            };
            let Ok(share) = share.trim().trim_end_matches('%').parse::<f64>() else {
                continue;
            };
            let share = share / files.len() as f64;
            // Columns that not every machine fills follow.
            let name = name.split('\t').next().unwrap_or_default();
            *sums.entry(name.trim().to_owned()).or_default() += share;
        }
    }
    let mut costs: Vec<(String, f64)> = sums.into_iter().collect();
    costs.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    Ok(costs)
}
