//! The keeper on mounted file systems, killed and stopped in every way; needs root and loop
//! devices. What it does with mapped devices is tried in the laboratory.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rig;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rig::{
    BLOCKED, Daemon, KINDS, LIMIT, Mounted, Writer, is_alive, ran, send, thread_states,
    wait_for_death, wait_until,
};
use rustix::process::Signal;
use vss_keeper::{
    End, Keeper, KeeperError, LeftoverState, OpenError, Outcome, Plan, Reason, let_go,
};
use vss_sys::freeze::{self, FreezeError, ThawError};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vss-keeper");

fn program() -> &'static Path {
    Path::new(PROGRAM)
}

/// A plan whose deadline plays no part.
fn plan(mounted: &Mounted) -> Plan {
    Plan {
        deadline: 4 * LIMIT,
        ..Plan::new(vec![mounted.plan_entry(0)], vec![])
    }
}

/// A keeper that has frozen the file system, with a writer that waits.
fn frozen(mounted: &Mounted, plan: &Plan) -> (Keeper, Writer) {
    let mut keeper = Keeper::start(program(), plan).unwrap();
    let outcomes = keeper.freeze().unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Held { .. }]),
        "{outcomes:?}"
    );
    let writer = Writer::start(&mounted.path());
    assert!(!writer.is_done_within(BLOCKED));
    (keeper, writer)
}

/// Not a test: what [`Daemon`] runs.
#[test]
fn daemon() {
    rig::play_daemon(program());
}

/// Also the control of all others: without a keeper a frozen file system blocks its writer.
#[test]
fn freeze_and_thaw_are_told_apart_from_what_they_are_not() {
    for kind in KINDS {
        let test = "freeze_and_thaw_are_told_apart_from_what_they_are_not";
        let Some(mounted) = Mounted::new(kind, test) else {
            continue;
        };
        let folder = mounted.open();
        assert!(matches!(freeze::thaw(&folder), Err(ThawError::NotFrozen)));
        freeze::freeze(&folder).unwrap();
        let writer = Writer::start(&mounted.path());
        assert!(!writer.is_done_within(BLOCKED));
        assert!(matches!(
            freeze::freeze(&folder),
            Err(FreezeError::AlreadyFrozen)
        ));
        freeze::thaw(&folder).unwrap();
        assert!(writer.is_done_within(LIMIT));
        assert!(matches!(freeze::thaw(&folder), Err(ThawError::NotFrozen)));
        let proc = std::fs::File::open("/proc").unwrap();
        assert!(matches!(
            freeze::freeze(&proc),
            Err(FreezeError::NotSupported)
        ));
    }
}

#[test]
fn all_is_held_until_the_release() {
    let test = "all_is_held_until_the_release";
    let mounted: Vec<_> = KINDS
        .iter()
        .filter_map(|kind| Mounted::new(kind, test))
        .collect();
    let systems = mounted
        .iter()
        .map(|mounted| mounted.plan_entry(0))
        .collect();
    let mut keeper = Keeper::start(program(), &Plan::new(systems, vec![])).unwrap();
    assert!(keeper.flush().unwrap().iter().all(Option::is_none));
    assert_eq!(keeper.freeze().unwrap().len(), mounted.len());
    let writers: Vec<_> = mounted
        .iter()
        .map(|mounted| Writer::start(&mounted.path()))
        .collect();
    assert!(keeper.suspend().unwrap().is_empty());
    for writer in &writers {
        assert!(!writer.is_done_within(BLOCKED));
    }
    let release = keeper.release().unwrap();
    assert!(release.is_whole(), "{release:?}");
    assert_eq!(release.held_micros, 0);
    if !writers.is_empty() {
        let least = u64::try_from(BLOCKED.as_micros()).unwrap();
        assert!(release.freeze_micros >= least, "{release:?}");
    }
    for writer in &writers {
        assert!(writer.is_done_within(LIMIT));
    }
}

#[test]
fn dropped_it_lets_go() {
    for kind in KINDS {
        let Some(mounted) = Mounted::new(kind, "dropped_it_lets_go") else {
            continue;
        };
        let (keeper, writer) = frozen(&mounted, &plan(&mounted));
        drop(keeper);
        assert!(writer.is_done_within(LIMIT));
    }
}

