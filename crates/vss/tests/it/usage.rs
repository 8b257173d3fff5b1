//! Wrong usage, raw flags and where the state is.

use crate::world::{Run, World, bare, text};

#[test]
fn wrong_usage_is_2() {
    let world = World::new();
    for args in [
        &["nonsense"][..],
        &["create"],
        &["break"],
        &["break", "xyz"],
        &["break", "abc"],
        &["break", "abcd1234", "--flags", "0x6", "--mask"],
        &["break", "abcd1234", "--flags", "0x6", "--read-write"],
        &[
            "break",
            "abcd1234",
            "--flags",
            "0x6",
            "--revert-identity",
            "auto",
        ],
        &["break", "abcd1234", "--flags", "six"],
        &["break", "abcd1234", "--revert-identity", "some"],
        &["break", "abcd1234", "--no-wait", "--dry-run"],
        &["lun", "create", "x"],
        &["lun", "create", "x", "--size", "0"],
        &["lun", "create", "x", "--size", "1GB"],
        &["lun", "create", "x", "--size", "1G", "--sector-size", "520"],
        &["lun", "adopt", "x", "y", "--move", "--link"],
        &["completions", "tcsh"],
    ] {
        assert_eq!(world.run(args.iter().copied()).code, 2, "{args:?}");
        let mut json = args.to_vec();
        json.push("--json");
        let error = world.run(json).error(2);
        assert_eq!(error["code"], "0x80070057", "{args:?}");
        assert_eq!(error["name"], "E_INVALIDARG");
        assert!(!text(&error["message"]).contains('\n'));
    }
    assert_eq!(world.run([]).code, 2);
    assert!(!world.state().exists());
}

#[test]
fn help_is_no_error() {
    let world = World::new();
    for args in [
        &["--help"][..],
        &["help", "break"],
        &["--version"],
        &["lun", "--help"],
    ] {
        let run = world.run(args.iter().copied());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
    }
    let help = world.run(["--help"]).good();
    assert!(
        !help.contains("reference") && !help.contains("--background"),
        "{help}"
    );
}

#[test]
fn the_service_judges_the_flags() {
    let (world, set) = World::with_set();
    for flags in [
        "0x3",
        "0x5",
        "0x9",
        "0xC",
        "0xe",
        "0x10",
        "0x100",
        "0x800",
        "0xffffffff",
    ] {
        let error = world.error(["break", &set, "--flags", flags]);
        assert_eq!(error["name"], "E_INVALIDARG", "{flags}");
        let error = world.error(["break", &set, "--flags", flags, "--dry-run"]);
        assert_eq!(error["name"], "E_INVALIDARG", "{flags}");
        let error = world.error(["break", &set, "--flags", flags, "--no-wait"]);
        assert_eq!(error["name"], "E_INVALIDARG", "{flags}");
    }
    for mixture in [
        &["--mask", "--read-write"][..],
        &["--mask", "--revert-identity", "all"],
        &["--mask", "--revert-identity", "none"],
    ] {
        let mut args = vec!["break", set.as_str()];
        args.extend(mixture);
        assert_eq!(world.error(args)["name"], "E_INVALIDARG", "{mixture:?}");
    }
    assert_eq!(world.json(["list"])["sets"].as_array().unwrap().len(), 1);
    let broken = world.json(["break", &set, "--flags", "0xa"]);
    assert_eq!(broken["disks"][0]["read_only"], false);
}

#[test]
fn the_option_comes_before_the_environment() {
    let world = World::new();
    let other = world.path("other");
    let other = other.to_str().unwrap();
    world
        .run(["lun", "create", "x", "--size", "1M", "--state", other])
        .good();
    assert!(world.path("other/catalogue.db").exists() && !world.state().exists());
    // A relative folder is the same from everywhere.
    world
        .run(["--state", "near", "lun", "create", "y", "--size", "1M"])
        .good();
    let shown = world.json(["--state", "near", "lun", "show", "y"]);
    assert!(text(&shown["device"]).starts_with('/'));
}

#[test]
fn names_of_others_are_not_found() {
    let world = World::with_disks();
    for volume in ["nowhere", "app/3", "app/0", "app/x", "log/1/1"] {
        let error = world.error(["create", volume]);
        assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND", "{volume}");
    }
    let error = world.error(["create", "app", "app"]);
    assert_eq!(error["name"], "VSS_E_OBJECT_ALREADY_EXISTS");
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let world = World::new();
    std::fs::write(world.path("file"), "x").unwrap();
    let output = bare(&world.path(""))
        .args([
            "--json",
            "--state",
            "file/state",
            "lun",
            "create",
            "x",
            "--size",
            "1M",
        ])
        .output()
        .unwrap();
    let error = Run::new(output).error(1);
    assert!(text(&error["hint"]).contains("--state"), "{error}");
}
