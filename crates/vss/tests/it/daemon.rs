//! The same life with a daemon and without.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::world::{Run, World, text};

/// Everything that can be done, each command with what it said: shapes and values, but no ids or times.
fn life(world: &World) -> Vec<(String, Value)> {
    let mut said: Vec<(String, Value)> = Vec::new();
    let mut run = |args: &[&str]| -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let value = object(world.run(all));
        said.push((args.join(" "), value.clone()));
        value
    };
    world.add_disks();
    run(&["lun", "create", "new", "--size", "1M"]);
    run(&["lun", "create", "new", "--size", "1M"]);
    run(&["lun", "mask", "new", "new"]);
    run(&["lun", "unmask", "new"]);
    run(&["lun", "show", "new"]);
    run(&["lun", "show", "nowhere"]);
    run(&["lun", "delete", "new"]);
    run(&["list"]);
    run(&["create", "nowhere"]);
    let created = run(&["create", "app/1", "app/2", "log"]);
    let set = text(&created["set_id"]);
    let copy = text(&created["snapshots"][0]["id"]);
    run(&["list"]);
    run(&["show", &set[..12]]);
    run(&["show", &copy]);
    run(&["show", &text(&created["operation"])]);
    run(&["show", "00000000-0000-0000-0000-000000000001"]);
    run(&["show", "0000"]);
    run(&["lun", "list"]);
    run(&["lun", "mask", &text(&created["snapshots"][0]["lun"])]);
    run(&["break", &copy]);
    run(&["break", &set, "--flags", "0x3"]);
    run(&["break", &set, "--flags", "0x3", "--dry-run"]);
    run(&["break", &set, "--flags", "0x3", "--no-wait"]);
    run(&["break", &set, "--revert-identity", "all"]);
    run(&["lun", "mask", "app", "log"]);
    run(&[
        "break",
        &set,
        "--read-write",
        "--revert-identity",
        "all",
        "--dry-run",
    ]);
    let broken = run(&["break", &set, "--read-write", "--revert-identity", "all"]);
    run(&["lun", "unmask", "app"]);
    let operation = text(&broken["operation"]);
    run(&["wait", &operation]);
    run(&["cancel", &operation]);
    run(&["watch", &operation]);
    run(&["undo", &operation[..12]]);
    run(&["undo", &operation]);
    run(&["undo", &set]);
    run(&["lun", "unmask", "app", "log"]);
    let second = text(&run(&["create", "app", "log"])["set_id"]);
    let begun = run(&["break", &second, "--no-wait"]);
    assert_eq!(begun["result"]["name"], "VSS_S_ASYNC_PENDING");
    run(&["wait", &text(&begun["operation"])]);
    let third = run(&["create", "app", "log"]);
    run(&["delete", &text(&third["snapshots"][0]["id"])]);
    run(&["delete", &text(&third["set_id"])]);
    run(&["delete", &text(&third["set_id"])]);
    run(&["history", "--limit", "100"]);
    run(&["history", "--refused"]);
    said
}

/// What a run said, on stdout or else on stderr, and its exit code where that is not 0.
fn object(run: Run) -> Value {
    let said = if run.stdout.is_empty() {
        &run.stderr
    } else {
        &run.stdout
    };
    let mut value: Value =
        serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"));
    if run.code != 0 {
        value["exit"] = json!(run.code);
    }
    value
}

/// Gives everything that is new in each run a name by its first appearance.
struct Names {
    dir: String,
    known: HashMap<String, String>,
}

impl Names {
    fn value(&mut self, key: &str, value: &Value) -> Value {
        match value {
            // Bytes of two random ids that are alike by chance split an edit or shift it.
            Value::Array(edits) if key == "edits" => {
                let mut fields: Vec<&Value> = edits.iter().map(|edit| &edit["field"]).collect();
                fields.dedup();
                json!(fields)
            }
            Value::Array(items) => items.iter().map(|item| self.value(key, item)).collect(),
            // In the order of their keys, so that names come in one order.
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| (key.clone(), self.value(key, value)))
                .collect(),
            Value::Number(_) if key.ends_with("micros") || key == "allocated_bytes" => json!(0),
            Value::String(_) if matches!(key, "created" | "started" | "finished") => json!("time"),
            Value::String(text) => json!(self.text(text)),
            other => other.clone(),
        }
    }

    /// Names GUIDs, what begins with eight digits of one, and other runs of eight or more digits.
    fn text(&mut self, text: &str) -> String {
        let text = text.replace(&self.dir, "DIR");
        let mut named = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '-');
            let len = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
            let begins = !named.ends_with(|c: char| c.is_ascii_alphanumeric());
            if len >= 8 && begins {
                let (run, after) = rest.split_at(len);
                named.push_str(&self.name(run));
                rest = after;
            } else {
                named.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        named
    }

    fn name(&mut self, run: &str) -> String {
        let next = format!("<{}>", self.known.len());
        // The beginning of a GUID stands for it in names of LUNs.
        let key: String = run.chars().take(8).collect();
        let name = self.known.entry(key).or_insert(next).clone();
        format!("{name}{}", run.len())
    }
}

