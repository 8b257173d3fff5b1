//! The client's side of a keeper.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::error::{KeeperError, Step};
use crate::let_go::{Leftover, Named, let_go_of};
use crate::machine::Rank;
use crate::message::{End, Message, Outcome, Release, Request};
use crate::plan::Plan;
use crate::thing::{Open, open_all};

/// How long the keeper may take to open everything.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long after the deadline the keeper may be silent before it is killed.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a drop waits for the end of what is held.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// A running keeper, used step by step: [`Self::flush`], [`Self::freeze`], [`Self::suspend`], the
/// caller's own work, [`Self::release`].
///
/// Dropping it lets go of everything. Should the keeper die, this process lets go in its place at
/// once, whatever the caller is doing.
#[derive(Debug)]
pub struct Keeper {
    requests: Option<ChildStdin>,
    news: Receiver<News>,
    watch: Sender<Seen>,
    pid: u32,
    shortcomings: Vec<String>,
    outcomes: Vec<Option<Outcome>>,
    systems: usize,
    end: Option<Over>,
}

#[derive(Debug, Clone)]
enum Over {
    Released(Release),
    Died(Vec<Leftover>),
}

/// From the watcher to the caller.
#[derive(Debug)]
enum News {
    Message(Message),
    Died(Vec<Leftover>),
}

impl Keeper {
    /// Starts the keeper `program` (see [`crate::program()`]) and has it open all of the plan.
    /// Nothing is held yet.
    ///
    /// # Errors
    /// [`KeeperError`].
    pub fn start(program: &Path, plan: &Plan) -> Result<Self, KeeperError> {
        let open = open_all(plan).map_err(KeeperError::Open)?;
        let failed = |source| KeeperError::Start {
            program: program.to_owned(),
            source,
        };
        let mut plan_line = serde_json::to_vec(plan).map_err(|error| failed(error.into()))?;
        plan_line.push(b'\n');
        let mut child = Command::new(program)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let pid = child.id();
        let (requests, reports) = (child.stdin.take(), child.stdout.take());
        let (watch, seen) = channel();
        let (news_sender, news) = channel();
        let watcher = Watcher {
            child,
            things: name_all(plan, open),
            outcomes: vec![None; plan.file_systems.len() + plan.devices.len()],
            limit: plan.deadline.saturating_add(SILENCE),
            silent_at: Some(Instant::now() + START_LIMIT),
            are_systems_tried: false,
            are_devices_tried: false,
            release: None,
            is_told: false,
            news: news_sender,
        };
        let mut keeper = Self {
            requests,
            news,
            watch: watch.clone(),
            pid,
            shortcomings: Vec::new(),
            outcomes: vec![None; watcher.outcomes.len()],
            systems: plan.file_systems.len(),
            end: None,
        };
        // From here on the watcher owns the child and ends it when `requests` closes.
        std::thread::Builder::new()
            .name("keeper-watch".to_owned())
            .spawn(move || watcher.watch(&seen))
            .map_err(failed)?;
        if let Some(reports) = reports {
            std::thread::Builder::new()
                .name("keeper-reports".to_owned())
                .spawn(move || read_reports(reports, &watch))
                .map_err(failed)?;
        }
        keeper.write(&plan_line);
        let ready = keeper.wait(Step::Start, |message| match message {
            Message::Ready { shortcomings } => Some(Ok(shortcomings)),
            Message::Refused { reason } => Some(Err(reason)),
            _ => None,
        })?;
        match ready {
            Ok(shortcomings) => keeper.shortcomings = shortcomings,
            Err(reason) => return Err(KeeperError::Refused { reason }),
        }
        Ok(keeper)
    }

    /// The keeper's process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// What the keeper could not have of its protection (locked memory, exemption from the
    /// out-of-memory killer), for the log.
    #[must_use]
    pub fn shortcomings(&self) -> &[String] {
        &self.shortcomings
    }

    /// Writes what is dirty in all file systems, side by side, while writers go on: what the freeze
    /// then has left to write is little. Takes as long as the storage takes. Gives, for each file
    /// system of the plan, the reason where it failed.
    ///
    /// # Errors
    /// [`KeeperError::LetGo`], [`KeeperError::Died`].
    pub fn flush(&mut self) -> Result<Vec<Option<String>>, KeeperError> {
        self.ask(Request::Flush);
        self.wait(Step::Flush, |message| match message {
            Message::Flushed { errors } => Some(errors),
            _ => None,
        })
    }

