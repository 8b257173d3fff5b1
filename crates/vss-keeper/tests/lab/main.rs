//! The device mapper's client and the keeper with mapped devices, in the laboratory's kernel.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod mapped;
#[path = "../rig/mod.rs"]
mod rig;

use std::os::unix::fs::FileExt;
use std::path::Path;

use mapped::{Mapped, SECTORS, linear};
use rig::{BLOCKED, Daemon, LIMIT, Writer, send, thread_states, wait_for_death, wait_until};
use rustix::process::Signal;
use vss_keeper::{
    End, Keeper, KeeperError, LeftoverState, MappedDevice, Outcome, Plan, Reason, let_go,
};
use vss_sys::dm::{Device, DeviceMapper, DmError, Suspend, Target};
use vss_sys::freeze::{self, ThawError};

const SKIP_LOCKFS: Suspend = Suspend {
    skip_lockfs: true,
    no_flush: false,
};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vss-keeper"))
}

/// Whether there is a device mapper; says that the test is skipped where there is none.
fn has_mapper(test: &str) -> bool {
    match DeviceMapper::open() {
        Ok(_) => true,
        Err(error) => {
            println!("skipped: {test} ({error})");
            false
        }
    }
}

/// A plan whose deadline plays no part.
fn plan(mapped: &Mapped) -> Plan {
    Plan {
        deadline: 4 * LIMIT,
        ..Plan::new(vec![mapped.plan_entry()], vec![mapped.device.clone()])
    }
}

fn assert_free(mapped: &Mapped, what: &str) {
    assert!(mapped.write().is_done_within(LIMIT), "{what}: suspended");
    let writer = Writer::start(&mapped.mount_point());
    assert!(writer.is_done_within(LIMIT), "{what}: frozen");
    assert!(!mapped.is_suspended(), "{what}");
}

/// Not a test: what [`Daemon`] runs.
#[test]
fn daemon() {
    rig::play_daemon(program());
}

#[test]
fn devices_are_listed_and_described() {
    if !has_mapper("devices_are_listed_and_described") {
        return;
    }
    let mapped = Mapped::bare("openvss-a");
    let mapper = &mapped.mapper;
    let status = mapper.status(mapped.key()).unwrap();
    assert_eq!(status.name, "openvss-a");
    assert_eq!(status.uuid, mapped.device.uuid);
    assert!(status.has_live_table && !status.has_inactive_table);
    assert!(!status.is_suspended && !status.is_read_only);
    let (major, minor) = status.number;
    assert_eq!(
        mapper.status(Device::Number(major, minor)).unwrap().name,
        "openvss-a"
    );
    assert_eq!(
        mapper.status(Device::Name("openvss-a")).unwrap().uuid,
        status.uuid
    );
    let listed = mapper.devices().unwrap();
    let ours = listed.iter().find(|listed| listed.name == "openvss-a");
    assert_eq!(ours.unwrap().number, status.number);

    let [target] = &mapper.table(mapped.key()).unwrap()[..] else {
        unreachable!("one target was loaded");
    };
    assert_eq!((target.start_sector, target.sectors), (0, SECTORS));
    assert_eq!(target.kind, "linear");
    assert!(target.parameters.starts_with("7:"), "{target:?}");

    for device in [
        Device::Name("openvss-none"),
        Device::Uuid("none"),
        Device::Number(253, 999),
    ] {
        assert!(matches!(
            mapper.status(device),
            Err(DmError::NotFound { .. })
        ));
        assert!(matches!(
            mapper.resume(device),
            Err(DmError::NotFound { .. })
        ));
    }
}