/// With the names of this world's own things taken out.
fn neutral(world: &World, said: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut names = Names {
        dir: world
            .path("")
            .display()
            .to_string()
            .trim_end_matches('/')
            .to_owned(),
        known: HashMap::new(),
    };
    said.into_iter()
        .map(|(command, value)| (names.text(&command), names.value("", &value)))
        .collect()
}

#[test]
fn a_daemon_says_what_the_engine_says() {
    let Some(daemon) = World::with_daemon("a_daemon_says_what_the_engine_says") else {
        return;
    };
    let embedded = World::new();
    let there = neutral(&daemon, life(&daemon));
    let here = neutral(&embedded, life(&embedded));
    assert_eq!(there.len(), here.len());
    for (there, here) in there.iter().zip(&here) {
        assert_eq!(there.0, here.0);
        assert_eq!(there.1, here.1, "{}", there.0);
    }
    // The comparison bites: what was done in another order is not the same.
    assert_ne!(there[0], here[1]);
}

#[test]
fn status_tells_of_both() {
    let Some(world) = World::with_daemon("status_tells_of_both") else {
        return;
    };
    let status = world.json(["status"]);
    assert_eq!(status["place"], "daemon");
    assert_eq!(status["endpoint"], world.daemon().endpoint());
    assert_eq!(status["why"], "$VSS_CONNECT");
    assert_eq!(status["pid"], world.daemon().pid());
    assert!(status["uptime_seconds"].is_number() && status["started"].is_string());
    assert_eq!(status["state_dir"], world.state().to_str().unwrap());
    assert_eq!(status["providers"][0]["type"], "hardware");
    assert_eq!(status["operations"], json!([]));
    let said = world.run(["status"]).good();
    for wanted in [
        format!("daemon at {} ($VSS_CONNECT)", world.daemon().endpoint()),
        format!("process    {}", world.daemon().pid()),
        "nothing is running".to_owned(),
    ] {
        assert!(said.contains(&wanted), "{said}");
    }
    assert!(!said.contains("last errors"), "{said}");

    // The same keys without a daemon, and the last errors.
    let (embedded, set) = World::with_set();
    embedded.error(["break", &set, "--revert-identity", "all"]);
    let here = embedded.json(["status"]);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&here), keys(&status));
    assert_eq!(here["place"], "embedded");
    assert!(here["pid"].is_null() && here["endpoint"].is_null());
    assert_eq!((&here["sets"], &here["copies"]), (&json!(1), &json!(2)));
    let failure = &here["failures"][0];
    assert_eq!(failure["result"]["name"], "VSS_E_BREAK_REVERT_ID_FAILED");
    assert_eq!(failure["set_id"], set.as_str());
    let said = embedded.run(["status"]).good();
    let operation = text(&failure["operation"]);
    assert!(
        said.contains(&format!("vss show {}", &operation[..8])),
        "{said}"
    );
    assert!(said.contains("($VSS_STATE)"), "{said}");
}

#[test]
fn a_folder_that_a_daemon_has_is_left_to_it() {
    let Some(mut world) = World::with_daemon("a_folder_that_a_daemon_has_is_left_to_it") else {
        return;
    };
    world.add_disks();
    let set = world.create(&["app"]);
    let state = world.state();
    let state = state.to_str().unwrap();
    // By the folder nothing can be changed, and everything be seen.
    let error = world.error(["delete", &set, "--state", state]);
    assert_eq!(error["name"], "VSS_E_BAD_STATE");
    let pid = format!("process {}", world.daemon().pid());
    assert!(text(&error["message"]).contains(&pid), "{error}");
    let listed = world.json(["list", "--state", state]);
    assert_eq!(listed["sets"][0]["set_id"], set.as_str());
    world.stop_daemon();
    world.run(["delete", &set]).good();
}
