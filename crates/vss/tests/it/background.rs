//! `vss break --no-wait`.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{World, text};

/// Looks at an operation until it has ended.
fn end_of(world: &World, operation: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = world.json(["show", operation]);
        if shown["result"]["code"] != "0x00042309" {
            return shown;
        }
        assert!(Instant::now() < deadline, "still pending: {shown}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_break_goes_on_alone() {
    let (world, set) = World::with_set();
    let begun = world.json(["break", &set[..8], "--no-wait", "--read-write"]);
    assert_eq!(begun["set_id"], set.as_str());
    assert_eq!(begun["result"]["code"], "0x00042309");
    assert_eq!(begun["result"]["name"], "VSS_S_ASYNC_PENDING");
    let end = end_of(&world, &text(&begun["operation"]));
    assert_eq!(end["result"]["name"], "VSS_S_ASYNC_FINISHED");
    assert_eq!(end["flags"], "0x2");
    assert_eq!(world.json(["list"])["sets"].as_array().unwrap().len(), 0);
}

#[test]
fn what_fails_later_is_on_record() {
    let (world, set) = World::with_set();
    let begun = world
        .run(["break", &set, "--no-wait", "--revert-identity", "all"])
        .good();
    assert!(begun.contains("goes on in the background"), "{begun}");
    let operation = begun.split_whitespace().last().unwrap().to_owned();
    let end = end_of(&world, &operation);
    assert_eq!(end["result"]["name"], "VSS_E_BREAK_REVERT_ID_FAILED");
    assert!(
        text(&end["error"]).contains("the original is present"),
        "{end}"
    );
}

#[test]
fn what_fails_at_once_is_told_at_once() {
    let world = World::with_disks();
    let error = world.error(["break", "00000000-0000-0000-0000-000000000001", "--no-wait"]);
    assert_eq!(error["code"], "0x80042308");
    assert!(error["hint"].is_string());
    let said = world.run(["break", "abcd", "--no-wait"]).bad(1);
    assert!(
        said.contains("code: VSS_E_OBJECT_NOT_FOUND (0x80042308)"),
        "{said}"
    );
}