/// More targets, and more devices, than the first buffer holds.
#[test]
fn long_replies_come_whole() {
    if !has_mapper("long_replies_come_whole") {
        return;
    }
    let mapped = Mapped::bare("openvss-a");
    let lower = Mapped::bare("openvss-lower");
    let table: Vec<Target> = (0..SECTORS / 128)
        .map(|part| linear(part * 128, 128, &lower.node))
        .collect();
    mapped.mapper.load(mapped.key(), &table, true).unwrap();
    assert!(
        mapped
            .mapper
            .status(mapped.key())
            .unwrap()
            .has_inactive_table
    );
    mapped.mapper.resume(mapped.key()).unwrap();
    assert!(mapped.mapper.status(mapped.key()).unwrap().is_read_only);
    let read = mapped.mapper.table(mapped.key()).unwrap();
    assert_eq!(read.len(), table.len());
    assert_eq!(read.last().unwrap().start_sector, SECTORS - 128);
    assert_eq!(
        mapped.mapper.target_status(mapped.key()).unwrap().len(),
        table.len()
    );

    let names: Vec<_> = (0..40)
        .map(|n| format!("openvss-{}-{n}", "x".repeat(100)))
        .collect();
    for name in &names {
        mapped.mapper.create(name, "").unwrap();
    }
    let listed = mapped.mapper.devices().unwrap();
    for name in &names {
        assert!(listed.iter().any(|listed| listed.name == *name));
        mapped.mapper.remove(Device::Name(name)).unwrap();
    }
}

#[test]
fn targets_take_messages() {
    if !has_mapper("targets_take_messages") {
        return;
    }
    let mapped = Mapped::bare("openvss-a");
    // The statistics of the core answer for every target.
    let send = |text: &str| mapped.mapper.message(mapped.key(), 0, text);
    assert_eq!(send("@stats_create - /1").unwrap().as_deref(), Some("0"));
    let list = send("@stats_list").unwrap().unwrap();
    assert!(list.starts_with("0: 0+65536"), "{list}");
    assert_eq!(send("@stats_delete 0").unwrap(), None);
    let error = send("no such message").unwrap_err();
    assert!(matches!(error, DmError::Refused { .. }), "{error}");
}

/// Also the control of all others: a device suspended without a keeper blocks its writer.
#[test]
fn a_suspended_device_holds_writes() {
    if !has_mapper("a_suspended_device_holds_writes") {
        return;
    }
    let mapped = Mapped::bare("openvss-a");
    for _ in 0..2 {
        // A second time changes nothing.
        let status = mapped.mapper.suspend(mapped.key(), SKIP_LOCKFS).unwrap();
        assert!(status.is_suspended);
    }
    let writer = mapped.write();
    assert!(!writer.is_done_within(BLOCKED));
    for _ in 0..2 {
        assert!(!mapped.mapper.resume(mapped.key()).unwrap().is_suspended);
    }
    assert!(writer.is_done_within(LIMIT));
}

#[test]
fn all_is_held_until_the_release() {
    if !has_mapper("all_is_held_until_the_release") {
        return;
    }
    let all = [Mapped::mounted("openvss-a"), Mapped::mounted("openvss-b")];
    let systems = all.iter().map(Mapped::plan_entry).collect();
    let devices = all.iter().map(|mapped| mapped.device.clone()).collect();
    let mut keeper = Keeper::start(program(), &Plan::new(systems, devices)).unwrap();
    println!("shortcomings: {:?}", keeper.shortcomings());
    keeper.flush().unwrap();
    keeper.freeze().unwrap();
    let outcomes = keeper.suspend().unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Held { .. }))
    );
    assert!(all.iter().all(Mapped::is_suspended));
    let writers: Vec<_> = all.iter().map(Mapped::write).collect();
    for writer in &writers {
        assert!(!writer.is_done_within(BLOCKED));
    }
    let release = keeper.release().unwrap();
    println!("{release:?}");
    assert!(release.is_whole(), "{release:?}");
    assert!(0 < release.held_micros && release.held_micros < release.freeze_micros);
    for writer in &writers {
        assert!(writer.is_done_within(LIMIT));
    }
    for mapped in &all {
        assert_free(mapped, "after the release");
    }
}

#[test]
fn the_process_is_protected() {
    let keeper = Keeper::start(program(), &Plan::new(vec![], vec![])).unwrap();
    assert_eq!(keeper.shortcomings(), [""; 0]);
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", keeper.pid())).unwrap();
    assert_eq!(read("oom_score_adj").trim(), "-1000");
    let status = read("status");
    let locked = status.lines().find(|line| line.starts_with("VmLck:"));
    assert!(!locked.unwrap().contains("\t       0 kB"), "{locked:?}");
    // Leader of a session of its own: out of reach of the terminal.
    let stat = read("stat");
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(fields[3], keeper.pid().to_string());
}

