//! An operation to be cut off, with the state folder before it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::judge::{self, Depth, Verdict};
use crate::power::{Count, Recording, Step};
use crate::service::{self, Command, Service};
use crate::shim::{Mode, Rig, Run};
use crate::tree::Tree;
use crate::view::View;
use crate::{Failure, Outcome, fail, log};

/// The operations that are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Making a set.
    Create,
    /// Breaking one, with these flags; with the originals masked or not.
    Break(u32, Originals),
    /// Deleting one.
    Delete,
    /// Taking back a break that reverted all identities.
    Undo,
}

/// Whether the host sees the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Originals {
    /// It does.
    Present,
    /// It does not.
    Masked,
}

/// An operation, prepared and once carried out.
pub struct Scenario {
    folder: TempDir,
    state: PathBuf,
    rig: Rig,
    /// What is run.
    pub command: Command,
    /// The state folder before it.
    pub before: View,
    /// The state folder after an uninterrupted run.
    pub after: View,
    base: Tree,
    recording: Recording,
}

/// A folder in memory where there is one: nothing here needs a disk.
fn workshop() -> Outcome<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)?
    } else {
        TempDir::new()?
    };
    Ok(folder)
}

impl Scenario {
    /// Prepares a state folder, records one uninterrupted run, and proves that the record is whole:
    /// replayed, it gives the folder that the run left, byte for byte.
    ///
    /// # Errors
    /// The operation failed, or the record does not tell all.
    pub fn new(rig: &Rig, operation: Operation) -> Outcome<Self> {
        let folder = workshop()?;
        let state = folder.path().canonicalize()?.join("state");
        std::fs::create_dir(&state)?;
        let command = prepare(&state, operation)?;
        Self::of(rig, folder, state, command)
    }

    /// Records the recovery from a state that a crash left, to be cut off in its turn.
    ///
    /// # Errors
    /// Recovery failed, or the record does not tell all.
    pub fn recovery(&self, crashed: &Tree) -> Outcome<Recording> {
        judge::clear(self.state())?;
        crashed.store(self.state())?;
        Ok(record(
            &self.rig,
            self.state(),
            self.folder.path(),
            &Command::Recover,
        )?
        .1)
    }

    fn of(rig: &Rig, folder: TempDir, state: PathBuf, command: Command) -> Outcome<Self> {
        let before = View::read(&state)?;
        let (base, recording) = record(rig, &state, folder.path(), &command)?;
        let after = View::read(&state)?;
        for (view, when) in [(&before, "before"), (&after, "after")] {
            if let Some(first) = view.violations().first() {
                return fail(format!("{when} the uninterrupted run: {first}"));
            }
        }
        if before.world.difference(&after.world).is_none() {
            return fail("the uninterrupted run changed nothing");
        }
        Ok(Self {
            folder,
            state,
            rig: rig.clone(),
            command,
            before,
            after,
            base,
            recording,
        })
    }

    /// The state folder. It is always at this path: the records hold paths.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The state folder before the operation, file by file.
    #[must_use]
    pub const fn base(&self) -> &Tree {
        &self.base
    }

    /// The record of the uninterrupted run.
    #[must_use]
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// True for the name of an original LUN.
    #[must_use]
    pub fn is_original(&self, name: &str) -> bool {
        service::originals().any(|original| original == name)
    }

