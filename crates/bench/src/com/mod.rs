//! What a call through `vssapi.dll` costs from end to end, and which layer takes how much of it.
//!
//! The same things are asked for in four ways, each of which has one layer more than the one before: of an
//! engine in this process; of a `vssd` over its Unix socket; of the same over loopback TCP; of the same
//! from a program that another compiler made, by COM under Wine. They take turns of some calls each.

mod wine;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_model::{ObjectType, OperationId, SetId, SnapshotId};
use vss_service::BackupComponents;

use crate::Result;
use crate::args::Args;
use crate::echo::{Echo, Line};
use crate::machine;
use crate::measure::{Times, settle};
use crate::report::{Report, table};
use crate::socket::daemon::{self, Daemon};
use crate::socket::latency::micros;
use crate::socket::side::{KEEP_IDENTITY, Side, break_one};

use wine::Program;

/// Copies that a query finds, each in a set of its own.
const COPIES: usize = 8;
/// Calls of one turn.
const TURN: usize = 50;
/// Turns of each way.
const TURNS: usize = 40;
/// Breaks of one turn, and turns of breaks.
const BREAKS: usize = 4;
const BREAK_TURNS: usize = 50;

/// How a call gets to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Engine,
    Unix,
    Tcp,
    Com,
}

const WAYS: [Way; 4] = [Way::Engine, Way::Unix, Way::Tcp, Way::Com];

/// Times of one thing in each way; none where it makes no sense.
#[derive(Default)]
struct Row {
    what: &'static str,
    times: [Times; WAYS.len()],
}

impl Row {
    /// Has each way take its turn, another one being the first every time.
    fn measure(
        what: &'static str,
        turns: usize,
        ways: &[Way],
        mut turn: impl FnMut(Way) -> Result<Vec<Duration>>,
    ) -> Result<Self> {
        let mut row = Self {
            what,
            ..Self::default()
        };
        for round in 0..turns {
            row.round(round, ways, &mut turn)?;
        }
        Ok(row)
    }

    fn round(
        &mut self,
        round: usize,
        ways: &[Way],
        turn: &mut impl FnMut(Way) -> Result<Vec<Duration>>,
    ) -> Result<()> {
        let first = round % ways.len();
        for &way in ways.iter().cycle().skip(first).take(ways.len()) {
            for time in turn(way)? {
                self.of(way).add(time);
            }
        }
        Ok(())
    }

    fn of(&mut self, way: Way) -> &mut Times {
        let [engine, unix, tcp, com] = &mut self.times;
        match way {
            Way::Engine => engine,
            Way::Unix => unix,
            Way::Tcp => tcp,
            Way::Com => com,
        }
    }

    /// Median and 99th percentile of each way, and what each layer adds to the median.
    fn cells(&self) -> Vec<String> {
        let absent = || "–".to_owned();
        let shares = |times: &Times| {
            let shares = [500, 990].map(|share| micros(times.per_mille(share)));
            shares.join(" / ")
        };
        let mut cells = vec![self.what.to_owned()];
        for times in &self.times {
            cells.push(if times.is_empty() {
                absent()
            } else {
                shares(times)
            });
        }
        for pair in self.times.windows(2) {
            let [before, after] = pair else { continue };
            cells.push(if before.is_empty() || after.is_empty() {
                absent()
            } else {
                let added = after.median().as_secs_f64() - before.median().as_secs_f64();
                format!("{:.0}", added * 1e6)
            });
        }
        cells
    }

    fn to_json(&self) -> Value {
        let [engine, unix, tcp, com] = &self.times;
        let side = |times: &Times| {
            let at = |share| times.per_mille(share).as_nanos();
            json!({ "p50_ns": at(500), "p99_ns": at(990), "times": times.to_json() })
        };
        json!({
            "what": self.what, "engine": side(engine), "unix": side(unix), "tcp": side(tcp), "com": side(com),
        })
    }
}

/// All four ways.
struct Rig {
    engine: Side,
    unix: Side,
    tcp: Side,
    program: Program,
    // Last: everything else is connected to it.
    _daemon: Daemon,
}

impl Rig {
    fn open(
        vssd: &Path,
        (programs, prefix): (&Path, &Path),
        port: u16,
        place: &Path,
    ) -> Result<Self> {
        let engine = Embedded::open(StatePaths::new(place.join("embedded")))?;
        let daemon = Daemon::start(vssd, place)?;
        let tcp = Side {
            name: "tcp",
            service: Box::new(daemon.connect_tcp()?),
        };
        Ok(Self {
            engine: Side::new("engine", Box::new(engine))?,
            unix: Side::new("unix", Box::new(daemon.connect()?))?,
            tcp,
            program: Program::start(programs, prefix, daemon.rendezvous(), port)?,
            _daemon: daemon,
        })
    }

    /// The way of a program of ours; COM is that of another.
    fn native(&self, way: Way) -> Option<&Side> {
        match way {
            Way::Engine => Some(&self.engine),
            Way::Unix => Some(&self.unix),
            Way::Tcp => Some(&self.tcp),
            Way::Com => None,
        }
    }
}

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let Some((programs, prefix)) = &args.com else {
        report.skip("com", "there are no programs for Windows, or no Wine");
        return Ok(());
    };
    let Some(vssd) = daemon::program("com", report)? else {
        return Ok(());
    };
    let place = place.join("com");
    std::fs::create_dir(&place)?;
    let load = machine::load();
    let echo = Echo::start()?;
    let mut rig = Rig::open(&vssd, (programs, prefix), echo.port(), &place)?;
    eprintln!("calls through vssapi.dll ...");
    let turns = args.rounds(TURNS);
    let rows = [
        floor(&mut rig, turns, &mut Echo::unix()?, &mut echo.connect()?)?,
        border(&mut rig, turns)?,
        object(&mut rig, turns)?,
        query(&mut rig, turns)?,
        breaks(&mut rig, args.rounds(BREAK_TURNS), &place)?,
    ];
    table(
        "A call from end to end, p50 / p99 in µs",
        &[
            "call",
            "engine",
            "vssd, Unix socket",
            "vssd, loopback TCP",
            "vssapi.dll under Wine",
            "daemon adds",
            "TCP adds",
            "Wine and DLL add",
        ],
        rows.iter().map(Row::cells),
    );
    let calls: Vec<Value> = rows.iter().map(Row::to_json).collect();
    report.case(
        "com",
        json!({ "load_before": load, "load_after": machine::load(), "calls": calls }),
    );
    Ok(())
}