#[test]
fn a_signal_makes_it_let_go() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let Some(mounted) = Mounted::new("ext4", "a_signal_makes_it_let_go") else {
            continue;
        };
        let (keeper, writer) = frozen(&mounted, &plan(&mounted));
        send(keeper.pid(), signal);
        assert!(writer.is_done_within(LIMIT), "{signal:?}");
        let release = keeper.release().unwrap();
        assert_eq!(release.reason, Reason::Signal);
        assert!(!release.is_whole());
    }
}

#[test]
fn a_killed_keeper_is_replaced_by_its_client() {
    for kind in KINDS {
        let Some(mounted) = Mounted::new(kind, "a_killed_keeper_is_replaced_by_its_client") else {
            continue;
        };
        let (keeper, writer) = frozen(&mounted, &plan(&mounted));
        send(keeper.pid(), Signal::KILL);
        assert!(writer.is_done_within(LIMIT));
        let error = keeper.release().unwrap_err();
        let KeeperError::Died { leftovers, .. } = error else {
            unreachable!("{error}");
        };
        assert_eq!(leftovers.len(), 1);
        assert_eq!(leftovers[0].state, LeftoverState::Released);
    }
}

#[test]
fn the_deadline_lets_go() {
    for kind in KINDS {
        let Some(mounted) = Mounted::new(kind, "the_deadline_lets_go") else {
            continue;
        };
        let mut plan = plan(&mounted);
        plan.deadline = 3 * BLOCKED;
        let start = Instant::now();
        let (mut keeper, writer) = frozen(&mounted, &plan);
        assert!(writer.is_done_within(LIMIT));
        assert!(start.elapsed() >= plan.deadline);
        // Whoever goes on unaware is told.
        let error = keeper.suspend().unwrap_err();
        assert!(matches!(error, KeeperError::LetGo { .. }), "{error}");
        let release = keeper.release().unwrap();
        assert!(release.is_expired() && !release.is_whole(), "{release:?}");
    }
}

/// A keeper that cannot run cannot see the deadline; its client does.
#[test]
fn a_stopped_keeper_is_killed_after_the_deadline() {
    let test = "a_stopped_keeper_is_killed_after_the_deadline";
    let Some(mounted) = Mounted::new("ext4", test) else {
        return;
    };
    let mut plan = plan(&mounted);
    plan.deadline = 3 * BLOCKED;
    let (keeper, writer) = frozen(&mounted, &plan);
    send(keeper.pid(), Signal::STOP);
    assert!(writer.is_done_within(LIMIT));
    let error = keeper.release().unwrap_err();
    assert!(matches!(error, KeeperError::Died { .. }), "{error}");
}

#[test]
fn a_freeze_of_others_is_left_alone() {
    let Some(mounted) = Mounted::new("ext4", "a_freeze_of_others_is_left_alone") else {
        return;
    };
    for kill in [false, true] {
        freeze::freeze(&mounted.open()).unwrap();
        let writer = Writer::start(&mounted.path());
        let mut keeper = Keeper::start(program(), &plan(&mounted)).unwrap();
        assert_eq!(keeper.freeze().unwrap(), [Outcome::AlreadyHeld]);
        if kill {
            send(keeper.pid(), Signal::KILL);
            let error = keeper.release().unwrap_err();
            assert!(matches!(error, KeeperError::Died { .. }), "{error}");
        } else {
            let release = keeper.release().unwrap();
            assert_eq!(release.file_systems[0].end, End::NotHeld);
        }
        assert!(!writer.is_done_within(BLOCKED));
        freeze::thaw(&mounted.open()).unwrap();
        assert!(writer.is_done_within(LIMIT));
    }
}

#[test]
fn a_thaw_by_others_is_noticed() {
    let Some(mounted) = Mounted::new("xfs", "a_thaw_by_others_is_noticed") else {
        return;
    };
    let (keeper, writer) = frozen(&mounted, &plan(&mounted));
    freeze::thaw(&mounted.open()).unwrap();
    assert!(writer.is_done_within(LIMIT));
    let release = keeper.release().unwrap();
    assert_eq!(release.file_systems[0].end, End::Lost);
    assert!(!release.is_whole());
}

#[test]
fn a_stack_is_frozen_from_its_top() {
    let test = "a_stack_is_frozen_from_its_top";
    let Some(lower) = Mounted::new("ext4", test) else {
        return;
    };
    let Some(upper) = Mounted::within(&lower, "ext4", test) else {
        return;
    };
    let systems = vec![lower.plan_entry(0), upper.plan_entry(1)];
    let mut keeper = Keeper::start(program(), &Plan::new(systems, vec![])).unwrap();
    keeper.freeze().unwrap();
    let release = keeper.release().unwrap();
    assert!(release.is_whole(), "{release:?}");
    upper.assert_writable("the upper one");
}

