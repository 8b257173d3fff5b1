//! The process's inside with things that hang and panic at will.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Crew, serve};
use crate::machine::{Event, Rank};
use crate::message::{End, Message, Outcome, Reason, Request};
use crate::thing::Thing;

/// No wait of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// Something to hold; its attempt waits for the gate, if it has one.
#[derive(Clone, Default)]
struct Fake {
    is_held: Arc<AtomicBool>,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
    panics: bool,
}

impl Thing for Fake {
    fn flush(&self) -> Option<String> {
        None
    }

    fn take(&self) -> Outcome {
        if let Some(gate) = &self.gate {
            let gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = gate.recv_timeout(LIMIT);
        }
        self.is_held.store(true, Ordering::SeqCst);
        assert!(!self.panics, "as the test wants it");
        Outcome::Held { micros: 1 }
    }

    fn leave(&self) -> End {
        if self.is_held.swap(false, Ordering::SeqCst) {
            End::Released
        } else {
            End::Lost
        }
    }
}

impl Fake {
    fn hanging() -> (Self, Sender<()>) {
        let (open, gate) = channel();
        let fake = Self {
            gate: Some(Arc::new(Mutex::new(gate))),
            ..Self::default()
        };
        (fake, open)
    }

    fn wait_until(&self, held: bool) {
        let until = Instant::now() + LIMIT;
        while self.is_held.load(Ordering::SeqCst) != held {
            assert!(Instant::now() < until, "not held: {held}");
            std::thread::yield_now();
        }
    }
}

struct Running {
    events: Sender<Event>,
    said: Receiver<Message>,
    thread: JoinHandle<bool>,
}

/// Serves the things, each a file system of level 0; panics in the main loop at a message for
/// which `panic_at` says so.
fn start(things: &[Fake], deadline: Duration, panic_at: fn(&Message) -> bool) -> Running {
    let (events, inbox) = channel();
    let (sender, said) = channel();
    let things = things.iter().cloned();
    let things = things.map(|fake| (Rank::FileSystem(0), fake)).collect();
    let crew = Crew::hire(things, &events).unwrap();
    let thread = std::thread::spawn(move || {
        serve(deadline, crew, &inbox, |message| {
            assert!(!panic_at(message), "as the test wants it");
            let _ = sender.send(message.clone());
        })
    });
    Running {
        events,
        said,
        thread,
    }
}

impl Running {
    fn ask(&self, request: Request) {
        self.events.send(Event::Asked(request)).unwrap();
    }

    fn wait_for(&self, wanted: fn(&Message) -> bool) -> Message {
        loop {
            let message = self.said.recv_timeout(LIMIT).unwrap();
            if wanted(&message) {
                return message;
            }
        }
    }
}

const NEVER: fn(&Message) -> bool = |_| false;
const FROZEN: fn(&Message) -> bool = |message| *message == Message::Frozen;
const LET_GO: fn(&Message) -> bool = |message| matches!(message, Message::LetGo(_));

#[test]
fn the_deadline_frees_the_others_of_one_that_hangs() {
    let (hanging, open) = Fake::hanging();
    let other = Fake::default();
    let things = [hanging.clone(), other.clone()];
    let running = start(&things, Duration::from_millis(50), NEVER);
    running.ask(Request::Freeze);
    let Message::LetGo(release) = running.wait_for(LET_GO) else {
        unreachable!("the wait is for this message");
    };
    assert_eq!(release.reason, Reason::Deadline);
    assert_eq!(release.file_systems[0].end, End::Stuck);
    assert_eq!(release.file_systems[1].end, End::Released);
    other.wait_until(false);
    assert!(!running.thread.is_finished());

    // What comes late is let go of at once, and only then does the keeper end.
    open.send(()).unwrap();
    assert!(running.thread.join().unwrap());
    assert!(!hanging.is_held.load(Ordering::SeqCst));
}

#[test]
fn a_panic_of_the_main_loop_lets_go() {
    let things = [Fake::default(), Fake::default()];
    let running = start(&things, LIMIT, FROZEN);
    running.ask(Request::Freeze);
    assert!(!running.thread.join().unwrap());
    for fake in &things {
        assert!(!fake.is_held.load(Ordering::SeqCst));
    }
}

#[test]
fn a_panic_of_a_worker_lets_go() {
    let panicking = Fake {
        panics: true,
        ..Fake::default()
    };
    let things = [Fake::default(), panicking];
    let running = start(&things, LIMIT, NEVER);
    running.ask(Request::Freeze);
    let Message::LetGo(release) = running.wait_for(LET_GO) else {
        unreachable!("the wait is for this message");
    };
    assert_eq!(release.reason, Reason::Failed);
    assert!(running.thread.join().unwrap());
    for fake in &things {
        assert!(!fake.is_held.load(Ordering::SeqCst));
    }
}

/// The control of the tests above: without an end, things stay held.
#[test]
fn held_until_told() {
    let fake = Fake::default();
    let running = start(std::slice::from_ref(&fake), LIMIT, NEVER);
    running.ask(Request::Freeze);
    running.wait_for(FROZEN);
    fake.wait_until(true);
    running
        .events
        .send(Event::Stop(Reason::ClientGone))
        .unwrap();
    running.wait_for(LET_GO);
    assert!(running.thread.join().unwrap());
    assert!(!fake.is_held.load(Ordering::SeqCst));
}
