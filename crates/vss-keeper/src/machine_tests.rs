//! The machine against scripts, and stopped at every point of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Action, Event, GRACE, Machine, Rank};
use crate::message::{End, Message, Outcome, Reason, Release, Request};

const DEADLINE: Duration = Duration::from_secs(10);
/// A file system, two that lie in it, two devices.
const RANKS: [Rank; 5] = [
    Rank::FileSystem(0),
    Rank::FileSystem(1),
    Rank::FileSystem(1),
    Rank::Device,
    Rank::Device,
];

const HELD: Outcome = Outcome::Held { micros: 7 };

fn failed() -> Outcome {
    Outcome::Failed {
        reason: "I/O error".to_owned(),
    }
}

fn taken(index: usize, outcome: Outcome) -> Event {
    Event::Taken { index, outcome }
}

fn left(index: usize) -> Event {
    Event::Left {
        index,
        end: End::Released,
    }
}

fn item(index: usize, outcome: Outcome) -> Action {
    Action::Say(Message::Item { index, outcome })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Reports are compared on their own.
fn without_reports(actions: Vec<Action>) -> (Vec<Action>, Option<Release>) {
    let mut release = None;
    let mut rest = Vec::new();
    for action in actions {
        match action {
            Action::Say(Message::LetGo(report)) => release = Some(report),
            other => rest.push(other),
        }
    }
    (rest, release)
}

/// Runs a script of times, events and expected actions; gives the report.
fn run(machine: &mut Machine, script: Vec<(u64, Event, Vec<Action>)>) -> Option<Release> {
    let mut report = None;
    for (step, (at, event, expected)) in script.into_iter().enumerate() {
        let (actions, release) = without_reports(machine.step(ms(at), event.clone()));
        assert_eq!(actions, expected, "step {step}, {event:?}");
        report = report.or(release);
    }
    report
}

fn frozen() -> Vec<(u64, Event, Vec<Action>)> {
    vec![
        (
            100,
            Event::Asked(Request::Freeze),
            vec![Action::Take(1), Action::Take(2)],
        ),
        (101, taken(2, HELD), vec![item(2, HELD)]),
        (102, taken(1, HELD), vec![item(1, HELD), Action::Take(0)]),
        (
            103,
            taken(0, HELD),
            vec![item(0, HELD), Action::Say(Message::Frozen)],
        ),
    ]
}

fn suspended() -> Vec<(u64, Event, Vec<Action>)> {
    let mut script = frozen();
    script.extend([
        (
            104,
            Event::Asked(Request::Suspend),
            vec![Action::Take(3), Action::Take(4)],
        ),
        (105, taken(3, HELD), vec![item(3, HELD)]),
        (
            106,
            taken(4, HELD),
            vec![item(4, HELD), Action::Say(Message::Suspended)],
        ),
    ]);
    script
}

#[test]
fn all_is_taken_from_the_top_and_left_from_the_bottom() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    let mut script = suspended();
    script.extend([
        (
            110,
            Event::Asked(Request::Release),
            vec![Action::Leave(3), Action::Leave(4)],
        ),
        (111, left(4), vec![]),
        (112, left(3), vec![Action::Leave(0)]),
        (113, left(0), vec![Action::Leave(1), Action::Leave(2)]),
        (114, left(1), vec![]),
        (115, left(2), vec![Action::Exit]),
    ]);
    let release = run(&mut machine, script).unwrap();
    assert!(release.is_whole());
    assert_eq!(
        (release.freeze_micros, release.held_micros),
        (15_000, 8_000)
    );
    assert_eq!((release.file_systems.len(), release.devices.len()), (3, 2));
}

#[test]
fn a_flush_comes_before_and_holds_nothing() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    let flushed = |index, error: Option<&str>| Event::Flushed {
        index,
        error: error.map(str::to_owned),
    };
    let errors = vec![None, Some("no space".to_owned()), None];
    let release = run(
        &mut machine,
        vec![
            (
                0,
                Event::Asked(Request::Flush),
                (0..3).map(Action::Flush).collect(),
            ),
            (1, flushed(1, Some("no space")), vec![]),
            (2, flushed(0, None), vec![]),
            (
                3,
                flushed(2, None),
                vec![Action::Say(Message::Flushed { errors })],
            ),
            (4, Event::Stop(Reason::ClientGone), vec![Action::Exit]),
        ],
    );
    assert_eq!(release.unwrap().reason, Reason::ClientGone);
}

