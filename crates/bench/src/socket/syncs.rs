//! Syncs: how many the file system does in a second, and how many a break asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::measure::settle;
use crate::report::{Report, table};
use crate::socket::process::{Onlooker, find};
use crate::socket::side::READ_WRITE;
use crate::socket::throughput::storm;
use crate::socket::{Pair, clients, services};

/// How long the syncs of a number of threads are counted.
const SPAN: Duration = Duration::from_millis(500);
/// Bytes of the file that is overwritten, block by block.
const BYTES: usize = 1 << 16;
const BLOCK: usize = 4096;
/// Breaks whose syncs are counted.
const BREAKS: usize = 64;
/// With one caller, and with many: those that wait together might share a sync.
const CALLERS: [usize; 2] = [1, 16];

/// Syncs a second.
pub(crate) struct Floor {
    /// Each thread on a file of its own.
    pub(crate) own_files: f64,
    /// All threads on the same file, one after the other, as writers of one database take turns.
    pub(crate) one_file: f64,
}

/// Overwrites of 4 KiB, each followed by fdatasync, from that many threads.
pub(crate) fn floor(place: &Path, threads: usize) -> Result<Floor> {
    let files: Vec<Mutex<File>> = (0..threads)
        .map(|number| {
            let path = place.join(format!("sync-{number}"));
            let file = File::create_new(&path)?;
            fs::remove_file(path)?;
            file.write_all_at(&[0; BYTES], 0)?;
            Ok(Mutex::new(file))
        })
        .collect::<Result<_>>()?;
    let first = files.get(..1).unwrap_or_default();
    settle(place)?;
    let own_files = rate(&files, threads)?;
    settle(place)?;
    Ok(Floor {
        own_files,
        one_file: rate(first, threads)?,
    })
}

fn rate(files: &[Mutex<File>], threads: usize) -> Result<f64> {
    let start = Instant::now();
    let count: usize = thread::scope(|scope| {
        let workers: Vec<_> = files
            .iter()
            .cycle()
            .take(threads)
            .map(|file| {
                scope.spawn(move || {
                    let mut count = 0;
                    while start.elapsed() < SPAN {
                        let file = file.lock().map_err(|_| "a thread died")?;
                        let offset = count * BLOCK % BYTES;
                        file.write_all_at(&[1; BLOCK], u64::try_from(offset)?)?;
                        file.sync_data()?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| -> Result<usize> { worker.join().map_err(|_| "a thread died")? })
            .sum::<Result<usize>>()
    })?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

/// Counts with strace what a break in the daemon has synced.
pub(super) fn of_a_break(pair: &Pair, place: &Path, report: &mut Report) -> Result<Value> {
    let what = "socket: syncs of a break";
    let Some(strace) = find("strace") else {
        report.skip(what, "no strace");
        return Ok(Value::Null);
    };
    eprintln!("syncs of a break ...");
    let mut counts = Vec::new();
    for callers in CALLERS {
        let sets = pair.socket.make(BREAKS)?;
        let clients = clients(&pair.daemon, callers)?;
        let log = place.join(format!("strace-{callers}"));
        let mut command = Command::new(&strace);
        command
            .args(["-f", "-y", "-qq", "-e", "trace=fdatasync,fsync,syncfs"])
            .args(["-e", "signal=none", "-o"])
            .arg(&log)
            .args(["-p", &pair.daemon.pid().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let onlooker = match Onlooker::start(&mut command, || is_traced(pair.daemon.pid())) {
            Ok(onlooker) => onlooker,
            Err(error) => {
                report.skip(what, &format!("strace cannot look into vssd: {error}"));
                pair.socket.delete(&sets)?;
                return Ok(Value::Null);
            }
        };
        let (_, operations) = storm(&services(&clients), &sets, READ_WRITE)?;
        onlooker.stop()?;
        pair.socket.check(&operations)?;
        pair.socket.clear()?;
        counts.push(count(&fs::read_to_string(&log)?));
    }
    show(&counts);
    Ok(json!({
        "breaks": BREAKS,
        "by_callers": CALLERS.iter().zip(&counts).map(|(callers, counts)| {
            json!({ "callers": callers, "syncs": counts })
        }).collect::<Vec<_>>(),
    }))
}

/// True when somebody traces all threads of a process.
fn is_traced(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        fs::read_to_string(thread.path().join("status")).is_ok_and(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("TracerPid:"))
                .is_some_and(|tracer| tracer.trim() != "0")
        })
    })
}

/// Calls by what they sync, from lines like `123 fdatasync(7</state/catalogue.db-wal>) = 0`. A call
/// that was interrupted in the log has its file in its first half.
fn count(log: &str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let Some((_, file)) = line
            .split_once("(")
            .and_then(|(_, rest)| rest.split_once('<'))
        else {
            continue;
        };
        let Some((file, _)) = file.split_once('>') else {
            continue;
        };
        let kind = match file.rsplit('/').next().unwrap_or_default() {
            "catalogue.db-wal" => "catalogue, log",
            "catalogue.db" => "catalogue, checkpoint",
            "array.db" | "array.db-wal" => "catalogue of the array",
            _ if line.contains("fdatasync(") => "disk, data",
            _ => "disk, mode",
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

fn show(counts: &[BTreeMap<&'static str, usize>]) {
    let kinds: BTreeSet<&str> = counts.iter().flat_map(BTreeMap::keys).copied().collect();
    let each = |count: usize| format!("{:.2}", count as f64 / BREAKS as f64);
    let mut rows: Vec<Vec<String>> = kinds
        .into_iter()
        .map(|kind| {
            let mut row = vec![kind.to_owned()];
            row.extend(
                counts
                    .iter()
                    .map(|counts| each(counts.get(kind).copied().unwrap_or_default())),
            );
            row
        })
        .collect();
    let mut all = vec!["all".to_owned()];
    all.extend(counts.iter().map(|counts| each(counts.values().sum())));
    rows.push(all);
    table(
        "Syncs that a break of one disk asks for",
        &["what is synced", "1 caller", "16 callers"],
        rows,
    );
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn calls_are_counted_by_what_they_sync() {
        let log = "\
11 fdatasync(7</s/catalogue.db-wal>) = 0
12 fdatasync(9</s/array/luns/a.img> <unfinished ...>
12 <... fdatasync resumed>) = 0
13 fsync(9</s/array/luns/a.img>) = 0
14 fdatasync(8</s/catalogue.db>) = 0
15 +++ exited with 0 +++
";
        let counts = count(log);
        assert_eq!(counts.values().sum::<usize>(), 4);
        assert_eq!(counts["catalogue, log"], 1);
        assert_eq!(counts["catalogue, checkpoint"], 1);
        assert_eq!(counts["disk, data"], 1);
        assert_eq!(counts["disk, mode"], 1);
    }
}
