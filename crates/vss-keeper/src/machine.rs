//! What the keeper does next: events in, actions out; no clock, no kernel.

use std::time::Duration;

use crate::message::{End, Held, Message, Outcome, Reason, Release, Request};

/// How long letting go of one rank may take before the next is let go of as well.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// The order of letting go: devices, then the file systems from the lowest to the topmost. Holding
/// takes the opposite order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Device,
    FileSystem(u32),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The client asked.
    Asked(Request),
    /// An item was flushed.
    Flushed { index: usize, error: Option<String> },
    /// An attempt to hold an item ended.
    Taken { index: usize, outcome: Outcome },
    /// An attempt to let go of an item ended.
    Left { index: usize, end: End },
    /// Something ends the keeper's work.
    Stop(Reason),
    /// The time of [`Machine::wake_at`] has come.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Flush(usize),
    /// Freeze or suspend.
    Take(usize),
    /// Thaw or resume, as soon as the attempt to take is over.
    Leave(usize),
    Say(Message),
    /// Nothing is held and nothing will be.
    Exit,
}

/// ```text
/// Ready ⇄ Flushing
///   │ Freeze
///   ▼
/// Freezing ──► Frozen ──Suspend──► Suspending ──► Suspended
///   │            │                     │              │
///   └────────────┴──────────┬──────────┴──────────────┘   release, deadline, failure, stop
///                           ▼                             (from Ready and Flushing too)
///                        Leaving ──► Left
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ready,
    Flushing,
    Freezing,
    Frozen,
    Suspending,
    Suspended,
    /// Letting go of one rank, since then.
    Leaving(Rank, Duration),
    /// The report is out; the keeper waits for what is stuck.
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Taking,
    /// Held by us.
    Held,
    /// Not held by us, after an attempt.
    NotOurs,
    /// Told to let go.
    Leaving,
    Over,
}

#[derive(Debug)]
struct Item {
    rank: Rank,
    phase: Phase,
    outcome: Option<Outcome>,
    end: Option<End>,
    flush: Option<Option<String>>,
}

/// The keeper's mind.
#[derive(Debug)]
pub(crate) struct Machine {
    deadline: Duration,
    stage: Stage,
    items: Vec<Item>,
    reason: Reason,
    began: Option<Duration>,
    last_thaw: Option<Duration>,
    first_suspend: Option<Duration>,
    last_resume: Option<Duration>,
    actions: Vec<Action>,
}

impl Machine {
    /// `ranks` has the file systems first, then the devices.
    pub(crate) fn new(deadline: Duration, ranks: &[Rank]) -> Self {
        let items = ranks.iter().map(|&rank| Item {
            rank,
            phase: Phase::Idle,
            outcome: None,
            end: None,
            flush: None,
        });
        Self {
            deadline,
            stage: Stage::Ready,
            items: items.collect(),
            reason: Reason::Asked,
            began: None,
            last_thaw: None,
            first_suspend: None,
            last_resume: None,
            actions: Vec::new(),
        }
    }