#[test]
fn nothing_to_hold_is_held_at_once() {
    let mut machine = Machine::new(DEADLINE, &[]);
    let flushed = Message::Flushed { errors: vec![] };
    let release = run(
        &mut machine,
        vec![
            (0, Event::Asked(Request::Flush), vec![Action::Say(flushed)]),
            (
                1,
                Event::Asked(Request::Freeze),
                vec![Action::Say(Message::Frozen)],
            ),
            (
                2,
                Event::Asked(Request::Suspend),
                vec![Action::Say(Message::Suspended)],
            ),
            (3, Event::Asked(Request::Release), vec![Action::Exit]),
        ],
    );
    assert!(release.unwrap().is_whole());
}

#[test]
fn what_is_not_ours_is_never_let_go() {
    for outcome in [Outcome::AlreadyHeld, Outcome::Unsupported] {
        let mut machine = Machine::new(DEADLINE, &RANKS[..1]);
        let release = run(
            &mut machine,
            vec![
                (0, Event::Asked(Request::Freeze), vec![Action::Take(0)]),
                (
                    1,
                    taken(0, outcome.clone()),
                    vec![item(0, outcome.clone()), Action::Say(Message::Frozen)],
                ),
                (2, Event::Asked(Request::Release), vec![Action::Exit]),
            ],
        );
        let release = release.unwrap();
        assert!(release.is_whole());
        assert_eq!(release.file_systems[0].outcome, Some(outcome));
        assert_eq!(release.file_systems[0].end, End::NotHeld);
    }
}

#[test]
fn a_failure_lets_go_of_the_others() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    let release = run(
        &mut machine,
        vec![
            (
                0,
                Event::Asked(Request::Freeze),
                vec![Action::Take(1), Action::Take(2)],
            ),
            // The other attempt is still under way: its undo waits behind it.
            (
                1,
                taken(1, failed()),
                vec![item(1, failed()), Action::Leave(2)],
            ),
            (2, taken(2, HELD), vec![item(2, HELD)]),
            (3, left(2), vec![Action::Exit]),
        ],
    );
    let release = release.unwrap();
    assert_eq!(release.reason, Reason::Failed);
    assert!(!release.is_whole());
}

#[test]
fn a_device_suspended_by_others_is_a_failure() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    let mut script = frozen();
    script.extend([
        (
            104,
            Event::Asked(Request::Suspend),
            vec![Action::Take(3), Action::Take(4)],
        ),
        (
            105,
            taken(3, Outcome::AlreadyHeld),
            vec![item(3, Outcome::AlreadyHeld), Action::Leave(4)],
        ),
        (106, taken(4, HELD), vec![item(4, HELD)]),
        (107, left(4), vec![Action::Leave(0)]),
        (108, left(0), vec![Action::Leave(1), Action::Leave(2)]),
        (109, left(1), vec![]),
        (110, left(2), vec![Action::Exit]),
    ]);
    assert_eq!(run(&mut machine, script).unwrap().reason, Reason::Failed);
}

#[test]
fn the_deadline_counts_from_the_first_freeze() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    assert_eq!(machine.wake_at(), None);
    run(&mut machine, suspended());
    assert_eq!(machine.wake_at(), Some(ms(10_100)));
    let release = run(
        &mut machine,
        vec![
            (10_099, Event::Tick, vec![]),
            (
                10_100,
                Event::Tick,
                vec![Action::Leave(3), Action::Leave(4)],
            ),
            // Too late.
            (10_101, Event::Asked(Request::Release), vec![]),
            (10_102, left(3), vec![]),
            (10_103, left(4), vec![Action::Leave(0)]),
            (10_104, left(0), vec![Action::Leave(1), Action::Leave(2)]),
            (10_105, left(1), vec![]),
            (10_106, left(2), vec![Action::Exit]),
        ],
    )
    .unwrap();
    assert!(release.is_expired());
    assert!(!release.is_whole());
}

