//! Many clients at once against a daemon that is killed again and again, judged against a model.
//!
//! `VSS_STORM_SECONDS` sets for how long (20), `VSS_STORM_SEED` the course of the clients.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod client;
mod daemon;
mod disks;
mod judge;
mod model;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::model::{End, Model, Shared};

const CLIENTS: usize = 64;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn clients_at_random_while_the_daemon_is_killed() {
    let seconds = number("VSS_STORM_SECONDS", 20);
    let seed = number("VSS_STORM_SEED", 1);
    let folder = tempfile::tempdir().unwrap();
    let mut originals = disks::make(folder.path());
    let mut daemon = Daemon::start(folder.path());
    disks::adopt(&daemon.client(), &mut originals);

    let shared = Arc::new(Shared::new(daemon.socket(), originals.len()));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut kills = 0;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let shared = Arc::clone(&shared);
                let rng = Rng::with_seed(seed * 1000 + number as u64);
                scope.spawn(move || Client::new(&shared, rng).run())
            })
            .collect();
        let mut rng = Rng::with_seed(seed);
        while Instant::now() < until {
            // The next blow falls when this many more operations have ended, so at any point of them.
            shared.wait_for_operations(rng.usize(2..30), until);
            if rng.u8(0..5) == 0 {
                daemon.terminate();
            } else {
                daemon.kill();
            }
            kills += 1;
            daemon.restart();
            shared.gate.open_next();
        }
        shared.stop();
        for client in clients {
            client.join().unwrap();
        }
    });
    let model = shared.into_model();
    let world = judge::World::look(&daemon.client());
    let complaints = judge::complaints(&model, &world, &originals);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    println!(
        "{CLIENTS} clients, {seconds} s, {kills} kills: {}",
        model.figures()
    );
    assert!(kills > 0 && model.count(End::is_finished) > 0);
    the_judge_bites(&model, &world, &originals);
    daemon.terminate();
}

/// The control: every kind of disagreement must be found.
fn the_judge_bites(model: &Model, world: &judge::World, originals: &[disks::Original]) {
    let found = |model: &Model, world: &judge::World| {
        !judge::complaints(model, world, originals).is_empty()
    };
    let mut lost = world.clone();
    let position = lost
        .history
        .iter()
        .position(|record| model.is_finished(record.operation))
        .unwrap();
    lost.history.remove(position);
    assert!(found(model, &lost), "an operation that is lost");

    let mut forgotten = model.clone();
    let finished = world.history[position].operation;
    forgotten.operations.retain(|one| one.id != finished);
    assert!(found(&forgotten, world), "an operation that nobody began");

    let mut gone = world.clone();
    if gone.sets.pop().is_some() {
        assert!(found(model, &gone), "a set that is lost");
    }
    let mut twice = world.clone();
    twice.history.push(world.history[position].clone());
    assert!(found(model, &twice), "an operation that was done twice");

    let mut left = world.clone();
    left.luns[0].lun.name.push_str("@0");
    assert!(found(model, &left), "a LUN that nobody accounts for");

    let mut other = world.clone();
    for detail in &mut other.luns {
        if let Ok(identity) = &mut detail.identity {
            identity.disk_id = None;
        }
    }
    assert!(
        found(model, &other),
        "disks that are not who they should be"
    );
}
