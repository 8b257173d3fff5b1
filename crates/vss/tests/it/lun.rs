//! The commands on LUNs.

use crate::world::{World, names, text};

#[test]
fn made_shown_hidden_deleted() {
    let world = World::new();
    assert!(world.run(["lun", "list"]).good().starts_with("no LUNs"));
    assert!(!world.state().exists(), "looking makes nothing");
    world
        .run([
            "lun",
            "create",
            "db",
            "--size",
            "10MiB",
            "--sector-size",
            "4096",
        ])
        .good();
    let shown = world.json(["lun", "show", "db"]);
    assert_eq!(shown["sector_size"], 4096);
    assert_eq!(shown["presented"], true);
    assert!(world.state().join("host/db").exists());
    assert_eq!(world.run(["lun", "mask", "db", "db"]).good(), "masked db\n");
    assert!(!world.state().join("host/db").exists());
    assert_eq!(
        world.run(["lun", "mask", "db"]).good(),
        "already so: db is masked\n"
    );
    assert!(
        world
            .run(["lun", "unmask", "db"])
            .good()
            .starts_with("visible db at ")
    );
    assert!(
        world
            .run(["lun", "unmask", "db"])
            .good()
            .starts_with("already so: db is visible")
    );
    let error = world.error(["lun", "create", "db", "--size", "1M"]);
    assert_eq!(error["name"], "VSS_E_OBJECT_ALREADY_EXISTS");
    assert_eq!(world.run(["lun", "delete", "db"]).good(), "deleted db\n");
    let error = world.error(["lun", "delete", "db"]);
    assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND");
    assert!(text(&error["hint"]).contains("vss lun list"), "{error}");
}

#[test]
fn several_are_checked_before_one_is_touched() {
    let (world, set) = World::with_set();
    let copy = format!("app@{}", &set[..8]);
    for command in ["mask", "delete"] {
        let error = world.error(["lun", command, "log", &copy]);
        assert_eq!(error["name"], "VSS_E_BAD_STATE");
        let hint = text(&error["hint"]);
        assert!(hint.contains(&format!("vss break {set}")), "{hint}");
        assert!(hint.contains(&format!("vss delete {set}")), "{hint}");
        let error = world.error(["lun", command, "log", "nowhere"]);
        assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND");
    }
    assert_eq!(
        world.error(["lun", "unmask", &copy])["name"],
        "VSS_E_BAD_STATE"
    );
    assert_eq!(world.json(["lun", "show", "log"])["presented"], true);
    assert_eq!(names(&world.json(["lun", "list"])).len(), 4);
    // Once the set is broken they are ordinary.
    world.run(["break", &set]).good();
    world.run(["lun", "delete", &copy]).good();
}

#[test]
fn twins_are_never_visible_together() {
    let world = World::with_disks();
    std::fs::copy(world.path("app.img"), world.path("twin.img")).unwrap();
    let twin = world.path("twin.img");
    let twin = twin.to_str().unwrap();
    let error = world.error(["lun", "adopt", "twin", twin]);
    assert_eq!(error["name"], "VSS_E_OBJECT_ALREADY_EXISTS");
    let (message, hint) = (text(&error["message"]), text(&error["hint"]));
    assert!(
        message.contains("host/app"),
        "it names the bearer: {message}"
    );
    assert!(hint.contains("--masked"), "{hint}");
    assert_eq!(names(&world.json(["lun", "list"])), ["app", "log"]);
    world.run(["lun", "adopt", "twin", twin, "--masked"]).good();
    assert_eq!(
        world.error(["lun", "unmask", "twin"])["name"],
        "VSS_E_OBJECT_ALREADY_EXISTS"
    );
    // Two at once are twins of each other.
    world.run(["lun", "mask", "app"]).good();
    let error = world.error(["lun", "unmask", "app", "twin"]);
    assert!(text(&error["message"]).contains("twin"), "{error}");
    assert_eq!(world.json(["lun", "show", "app"])["presented"], true);
    assert_eq!(world.json(["lun", "show", "twin"])["presented"], false);
}

#[test]
fn adopted_by_moving() {
    let world = World::new();
    let file = world.path("x.img");
    std::fs::write(&file, vec![0; 1 << 20]).unwrap();
    let lun = world.json(["lun", "adopt", "x", file.to_str().unwrap(), "--move"]);
    assert_eq!(lun["linked"], false);
    assert!(!file.exists());
    let error = world.error(["lun", "adopt", "y", "/nowhere"]);
    assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND");
}
