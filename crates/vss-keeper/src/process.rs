//! The keeper's process: worker threads do what may hang, the main loop never does.

use std::io::{BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::mm::MlockAllFlags;
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::error::chain;
use crate::lock;
use crate::machine::{Action, Event, Machine, Rank};
use crate::message::{End, Message, Outcome, Reason, Request};
use crate::plan::Plan;
use crate::thing::{Thing, open_all};

/// Stack of a thread in bytes; all of it is locked in memory.
const STACK: usize = 256 << 10;

/// The program `vss-keeper`: takes a plan and requests from standard input, reports to standard
/// output, and ends when nothing is held any more.
///
/// It never writes to standard error, which may lie on a file system that it froze.
#[must_use]
pub fn run() -> ExitCode {
    // A panic unwinds, and with that lets go; its message has nowhere to go.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = match Out::new() {
        Ok(out) => out,
        Err(_) => return ExitCode::FAILURE,
    };
    match prepare_and_serve(&mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            out.say(&Message::Refused { reason });
            ExitCode::FAILURE
        }
    }
}

fn prepare_and_serve(out: &mut Out) -> Result<bool, String> {
    // A key pressed in the client's terminal is the client's affair.
    let _ = rustix::process::setsid();
    // What stands here must not keep a file system from being unmounted.
    let _ = std::env::set_current_dir("/");
    let plan = read_plan()?;
    if let Some(double) = double(&plan) {
        return Err(format!("{double} is named twice"));
    }
    let things = open_all(&plan).map_err(|error| chain(&error))?;
    let mut shortcomings = protect();
    // Given back by the kernel, with the last thread.
    let _locks = lock(&plan, &mut shortcomings);
    let (events, inbox) = channel();
    watch_signals(events.clone()).map_err(|error| format!("signals: {error}"))?;
    let crew = Crew::hire(things, &events).map_err(|error| format!("threads: {error}"))?;
    spawn("requests", move || read_requests(&events))
        .map_err(|error| format!("threads: {error}"))?;
    out.say(&Message::Ready { shortcomings });
    Ok(serve(plan.deadline, crew, &inbox, |message| {
        out.say(message)
    }))
}

/// Guards the process against what could keep it from letting go. Says what could not be had.
fn protect() -> Vec<String> {
    let mut shortcomings = Vec::new();
    // Memory must not be won by writing to what is frozen.
    if let Err(errno) = rustix::process::configure_io_flusher_behavior(true) {
        shortcomings.push(format!("not marked as an I/O flusher: {errno}"));
    }
    if let Err(errno) = rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE) {
        shortcomings.push(format!("memory not locked: {errno}"));
    }
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "-1000") {
        shortcomings.push(format!("not exempt from the out-of-memory killer: {error}"));
    }
    shortcomings
}

/// Tells those who let go in a dead keeper's place whether there is one.
fn lock(plan: &Plan, shortcomings: &mut Vec<String>) -> Vec<std::fs::File> {
    let systems = plan.file_systems.iter().map(lock::of_file_system);
    let names = systems.chain(plan.devices.iter().map(lock::of_device));
    let locks = names.filter_map(|name| match lock::hold(&name) {
        Ok(file) => Some(file),
        Err(error) => {
            shortcomings.push(format!("no lock {name}: {error}"));
            None
        }
    });
    locks.collect()
}

fn read_plan() -> Result<Plan, String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| format!("no plan: {error}"))?;
    serde_json::from_str(&line).map_err(|error| format!("no plan: {error}"))
}

/// A device that the plan names twice.
fn double(plan: &Plan) -> Option<String> {
    let systems = plan.file_systems.iter();
    let mut names: Vec<_> = systems
        .map(|system| format!("file system {}:{}", system.device.0, system.device.1))
        .chain(
            plan.devices
                .iter()
                .map(|device| format!("device {}", device.key())),
        )
        .collect();
    names.sort_unstable();
    names
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].clone())
}

fn read_requests(events: &Sender<Event>) {
    for line in std::io::stdin().lock().lines() {
        let request = line
            .ok()
            .and_then(|line| serde_json::from_str::<Request>(&line).ok());
        let event = request.map_or(Event::Stop(Reason::Protocol), Event::Asked);
        if events.send(event).is_err() {
            return;
        }
    }
    let _ = events.send(Event::Stop(Reason::ClientGone));
}

fn watch_signals(events: Sender<Event>) -> std::io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    spawn("signals", move || {
        let mut byte = [0];
        if std::io::Read::read_exact(&mut reader, &mut byte).is_ok() {
            let _ = events.send(Event::Stop(Reason::Signal));
        }
    })?;
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.stack_size(STACK).spawn(work)
}

