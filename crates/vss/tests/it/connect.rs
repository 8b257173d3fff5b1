//! Where the service is looked for, and what is said where there is none.

use std::os::unix::net::UnixListener;

use crate::world::{Run, World, bare, text};

#[test]
fn two_places_are_wrong_usage() {
    let world = World::new();
    for args in [
        &["--connect", "unix:/x", "--state", "y", "list"][..],
        &["--connect", "unix:/x", "list", "--state", "y"],
        &["list", "--connect", "unix:/x", "--state", "y"],
        &["--connect", "nowhere", "list"],
        &["--connect", "unix:", "list"],
        &["--connect", "http://h:1", "list"],
        &["--connect", "https://h", "list"],
    ] {
        assert_eq!(world.run(args.iter().copied()).code, 2, "{args:?}");
        let mut json = args.to_vec();
        json.push("--json");
        let error = world.run(json).error(2);
        assert_eq!(error["name"], "E_INVALIDARG", "{args:?}");
    }
}

#[test]
fn options_come_before_the_environment_and_daemons_before_folders() {
    let world = World::new();
    let gone = format!("unix:{}", world.path("gone.sock").display());
    let other = world.path("other");
    let other = other.to_str().unwrap();
    // $VSS_STATE is set too.
    let run = |connect: &str, args: &[&str]| {
        let mut command = world.command(args.iter().copied());
        Run::new(command.env("VSS_CONNECT", connect).output().unwrap())
    };
    let said = run(&gone, &["list"]).bad(1);
    assert!(said.contains("gone.sock"), "{said}");
    assert_eq!(run("", &["list"]).good(), "no shadow copies\n");
    let status = run(&gone, &["status", "--state", other, "--json"]).object();
    assert_eq!(status["place"], "embedded");
    assert_eq!(status["why"], "--state");
    assert_eq!(status["state_dir"], other);
    let status = world.json(["status"]);
    assert_eq!(status["why"], "$VSS_STATE");
    assert!(
        !world.state().exists() && !world.path("other").exists(),
        "looking makes nothing"
    );
    // What the environment names badly is no wrong usage of the command line.
    let error = run("somewhere", &["list", "--json"]).error(1);
    assert_eq!(error["name"], "E_INVALIDARG");
}

#[test]
fn places_without_a_daemon_are_errors() {
    let world = World::new();
    let absent = world.path("absent.sock");
    let file = world.path("file");
    std::fs::write(&file, "x").unwrap();
    let stale = world.path("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    for (path, wanted, name) in [
        (&absent, "No such file", "VSS_E_UNEXPECTED"),
        (&file, "is no socket", "E_INVALIDARG"),
        (&stale, "nobody listens", "VSS_E_UNEXPECTED"),
    ] {
        let connect = format!("unix:{}", path.display());
        for args in [
            &["list"][..],
            &["status"],
            &["create", "x"],
            &["watch"],
            &["lun", "list"],
        ] {
            let mut all = vec!["--connect", connect.as_str()];
            all.extend(args);
            let error = world.error(all);
            let message = text(&error["message"]);
            assert!(
                message.contains(path.to_str().unwrap()),
                "{args:?}: {error}"
            );
            assert!(message.contains(wanted), "{args:?}: {error}");
            assert_eq!(error["name"], name, "{args:?}");
            assert!(error["hint"].is_string(), "{args:?}: {error}");
        }
    }
    let connect = format!("unix:{}", stale.display());
    let run = world.run(["--connect", connect.as_str(), "list"]).bad(1);
    for wanted in ["error: ", "code: ", "hint: "] {
        assert!(run.contains(wanted), "{run}");
    }
}

#[test]
fn certificates_that_are_not_there_are_named() {
    let world = World::new();
    let error = Run::new(
        bare(&world.path(""))
            .args(["--json", "--connect", "https://127.0.0.1:1", "list"])
            .args(["--tls-ca", "/nowhere/ca.pem"])
            .env("VSS_TLS_CERT", "/nowhere/cert.pem")
            .env("VSS_TLS_KEY", "/nowhere/key.pem")
            .output()
            .unwrap(),
    )
    .error(1);
    assert!(
        text(&error["message"]).contains("/nowhere/ca.pem"),
        "{error}"
    );
    // The option comes before the variable.
    let error = Run::new(
        bare(&world.path(""))
            .args(["--json", "--connect", "https://127.0.0.1:1", "list"])
            .args(["--tls-ca", "/other/ca.pem"])
            .env("VSS_TLS_CA", "/nowhere/ca.pem")
            .env("VSS_TLS_CERT", "/nowhere/cert.pem")
            .env("VSS_TLS_KEY", "/nowhere/key.pem")
            .output()
            .unwrap(),
    )
    .error(1);
    assert!(text(&error["message"]).contains("/other/ca.pem"), "{error}");
}
