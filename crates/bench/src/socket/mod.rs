//! What the daemon adds to a call over its Unix socket, and how many breaks it does in a second.
//!
//! Two state folders with the same content, side by side on one file system: one is held by an engine in
//! this process, the other by a real `vssd`. Every call goes to both in turns.

pub(crate) mod daemon;
pub(crate) mod latency;
mod process;
mod profile;
pub(crate) mod side;
mod syncs;
mod throughput;

use std::path::Path;

use serde_json::json;
use vss_api::client::Client;
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_service::Service;

use crate::Result;
use crate::args::Args;
use crate::machine;
use crate::report::Report;

use daemon::Daemon;
use side::Side;

/// The two ways to the same service.
pub(crate) struct Pair {
    embedded: Side,
    socket: Side,
    daemon: Daemon,
}

impl Pair {
    fn open(vssd: &Path, place: &Path) -> Result<Self> {
        let embedded = Embedded::open(StatePaths::new(place.join("embedded")))?;
        let daemon = Daemon::start(vssd, place)?;
        let client = daemon.connect()?;
        Ok(Self {
            embedded: Side::new("embedded", Box::new(embedded))?,
            socket: Side::new("socket", Box::new(client))?,
            daemon,
        })
    }

    /// Both, the one that is first changing with the round.
    fn in_turn(&self, round: usize) -> [&Side; 2] {
        if round.is_multiple_of(2) {
            [&self.embedded, &self.socket]
        } else {
            [&self.socket, &self.embedded]
        }
    }

    fn is_socket(&self, side: &Side) -> bool {
        std::ptr::eq(side, &raw const self.socket)
    }
}

pub(crate) fn run(args: &Args, place: &Path, report: &mut Report) -> Result<()> {
    let Some(vssd) = daemon::program("socket", report)? else {
        return Ok(());
    };
    let place = place.join("socket");
    std::fs::create_dir(&place)?;
    let load = machine::load();
    let pair = Pair::open(&vssd, &place)?;
    let latency = latency::run(args, &pair, &place, report)?;
    let throughput = throughput::run(args, &pair, &place, report)?;
    let syncs = syncs::of_a_break(&pair, &place, report)?;
    let profile = profile::run(args, &pair, &place, report)?;
    report.case(
        "socket",
        json!({
            "load_before": load,
            "load_after": machine::load(),
            "latency": latency,
            "throughput": throughput,
            "syncs_of_a_break": syncs,
            "profile": profile,
        }),
    );
    Ok(())
}

/// Connections of that many callers, each its own.
fn clients(daemon: &Daemon, count: usize) -> Result<Vec<Client>> {
    (0..count).map(|_| daemon.connect()).collect()
}

/// As the traits have it.
fn services(clients: &[Client]) -> Vec<&dyn Service> {
    clients.iter().map(|client| client as _).collect()
}
