//! `vss demo`.

use crate::world::{World, text};

fn leftovers(world: &World) -> Vec<String> {
    std::fs::read_dir(world.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("vss-demo-"))
        .collect()
}

#[test]
fn it_tells_the_whole_story_and_cleans_up() {
    let world = World::new();
    let told = world.run(["demo"]).good();
    for wanted in [
        "vss create app log",
        "created shadow copy set",
        "bytes are written",
        "broke set",
        "AFTER THE BREAK",
        "vss lun adopt app",
        "vss break SET --read-write --revert-identity all",
    ] {
        assert!(told.contains(wanted), "{wanted} is missing:\n{told}");
    }
    assert!(leftovers(&world).is_empty());
    assert!(!world.state().exists(), "it has a state of its own");
}

#[test]
fn it_is_one_object_for_scripts() {
    let world = World::new();
    // Without programs that make file systems it works as well.
    let told = world.json(["demo", "--keep"]);
    for disk in told["disks"].as_array().unwrap() {
        assert_eq!(disk["before"], disk["after"]);
        assert_ne!(disk["before"], disk["imported"]);
        assert_ne!(disk["original_record"], disk["copy_record"]);
    }
    assert_eq!(told["break"]["result"]["name"], "VSS_S_ASYNC_FINISHED");
    let kept = text(&told["kept"]);
    assert_eq!(leftovers(&world).len(), 1);
    let state = format!("{kept}/state");
    let luns = world.json(["--state", &state, "lun", "list"]);
    assert_eq!(luns["luns"].as_array().unwrap().len(), 4);
}

#[test]
fn it_fails_cleanly_where_it_cannot_be() {
    let world = World::new();
    let output = world
        .command(["demo"])
        .env("TMPDIR", world.path("nowhere"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("TMPDIR"));
}