#[test]
fn a_suspension_by_others_fails_and_is_left_alone() {
    if !has_mapper("a_suspension_by_others_fails_and_is_left_alone") {
        return;
    }
    let foreign = Mapped::bare("openvss-a");
    let ours = Mapped::mounted("openvss-b");
    foreign.mapper.suspend(foreign.key(), SKIP_LOCKFS).unwrap();
    let mut plan = plan(&ours);
    plan.devices.push(foreign.device.clone());
    let mut keeper = Keeper::start(program(), &plan).unwrap();
    keeper.freeze().unwrap();
    let error = keeper.suspend().unwrap_err();
    let KeeperError::LetGo { release, .. } = error else {
        unreachable!("{error}");
    };
    assert_eq!(release.reason, Reason::Failed);
    assert_eq!(release.devices[1].outcome, Some(Outcome::AlreadyHeld));
    assert!(foreign.is_suspended());
    assert_free(&ours, "after the failure");
}

#[test]
fn a_resume_by_others_is_noticed() {
    if !has_mapper("a_resume_by_others_is_noticed") {
        return;
    }
    let mapped = Mapped::mounted("openvss-a");
    let mut keeper = Keeper::start(program(), &plan(&mapped)).unwrap();
    keeper.freeze().unwrap();
    keeper.suspend().unwrap();
    mapped.mapper.resume(mapped.key()).unwrap();
    let release = keeper.release().unwrap();
    assert_eq!(release.devices[0].end, End::Lost);
    assert_eq!(release.file_systems[0].end, End::Released);
    assert!(!release.is_whole());
}

/// The storage of one device does not answer: its suspension hangs in the kernel.
#[test]
fn what_hangs_does_not_keep_the_others_past_the_deadline() {
    if !has_mapper("what_hangs_does_not_keep_the_others_past_the_deadline") {
        return;
    }
    let dead = Mapped::bare("openvss-dead");
    let hanging = Mapped::on(&dead, "openvss-a");
    let other = Mapped::mounted("openvss-b");
    dead.mapper.suspend(dead.key(), SKIP_LOCKFS).unwrap();
    let writer = hanging.write();
    assert!(!writer.is_done_within(BLOCKED));

    let mut plan = plan(&other);
    plan.deadline = 3 * BLOCKED;
    plan.devices.push(hanging.device.clone());
    let mut keeper = Keeper::start(program(), &plan).unwrap();
    let pid = keeper.pid();
    keeper.freeze().unwrap();
    let error = keeper.suspend().unwrap_err();
    let KeeperError::LetGo { release, .. } = error else {
        unreachable!("{error}");
    };
    assert!(release.is_expired(), "{release:?}");
    assert_eq!(release.devices[1].end, End::Stuck);
    assert_free(&other, "beside the one that hangs");
    drop(keeper);
    assert!(rig::is_alive(pid));

    // Once the storage answers, the late suspension is undone.
    dead.mapper.resume(dead.key()).unwrap();
    wait_for_death(pid);
    assert!(writer.is_done_within(LIMIT));
    assert!(!hanging.is_suspended());
}

#[test]
fn a_new_device_of_the_old_name_is_not_touched() {
    if !has_mapper("a_new_device_of_the_old_name_is_not_touched") {
        return;
    }
    let mapped = Mapped::bare("openvss-a");
    mapped.mapper.suspend(mapped.key(), SKIP_LOCKFS).unwrap();
    let old = MappedDevice {
        name: mapped.device.name.clone(),
        uuid: "OPENVSS-TEST-old".to_owned(),
    };
    assert_eq!(let_go(&[], &[old])[0].state, LeftoverState::Gone);
    assert!(mapped.is_suspended());
    let again = std::slice::from_ref(&mapped.device);
    assert_eq!(let_go(&[], again)[0].state, LeftoverState::Released);
    assert_eq!(let_go(&[], again)[0].state, LeftoverState::NotHeld);
}