    /// When [`Event::Tick`] is due.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        match self.stage {
            Stage::Ready | Stage::Flushing | Stage::Left => None,
            Stage::Leaving(_, since) => Some(since.saturating_add(GRACE)),
            _ => self.began.map(|began| began.saturating_add(self.deadline)),
        }
    }

    /// Takes in what happened at `now`, counted from any fixed point, and says what to do.
    pub(crate) fn step(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Asked(request) => self.asked(now, request),
            Event::Flushed { index, error } => self.flushed(index, error),
            Event::Taken { index, outcome } => self.taken(now, index, outcome),
            Event::Left { index, end } => self.left(now, index, end),
            Event::Stop(reason) => self.let_go(now, reason),
            Event::Tick => self.tick(now),
        }
        std::mem::take(&mut self.actions)
    }

    fn asked(&mut self, now: Duration, request: Request) {
        match (request, self.stage) {
            // Too late: the report of the release that is under way is the answer.
            (_, Stage::Leaving(..) | Stage::Left) => {}
            (Request::Release, _) => self.let_go(now, Reason::Asked),
            (Request::Flush, Stage::Ready) => self.flush(),
            (Request::Freeze, Stage::Ready) => {
                self.began = Some(now);
                self.stage = Stage::Freezing;
                self.take_next();
            }
            (Request::Suspend, Stage::Frozen) => {
                self.stage = Stage::Suspending;
                if self.items.iter().any(|item| item.rank == Rank::Device) {
                    self.first_suspend = Some(now);
                }
                self.take_next();
            }
            _ => self.let_go(now, Reason::Protocol),
        }
    }

    fn flush(&mut self) {
        self.stage = Stage::Flushing;
        for (index, item) in self.items.iter_mut().enumerate() {
            if item.rank != Rank::Device {
                item.flush = None;
                self.actions.push(Action::Flush(index));
            }
        }
        self.settle_flush();
    }

    fn flushed(&mut self, index: usize, error: Option<String>) {
        if let Some(item) = self.items.get_mut(index) {
            item.flush = Some(error);
        }
        self.settle_flush();
    }

    fn settle_flush(&mut self) {
        if self.stage != Stage::Flushing {
            return;
        }
        let systems = self.items.iter().filter(|item| item.rank != Rank::Device);
        if let Some(errors) = systems.map(|item| item.flush.clone()).collect() {
            self.stage = Stage::Ready;
            self.actions.push(Action::Say(Message::Flushed { errors }));
        }
    }

    /// Takes the next rank of those that this stage takes, or says that there is none left.
    fn take_next(&mut self) {
        let (is_ours, done): (fn(Rank) -> bool, _) = match self.stage {
            Stage::Freezing => (|rank| rank != Rank::Device, Stage::Frozen),
            Stage::Suspending => (|rank| rank == Rank::Device, Stage::Suspended),
            _ => return,
        };
        if self.items.iter().any(|item| item.phase == Phase::Taking) {
            return;
        }
        let idle = |item: &Item| item.phase == Phase::Idle && is_ours(item.rank);
        let next = self
            .items
            .iter()
            .filter(|item| idle(item))
            .map(|item| item.rank)
            .max();
        if let Some(rank) = next {
            for (index, item) in self.items.iter_mut().enumerate() {
                if item.rank == rank && item.phase == Phase::Idle {
                    item.phase = Phase::Taking;
                    self.actions.push(Action::Take(index));
                }
            }
        } else {
            self.stage = done;
            let message = if done == Stage::Frozen {
                Message::Frozen
            } else {
                Message::Suspended
            };
            self.actions.push(Action::Say(message));
        }
    }

    fn taken(&mut self, now: Duration, index: usize, outcome: Outcome) {
        let Some(item) = self.items.get_mut(index) else {
            return;
        };
        // A mapped device that somebody else suspended is in the middle of their work.
        let failed = matches!(outcome, Outcome::Failed { .. })
            || (item.rank == Rank::Device && outcome == Outcome::AlreadyHeld);
        let held = matches!(outcome, Outcome::Held { .. });
        item.outcome = Some(outcome.clone());
        // While leaving, the order to let go waits behind the attempt, and is answered next.
        if item.phase == Phase::Taking {
            item.phase = if held { Phase::Held } else { Phase::NotOurs };
        }
        self.actions
            .push(Action::Say(Message::Item { index, outcome }));
        if failed {
            self.let_go(now, Reason::Failed);
        } else {
            self.take_next();
        }
    }

    fn let_go(&mut self, now: Duration, reason: Reason) {
        if matches!(self.stage, Stage::Leaving(..) | Stage::Left) {
            return;
        }
        self.reason = reason;
        for item in &mut self.items {
            if !matches!(item.phase, Phase::Taking | Phase::Held) {
                item.phase = Phase::Over;
                item.end = Some(End::NotHeld);
            }
        }
        self.leave_next(now);
    }

    /// Lets go of the next rank, or reports.
    fn leave_next(&mut self, now: Duration) {
        let held = |item: &Item| matches!(item.phase, Phase::Taking | Phase::Held);
        let next = self
            .items
            .iter()
            .filter(|item| held(item))
            .map(|item| item.rank)
            .min();
        if let Some(rank) = next {
            self.stage = Stage::Leaving(rank, now);
            for (index, item) in self.items.iter_mut().enumerate() {
                if item.rank == rank && held(item) {
                    item.phase = Phase::Leaving;
                    self.actions.push(Action::Leave(index));
                }
            }
        } else {
            self.stage = Stage::Left;
            self.actions
                .push(Action::Say(Message::LetGo(self.release())));
            self.exit_when_over();
        }
    }

    fn left(&mut self, now: Duration, index: usize, end: End) {
        let Some(item) = self.items.get_mut(index) else {
            return;
        };
        let last = match item.rank {
            Rank::Device => &mut self.last_resume,
            Rank::FileSystem(_) => &mut self.last_thaw,
        };
        *last = Some(now);
        item.phase = Phase::Over;
        item.end = Some(end);
        match self.stage {
            Stage::Leaving(rank, _) => {
                let pending = |item: &Item| item.rank == rank && item.phase == Phase::Leaving;
                if !self.items.iter().any(pending) {
                    self.leave_next(now);
                }
            }
            Stage::Left => self.exit_when_over(),
            _ => {}
        }
    }

    fn tick(&mut self, now: Duration) {
        if self.wake_at().is_none_or(|at| now < at) {
            return;
        }
        if matches!(self.stage, Stage::Leaving(..)) {
            // What hangs may hang because of what is still held: on to the next.
            self.leave_next(now);
        } else {
            self.let_go(now, Reason::Deadline);
        }
    }

    fn exit_when_over(&mut self) {
        if self.items.iter().all(|item| item.phase == Phase::Over) {
            self.actions.push(Action::Exit);
        }
    }

    fn release(&self) -> Release {
        let of = |devices: bool| {
            let items = self
                .items
                .iter()
                .filter(move |item| (item.rank == Rank::Device) == devices);
            let held = items.map(|item| Held {
                outcome: item.outcome.clone(),
                end: item.end.clone().unwrap_or(End::Stuck),
            });
            held.collect()
        };
        let span = |from: Option<Duration>, to: Option<Duration>| match (from, to) {
            (Some(from), Some(to)) => {
                u64::try_from(to.saturating_sub(from).as_micros()).unwrap_or(u64::MAX)
            }
            _ => 0,
        };
        Release {
            reason: self.reason,
            file_systems: of(false),
            devices: of(true),
            freeze_micros: span(self.began, self.last_thaw),
            held_micros: span(self.first_suspend, self.last_resume),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