/// Standard output, which never makes the keeper wait: what does not fit in the pipe is lost.
struct Out {
    pipe: std::fs::File,
}

impl Out {
    fn new() -> std::io::Result<Self> {
        let pipe = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        let flags = rustix::fs::fcntl_getfl(&pipe)?;
        rustix::fs::fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?;
        Ok(Self { pipe })
    }

    fn say(&mut self, message: &Message) {
        // Messages are plain data, which always has a text.
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = self.pipe.write_all(&line);
        }
    }
}

/// Carries the machine's actions out until nothing is held; true when it came to its end without a
/// panic.
fn serve(
    deadline: Duration,
    crew: Crew,
    inbox: &Receiver<Event>,
    mut say: impl FnMut(&Message),
) -> bool {
    let start = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut machine = Machine::new(deadline, &crew.ranks);
        loop {
            let event = next_event(inbox, machine.wake_at(), start);
            for action in machine.step(start.elapsed(), event) {
                match action {
                    Action::Flush(index) => crew.order(index, Order::Flush),
                    Action::Take(index) => crew.order(index, Order::Take),
                    Action::Leave(index) => crew.order(index, Order::Leave),
                    Action::Say(message) => say(&message),
                    Action::Exit => return,
                }
            }
        }
    }));
    if ended.is_err() {
        crew.dismiss();
    }
    ended.is_ok()
}

fn next_event(inbox: &Receiver<Event>, wake_at: Option<Duration>, start: Instant) -> Event {
    let received = match wake_at.map(|at| at.saturating_sub(start.elapsed())) {
        // Due: however many events wait.
        Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
        Some(left) => inbox.recv_timeout(left),
        None => inbox.recv().map_err(RecvTimeoutError::from),
    };
    received.unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Event::Tick,
        // All threads are gone, that of the requests among them.
        RecvTimeoutError::Disconnected => Event::Stop(Reason::ClientGone),
    })
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Flush,
    Take,
    Leave,
}

/// One thread for each thing, so that one which hangs holds up no other.
struct Crew {
    ranks: Vec<Rank>,
    orders: Vec<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    fn hire<T: Thing>(things: Vec<(Rank, T)>, events: &Sender<Event>) -> std::io::Result<Self> {
        let mut crew = Self {
            ranks: Vec::new(),
            orders: Vec::new(),
            threads: Vec::new(),
        };
        for (index, (rank, thing)) in things.into_iter().enumerate() {
            let (orders, inbox) = channel();
            let events = events.clone();
            let thread = spawn("worker", move || work(index, thing, &inbox, &events))?;
            crew.ranks.push(rank);
            crew.orders.push(orders);
            crew.threads.push(thread);
        }
        Ok(crew)
    }

    fn order(&self, index: usize, order: Order) {
        // A worker lives as long as its orders' sender, which is ours.
        if let Some(orders) = self.orders.get(index) {
            let _ = orders.send(order);
        }
    }

    /// Has every worker let go of what it holds, and waits for them.
    fn dismiss(self) {
        drop(self.orders);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn work<T: Thing>(index: usize, thing: T, orders: &Receiver<Order>, events: &Sender<Event>) {
    let mut worker = Worker {
        thing,
        is_held: false,
    };
    for order in orders {
        let event = match order {
            Order::Flush => Event::Flushed {
                index,
                error: worker.thing.flush(),
            },
            Order::Take => Event::Taken {
                index,
                outcome: worker.take(),
            },
            Order::Leave => Event::Left {
                index,
                end: worker.leave(),
            },
        };
        let _ = events.send(event);
    }
    // The main loop gave up; the worker lets go as it is dropped.
}

/// Knows whether it holds its thing, and lets go when dropped.
struct Worker<T: Thing> {
    thing: T,
    is_held: bool,
}

impl<T: Thing> Worker<T> {
    fn take(&mut self) -> Outcome {
        // Held until proved otherwise, should the attempt unwind.
        self.is_held = true;
        let taken = catch_unwind(AssertUnwindSafe(|| self.thing.take()));
        let Ok(outcome) = taken else {
            self.leave();
            return Outcome::Failed {
                reason: "the attempt panicked".to_owned(),
            };
        };
        self.is_held = matches!(outcome, Outcome::Held { .. });
        outcome
    }

    fn leave(&mut self) -> End {
        if !std::mem::take(&mut self.is_held) {
            return End::NotHeld;
        }
        self.thing.leave()
    }
}

impl<T: Thing> Drop for Worker<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