    /// Freezes all file systems; the deadline runs from here on. Gives the outcome of each, in the
    /// plan's order: [`Outcome::Held`], [`Outcome::Unsupported`] or [`Outcome::AlreadyHeld`].
    ///
    /// # Errors
    /// [`KeeperError::LetGo`] where one failed or the deadline passed, [`KeeperError::Died`].
    pub fn freeze(&mut self) -> Result<Vec<Outcome>, KeeperError> {
        self.ask(Request::Freeze);
        self.wait(Step::Freeze, |message| {
            (message == Message::Frozen).then_some(())
        })?;
        Ok(outcomes(&self.outcomes[..self.systems]))
    }

    /// Suspends all devices, side by side, after [`Self::freeze`]. Gives the outcome of each, in the
    /// plan's order: [`Outcome::Held`].
    ///
    /// # Errors
    /// [`KeeperError::LetGo`] where one failed or is suspended by somebody else, or the deadline
    /// passed; [`KeeperError::Died`].
    pub fn suspend(&mut self) -> Result<Vec<Outcome>, KeeperError> {
        self.ask(Request::Suspend);
        self.wait(Step::Suspend, |message| {
            (message == Message::Suspended).then_some(())
        })?;
        Ok(outcomes(&self.outcomes[self.systems..]))
    }

    /// Resumes all devices, then thaws all file systems. The report says whether they were held
    /// until now ([`Release::is_whole`]): the deadline may have passed before.
    ///
    /// # Errors
    /// [`KeeperError::Died`].
    pub fn release(mut self) -> Result<Release, KeeperError> {
        self.ask(Request::Release);
        match self.wait::<()>(Step::Release, |_| None) {
            Err(KeeperError::LetGo { release, .. }) => Ok(*release),
            Err(error) => Err(error),
            // The closure takes no message for an answer.
            Ok(()) => Err(KeeperError::Died {
                step: Step::Release,
                leftovers: Vec::new(),
            }),
        }
    }

    fn ask(&mut self, request: Request) {
        // The watcher first: it must know what may be held before the keeper can hold it.
        let _ = self.watch.send(Seen::Asked(request));
        if let Ok(mut line) = serde_json::to_vec(&request) {
            line.push(b'\n');
            self.write(&line);
        }
    }

    /// A failure means that the keeper is gone, which the watcher tells in a better way.
    fn write(&mut self, line: &[u8]) {
        if let Some(requests) = &mut self.requests {
            let _ = requests.write_all(line);
        }
    }

    /// Waits for the message that answers.
    fn wait<T>(
        &mut self,
        step: Step,
        answer: impl Fn(Message) -> Option<T>,
    ) -> Result<T, KeeperError> {
        loop {
            match &self.end {
                Some(Over::Released(release)) => {
                    return Err(KeeperError::LetGo {
                        step,
                        release: Box::new(release.clone()),
                    });
                }
                Some(Over::Died(leftovers)) => {
                    return Err(KeeperError::Died {
                        step,
                        leftovers: leftovers.clone(),
                    });
                }
                None => {}
            }
            match self.news.recv() {
                Ok(News::Message(Message::Item { index, outcome })) => {
                    if let Some(slot) = self.outcomes.get_mut(index) {
                        *slot = Some(outcome);
                    }
                }
                Ok(News::Message(Message::LetGo(release))) => {
                    self.end = Some(Over::Released(release));
                }
                Ok(News::Message(message)) => {
                    if let Some(answer) = answer(message) {
                        return Ok(answer);
                    }
                }
                Ok(News::Died(leftovers)) => self.end = Some(Over::Died(leftovers)),
                Err(_) => self.end = Some(Over::Died(Vec::new())),
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The keeper lets go when its input ends; or dies, and the watcher does.
        self.requests = None;
        let until = Instant::now() + DROP_LIMIT;
        while self.end.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(News::Message(Message::LetGo(_) | Message::Refused { .. }) | News::Died(_))
                | Err(_) => return,
                Ok(News::Message(_)) => {}
            }
        }
    }
}

fn outcomes(outcomes: &[Option<Outcome>]) -> Vec<Outcome> {
    let missing = || Outcome::Failed {
        reason: "the keeper did not tell".to_owned(),
    };
    outcomes
        .iter()
        .map(|outcome| outcome.clone().unwrap_or_else(missing))
        .collect()
}

