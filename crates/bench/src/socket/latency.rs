//! What the socket adds to one call, and to one break.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vss_model::{ObjectType, SnapshotId};

use crate::Result;
use crate::args::Args;
use crate::echo::Echo;
use crate::measure::{Times, settle};
use crate::report::{Report, table};
use crate::socket::Pair;
use crate::socket::side::{READ_WRITE, Side, break_one};

/// Copies that a query finds, each in a set of its own.
const COPIES: usize = 8;
const CALLS: usize = 10_000;
const BREAKS: usize = 1_000;
/// Sets that are made at a time. Their disks stay visible until all are broken, and every break looks at
/// all visible disks.
const BATCH: usize = 8;
const GOAL: Duration = Duration::from_micros(500);

/// Times of one thing on either side.
struct Row {
    what: &'static str,
    goal: Option<&'static str>,
    embedded: Times,
    socket: Times,
}

impl Row {
    fn new(what: &'static str, goal: Option<&'static str>) -> Self {
        Self {
            what,
            goal,
            embedded: Times::default(),
            socket: Times::default(),
        }
    }

    /// Takes the time of one call on each side.
    fn round(
        &mut self,
        pair: &Pair,
        round: usize,
        mut call: impl FnMut(&Side) -> Result<()>,
    ) -> Result<()> {
        for side in pair.in_turn(round) {
            let start = Instant::now();
            call(side)?;
            self.times(pair, side).add(start.elapsed());
        }
        Ok(())
    }

    fn times(&mut self, pair: &Pair, side: &Side) -> &mut Times {
        if pair.is_socket(side) {
            &mut self.socket
        } else {
            &mut self.embedded
        }
    }

    /// What the socket adds at this rank.
    fn added(&self, share: usize) -> Duration {
        self.socket
            .per_mille(share)
            .saturating_sub(self.embedded.per_mille(share))
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.what.to_owned()];
        for times in [&self.embedded, &self.socket] {
            cells.push(shares(times));
        }
        cells.extend([500, 990].map(|share| micros(self.added(share))));
        cells
    }

    fn to_json(&self) -> Value {
        let side = |times: &Times| {
            let at = |share| times.per_mille(share).as_nanos();
            json!({
                "p50_ns": at(500), "p90_ns": at(900), "p99_ns": at(990), "p999_ns": at(999),
                "times": times.to_json(),
            })
        };
        json!({
            "what": self.what,
            "embedded": side(&self.embedded),
            "socket": side(&self.socket),
            "added_p50_ns": self.added(500).as_nanos(),
            "added_p99_ns": self.added(990).as_nanos(),
        })
    }
}

pub(super) fn run(args: &Args, pair: &Pair, place: &Path, report: &mut Report) -> Result<Value> {
    let (mut rows, floor) = queries(args, pair, place)?;
    rows.extend(breaks(args, pair, place)?);
    table(
        "What the socket adds, in µs",
        &[
            "call",
            "embedded p50 / p99 / p99.9",
            "socket p50 / p99 / p99.9",
            "added at p50",
            "added at p99",
        ],
        rows.iter().map(Row::cells).chain([vec![
            "floor: a byte to a thread and back".to_owned(),
            "–".to_owned(),
            shares(&floor),
            micros(floor.per_mille(500)),
            micros(floor.per_mille(990)),
        ]]),
    );
    for row in &rows {
        let Some(goal) = row.goal else { continue };
        let (half, most) = (row.added(500), row.added(990));
        report.goal(
            &format!("{goal}: the socket adds less than 500 µs at p50 and p99"),
            format!("{} and {} µs", micros(half), micros(most)),
            half < GOAL && most < GOAL,
        );
    }
    let calls: Vec<Value> = rows.iter().map(Row::to_json).collect();
    Ok(json!({ "calls": calls, "floor": floor.to_json() }))
}

fn queries(args: &Args, pair: &Pair, place: &Path) -> Result<(Vec<Row>, Times)> {
    eprintln!("calls over the socket ...");
    let sides = [&pair.embedded, &pair.socket];
    let mut sets = Vec::new();
    for side in sides {
        sets.push(side.make(COPIES)?);
    }
    let mut query = Row::new("query of 8 copies, open session", Some("query"));
    let mut list = Row::new("list of 8 sets", Some("list of sets"));
    let mut empty = Row::new("session, opened and released", None);
    let embedded = pair.embedded.service.administration()?;
    let socket = pair.socket.service.administration()?;
    let mut echo = Echo::unix()?;
    let mut floor = Times::default();
    settle(place)?;
    for round in 0..args.rounds(CALLS) {
        floor.add(echo.call()?);
        query.round(pair, round, |side| {
            let session = if pair.is_socket(side) {
                &socket
            } else {
                &embedded
            };
            let found = session.query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)?;
            expect(side, found.len())
        })?;
        list.round(pair, round, |side| expect(side, side.service.sets()?.len()))?;
        empty.round(pair, round, |side| {
            drop(side.service.administration()?);
            Ok(())
        })?;
    }
    for (side, sets) in sides.into_iter().zip(sets) {
        side.delete(&sets)?;
    }
    Ok((vec![query, list, empty], floor))
}

fn expect(side: &Side, found: usize) -> Result<()> {
    if found == COPIES {
        return Ok(());
    }
    Err(format!("{}: {found} were found, not {COPIES}", side.name).into())
}

fn breaks(args: &Args, pair: &Pair, place: &Path) -> Result<Vec<Row>> {
    eprintln!("breaks over the socket ...");
    let mut row = Row::new("break of one disk, session included", Some("break"));
    let rounds = args.rounds(BREAKS);
    let mut done = 0;
    while done < rounds {
        let batch = BATCH.min(rounds - done);
        let embedded = pair.embedded.make(batch)?;
        let socket = pair.socket.make(batch)?;
        let mut operations = (Vec::new(), Vec::new());
        settle(place)?;
        for (round, (own, other)) in embedded.into_iter().zip(socket).enumerate() {
            row.round(pair, round, |side| {
                let (set, done) = if pair.is_socket(side) {
                    (other, &mut operations.1)
                } else {
                    (own, &mut operations.0)
                };
                done.push(break_one(&*side.service, set, READ_WRITE)?);
                Ok(())
            })?;
        }
        for (side, operations) in [(&pair.embedded, operations.0), (&pair.socket, operations.1)] {
            side.check(&operations)?;
            side.clear()?;
        }
        done += batch;
    }
    Ok(vec![row])
}

fn shares(times: &Times) -> String {
    [500, 990, 999]
        .map(|share| micros(times.per_mille(share)))
        .join(" / ")
}

/// Microseconds as people read them.
pub(crate) fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 0.1 {
        format!("{micros:.3}")
    } else if micros < 10.0 {
        format!("{micros:.1}")
    } else {
        format!("{micros:.0}")
    }
}