#[test]
fn what_hangs_does_not_hold_up_the_others() {
    let mut machine = Machine::new(DEADLINE, &RANKS);
    run(&mut machine, frozen());
    let grace = u64::try_from(GRACE.as_millis()).unwrap();
    let release = run(
        &mut machine,
        vec![
            (
                104,
                Event::Asked(Request::Suspend),
                vec![Action::Take(3), Action::Take(4)],
            ),
            (105, taken(4, HELD), vec![item(4, HELD)]),
            (
                10_100,
                Event::Tick,
                vec![Action::Leave(3), Action::Leave(4)],
            ),
            (10_101, left(4), vec![]),
            (10_100 + grace, Event::Tick, vec![Action::Leave(0)]),
            (10_400, left(0), vec![Action::Leave(1), Action::Leave(2)]),
            (10_401, left(1), vec![]),
            (10_402, left(2), vec![]),
        ],
    )
    .unwrap();
    assert_eq!(release.devices[0].end, End::Stuck);
    assert_eq!(release.devices[1].end, End::Released);
    // The keeper stays until the kernel comes back.
    assert_eq!(machine.wake_at(), None);
    run(
        &mut machine,
        vec![
            (99_000, taken(3, HELD), vec![item(3, HELD)]),
            (99_001, left(3), vec![Action::Exit]),
        ],
    );
}

#[test]
fn a_request_out_of_turn_ends_it() {
    for (held, request) in [
        (false, Request::Suspend),
        (true, Request::Freeze),
        (true, Request::Flush),
    ] {
        let mut machine = Machine::new(DEADLINE, &RANKS[..1]);
        if held {
            machine.step(ms(0), Event::Asked(Request::Freeze));
            machine.step(ms(1), taken(0, HELD));
        }
        let mut actions = machine.step(ms(2), Event::Asked(request));
        if held {
            assert_eq!(actions, [Action::Leave(0)]);
            actions = machine.step(ms(3), left(0));
        }
        let (rest, release) = without_reports(actions);
        assert_eq!(rest, [Action::Exit]);
        assert_eq!(release.unwrap().reason, Reason::Protocol);
    }
}

/// Items as a worker treats them: orders in turn, nothing undone that is not held.
#[derive(Default)]
struct World {
    held: [bool; RANKS.len()],
    orders: VecDeque<Action>,
    reports: usize,
    has_exited: bool,
}

impl World {
    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(!self.has_exited, "{action:?} after the exit");
            match action {
                Action::Say(Message::LetGo(_)) => self.reports += 1,
                Action::Say(_) => {}
                Action::Exit => self.has_exited = true,
                order => self.orders.push_back(order),
            }
        }
    }

    fn answer(&mut self, order: &Action) -> Event {
        match *order {
            Action::Flush(index) => Event::Flushed { index, error: None },
            Action::Take(index) => {
                self.held[index] = true;
                taken(index, HELD)
            }
            Action::Leave(index) => {
                let was_held = std::mem::take(&mut self.held[index]);
                Event::Left {
                    index,
                    end: if was_held {
                        End::Released
                    } else {
                        End::NotHeld
                    },
                }
            }
            Action::Say(_) | Action::Exit => unreachable!("not an order"),
        }
    }
}

/// Whatever stops the keeper at whatever point: one report, nothing held at the exit.
#[test]
fn stopped_at_every_point_nothing_stays_held() {
    let stops = [
        Event::Asked(Request::Release),
        Event::Asked(Request::Flush),
        Event::Stop(Reason::ClientGone),
        Event::Stop(Reason::Signal),
        Event::Tick,
    ];
    let requests = [Request::Flush, Request::Freeze, Request::Suspend];
    for stop in &stops {
        // The point is a number of answered orders; orders that wait are answered after the stop.
        for point in 0..=8 {
            let mut machine = Machine::new(DEADLINE, &RANKS);
            let mut world = World::default();
            let mut answered = 0;
            'before: for request in requests {
                world.apply(machine.step(ms(1), Event::Asked(request)));
                while let Some(order) = world.orders.pop_front() {
                    if answered == point {
                        world.orders.push_front(order);
                        break 'before;
                    }
                    answered += 1;
                    let event = world.answer(&order);
                    world.apply(machine.step(ms(2), event));
                }
            }
            let late = ms(20_000);
            world.apply(machine.step(late, stop.clone()));
            // Whatever the stop, the client's death comes at last.
            world.apply(machine.step(late, Event::Stop(Reason::ClientGone)));
            while let Some(order) = world.orders.pop_front() {
                let event = world.answer(&order);
                world.apply(machine.step(late, event));
            }
            assert!(world.has_exited, "{stop:?} at {point}");
            assert_eq!(world.reports, 1, "{stop:?} at {point}");
            assert_eq!(world.held, [false; RANKS.len()], "{stop:?} at {point}");
        }
    }
}