fn name_all(plan: &Plan, open: Vec<(Rank, Open)>) -> Vec<(Rank, Named, Open)> {
    let systems = plan.file_systems.iter().cloned().map(Named::FileSystem);
    let devices = plan.devices.iter().cloned().map(Named::Device);
    let named = systems.chain(devices).zip(open);
    named
        .map(|(name, (rank, open))| (rank, name, open))
        .collect()
}

fn read_reports(reports: ChildStdout, watch: &Sender<Seen>) {
    for line in BufReader::new(reports).lines() {
        let Ok(line) = line else { break };
        if watch.send(Seen::Line(line)).is_err() {
            return;
        }
    }
    let _ = watch.send(Seen::End);
}

/// What the watcher learns.
#[derive(Debug)]
enum Seen {
    /// The caller is about to ask.
    Asked(Request),
    Line(String),
    /// The keeper's output ended. As the kernel closes it only with the keeper's last thread, no
    /// attempt to hold anything is under way any more.
    End,
}

/// Waits for the keeper's death, and lets go in its place.
struct Watcher {
    child: Child,
    things: Vec<(Rank, Named, Open)>,
    outcomes: Vec<Option<Outcome>>,
    limit: Duration,
    silent_at: Option<Instant>,
    are_systems_tried: bool,
    are_devices_tried: bool,
    release: Option<Release>,
    is_told: bool,
    news: Sender<News>,
}

impl Watcher {
    fn watch(mut self, seen: &Receiver<Seen>) {
        loop {
            let received = match self.silent_at {
                Some(at) => seen.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => seen.recv().map_err(RecvTimeoutError::from),
            };
            match received {
                Ok(Seen::Asked(request)) => self.asked(request),
                Ok(Seen::Line(line)) => match serde_json::from_str(&line) {
                    Ok(message) => self.heard(message),
                    // Not our keeper, or one out of its mind.
                    Err(_) => self.kill(),
                },
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    // Its output may not end as long as one of its threads hangs in the kernel.
                    self.let_go();
                }
                Ok(Seen::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.let_go();
        // Nothing but a whole keeper that is about to exit, or a dead one.
        let _ = self.child.wait();
    }

    fn asked(&mut self, request: Request) {
        match request {
            Request::Freeze if !self.are_systems_tried => {
                self.are_systems_tried = true;
                self.silent_at = Some(Instant::now() + self.limit);
            }
            Request::Suspend => self.are_devices_tried = true,
            _ => {}
        }
    }

    fn heard(&mut self, message: Message) {
        match &message {
            Message::Ready { .. } => self.silent_at = None,
            Message::Item { index, outcome } => {
                if let Some(slot) = self.outcomes.get_mut(*index) {
                    *slot = Some(outcome.clone());
                }
            }
            Message::LetGo(release) => {
                self.silent_at = None;
                self.release = Some(release.clone());
                self.is_told = true;
            }
            Message::Refused { .. } => self.is_told = true,
            _ => {}
        }
        let _ = self.news.send(News::Message(message));
    }

    fn kill(&mut self) {
        self.silent_at = None;
        let _ = self.child.kill();
    }

    /// Lets go of what the keeper may hold, and tells the caller unless they know of the end.
    fn let_go(&mut self) {
        let mut ends = None;
        if let Some(release) = &self.release {
            let all = release.file_systems.iter().chain(&release.devices);
            ends = Some(all.map(|held| held.end.clone()).collect::<Vec<_>>());
        }
        let mut held = Vec::new();
        for (index, (rank, name, open)) in self.things.iter().enumerate() {
            let is_held = match &ends {
                // The keeper outlives what is stuck, unless it was killed.
                Some(ends) => matches!(ends.get(index), Some(End::Stuck | End::Failed { .. })),
                None => {
                    let is_tried = match rank {
                        Rank::Device => self.are_devices_tried,
                        Rank::FileSystem(_) => self.are_systems_tried,
                    };
                    let outcome = self.outcomes.get(index).and_then(Option::as_ref);
                    // Without a word of the keeper it may be ours.
                    is_tried && matches!(outcome, None | Some(Outcome::Held { .. }))
                }
            };
            if is_held {
                held.push((*rank, name.clone(), open.clone()));
            }
        }
        let leftovers = let_go_of(held);
        if !self.is_told {
            self.is_told = true;
            let _ = self.news.send(News::Died(leftovers));
        }
    }
}
