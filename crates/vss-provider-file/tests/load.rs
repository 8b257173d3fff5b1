//! What a crash may leave, made by hand or by a kill, and what `on_load` makes of it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{MIB, Top, finish, open_at, prepare, write};
use uuid::Uuid;
use vss_model::SetId;
use vss_provider::{CreateSnapshotSet, Provider};
use vss_provider_file::{Adopt, FileArray};

/// Adds a row in a state that only a crash leaves; gives its GUID.
fn row(top: &Top, name: &str, state: &str, presented: bool, set: Option<SetId>) -> Uuid {
    let guid = Uuid::new_v4();
    let set = set.map(|set| set.to_string());
    let original = set.as_ref().map(|_| Uuid::nil().to_string());
    top.sql()
        .execute(
            "INSERT INTO lun VALUES (?1, ?2, ?3, 4096, 512, ?4, 0, ?5, ?6, ?7, 0)",
            rusqlite::params![
                guid.to_string(),
                name,
                state,
                presented,
                set,
                original,
                original.as_ref().map(|_| "original"),
            ],
        )
        .unwrap();
    guid
}

fn new_set() -> SetId {
    SetId::from_uuid(Uuid::new_v4())
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap()
}

#[test]
fn leftovers_of_every_kind_are_cleared() {
    let top = Top::new();
    let array = top.open();
    array.create("kept", MIB, 512, true).unwrap();
    array.create("masked", MIB, 512, false).unwrap();
    drop(array);
    let file = |name: String| fs::write(top.array().join(name), vec![0; 4096]).unwrap();

    // A creation before its rename, after it, and before its file.
    let guid = row(&top, "early", "creating", true, None);
    file(format!(".partial-{guid}"));
    row(&top, "late", "creating", true, None);
    file("late.img".into());
    row(&top, "bare", "creating", true, None);
    // Copies before the commit, in it, after some renames, and of an earlier start of the host.
    row(&top, "copy0", "splitting", false, Some(new_set()));
    let guid = row(&top, "copy1", "splitting", false, Some(new_set()));
    file(format!(".partial-{guid}"));
    row(&top, "copy2", "splitting", false, Some(new_set()));
    file("copy2.img".into());
    let old = new_set();
    let guid = row(&top, "copy3", "splitting", false, Some(old));
    file(format!(".partial-{guid}"));
    fs::write(
        top.array().join(format!(".partial-set-{old}")),
        "another start",
    )
    .unwrap();
    // A set that was committed in this start, one image of it named already.
    let committed = new_set();
    let guid = row(&top, "good1", "splitting", false, Some(committed));
    file(format!(".partial-{guid}"));
    row(&top, "good2", "splitting", false, Some(committed));
    file("good2.img".into());
    fs::write(
        top.array().join(format!(".partial-set-{committed}")),
        boot_id(),
    )
    .unwrap();
    // A set that was committed, but whose image is not there.
    let torn = new_set();
    row(&top, "torn", "splitting", false, Some(torn));
    fs::write(top.array().join(format!(".partial-set-{torn}")), boot_id()).unwrap();
    // A deletion before and after its link and its image went.
    row(&top, "going", "deleting", true, None);
    file("going.img".into());
    symlink("../array/going.img", top.host().join("going")).unwrap();
    row(&top, "gone", "deleting", true, None);
    // Files that nothing speaks of.
    file(".partial-anything".into());
    // Links too few, too many, and not ours.
    fs::remove_file(top.host().join("kept")).unwrap();
    symlink("../array/masked.img", top.host().join("masked")).unwrap();
    symlink("../array/never.img", top.host().join("never")).unwrap();
    symlink("elsewhere", top.host().join("theirs")).unwrap();
    fs::write(top.host().join("file"), "theirs").unwrap();

    let array = top.open();
    let names: Vec<String> = array
        .list()
        .unwrap()
        .into_iter()
        .map(|lun| lun.name)
        .collect();
    assert_eq!(names, ["good1", "good2", "kept", "late", "masked"]);
    assert_eq!(array.get("good1").unwrap().set, Some(committed));
    assert!(!array.get("good1").unwrap().presented);
    let links = ["file", "kept", "late", "theirs"].map(str::to_owned);
    assert_eq!(top.links(), BTreeSet::from(links));
    for name in ["theirs", "file"] {
        fs::remove_file(top.host().join(name)).unwrap();
    }
    top.is_consistent(&array);
    array.on_load().unwrap();
    top.is_consistent(&array);
    // The coordinator gives the cut-off set up, and it goes.
    array.abort_snapshots(committed).unwrap();
    assert_eq!(array.list().unwrap().len(), 3);
    top.is_consistent(&array);
}

