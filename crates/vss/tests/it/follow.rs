//! `vss watch`, `vss wait` and `vss cancel` beside the process that does the work.

use std::io::{PipeWriter, Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::output::on_terminal;
use crate::world::{Run, World, text};

const PENDING: &str = "VSS_S_ASYNC_PENDING";
const CANCELLED: &str = "VSS_S_ASYNC_CANCELLED";
const FINISHED: &str = "VSS_S_ASYNC_FINISHED";

/// A creation that takes a while, in a process of its own, and its operation; `None` if it ended first.
fn creation(world: &World) -> (Child, Option<String>) {
    world.add_big();
    let mut child = world
        .command(["create", "big"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline);
        let status = world.json(["status"]);
        if let Some(first) = status["operations"].get(0) {
            assert_eq!(first["kind"], "create");
            assert_eq!(first["result"]["name"], PENDING);
            return (child, Some(text(&first["operation"])));
        }
        if child.try_wait().unwrap().is_some() {
            return (child, None);
        }
    }
}

/// The same with the operation's id, or the end of the test, said.
fn creation_of(world: &World, test: &str) -> Option<(Child, String)> {
    match creation(world) {
        (child, Some(operation)) => Some((child, operation)),
        (_, None) => {
            println!("skipped: {test} (the copy was too fast to be seen under way)");
            None
        }
    }
}

fn end(child: Child) -> Run {
    Run::new(child.wait_with_output().unwrap())
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

/// The objects of a `watch --json`.
fn objects(said: &str) -> Vec<Value> {
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn a_break_is_followed_from_elsewhere() {
    let name = "a_break_is_followed_from_elsewhere";
    for world in [Some(World::new()), World::with_daemon(name)]
        .into_iter()
        .flatten()
    {
        world.add_disks();
        let set = world.create(&["app", "log"]);
        let begun = world.json(["break", &set, "--no-wait", "--read-write"]);
        assert_eq!(begun["set_id"], set.as_str());
        assert_eq!(begun["result"]["name"], PENDING);
        let operation = text(&begun["operation"]);
        let said = world.run(["watch", &operation]).good();
        assert!(said.trim_end().ends_with("finished"), "{said}");
        let states = objects(&world.run(["--json", "watch", &operation]).good());
        assert_eq!(states.last().unwrap()["result"]["name"], FINISHED);
        let waited = world.json(["wait", &operation[..12], "--timeout", "60"]);
        assert_eq!(waited, world.json(["show", &operation]));
        assert_eq!(waited["flags"], "0x2");
        // It is over: there is nothing to cancel.
        let run = world.run(["--json", "cancel", &operation]);
        assert_eq!(run.code, 1);
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["answer"], "over");
        assert_eq!(answer["result"]["name"], FINISHED);

        // One that fails: the exit code says so, and what is said is the record.
        let set = world.create(&["app", "log"]);
        let begun = world.json(["break", &set, "--no-wait", "--revert-identity", "all"]);
        let operation = text(&begun["operation"]);
        let waited = world.run(["--json", "wait", &operation]);
        assert_eq!(waited.code, 1, "{}", waited.stderr);
        let record: Value = serde_json::from_str(&waited.stdout).unwrap();
        assert_eq!(record["result"]["name"], "VSS_E_BREAK_REVERT_ID_FAILED");
        let watched = world.run(["watch", &operation]);
        assert_eq!(watched.code, 1);
        let failed = "failed with VSS_E_BREAK_REVERT_ID_FAILED";
        assert!(watched.stdout.contains(failed), "{}", watched.stdout);
    }
}

#[test]
fn what_never_began_is_not_found() {
    let name = "what_never_began_is_not_found";
    for world in [Some(World::new()), World::with_daemon(name)]
        .into_iter()
        .flatten()
    {
        for command in ["wait", "watch", "cancel"] {
            let error = world.error([command, "00000000-0000-0000-0000-000000000001"]);
            assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND", "{command}");
            assert!(text(&error["hint"]).contains("never began"), "{error}");
            let error = world.error([command, "0000"]);
            assert_eq!(error["name"], "VSS_E_OBJECT_NOT_FOUND", "{command}");
        }
    }
}

#[test]
fn nothing_to_watch() {
    let world = World::new();
    let said = world.run(["watch"]).good();
    assert!(said.ends_with("  nothing is running\n"), "{said}");
    assert_eq!(world.run(["--json", "watch"]).good(), "");
    assert!(!world.state().exists(), "looking makes nothing");
}

#[test]
fn a_wait_ends_in_time() {
    let name = "a_wait_ends_in_time";
    let Some(world) = World::with_daemon(name) else {
        return;
    };
    let Some((child, operation)) = creation_of(&world, name) else {
        return;
    };
    let run = world.run(["--json", "wait", &operation, "--timeout", "0"]);
    let is_over = run.stdout.contains(FINISHED);
    if is_over {
        println!("skipped: {name} (the copy was too fast)");
    } else {
        let error = run.error(1);
        assert_eq!(error["name"], PENDING);
        assert_eq!(error["code"], "0x00042309");
        assert!(text(&error["hint"]).contains("vss cancel"), "{error}");
    }
    world.run(["wait", &operation]).good();
    end(child).good();
}

#[test]
fn a_creation_is_cancelled_from_elsewhere() {
    let name = "a_creation_is_cancelled_from_elsewhere";
    let Some(world) = World::with_daemon(name) else {
        return;
    };
    let Some((child, operation)) = creation_of(&world, name) else {
        return;
    };
    let listed = world.run(["list"]).good();
    let run = world.run(["--json", "cancel", &operation]);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    if answer["answer"] != "taken" {
        assert_eq!(run.code, 1);
        println!("skipped: {name} (the copy was too fast to be cancelled)");
        end(child).good();
        return;
    }
    assert_eq!(run.code, 0);
    assert!(listed.contains("in work: create of set"), "{listed}");
    let said = end(child).bad(1);
    assert!(said.contains(CANCELLED), "{said}");
    let waited = world.run(["--json", "wait", &operation]);
    assert_eq!(waited.code, 1);
    assert!(waited.stdout.contains(CANCELLED), "{}", waited.stdout);
    assert_eq!(world.run(["list"]).good(), "no shadow copies\n");
}

#[test]
fn bars_on_a_terminal() {
    let name = "bars_on_a_terminal";
    let Some(world) = World::with_daemon(name) else {
        return;
    };
    let Some((child, operation)) = creation_of(&world, name) else {
        return;
    };
    let told = on_terminal(world.command(["watch", &operation]));
    assert!(told.contains("finished"), "{told:?}");
    if told.contains("creation of set") && told.contains('%') {
        assert!(
            told.contains("[") && told.contains("big (1 of 1)"),
            "{told:?}"
        );
    } else {
        println!("skipped: {name} (the copy was too fast to be drawn)");
    }
    end(child).good();
    // Elsewhere there are lines, and no control sequences.
    let said = world.run(["watch", &operation]).good();
    assert!(
        said.lines().count() >= 1 && !said.contains('\x1b'),
        "{said:?}"
    );
}

#[test]
fn everything_is_watched_until_it_is_enough() {
    let name = "everything_is_watched_until_it_is_enough";
    let Some(world) = World::with_daemon(name) else {
        return;
    };
    world.add_disks();
    let mut watch = world
        .command(["--json", "watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    // Whether it watches already cannot be seen; so there is something to see until it has.
    let seen = std::thread::spawn(move || {
        let line = lines.next().unwrap().unwrap();
        (line, lines)
    });
    while !seen.is_finished() {
        let set = world.create(&["app", "log"]);
        world.run(["delete", &set]).good();
    }
    let (line, lines) = seen.join().unwrap();
    let state = &objects(&line)[0];
    assert!(
        state["operation"].is_string() && state["disks"].is_array(),
        "{state}"
    );
    signal(watch.id(), Signal::INT);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.iter().all(|line| line.starts_with('{')));
    let run = end(watch);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn a_daemon_that_dies_is_told_of() {
    let name = "a_daemon_that_dies_is_told_of";
    let Some(mut world) = World::with_daemon(name) else {
        return;
    };
    let Some((mut child, operation)) = creation_of(&world, name) else {
        return;
    };
    // An operation that has not reached the journal is not known after a crash.
    while world.json(["status"])["operations"][0]["copying"].is_null() {
        if child.try_wait().unwrap().is_some() {
            println!("skipped: {name} (the copy was too fast)");
            return;
        }
    }
    world.kill_daemon();
    let run = end(child);
    if run.code == 0 {
        println!("skipped: {name} (the copy was too fast)");
        return;
    }
    let said = run.bad(1);
    let hint = format!("vss wait {operation} finds out what became of it");
    assert!(said.contains(&hint), "{said}");
    // And it does: without the daemon, the folder is recovered first.
    world.stop_daemon();
    let waited = world.run(["--json", "wait", &operation]);
    let record: Value = serde_json::from_str(&waited.stdout).unwrap();
    assert_eq!(record["operation"], operation.as_str());
    assert_eq!(world.json(["status"])["operations"], serde_json::json!([]));
}

/// Without a handler for SIGTERM, the process that carries the break on would die of it.
#[test]
fn a_break_in_the_background_stops_in_order() {
    let (world, set) = World::with_set();
    let operation = "11111111-2222-4333-8444-555555555555";
    // Its report does not fit into a pipe that is full: it is held up while the break goes on.
    let (mut read, write) = std::io::pipe().unwrap();
    let filled = fill(&write);
    let child = world
        .command(["break", "--background", operation, "--", &set])
        .stdout(write)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let begun = || {
        let known = world.json(["history"]);
        [&known["operations"], &known["unfinished"]]
            .iter()
            .any(|list| list.to_string().contains(operation))
    };
    while !begun() {
        assert!(Instant::now() < deadline);
    }
    signal(child.id(), Signal::TERM);
    read.read_exact(&mut vec![0; filled]).unwrap();
    let mut report = String::new();
    read.read_to_string(&mut report).unwrap();
    assert!(report.contains(operation), "{report}");
    let run = end(child);
    assert_eq!(
        run.code, 0,
        "killed by the signal, or failed: {}",
        run.stderr
    );
    let waited = world.run(["--json", "wait", operation]);
    let record: Value = serde_json::from_str(&waited.stdout).unwrap();
    assert_eq!(record["recovered"], false, "{record}");
    let name = text(&record["result"]["name"]);
    assert!([FINISHED, CANCELLED].contains(&name.as_str()), "{record}");
}

/// Fills a pipe; how many bytes went in.
fn fill(mut pipe: &PipeWriter) -> usize {
    let flags = fcntl_getfl(pipe).unwrap();
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK).unwrap();
    let mut filled = 0;
    // Whole pages first, then the rest byte by byte.
    for size in [4096, 1] {
        while let Ok(written) = pipe.write(&vec![b' '; size]) {
            filled += written;
        }
    }
    fcntl_setfl(pipe, flags).unwrap();
    filled
}
