//! The record of refused calls, and catalogues of before there was one.

use vss_model::{ErrorKind, Timestamp};
use vss_service::Refusal;

use crate::images::Kind;
use crate::world::World;

fn refusal(caller: &str, last: i64, count: u64) -> Refusal {
    Refusal {
        caller: caller.to_owned(),
        method: "openvss.v1.Catalogue/ListSets".to_owned(),
        first: Timestamp(last),
        last: Timestamp(last),
        count,
    }
}

#[test]
fn refused_calls_add_up_and_stay() {
    let mut world = World::new();
    let coordinator = world.coordinator();
    coordinator.record_refusals(&[]).unwrap();
    coordinator
        .record_refusals(&[refusal("uid 7", 10, 1), refusal("uid 8", 20, 5)])
        .unwrap();
    coordinator
        .record_refusals(&[refusal("uid 7", 30, 2)])
        .unwrap();
    world.restart();
    let found = world.service().refusals(10).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].caller.as_str(), found[0].count),
        ("uid 7", 3),
        "the last one first"
    );
    assert_eq!(
        (found[0].first, found[0].last),
        (Timestamp(10), Timestamp(30))
    );
    assert_eq!(world.service().refusals(1).unwrap().len(), 1);
    assert_eq!(world.service().status().unwrap().refused, 8);
}

#[test]
fn the_record_of_refusals_is_bounded() {
    let world = World::new();
    let many: Vec<Refusal> = (0..10_050)
        .map(|number| refusal(&format!("uid {number}"), number, 1))
        .collect();
    world.coordinator().record_refusals(&many).unwrap();
    let found = world.service().refusals(usize::MAX).unwrap();
    assert_eq!(found.len(), 10_000);
    assert_eq!(found[0].caller, "uid 10049", "the oldest make room");
}

/// A state folder of the first release must go on working, and be readable before anybody changed it.
#[test]
fn a_catalogue_of_version_1_is_brought_up_to_date() {
    let mut world = World::new();
    world.original("db", Kind::Gpt512, 1);
    let (set, _) = world.create(&["db"]);
    world.stop();
    let database = rusqlite::Connection::open(world.paths().catalogue()).unwrap();
    database
        .execute_batch("DROP TABLE refusal; DROP TABLE instant; PRAGMA user_version = 1;")
        .unwrap();
    drop(database);
    let reader = vss_coordinator::CatalogueReader::open(&world.paths().catalogue()).unwrap();
    assert_eq!(reader.sets().unwrap().len(), 1);
    assert_eq!(reader.refusals(9).unwrap(), []);
    assert_eq!(reader.refused().unwrap(), 0);
    drop(reader);
    world.restart();
    assert!(world.is_listed(set));
    world
        .coordinator()
        .record_refusals(&[refusal("uid 7", 10, 1)])
        .unwrap();
    assert_eq!(world.service().refusals(9).unwrap().len(), 1);
    world.stop();
    let database = rusqlite::Connection::open(world.paths().catalogue()).unwrap();
    database.execute_batch("PRAGMA user_version = 99;").unwrap();
    drop(database);
    let error = vss_coordinator::CatalogueReader::open(&world.paths().catalogue()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
}
