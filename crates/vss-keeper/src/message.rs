//! What client and keeper say to each other, one JSON text a line, and the reports made of it.

use serde::{Deserialize, Serialize};

/// From the client, after the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    Flush,
    Freeze,
    Suspend,
    Release,
}

/// From the keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Everything is open, nothing is held.
    Ready { shortcomings: Vec<String> },
    /// The plan cannot be kept; the keeper ends.
    Refused { reason: String },
    /// One attempt to hold came to its end. Items are counted through, file systems first.
    Item { index: usize, outcome: Outcome },
    /// All file systems are flushed, with the reasons of those that failed.
    Flushed { errors: Vec<Option<String>> },
    /// Every file system has its outcome.
    Frozen,
    /// Every device has its outcome.
    Suspended,
    /// The end, asked for or not.
    LetGo(Release),
}

/// What came of freezing a file system or suspending a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// It is frozen, or suspended, by the keeper.
    Held {
        /// How long that took, in microseconds.
        micros: u64,
    },
    /// The file system cannot be frozen. It is written to on.
    Unsupported,
    /// Somebody else had frozen, or suspended, it before. They may let go at any time; the keeper
    /// never does.
    AlreadyHeld,
    /// It failed; it is not held.
    Failed {
        /// Why, with its causes.
        reason: String,
    },
}

/// How holding a file system or device ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum End {
    /// The keeper did not hold it.
    NotHeld,
    /// It was held until the keeper let go of it.
    Released,
    /// The keeper wanted to let go of it and found that somebody else had done so before.
    Lost,
    /// It has not been let go of yet, as the kernel has not come back from the attempt to hold it or
    /// to let go. The keeper lives on and lets go when it does.
    Stuck,
    /// Letting go failed; it may still be held.
    Failed {
        /// Why, with its causes.
        reason: String,
    },
}

/// Why the keeper let go of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// The client asked for it.
    Asked,
    /// The deadline passed.
    Deadline,
    /// A file system or device could not be held.
    Failed,
    /// The client is gone.
    ClientGone,
    /// The keeper was told to end (`SIGTERM`, `SIGINT`, `SIGHUP`, `SIGQUIT`).
    Signal,
    /// The client said something that the keeper does not understand, or out of turn.
    Protocol,
}

/// One file system or device in a [`Release`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What came of holding it; `None` where that was not tried, or has not ended.
    pub outcome: Option<Outcome>,
    /// How it ended.
    pub end: End,
}

/// The end of a keeper's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Why the keeper let go.
    pub reason: Reason,
    /// The file systems, in the plan's order.
    pub file_systems: Vec<Held>,
    /// The devices, in the plan's order.
    pub devices: Vec<Held>,
    /// From the first freeze to the last thaw, in microseconds; 0 without a freeze.
    pub freeze_micros: u64,
    /// From the first suspension to the last resume, in microseconds; 0 without a suspension.
    pub held_micros: u64,
}

impl Release {
    /// Whether the deadline passed before the client asked for the release.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.reason == Reason::Deadline
    }

    /// Whether all that the keeper held was held until the client asked for the release. Only then
    /// are copies made in between of one instant.
    ///
    /// File systems that cannot be frozen, or were frozen by somebody else, were not the keeper's
    /// and do not count: see their [`Held::outcome`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.reason == Reason::Asked
            && self
                .file_systems
                .iter()
                .chain(&self.devices)
                .all(|held| match held.outcome {
                    Some(Outcome::Held { .. }) => {
                        matches!(held.end, End::Released | End::Failed { .. })
                    }
                    _ => held.end == End::NotHeld,
                })
    }
}
