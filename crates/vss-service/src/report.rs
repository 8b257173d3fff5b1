//! What an operation did: its report, which is also its audit record.

use std::path::PathBuf;
use std::time::Duration;

use disk_identity::{Identity, Patch};
use serde::{Deserialize, Serialize};
use vss_model::{
    BreakFlags, Error, LunInformation, OperationId, ProviderId, ResultCode, SetId, SnapshotId,
    Timestamp,
};

/// The kinds of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// A set was made.
    Create,
    /// A set was broken.
    Break,
    /// Copies were deleted.
    Delete,
    /// Identity changes were taken back.
    Undo,
}

impl OperationKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Break => "break",
            Self::Delete => "delete",
            Self::Undo => "undo",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Create, Self::Break, Self::Delete, Self::Undo]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Something worth telling that happened on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The provider it concerns, if it concerns one.
    pub provider: Option<ProviderId>,
    /// The public name of the method that failed, if one did.
    pub method: Option<String>,
    /// The result code, if there was one.
    pub code: Option<ResultCode>,
    /// What happened.
    pub message: String,
}

impl Event {
    /// An event that no provider call caused.
    #[must_use]
    pub fn plain(message: impl Into<String>) -> Self {
        Self {
            provider: None,
            method: None,
            code: None,
            message: message.into(),
        }
    }
}

/// A step and the time it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    /// What was done.
    pub step: String,
    /// Time in microseconds.
    pub micros: u64,
}

/// One disk of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Name of the LUN.
    pub lun: String,
    /// Name of its original, for a shadow copy's LUN.
    pub original: Option<String>,
    /// Its provider.
    pub provider: ProviderId,
    /// Who it is on the bus.
    pub information: LunInformation,
    /// Where it is; `None` once it is masked.
    pub device: Option<PathBuf>,
    /// What became of its identity, in words.
    pub outcome: String,
    /// Who it was; `None` where nobody looked.
    pub before: Option<Identity>,
    /// Who it is; `None` where nobody looked.
    pub after: Option<Identity>,
    /// What was written; its inverse takes it back.
    pub patch: Patch,
    /// Whether it refused writes before.
    pub read_only_before: Option<bool>,
    /// Whether it refuses writes now.
    pub read_only_after: Option<bool>,
}

/// The record of one finished operation, whether it came to a good end or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The operation.
    pub operation: OperationId,
    /// What kind it was.
    pub kind: OperationKind,
    /// The set it worked on; null for an undo.
    pub set: SetId,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How it ended: `VSS_S_ASYNC_FINISHED`, `VSS_S_ASYNC_CANCELLED` or the failure.
    pub code: ResultCode,
    /// The failure in words, causes included.
    pub error: Option<String>,
    /// What to do about the failure.
    #[serde(default)]
    pub hint: Option<String>,
    /// The copy at which a deletion failed.
    #[serde(default)]
    pub failed_copy: Option<SnapshotId>,
    /// True when a later start finished or undid it.
    pub recovered: bool,
    /// The flags of a break.
    pub flags: Option<BreakFlags>,
    /// The operation that an undo took back.
    pub undone: Option<OperationId>,
    /// The copies it made, broke or deleted.
    pub copies: Vec<SnapshotId>,
    /// Its disks.
    pub disks: Vec<DiskReport>,
    /// What happened on the way.
    pub events: Vec<Event>,
    /// Its steps and their times.
    pub steps: Vec<StepTime>,
}

impl AuditRecord {
    /// A record to be filled.
    #[must_use]
    pub const fn new(
        operation: OperationId,
        kind: OperationKind,
        set: SetId,
        started: Timestamp,
    ) -> Self {
        Self {
            operation,
            kind,
            set,
            started,
            finished: started,
            code: ResultCode::VSS_S_ASYNC_FINISHED,
            error: None,
            hint: None,
            failed_copy: None,
            recovered: false,
            flags: None,
            undone: None,
            copies: Vec::new(),
            disks: Vec::new(),
            events: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Notes something that happened.
    pub fn note(&mut self, message: impl Into<String>) {
        self.events.push(Event::plain(message));
    }

    /// Notes how long a step took.
    pub fn step(&mut self, step: impl Into<String>, time: Duration) {
        self.steps.push(StepTime {
            step: step.into(),
            micros: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        });
    }

    /// Notes the failure that ended the operation.
    pub fn failed(&mut self, error: &Error) {
        self.code = error.code();
        self.error = Some(error.chain());
        self.hint = error.hint().map(str::to_owned);
    }
}
