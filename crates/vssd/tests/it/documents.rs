//! What the program writes about itself, and what is shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{has, run};

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file)
}

fn document(which: &str) -> String {
    let (code, said) = run(Command::new(env!("CARGO_BIN_EXE_vssd")).args(["--document", which]));
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn what_is_checked_in_is_fresh() {
    for (which, file) in [
        ("man", "packaging/vssd.8"),
        ("template", "packaging/vssd.toml"),
    ] {
        let checked_in = fs::read_to_string(repository(file)).unwrap();
        assert!(
            checked_in == document(which),
            "stale: vssd --document {which} > {file}"
        );
    }
}

#[test]
fn the_shipped_settings_are_right() {
    let file = repository("packaging/vssd.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vssd"));
    let (code, said) = run(command.arg("--config").arg(file).arg("--check-config"));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn every_figure_is_documented() {
    let page = fs::read_to_string(repository("docs/vssd.md")).unwrap();
    let source = repository("crates/vssd/src/metrics/mod.rs");
    let source = fs::read_to_string(source).unwrap();
    let calls = ["vss.register(", "gauge(", "counter("];
    let mut seen = 0;
    for (at, _) in calls.iter().flat_map(|call| source.match_indices(call)) {
        let Some((_, rest)) = source[at..].split_once('"') else {
            continue;
        };
        let name = rest.split_once('"').unwrap().0;
        seen += 1;
        assert!(page.contains(&format!("`vss_{name}")), "vss_{name}");
    }
    assert!(seen >= 12, "only {seen} figures were found in the source");
}

#[test]
fn systemd_takes_the_units() {
    const TEST: &str = "systemd_takes_the_units";
    if !has("systemd-analyze", TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for unit in ["vssd.service", "vssd.socket"] {
        let text = fs::read_to_string(repository("packaging").join(unit)).unwrap();
        // Programs and manual pages are looked for; here they are not installed.
        let text = text
            .replace("/usr/sbin/vssd", env!("CARGO_BIN_EXE_vssd"))
            .replace("Documentation=man:vssd(8)\n", "");
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let verify = || {
        run(Command::new("systemd-analyze")
            .arg("verify")
            .arg(folder.path().join("vssd.service"))
            .arg(folder.path().join("vssd.socket")))
    };
    let (code, said) = verify();
    assert_eq!((code, said.trim()), (Some(0), ""));
    // The control: a mistake is found.
    let unit = folder.path().join("vssd.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("Type=notify", "Type=nonsense")).unwrap();
    let (_, said) = verify();
    assert!(said.contains("nonsense"), "{said}");
}
