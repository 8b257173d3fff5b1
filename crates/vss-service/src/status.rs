//! How the service is.

use std::path::PathBuf;

use vss_model::{OperationId, ProviderProperties, ResultCode, SetId, Timestamp};

use crate::operation::OperationState;
use crate::report::OperationKind;

/// An operation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedOperation {
    /// Its id.
    pub operation: OperationId,
    /// Its kind.
    pub kind: OperationKind,
    /// The set it worked on; null for an undo.
    pub set: SetId,
    /// When it ended.
    pub finished: Timestamp,
    /// How.
    pub code: ResultCode,
    /// The failure in words.
    pub error: String,
}

/// What `vss status` tells.
#[derive(Debug, Clone)]
pub struct Status {
    /// Version of the program that serves.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it began to serve; `None` where the engine runs in the caller's own process.
    pub started: Option<Timestamp>,
    /// The machine.
    pub machine: String,
    /// The state folder.
    pub state_dir: PathBuf,
    /// The providers, in the order in which they are asked.
    pub providers: Vec<ProviderProperties>,
    /// Operations in work.
    pub operations: Vec<OperationState>,
    /// The last operations that failed, newest first.
    pub failures: Vec<FailedOperation>,
    /// Shadow copy sets.
    pub sets: u64,
    /// Shadow copies.
    pub copies: u64,
    /// Requester sessions that are open.
    pub sessions: u64,
    /// Calls refused with `E_ACCESSDENIED`, ever.
    pub refused: u64,
}
