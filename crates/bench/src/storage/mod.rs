//! Copies and breaks of LVM thin volumes, against the commands that one types for the same.
//!
//! Everything is measured in one machine of the laboratory, whose disks are memory: what counts is what the
//! programs do and wait for. This program runs there itself (`vss-bench storage-guest`) and starts itself
//! once more for the writers. It says tables for people, and for us a JSON object a line.

mod breaks;
mod copies;
mod rig;
mod writer;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use vss_lab::{Setup, guest, unavailable};

use crate::args::Args;
use crate::report::{self, Report};
use crate::{Result, machine};

use rig::Rig;
pub(crate) use writer::{COMMAND as WRITER, run as write};

/// The hidden command inside the machine.
pub(crate) const COMMAND: &str = "storage-guest";

/// Memory of the machine, in MiB: half of it is for disks.
const MEMORY_MIB: u32 = 4096;
/// How long the machine may run.
const LIMIT: Duration = Duration::from_secs(3600);
/// Numbers of volumes that are copied at a time; more than eight take minutes each time.
const VOLUMES: [usize; 3] = [1, 8, 32];
const MANY: usize = 8;

/// Boots the machine and hears what it measured.
pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let (Some(vss), Some(init)) = (&args.vss, &args.lab_init) else {
        report.skip("storage", "it was not told where vss and vss-lab-init are");
        return Ok(());
    };
    if let Some(why) = unavailable() {
        report.skip("storage", &why);
        return Ok(());
    }
    if let Some(disks) = args.disks
        && !VOLUMES.contains(&disks)
    {
        return Err(format!("storage is measured with {VOLUMES:?} volumes, not {disks}").into());
    }
    let before = machine::load();
    let mut command: Vec<OsString> = vec![
        std::env::current_exe()?.into(),
        COMMAND.into(),
        vss.canonicalize()?.into(),
    ];
    if args.quick {
        command.push("--quick".into());
    }
    if let Some(disks) = args.disks {
        command.push("--disks".into());
        command.push(disks.to_string().into());
    }
    let mut values = Vec::new();
    let mut machine = Setup::default()
        .memory_mib(MEMORY_MIB)
        .limit(LIMIT)
        .boot(&init.canonicalize()?, command)?;
    let exit = machine.wait(|line| {
        match line
            .starts_with('{')
            .then(|| serde_json::from_str::<Value>(line))
        {
            Some(Ok(value)) => values.push(value),
            _ => println!("{line}"),
        }
    })?;
    if exit.status != 0 {
        return Err(format!("in the laboratory it ended with {}", exit.status).into());
    }
    let after = machine::load();
    println!("\nload of the host: {before:.1} at the start, {after:.1} at the end");
    for goal in &values {
        if let (Some(text), Some(measured), Some(met)) = (
            goal["goal"].as_str(),
            goal["measured"].as_str(),
            goal["met"].as_bool(),
        ) {
            report.goal(text, measured.to_owned(), met);
        }
    }
    values.retain(|value| value["goal"].is_null());
    report.case(
        "storage",
        json!({ "load_before": before, "load_after": after, "measured": values }),
    );
    Ok(())
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Extent {
    quick: bool,
    udev: bool,
    /// The one number of volumes and disks.
    only: Option<usize>,
}

impl Extent {
    /// How often each number of volumes is measured.
    fn rounds(self, volumes: usize) -> usize {
        match (self.quick, volumes > MANY) {
            (true, true) => 1,
            (true, false) => 3,
            (false, _) => 5,
        }
    }

    /// Numbers of volumes to copy.
    fn copies(self) -> Vec<usize> {
        let wanted = |volumes: &usize| match self.only {
            Some(only) => *volumes == only,
            None => *volumes <= MANY || !(self.quick && self.udev),
        };
        VOLUMES.into_iter().filter(wanted).collect()
    }

    /// Whether breaks of that many disks are measured.
    fn wants_breaks(self, disks: usize) -> bool {
        self.only.is_none_or(|only| only == disks)
    }

    /// Whether this is how hosts are.
    fn words(self) -> &'static str {
        if self.udev {
            "udev runs"
        } else {
            "without udev"
        }
    }
}

/// Measures, inside the machine.
pub(crate) fn inside(words: &[OsString]) -> Result<()> {
    guest::in_lab();
    let (vss, options) = words.split_first().ok_or("where is vss?")?;
    let quick = options.iter().any(|word| word == "--quick");
    let only = options.iter().skip_while(|word| *word != "--disks").nth(1);
    let only = only
        .map(|number| number.to_string_lossy().parse())
        .transpose()?;
    let extent = |udev| Extent { quick, udev, only };
    let most = extent(false).copies();
    let rig = Rig::new(Path::new(vss), most.iter().copied().max().unwrap_or(1))?;
    for udev in [true, false] {
        if !udev {
            guest::without_udev();
        }
        let extent = extent(udev);
        copies::run(&rig, extent)?;
        breaks::run(&rig, extent)?;
    }
    Ok(())
}

/// Says whether a goal is met.
fn goal(text: &str, measured: &str, met: bool) {
    println!(
        "{}",
        json!({ "goal": text, "measured": measured, "met": met })
    );
}

/// Prints a table, then the commands that were typed.
fn table(title: &str, head: &[&str], rows: Vec<Vec<String>>, typed: &[(&str, &str)]) {
    report::table(title, head, rows);
    println!();
    for (name, commands) in typed {
        println!("- {name}: `{commands}`");
    }
}
