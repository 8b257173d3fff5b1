//! How many breaks of one disk a second holds, by the number of callers, and what they wait for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vss_model::{OperationId, SetId};
use vss_service::{AuditRecord, Service};

use crate::Result;
use crate::args::Args;
use crate::measure::{Times, settle};
use crate::report::{Report, table};
use crate::socket::process::Cpu;
use crate::socket::side::{KEEP_IDENTITY, READ_WRITE, Side, break_one};
use crate::socket::{Pair, clients, services, syncs};

/// Callers at once.
const CALLERS: &[usize] = &[1, 4, 16, 64];
/// Breaks that are measured together, a set for each. The disks of all of them are visible.
const BREAKS: usize = 128;
const ROUNDS: usize = 3;
/// Storms of so few that hardly any other disk is visible, for comparison.
const FEW: usize = 8;
const ROUNDS_OF_FEW: usize = 16;
/// Of a quick run.
const QUICK_CALLERS: &[usize] = &[1, 16];
const QUICK_BREAKS: usize = 32;
/// Breaks a second.
const GOAL: f64 = 1000.0;

/// Breaks that were done together.
struct Storm {
    time: Duration,
    operations: Vec<OperationId>,
    /// Of this process: the engine on one side, the callers on the other.
    own: Cpu,
    daemon: Cpu,
    machine: Cpu,
}

/// All storms of one number of callers on one side.
#[derive(Default)]
struct Storms {
    breaks: usize,
    times: Times,
    spent: Duration,
    own: Cpu,
    daemon: Cpu,
    machine: Cpu,
    steps: BTreeMap<String, Times>,
}

impl Storms {
    fn add(&mut self, storm: &Storm, records: &[AuditRecord]) {
        self.breaks += storm.operations.len();
        self.times.add(storm.time);
        self.spent += storm.time;
        self.own = self.own + storm.own;
        self.daemon = self.daemon + storm.daemon;
        self.machine = self.machine + storm.machine;
        for step in records.iter().flat_map(|record| &record.steps) {
            let times = self.steps.entry(step.step.clone()).or_default();
            times.add(Duration::from_micros(step.micros));
        }
    }

    /// Breaks a second, over all storms.
    fn rate(&self) -> f64 {
        self.breaks as f64 / self.spent.as_secs_f64()
    }

    /// Of a break.
    fn each(&self, time: Duration) -> Duration {
        time / u32::try_from(self.breaks.max(1)).unwrap_or(u32::MAX)
    }

    /// Processors that were busy with it.
    fn cores(&self, cpu: Cpu) -> f64 {
        cpu.total().as_secs_f64() / self.spent.as_secs_f64()
    }

    /// Processors that others kept busy meanwhile.
    fn cores_of_others(&self) -> f64 {
        (self.cores(self.machine) - self.cores(self.own) - self.cores(self.daemon)).max(0.0)
    }

    fn step(&self, name: &str) -> Duration {
        self.steps.get(name).map(Times::median).unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        let cpu = |cpu: Cpu| {
            json!({
                "user_us_each": self.each(cpu.user()).as_micros(),
                "system_us_each": self.each(cpu.system()).as_micros(),
                "cores": self.cores(cpu),
            })
        };
        let steps: BTreeMap<&String, Value> = self
            .steps
            .iter()
            .map(|(name, times)| (name, times.to_json()))
            .collect();
        json!({
            "per_second": self.rate(),
            "storms": self.times.to_json(),
            "breaks": self.breaks,
            "this_process": cpu(self.own),
            "daemon": cpu(self.daemon),
            "cores_of_others": self.cores_of_others(),
            "steps": steps,
        })
    }
}

/// What one number of callers got.
struct Case {
    flags: u32,
    /// Sets that are broken in a storm.
    sets: usize,
    callers: usize,
    embedded: Storms,
    socket: Storms,
    floor: syncs::Floor,
}

pub(super) fn run(args: &Args, pair: &Pair, place: &Path, report: &mut Report) -> Result<Value> {
    let (most, sets) = if args.quick {
        (QUICK_CALLERS, QUICK_BREAKS)
    } else {
        (CALLERS, BREAKS)
    };
    let mut cases = Vec::new();
    for flags in [READ_WRITE, KEEP_IDENTITY] {
        cases.push(case(
            pair,
            place,
            (flags, FEW, 1),
            args.rounds(ROUNDS_OF_FEW),
        )?);
        for &callers in most {
            cases.push(case(
                pair,
                place,
                (flags, sets, callers),
                args.rounds(ROUNDS),
            )?);
        }
    }
    show(&cases, report);
    Ok(cases.iter().map(Case::to_json).collect())
}

fn case(
    pair: &Pair,
    place: &Path,
    (flags, sets, callers): (u32, usize, usize),
    rounds: usize,
) -> Result<Case> {
    eprintln!("breaks {flags:#x}, {sets} disks, {callers} callers at once ...");
    let mut case = Case {
        flags,
        sets,
        callers,
        embedded: Storms::default(),
        socket: Storms::default(),
        floor: syncs::floor(place, callers)?,
    };
    for round in 0..rounds {
        for side in pair.in_turn(round) {
            let (storm, records) = one(pair, side, place, &case)?;
            let storms = if pair.is_socket(side) {
                &mut case.socket
            } else {
                &mut case.embedded
            };
            storms.add(&storm, &records);
        }
    }
    Ok(case)
}