    /// Puts the state folder back to before the operation.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reset(&self) -> Outcome {
        judge::clear(self.state())?;
        self.base.store(self.state())
    }

    /// Runs the operation on the state folder as it is.
    ///
    /// # Errors
    /// As [`Rig::run`].
    pub fn run(&self, mode: &Mode) -> Outcome<Run> {
        self.rig.run(self.state(), &self.command, mode)
    }

    /// Cuts the power at every call of the recorded run and judges what the recovery makes of it.
    /// Gives what was tried, and how many states came to rest before and after.
    ///
    /// # Errors
    /// The violations, with the stories of some.
    pub fn cut_everywhere(&self, plan: &Plan<'_>) -> Outcome<Tally> {
        self.cut(&self.recording, plan)
    }

    /// The same for another recording of this scenario: that of a recovery.
    ///
    /// # Errors
    /// As [`Scenario::cut_everywhere`].
    pub fn cut(&self, recording: &Recording, plan: &Plan<'_>) -> Outcome<Tally> {
        let mut tally = Tally::default();
        let mut number = 0_usize;
        let mut violations = Vec::new();
        let count = recording.cuts(plan.rounds, plan.ignore, &mut |remains| {
            number += 1;
            let depth = Depth {
                twice: number.is_multiple_of(plan.sample),
                further: number.is_multiple_of(plan.sample),
            };
            let judged = judge::before_recovery(self, &remains.tree)
                .and_then(|()| {
                    judge::clear(self.state())?;
                    remains.tree.store(self.state())
                })
                .and_then(|()| judge::recover(self, remains.reported && plan.promise, true, depth));
            match judged {
                Ok(Verdict::Before) => tally.before += 1,
                Ok(Verdict::After) => tally.after += 1,
                Err(failure) => violations.push(format!("{failure}\n  {}", remains.story)),
            }
            if violations.len() < ENOUGH {
                Ok(())
            } else {
                fail("enough was found")
            }
        });
        match violations.as_slice() {
            [] => {
                tally.count = count?;
                Ok(tally)
            }
            some => fail(format!(
                "{} of the first {number} states are violations, such as:\n{}",
                some.len(),
                some.get(..some.len().min(3)).unwrap_or_default().join("\n")
            )),
        }
    }
}

/// Violations after which no more are looked for.
const ENOUGH: usize = 8;

/// How a recording is cut.
pub struct Plan<'a> {
    /// Random states at each moment.
    pub rounds: usize,
    /// Syncs that the model does not hear.
    pub ignore: &'a dyn Fn(&Step) -> bool,
    /// Whether reported success promises the state after the operation; that of a recovery does not.
    pub promise: bool,
    /// Every how many states are looked at in full depth.
    pub sample: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// What was tried.
    pub count: Count,
    /// States that came to rest as before the operation.
    pub before: usize,
    /// States that came to rest as after it.
    pub after: usize,
}

/// Runs a command under the recording shim and checks the record against what it left.
fn record(rig: &Rig, state: &Path, folder: &Path, command: &Command) -> Outcome<(Tree, Recording)> {
    let (base, inodes) = Tree::scan(state)?;
    let log = folder.join("log");
    let run = rig.run(state, command, &Mode::Record(log.clone()))?;
    if !run.reported_success() {
        return fail(format!("the uninterrupted run failed: {}", run.line));
    }
    let recording = Recording::new(base.clone(), inodes, log::read(&log)?)?;
    let (left, _) = Tree::scan(state)?;
    match recording.end().difference(&left) {
        None => Ok((base, recording)),
        Some(how) => Err(Failure(format!(
            "the record does not tell all; replayed and real: {how}"
        ))),
    }
}

/// Makes the state folder before an operation, and says how to run that.
fn prepare(state: &Path, operation: Operation) -> Outcome<Command> {
    let service = Service::open(state)?;
    Command::Init.run(&service, state)??;
    if operation == Operation::Create {
        return Ok(Command::Create);
    }
    let set = service.create()?;
    let mask = |service: &Service| service::originals().try_for_each(|name| service.mask(name));
    Ok(match operation {
        Operation::Create => Command::Create,
        Operation::Delete => Command::Delete(set),
        Operation::Break(flags, originals) => {
            if originals == Originals::Masked {
                mask(&service)?;
            }
            Command::Break(set, flags)
        }
        Operation::Undo => {
            mask(&service)?;
            Command::Undo(service.break_set(set, 0x6)?)
        }
    })
}