/// What the way itself costs.
fn floor(
    rig: &mut Rig,
    turns: usize,
    unix: &mut Line<std::os::unix::net::UnixStream>,
    tcp: &mut Line<std::net::TcpStream>,
) -> Result<Row> {
    let ways = [Way::Unix, Way::Tcp, Way::Com];
    Row::measure(
        "floor: a byte there and back",
        turns,
        &ways,
        |way| match way {
            Way::Unix => (0..TURN).map(|_| unix.call()).collect(),
            Way::Tcp => (0..TURN).map(|_| tcp.call()).collect(),
            Way::Engine => Ok(Vec::new()),
            Way::Com => Ok(rig.program.order(&format!("echo {TURN}"))?.times),
        },
    )
}

/// A call that asks nobody.
fn border(rig: &mut Rig, turns: usize) -> Result<Row> {
    Row::measure("QueryInterface and Release", turns, &[Way::Com], |_| {
        Ok(rig.program.order(&format!("border {TURN}"))?.times)
    })
}

fn object(rig: &mut Rig, turns: usize) -> Result<Row> {
    let what = "object made, initialised and released";
    Row::measure(what, turns, &WAYS, |way| match rig.native(way) {
        Some(side) => times(|| {
            let session = side.service.create_backup_components()?;
            session.initialize_for_backup()?;
            Ok(())
        }),
        None => Ok(rig.program.order(&format!("object {TURN}"))?.times),
    })
}

fn query(rig: &mut Rig, turns: usize) -> Result<Row> {
    let sets = [rig.engine.make(COPIES)?, rig.unix.make(COPIES)?];
    // A session for each of the native ways, as the program has an object.
    let mut sessions: Vec<Box<dyn BackupComponents>> = Vec::new();
    for side in [&rig.engine, &rig.unix, &rig.tcp] {
        sessions.push(side.service.administration()?);
    }
    let what = "Query of 8 copies, all of them taken";
    let row = Row::measure(what, turns, &WAYS, |way| {
        let session = WAYS.iter().position(|&other| other == way);
        let Some(session) = session.and_then(|at| sessions.get(at)) else {
            let answer = rig.program.order(&format!("query {TURN}"))?;
            return expect(answer.found).map(|()| answer.times);
        };
        times(|| {
            let found = session.query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)?;
            expect(Some(found.len()))
        })
    })?;
    for (side, sets) in [&rig.engine, &rig.unix].into_iter().zip(&sets) {
        side.delete(sets)?;
    }
    Ok(row)
}

fn breaks(rig: &mut Rig, turns: usize, place: &Path) -> Result<Row> {
    eprintln!("breaks through vssapi.dll ...");
    let mut row = Row {
        what: "break of one disk (0xA), object included",
        ..Row::default()
    };
    for round in 0..turns {
        let own = rig.engine.make(BREAKS)?;
        let daemons = rig.unix.make(3 * BREAKS)?;
        let [unix, tcp, com] =
            [0, 1, 2].map(|part| daemons.iter().skip(part * BREAKS).take(BREAKS));
        let of = |way: Way| -> Vec<SetId> {
            match way {
                Way::Engine => own.clone(),
                Way::Unix => unix.clone().copied().collect(),
                Way::Tcp => tcp.clone().copied().collect(),
                Way::Com => com.clone().copied().collect(),
            }
        };
        settle(place)?;
        let mut checks: Vec<(Way, Vec<OperationId>)> = Vec::new();
        row.round(round, &WAYS, &mut |way| {
            let mut times = Vec::new();
            let mut operations = Vec::new();
            for set in of(way) {
                let start = Instant::now();
                if let Some(side) = rig.native(way) {
                    operations.push(break_one(&*side.service, set, KEEP_IDENTITY)?);
                    times.push(start.elapsed());
                } else {
                    let order = format!("break {KEEP_IDENTITY} {{{set}}}");
                    times.extend(rig.program.order(&order)?.times);
                }
            }
            checks.push((way, operations));
            Ok(times)
        })?;
        for (way, operations) in checks {
            if let Some(side) = rig.native(way) {
                side.check(&operations)?;
            }
        }
        let luns = rig.unix.service.luns()?;
        let broken = luns
            .iter()
            .filter(|lun| lun.copy_of.is_some() && lun.set.is_none() && !lun.read_only)
            .count();
        if broken != 3 * BREAKS {
            return Err(format!("{broken} disks were broken, not {}", 3 * BREAKS).into());
        }
        rig.engine.clear()?;
        rig.unix.clear()?;
    }
    Ok(row)
}

/// Times of the calls of one turn.
fn times(mut call: impl FnMut() -> Result<()>) -> Result<Vec<Duration>> {
    (0..TURN)
        .map(|_| {
            let start = Instant::now();
            call()?;
            Ok(start.elapsed())
        })
        .collect()
}

fn expect(found: Option<usize>) -> Result<()> {
    if found == Some(COPIES) {
        return Ok(());
    }
    Err(format!("{found:?} copies were found, not {COPIES}").into())
}
