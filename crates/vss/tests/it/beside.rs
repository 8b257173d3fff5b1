//! Two processes on one state folder.

use std::process::Stdio;
use std::time::{Duration, Instant};

use vss_coordinator::{CatalogueReader, StateDir};

use crate::world::{World, names, text};

#[test]
fn the_second_is_told_who_holds_the_state() {
    let (world, set) = World::with_set();
    let held = StateDir::acquire(world.paths()).unwrap();
    let me = format!("process {}", std::process::id());
    for args in [
        &["create", "app"][..],
        &["break", &set],
        &["break", &set, "--dry-run"],
        &["break", &set, "--no-wait"],
        &["delete", &set],
        &["undo", &set],
        &["lun", "mask", "app"],
        &["lun", "create", "x", "--size", "1M"],
    ] {
        let error = world.error(args.iter().copied());
        assert_eq!(error["name"], "VSS_E_BAD_STATE", "{args:?}");
        assert!(text(&error["message"]).contains(&me), "{args:?}: {error}");
        assert!(text(&error["hint"]).contains("wait"), "{args:?}");
    }
    // Looking waits for nobody.
    assert_eq!(world.json(["list"])["sets"][0]["set_id"], set.as_str());
    assert_eq!(world.json(["show", &set])["set_id"], set.as_str());
    assert_eq!(world.json(["history"])["operations"][0]["kind"], "create");
    assert_eq!(names(&world.json(["lun", "list"])).len(), 4);
    world.run(["lun", "show", "app"]).good();
    drop(held);
    world.run(["delete", &set]).good();
}

#[test]
fn a_crash_is_never_seen_half_done() {
    let world = World::new();
    world.add_big();
    let mut creation = world
        .command(["create", "big"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let reader = CatalogueReader::open(&world.paths().catalogue()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let begun = loop {
        assert!(Instant::now() < deadline);
        if !reader.unfinished().unwrap().is_empty() {
            break true;
        }
        if creation.try_wait().unwrap().is_some() {
            break false;
        }
    };
    if !begun {
        eprintln!("skipped: the copy was too fast to be seen under way");
        return;
    }
    let running = world.run(["list"]).good();
    creation.kill().unwrap();
    creation.wait().unwrap();
    // It may have ended between the two looks.
    assert!(
        running.contains("in work: create of set") || running.contains("copy "),
        "{running}"
    );
    let run = world.run(["list"]);
    let operations = world.json(["history"]);
    if operations["operations"][0]["recovered"] == true {
        assert!(run.stderr.starts_with("recovered: "), "{}", run.stderr);
        assert!(run.stderr.contains("create of set"), "{}", run.stderr);
        assert_eq!(run.good(), "no shadow copies\n");
        assert_eq!(names(&world.json(["lun", "list"])), ["big"]);
    }
    assert_eq!(operations["unfinished"].as_array().unwrap().len(), 0);
}
