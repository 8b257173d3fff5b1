//! The documents that the program writes about itself, as they are checked in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::world::World;

/// What to do about a stale one.
const REGENERATE: &str = "regenerate with: cargo xtask docs";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn files(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("{}: {error}; {REGENERATE}", dir.display()));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[track_caller]
fn check(name: &str, checked_in: &str, now: &str) {
    assert!(checked_in == now, "{name} is stale; {REGENERATE}");
}

#[test]
fn man_pages() {
    let world = World::new();
    let dir = world.path("man");
    world.run(["man", "--dir", dir.to_str().unwrap()]).good();
    let (now, checked_in) = (files(&dir), files(&docs().join("man")));
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&checked_in), names(&now), "{REGENERATE}");
    for (name, page) in &now {
        check(name, &checked_in[name], page);
    }
    assert_eq!(world.run(["man"]).good(), now["vss.1"]);
}

#[test]
fn completions() {
    let world = World::new();
    let checked_in = files(&docs().join("completions"));
    for (shell, name) in [("bash", "vss.bash"), ("zsh", "_vss"), ("fish", "vss.fish")] {
        let now = world.run(["completions", shell]).good();
        check(name, &checked_in[name], &now);
    }
    assert_eq!(checked_in.len(), 3);
}

#[test]
fn reference() {
    let now = World::new().run(["reference"]).good();
    let checked_in = fs::read_to_string(docs().join("cli-reference.md"))
        .unwrap_or_else(|error| panic!("cli-reference.md: {error}; {REGENERATE}"));
    check("cli-reference.md", &checked_in, &now);
    // Every command is in it.
    for command in [
        "demo",
        "lun adopt",
        "create",
        "break",
        "undo",
        "identity show",
    ] {
        assert!(
            now.contains(&format!("\n## `vss {command}`\n")),
            "{command}"
        );
    }
}
