//! Whether the size of the disks matters to a break. It must not.

use std::path::Path;

use serde_json::json;

use crate::Result;
use crate::args::Args;
use crate::measure::{Times, ratio, words};
use crate::report::{Report, table};
use crate::rig::Rig;

const DISKS: usize = 8;
const ROUNDS: usize = 41;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
/// Sizes to try for the large disks, first to last.
const LARGE: [u64; 4] = [8 * TIB, 4 * TIB, 2 * TIB, TIB];
/// How far apart the two may be.
const TOLERANCE: f64 = 0.10;

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let root = place.join("sizes");
    eprintln!("breaks of small and large disks ...");
    let rig = Rig::open(&root)?;
    let small = rig.originals("small", DISKS, GIB)?;
    let mut large = None;
    for size in LARGE {
        if rig.array.create("probe", size, 512, false).is_ok() {
            rig.array.delete("probe")?;
            large = Some((size, rig.originals("large", DISKS, size)?));
            break;
        }
        report.skip(
            &format!("sizes/{} TiB", size / TIB),
            "the file system holds no such file",
        );
    }
    let Some((size, large)) = large else {
        return Ok(());
    };
    let mut times = [Times::default(), Times::default()];
    for round in 0..args.rounds(ROUNDS) {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let luns = if which == 0 { &small } else { &large };
            let sets = rig.create_all(luns)?;
            let session = rig.session()?;
            let (time, _) = rig.break_all(&session, &sets)?;
            if let Some(times) = times.get_mut(which) {
                times.add(time);
            }
            rig.clear(luns)?;
        }
    }
    let [small, large] = times;
    let times = ratio(large.median(), small.median());
    let tib = size / TIB;
    report.case(
        "sizes",
        json!({
            "disks": DISKS,
            "small_bytes": GIB,
            "large_bytes": size,
            "small": small.to_json(),
            "large": large.to_json(),
            "ratio": times,
        }),
    );
    table(
        "Break of 8 disks, by their size",
        &["1 GiB each", &format!("{tib} TiB each"), "ratio"],
        [vec![
            words(small.median()),
            words(large.median()),
            format!("{times:.3}"),
        ]],
    );
    report.goal(
        &format!("break of 8 disks of {tib} TiB: within 10 % of 1 GiB"),
        format!("{:+.1} %", (times - 1.0) * 100.0),
        (times - 1.0).abs() <= TOLERANCE,
    );
    Ok(())
}