#[test]
fn something_at_the_path_of_a_presented_lun_stops_the_load() {
    let top = Top::new();
    let array = top.open();
    array.create("a", MIB, 512, true).unwrap();
    array.create("b", MIB, 512, true).unwrap();
    drop(array);
    for name in ["a", "b"] {
        fs::remove_file(top.host().join(name)).unwrap();
    }
    fs::write(top.host().join("a"), "an impostor").unwrap();
    let array = FileArray::open(&top.array(), &top.host()).unwrap();
    let error = array.on_load().unwrap_err();
    assert!(error.message.contains("host/a"), "{error}");
    assert!(top.host().join("b").exists());
    fs::remove_file(top.host().join("a")).unwrap();
    array.on_load().unwrap();
    top.is_consistent(&array);
}

#[test]
fn an_array_moves_with_its_host_folder() {
    let top = Top::new();
    let array = top.open();
    array.create("db", MIB, 512, true).unwrap();
    drop(array);
    let elsewhere = Top::new();
    for folder in ["array", "host"] {
        fs::rename(top.path().join(folder), elsewhere.path().join(folder)).unwrap();
    }
    let array = elsewhere.open();
    assert!(array.get("db").unwrap().device.unwrap().exists());
    elsewhere.is_consistent(&array);
}

/// The variable that turns `killed_worker` into the process that is to be killed.
const WORKER: &str = "OPENVSS_FILE_TEST_WORKER";

/// Not a test of its own: works on an array without end, a line for each step.
#[test]
fn killed_worker() {
    let Some(top) = std::env::var_os(WORKER) else {
        return;
    };
    let top = Path::new(&top);
    let array = open_at(top);
    for round in 0_u64.. {
        let name = format!("n{}", std::process::id());
        let step = |what: &str| println!("{what}");
        array.create(&name, MIB, 512, round % 2 == 0).unwrap();
        step("create");
        write(
            &top.join("array").join(format!("{name}.img")),
            0,
            &[1; 65536],
        );
        let file = top.join("outside").join(&name);
        fs::write(&file, vec![2; 8192]).unwrap();
        let linked = format!("{name}-l");
        array
            .adopt(&linked, &file, Adopt::Link, None, true)
            .unwrap();
        step("adopt");
        array.mask(&linked).unwrap();
        array.present(&linked).unwrap();
        step("present");
        let luns = [name.as_str(), linked.as_str()];
        let set = prepare(&array, &luns).unwrap();
        step("prepare");
        finish(&array, set, &luns).unwrap();
        step("finish");
        array.abort_snapshots(set).unwrap();
        step("abort");
        array.delete(&name).unwrap();
        array.delete(&linked).unwrap();
        step("delete");
    }
}

/// Kills a worker at many points and looks at what `on_load` makes of what is left.
#[test]
fn kills_leave_nothing_that_the_load_does_not_heal() {
    let top = Top::new();
    fs::create_dir(top.path().join("outside")).unwrap();
    top.open().create("first", MIB, 512, true).unwrap();
    for lines in (1..36).step_by(2) {
        let mut worker = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_worker", "--nocapture"])
            .env(WORKER, top.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(worker.stdout.take().unwrap());
        // The test runner's own two or three lines count too, which only shifts the points.
        let read = output.lines().take(lines).filter(Result::is_ok).count();
        // The worker goes on while the last line is on its way: the kill falls inside a step.
        for _ in 0..lines * 40_000 {
            std::hint::spin_loop();
        }
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert_eq!(read, lines, "the worker stopped by itself");
        let array = top.open();
        top.is_consistent(&array);
        assert!(array.get("first").unwrap().presented);
    }
}