impl Case {
    fn to_json(&self) -> Value {
        json!({
            "flags": self.flags,
            "sets": self.sets,
            "callers": self.callers,
            "embedded": self.embedded.to_json(),
            "socket": self.socket.to_json(),
            "syncs_per_second_own_files": self.floor.own_files,
            "syncs_per_second_one_file": self.floor.one_file,
        })
    }
}

/// One storm, the making of its sets before and all checks after it.
fn one(pair: &Pair, side: &Side, place: &Path, case: &Case) -> Result<(Storm, Vec<AuditRecord>)> {
    let callers = case.callers;
    let sets = side.make(case.sets)?;
    let clients = if pair.is_socket(side) {
        clients(&pair.daemon, callers)?
    } else {
        Vec::new()
    };
    let services = if pair.is_socket(side) {
        services(&clients)
    } else {
        vec![&*side.service; callers]
    };
    settle(place)?;
    let (own, daemon, machine) = (Cpu::of("self")?, pair.daemon.cpu()?, Cpu::of_machine()?);
    let (time, operations) = storm(&services, &sets, case.flags)?;
    let storm = Storm {
        time,
        operations,
        own: Cpu::of("self")? - own,
        daemon: pair.daemon.cpu()? - daemon,
        machine: Cpu::of_machine()? - machine,
    };
    let records = side.check(&storm.operations)?;
    side.clear()?;
    Ok((storm, records))
}

/// Breaks the sets, each caller one after the other; from the first call to the last end.
pub(super) fn storm(
    services: &[&dyn Service],
    sets: &[SetId],
    flags: u32,
) -> Result<(Duration, Vec<OperationId>)> {
    let next = AtomicUsize::new(0);
    let barrier = Barrier::new(services.len() + 1);
    thread::scope(|scope| {
        let callers: Vec<_> = services
            .iter()
            .map(|service| {
                let (next, barrier) = (&next, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let mut done = Vec::new();
                    while let Some(set) = sets.get(next.fetch_add(1, Ordering::Relaxed)) {
                        done.push(break_one(*service, *set, flags)?);
                    }
                    Ok(done)
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        let mut all = Vec::new();
        for caller in callers {
            let done: Result<Vec<OperationId>> = caller.join().map_err(|_| "a caller died")?;
            all.extend(done?);
        }
        Ok((start.elapsed(), all))
    })
}

fn show(cases: &[Case], report: &mut Report) {
    let cores = |cores: f64| format!("{cores:.2}");
    table(
        "Breaks of one disk a second",
        &[
            "flags",
            "visible disks",
            "callers",
            "embedded",
            "socket",
            "CPU of vssd each, user + system",
            "cores: vssd, callers, others",
            "CPU embedded each",
            "syncs a second: own files, one file",
        ],
        cases.iter().map(|case| {
            let (own, daemon) = (case.socket.own, case.socket.daemon);
            let millis =
                |time: Duration| format!("{:.2}", case.socket.each(time).as_secs_f64() * 1e3);
            let own_each = case.embedded.each(case.embedded.own.total());
            vec![
                format!("{:#x}", case.flags),
                // The original too.
                (case.sets + 1).to_string(),
                case.callers.to_string(),
                format!("{:.0}", case.embedded.rate()),
                format!("{:.0}", case.socket.rate()),
                format!("{} + {} ms", millis(daemon.user()), millis(daemon.system())),
                format!(
                    "{}, {}, {}",
                    cores(case.socket.cores(daemon)),
                    cores(case.socket.cores(own)),
                    cores(case.socket.cores_of_others())
                ),
                format!("{:.2} ms", own_each.as_secs_f64() * 1e3),
                format!("{:.0}, {:.0}", case.floor.own_files, case.floor.one_file),
            ]
        }),
    );
    for flags in [READ_WRITE, KEEP_IDENTITY] {
        let cases: Vec<&Case> = cases.iter().filter(|case| case.flags == flags).collect();
        show_steps(flags, &cases);
    }
    let best = |flags: u32| {
        let cases = cases.iter().filter(|case| case.flags == flags);
        cases.map(|case| case.socket.rate()).fold(0.0, f64::max)
    };
    let (plain, kept) = (best(READ_WRITE), best(KEEP_IDENTITY));
    report.goal(
        "stretch: 1000 breaks of one disk a second over the socket",
        format!("{plain:.0} ({KEEP_IDENTITY:#x}: {kept:.0})"),
        plain >= GOAL,
    );
}

/// Where breaks over the socket spend their time, by the number of callers.
fn show_steps(flags: u32, cases: &[&Case]) {
    let Some(first) = cases.first() else { return };
    let mut names: Vec<&String> = first.socket.steps.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(first.socket.step(name)));
    let mut head = vec!["step, µs".to_owned()];
    head.extend(cases.iter().map(|case| {
        let plural = if case.callers == 1 { "" } else { "s" };
        format!("{} disks, {} caller{plural}", case.sets + 1, case.callers)
    }));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table(
        &format!("Steps of breaks {flags:#x} over the socket, median"),
        &head,
        names.into_iter().map(|name| {
            let mut row = vec![name.clone()];
            row.extend(
                cases
                    .iter()
                    .map(|case| case.socket.step(name).as_micros().to_string()),
            );
            row
        }),
    );
}