/// The topmost file system cannot be frozen once the one below is: its freeze hangs in the kernel.
#[test]
fn a_stack_frozen_in_the_wrong_order_is_free_after_the_deadline() {
    let test = "a_stack_frozen_in_the_wrong_order_is_free_after_the_deadline";
    let Some(lower) = Mounted::new("ext4", test) else {
        return;
    };
    let Some(upper) = Mounted::within(&lower, "ext4", test) else {
        return;
    };
    // Something for the freeze to write.
    std::fs::write(upper.path().join("dirty"), vec![1; 1 << 20]).unwrap();
    let plan = Plan {
        deadline: 3 * BLOCKED,
        ..Plan::new(vec![lower.plan_entry(1), upper.plan_entry(0)], vec![])
    };
    let mut keeper = Keeper::start(program(), &plan).unwrap();
    let error = keeper.freeze().unwrap_err();
    let KeeperError::LetGo { release, .. } = error else {
        unreachable!("{error}");
    };
    assert!(release.is_expired(), "{release:?}");
    lower.assert_writable("the lower one");
    upper.assert_writable("the upper one");
    wait_for_death(keeper.pid());
}

/// The freeze that hangs completes when its file system can be written to again, and by then its
/// keeper is dead: a thaw before that moment comes too early.
#[test]
fn both_killed_while_a_freeze_hangs_nothing_stays_frozen() {
    let test = "both_killed_while_a_freeze_hangs_nothing_stays_frozen";
    let Some(lower) = Mounted::new("ext4", test) else {
        return;
    };
    let Some(upper) = Mounted::within(&lower, "ext4", test) else {
        return;
    };
    std::fs::write(upper.path().join("dirty"), vec![1; 1 << 20]).unwrap();
    let plan = Plan {
        deadline: 4 * LIMIT,
        ..Plan::new(vec![lower.plan_entry(1), upper.plan_entry(0)], vec![])
    };
    let mut daemon = Daemon::start(&plan, "daemon");
    let keeper = daemon.keeper_pid;
    daemon.order("freeze");
    let writer = std::iter::repeat_with(|| Writer::start(&lower.path()))
        .find(|writer| !writer.is_done_within(BLOCKED))
        .unwrap();
    wait_until("a freeze that hangs", || {
        thread_states(keeper).contains('D')
    });
    send(keeper, Signal::STOP);
    daemon.kill();
    send(keeper, Signal::KILL);
    assert!(is_alive(keeper));

    let leftovers = let_go(&plan.file_systems, &[]);
    assert_eq!(leftovers[0].state, LeftoverState::Released);
    assert!(writer.is_done_within(LIMIT));
    lower.assert_writable("the lower one");
    upper.assert_writable("the upper one");
    wait_for_death(keeper);
    upper.assert_writable("the upper one, later");
    for leftover in let_go(&plan.file_systems, &[]) {
        assert_eq!(leftover.state, LeftoverState::NotHeld);
    }
}

/// The keeper without its client: what comes in is not trusted.
#[test]
fn rubbish_ends_it() {
    let Some(mounted) = Mounted::new("ext4", "rubbish_ends_it") else {
        return;
    };
    let plan = serde_json::to_string(&plan(&mounted)).unwrap();
    let long = "[".repeat(1 << 20);
    let cases = [
        (String::new(), "Refused"),
        ("\n".to_owned(), "Refused"),
        ("{\"deadline\":1}\n".to_owned(), "Refused"),
        (format!("{long}\n"), "Refused"),
        (format!("{plan}\n\"Freeze\"\n\"Melt\"\n"), "Protocol"),
        (format!("{plan}\n\"Freeze\"\n{long}\n"), "Protocol"),
        (format!("{plan}\n\"Suspend\"\n"), "Protocol"),
        (format!("{plan}\n\"Freeze\"\n"), "ClientGone"),
    ];
    for (input, expected) in cases {
        let mut child = Command::new(program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end before it has read all.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(expected), "{said}");
        assert_eq!(output.status.success(), expected != "Refused");
        mounted.assert_writable(expected);
    }
}

