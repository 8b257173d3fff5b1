//! The whole life of a set, as text and as JSON.

use crate::world::{World, names, text};

#[test]
fn a_life_in_text() {
    let world = World::with_disks();
    let created = world.run(["create", "app/1", "app/2", "log"]).good();
    assert!(created.starts_with("created shadow copy set "), "{created}");
    let id = created.split_whitespace().nth(4).unwrap().to_owned();
    let short = &id[..8];

    let listed = world.run(["list"]).good();
    assert!(listed.contains(&format!("set {id}")), "{listed}");
    assert_eq!(listed.matches("  copy ").count(), 3, "{listed}");
    assert!(world.run(["show", short]).good().contains("crash"));
    assert!(world.run(["lun", "list"]).good().contains("copy of app"));

    assert_eq!(
        world.run(["lun", "mask", "app", "log"]).good(),
        "masked app\nmasked log\n"
    );
    let plan = world
        .run([
            "break",
            short,
            "--read-write",
            "--revert-identity",
            "all",
            "--dry-run",
        ])
        .good();
    assert!(
        plan.contains("nothing is changed") && plan.contains("disk signature"),
        "{plan}"
    );
    let broken = world
        .run(["break", short, "--read-write", "--revert-identity", "all"])
        .good();
    assert!(broken.starts_with(&format!("broke set {id}")), "{broken}");
    assert!(broken.contains("identity of the original"), "{broken}");
    assert!(broken.contains("read-write"), "{broken}");
    assert_eq!(world.run(["list"]).good(), "no shadow copies\n");

    let history = world.run(["history"]).good();
    let kinds: Vec<&str> = history
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(kinds, ["break", "create"]);
    let operation = history
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    let shown = world.run(["show", operation]).good();
    assert!(
        shown.contains("VSS_S_ASYNC_FINISHED (0x0004230A)"),
        "{shown}"
    );
    let undone = world.run(["undo", operation]).good();
    assert!(undone.starts_with("took back"), "{undone}");
    assert!(world.run(["undo", operation]).good().contains("already so"));
}

#[test]
fn the_identity_goes_back_and_forth() {
    let world = World::with_disks();
    let (app, log) = (world.identity("app"), world.identity("log"));
    let created = world.json(["create", "app", "log"]);
    let set = text(&created["set_id"]);
    let copies: Vec<String> = created["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| text(&copy["lun"]))
        .collect();
    for (copy, original) in copies.iter().zip([&app, &log]) {
        let imported = world.identity(copy);
        assert_ne!(imported["disk_id"], original["disk_id"]);
    }
    // With the originals in sight they cannot get their identity, and nothing is changed.
    let error = world.error(["break", &set, "--revert-identity", "all"]);
    assert_eq!(error["code"], "0x800423f6");
    assert_eq!(error["name"], "VSS_E_BREAK_REVERT_ID_FAILED");
    assert!(text(&error["hint"]).contains("vss lun mask app"), "{error}");
    assert_eq!(world.json(["list"])["sets"][0]["set_id"], set.as_str());
    // For people: code, reason, and what to do next.
    let said = world
        .run(["break", &set, "--revert-identity", "all"])
        .bad(1);
    for wanted in [
        "error: LUN app@",
        "code: VSS_E_BREAK_REVERT_ID_FAILED (0x800423F6)",
        "hint: mask the original first",
        "record: vss show ",
    ] {
        assert!(said.contains(wanted), "{said}");
    }

    world.run(["lun", "mask", "app", "log"]).good();
    let broken = world.json(["break", &set, "--read-write", "--revert-identity", "all"]);
    for (disk, original) in broken["disks"].as_array().unwrap().iter().zip([&app, &log]) {
        let now = world.identity(&text(&disk["lun"]));
        for key in ["table", "sector_size", "disk_id", "partitions"] {
            assert_eq!(disk["identity"][key], original[key]);
            assert_eq!(now[key], original[key]);
        }
        assert_eq!(disk["presented"], true);
        assert_eq!(disk["read_only"], false);
    }
    // The originals arrive second now.
    let error = world.error(["lun", "unmask", "app"]);
    assert_eq!(error["name"], "VSS_E_OBJECT_ALREADY_EXISTS");
    let operation = text(&broken["operation"]);
    world.json(["undo", &operation]);
    world.run(["lun", "unmask", "app", "log"]).good();
    assert_eq!(world.json(["undo", &operation])["kind"], "undo");
}

#[test]
fn masked_disks_have_no_device() {
    let (world, set) = World::with_set();
    let broken = world.json(["break", &set, "--mask"]);
    for disk in broken["disks"].as_array().unwrap() {
        assert!(disk["device"].is_null());
        assert_eq!(disk["presented"], false);
    }
    assert_eq!(world.json(["list"])["sets"].as_array().unwrap().len(), 0);
    // Broken is not deleted.
    assert_eq!(names(&world.json(["lun", "list"])).len(), 4);
}

#[test]
fn deleting_takes_the_storage_too() {
    let world = World::with_disks();
    let created = world.json(["create", "app/1", "log"]);
    let (set, copy) = (
        text(&created["set_id"]),
        text(&created["snapshots"][1]["id"]),
    );
    let deleted = world.json(["delete", &copy[..10]]);
    assert_eq!(deleted["deleted"], 1);
    assert_eq!(deleted["set_id"], set.as_str());
    assert_eq!(names(&world.json(["lun", "list"])).len(), 3);
    let said = world.run(["delete", &set]).good();
    assert_eq!(said, format!("deleted set {set} (1 copy)\n"));
    assert_eq!(names(&world.json(["lun", "list"])), ["app", "log"]);
    assert_eq!(
        world.error(["delete", &set])["name"],
        "VSS_E_OBJECT_NOT_FOUND"
    );
}

#[test]
fn a_plain_break_leaves_read_only_disks() {
    let (world, set) = World::with_set();
    let broken = world.json(["break", &set]);
    assert_eq!(broken["disks"].as_array().unwrap().len(), 2);
    for disk in broken["disks"].as_array().unwrap() {
        assert_eq!(disk["read_only"], true);
    }
    assert!(
        !broken["events"].as_array().unwrap().is_empty(),
        "the identity was kept: {broken}"
    );
    let again = world.error(["break", &set]);
    assert_eq!(again["code"], "0x80042308");
}

#[test]
fn open_for_writing_is_torn_or_nothing() {
    let world = World::with_disks();
    let writer = std::fs::OpenOptions::new()
        .write(true)
        .open(world.path("app.img"))
        .unwrap();
    let error = world.error(["create", "app"]);
    assert!(text(&error["hint"]).contains("--allow-torn"), "{error}");
    let created = world.json(["create", "app", "--allow-torn"]);
    assert_eq!(created["consistency"], "torn");
    assert!(!created["warnings"].as_array().unwrap().is_empty());
    drop(writer);
}
