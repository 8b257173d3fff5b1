//! A running operation (`IVssAsync`).

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use vss_model::{Error, OperationId, ResultCode, SetId, Timestamp};

use crate::report::{AuditRecord, OperationKind};

/// How far one disk of an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskStage {
    /// Nothing has happened to it.
    Waiting,
    /// Its table is being written, or it is being copied or masked.
    Working,
    /// What was planned is durable.
    Done,
    /// Something went wrong with it.
    Failed,
}

/// Progress of one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskProgress {
    /// Name of the LUN.
    pub lun: String,
    /// How far it is.
    pub stage: DiskStage,
}

/// Progress of a creation whose data are copied byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyProgress {
    /// Name of the original LUN.
    pub lun: String,
    /// Which one of the set it is, from 1.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// Bytes copied.
    pub done_bytes: u64,
    /// Bytes to copy.
    pub total_bytes: u64,
}

/// What a call to [`VssAsync::cancel`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// The request was taken (`S_OK`). Past the point of no return the operation still runs to its end.
    Taken,
    /// The operation is over (`VSS_S_ASYNC_FINISHED`).
    Finished,
    /// It was cancelled already (`VSS_S_ASYNC_CANCELLED`).
    Cancelled,
    /// It had failed already, with this code.
    Failed(ResultCode),
}

impl CancelAnswer {
    /// What a cancel of an operation that stands at `code` comes to; `None` while it is pending.
    #[must_use]
    pub const fn of_ended(code: ResultCode) -> Option<Self> {
        match code {
            ResultCode::VSS_S_ASYNC_PENDING => None,
            ResultCode::VSS_S_ASYNC_FINISHED => Some(Self::Finished),
            ResultCode::VSS_S_ASYNC_CANCELLED => Some(Self::Cancelled),
            code => Some(Self::Failed(code)),
        }
    }
}

/// An operation at one moment.
#[derive(Debug, Clone)]
pub struct OperationState {
    /// Its id, under which its audit record can be read when it is over.
    pub operation: OperationId,
    /// Its kind.
    pub kind: OperationKind,
    /// The set it works on; null for an undo.
    pub set: SetId,
    /// When it began.
    pub started: Timestamp,
    /// Grows with every change of this state.
    pub version: u64,
    /// `VSS_S_ASYNC_PENDING`, `VSS_S_ASYNC_FINISHED`, `VSS_S_ASYNC_CANCELLED` or the failure.
    pub code: ResultCode,
    /// True once a cancel was asked for.
    pub cancel_requested: bool,
    /// True once nothing can be cancelled any more.
    pub past_no_return: bool,
    /// True for an operation that a crash cut off: the next start ends it.
    pub cut_off: bool,
    /// How far each disk is; empty where nobody can tell.
    pub disks: Vec<DiskProgress>,
    /// How far the copying is, while data are being copied.
    pub copying: Option<CopyProgress>,
    /// The failure, once there is one; of an operation that was cut off, why this start could not end it.
    pub error: Option<Arc<Error>>,
    /// Its record, once it is finished.
    pub report: Option<Arc<AuditRecord>>,
}

impl OperationState {
    /// True while it runs, or until the next start ends it.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.code == ResultCode::VSS_S_ASYNC_PENDING
    }

    /// True when there is nothing to wait for: it is over, or was cut off.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.is_pending() || self.cut_off
    }
}

/// A handle of an operation (`IVssAsync`). Dropping it does not stop the operation.
pub trait VssAsync: Send + Sync {
    /// The operation's id.
    fn operation(&self) -> OperationId;

    /// The set it works on; null for an undo.
    fn set(&self) -> SetId;

    /// How it stands now.
    ///
    /// # Errors
    /// The service cannot be reached.
    fn state(&self) -> Result<OperationState, Error>;

    /// Waits for a state with a version above `seen`, or for the time limit, and gives the state. An
    /// operation that is over, or cut off, has no later state: it is given at once. `None` waits without
    /// limit.
    ///
    /// # Errors
    /// The service cannot be reached.
    fn next(&self, seen: u64, limit: Option<Duration>) -> Result<OperationState, Error>;

    /// Waits for the end, or for the time limit, and says nothing of how it ended (`Wait`, spec:
    /// requester §9). An operation that was cut off is not waited for. `None` waits without limit.
    ///
    /// # Errors
    /// The service cannot be reached.
    fn wait(&self, limit: Option<Duration>) -> Result<(), Error>;

    /// Asks for the operation to be given up (`Cancel`): honoured until the point of no return
    /// (spec: break §2.2 rule 4). An undo that was cut off, and that the start could not end, is given up at
    /// once: its disks are as they were before it wherever they can be reached, and its record names the others.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` for any other operation that was cut off; `VSS_E_BREAK_REVERT_ID_FAILED` when a disk
    /// would come back to an identity that another one bears; the service cannot be reached.
    fn cancel(&self) -> Result<CancelAnswer, Error>;

    /// Pending, finished, cancelled, or the failure (`QueryStatus`).
    ///
    /// # Errors
    /// The service cannot be reached.
    fn query_status(&self) -> Result<ResultCode, Error> {
        self.state().map(|state| state.code)
    }
}