/// A freeze that waits for a writer under way cannot be thawed yet, and completes when the writer
/// ends; by then its keeper and the daemon are dead, and who lets go at once comes too early.
#[test]
fn both_killed_while_a_freeze_waits_for_a_writer() {
    if !has_mapper("both_killed_while_a_freeze_waits_for_a_writer") {
        return;
    }
    let mapped = Mapped::mounted("openvss-a");
    let path = mapped.mount_point().join("old");
    std::fs::write(&path, [1; 4096]).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.sync_all().unwrap();
    std::fs::write("/proc/sys/vm/drop_caches", "1").unwrap();
    mapped.mapper.suspend(mapped.key(), SKIP_LOCKFS).unwrap();
    // Must read the rest of the block first, which the suspended device does not give.
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(file.write_all_at(&[2], 100)));
    let writer = Writer::of(done);
    assert!(!writer.is_done_within(BLOCKED));

    let mut freeze_only = plan(&mapped);
    freeze_only.devices.clear();
    let mut daemon = Daemon::start(&freeze_only, "daemon");
    let keeper = daemon.keeper_pid;
    daemon.order("freeze");
    wait_until("a freeze that waits", || {
        thread_states(keeper).contains('D')
    });
    send(keeper, Signal::STOP);
    daemon.kill();
    send(keeper, Signal::KILL);
    assert!(rig::is_alive(keeper));
    let early = freeze::thaw(&std::fs::File::open(mapped.mount_point()).unwrap());
    assert!(matches!(early, Err(ThawError::NotFrozen)), "{early:?}");

    let systems = freeze_only.file_systems.clone();
    let (sender, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(let_go(&systems, &[])));
    assert!(end.recv_timeout(BLOCKED).is_err());
    mapped.mapper.resume(mapped.key()).unwrap();
    let leftovers = end.recv_timeout(LIMIT).unwrap();
    assert!(writer.is_done_within(LIMIT));
    wait_for_death(keeper);
    assert_free(&mapped, "after all");
    assert_eq!(leftovers[0].state, LeftoverState::Released);
}

fn kill_and_check(daemon: &mut Daemon, victim: &str, mapped: &Mapped, what: &str) {
    let keeper = daemon.keeper_pid;
    let leftovers = || let_go(&[mapped.plan_entry()], std::slice::from_ref(&mapped.device));
    match victim {
        "keeper" => send(keeper, Signal::KILL),
        "daemon" => daemon.kill(),
        "both" => {
            // Stopped first, so that neither acts on the other's death.
            send(keeper, Signal::STOP);
            daemon.kill();
            send(keeper, Signal::KILL);
            for leftover in leftovers() {
                assert!(!leftover.may_be_held(), "{what}: {leftover:?}");
            }
        }
        _ => send(keeper, Signal::TERM),
    }
    wait_for_death(keeper);
    assert_free(mapped, what);
    for leftover in leftovers() {
        assert_eq!(leftover.state, LeftoverState::NotHeld, "{what}");
    }
}

#[test]
fn killed_after_each_step_nothing_stays_held() {
    if !has_mapper("killed_after_each_step_nothing_stays_held") {
        return;
    }
    let mapped = Mapped::mounted("openvss-a");
    let steps = ["freeze", "suspend", "release"];
    for victim in ["keeper", "daemon", "both", "keeper by SIGTERM"] {
        for done in 0..=steps.len() {
            let what = format!("{victim} killed after {:?}", &steps[..done]);
            let mut daemon = Daemon::start(&plan(&mapped), "daemon");
            for step in &steps[..done] {
                daemon.step(step);
            }
            assert_eq!(mapped.is_suspended(), done == 2, "{what}");
            kill_and_check(&mut daemon, victim, &mapped, &what);
        }
    }
}

/// As above, with the blow while a step is under way; the delays spread it over the steps.
#[test]
fn killed_within_a_step_nothing_stays_held() {
    if !has_mapper("killed_within_a_step_nothing_stays_held") {
        return;
    }
    let mapped = Mapped::mounted("openvss-a");
    for round in 0..16 {
        for victim in ["keeper", "daemon", "both"] {
            let what = format!("{victim} killed, round {round}");
            let mut daemon = Daemon::start(&plan(&mapped), "daemon");
            std::fs::write(mapped.mount_point().join("dirty"), vec![1; 1 << 20]).unwrap();
            for step in ["freeze", "suspend", "release"] {
                daemon.order(step);
            }
            let until = std::time::Instant::now() + std::time::Duration::from_micros(500) * round;
            while std::time::Instant::now() < until {
                std::hint::spin_loop();
            }
            kill_and_check(&mut daemon, victim, &mapped, &what);
        }
    }
}