#[test]
fn another_file_system_is_refused() {
    let Some(mounted) = Mounted::new("ext4", "another_file_system_is_refused") else {
        return;
    };
    let mut wrong = plan(&mounted);
    wrong.file_systems[0].mount_point = PathBuf::from("/");
    let error = Keeper::start(program(), &wrong).unwrap_err();
    assert!(
        matches!(error, KeeperError::Open(OpenError::OtherFileSystem { .. })),
        "{error}"
    );
    let mut twice = plan(&mounted);
    twice.file_systems.push(mounted.plan_entry(1));
    let error = Keeper::start(program(), &twice).unwrap_err();
    assert!(matches!(error, KeeperError::Refused { .. }), "{error}");
}

#[test]
fn leftovers_are_found_at_other_mounts_and_known_to_be_gone() {
    let test = "leftovers_are_found_at_other_mounts_and_known_to_be_gone";
    let Some(mounted) = Mounted::new("ext4", test) else {
        return;
    };
    let mut entry = mounted.plan_entry(0);
    freeze::freeze(&mounted.open()).unwrap();
    entry.mount_point = PathBuf::from("/nonexistent/openvss");
    let state = |entry: &vss_keeper::FileSystem| {
        let leftovers = let_go(std::slice::from_ref(entry), &[]);
        leftovers.into_iter().next().unwrap().state
    };
    assert_eq!(state(&entry), LeftoverState::Released);
    assert_eq!(state(&entry), LeftoverState::NotHeld);
    // Kept open, so that no other test gets the device's number.
    let (_, minor) = entry.device;
    let _device = std::fs::File::open(format!("/dev/loop{minor}")).unwrap();
    ran(Command::new("umount").arg(mounted.path())).unwrap();
    assert_eq!(state(&entry), LeftoverState::Gone);
}

/// Who dies.
const VICTIMS: [&str; 4] = ["keeper", "daemon", "both", "keeper by SIGTERM"];

/// Kills, then asserts that the file system is writable and the keeper gone.
fn kill_and_check(daemon: &mut Daemon, victim: &str, mounted: &Mounted, what: &str) {
    let keeper = daemon.keeper_pid;
    match victim {
        "keeper" => send(keeper, Signal::KILL),
        "daemon" => daemon.kill(),
        "both" => {
            // Stopped first, so that neither acts on the other's death.
            send(keeper, Signal::STOP);
            daemon.kill();
            send(keeper, Signal::KILL);
            for leftover in let_go(&[mounted.plan_entry(0)], &[]) {
                assert!(!leftover.may_be_held(), "{what}: {leftover:?}");
            }
        }
        _ => send(keeper, Signal::TERM),
    }
    // Its last thread may yet complete a freeze.
    wait_for_death(keeper);
    mounted.assert_writable(what);
    for leftover in let_go(&[mounted.plan_entry(0)], &[]) {
        assert_eq!(leftover.state, LeftoverState::NotHeld, "{what}");
    }
}

#[test]
fn killed_after_each_step_nothing_stays_frozen() {
    let steps = ["flush", "freeze", "suspend", "release"];
    for kind in KINDS {
        let Some(mounted) = Mounted::new(kind, "killed_after_each_step_nothing_stays_frozen")
        else {
            continue;
        };
        for victim in VICTIMS {
            for done in 0..=steps.len() {
                let what = format!("{kind}: {victim} killed after {:?}", &steps[..done]);
                let mut daemon = Daemon::start(&plan(&mounted), "daemon");
                for step in &steps[..done] {
                    daemon.step(step);
                }
                let writer = Writer::start(&mounted.path());
                let is_frozen = done == 2 || done == 3;
                assert_eq!(writer.is_done_within(BLOCKED), !is_frozen, "{what}");
                kill_and_check(&mut daemon, victim, &mounted, &what);
                assert!(writer.is_done_within(LIMIT) || !is_frozen, "{what}");
            }
        }
    }
}

/// As above, with the blow while a step is under way; the delays spread it over the step.
#[test]
fn killed_within_a_step_nothing_stays_frozen() {
    const ROUNDS: u32 = 24;
    for kind in KINDS {
        let Some(mounted) = Mounted::new(kind, "killed_within_a_step_nothing_stays_frozen") else {
            continue;
        };
        for round in 0..ROUNDS {
            for victim in &VICTIMS[..3] {
                let what = format!("{kind}: {victim} killed, round {round}");
                let mut daemon = Daemon::start(&plan(&mounted), "daemon");
                std::fs::write(mounted.path().join("dirty"), vec![1; 4 << 20]).unwrap();
                for step in ["freeze", "suspend", "release"] {
                    daemon.order(step);
                }
                let until = Instant::now() + Duration::from_micros(250) * round;
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                kill_and_check(&mut daemon, victim, &mounted, &what);
            }
        }
    }
}
