//! The shadow copy service as its callers see it: traits and plain records, without an engine.
//!
//! Read these first: [`Service`] is everything that a caller can ask for, [`Queries`] the part of it
//! that changes nothing; [`BackupComponents`] is a requester session; [`VssAsync`] is a running
//! operation; [`AuditRecord`] is what remains of it.
//!
//! The engine in the caller's own process and the client of a daemon implement the same traits, so
//! that a command behaves alike on either.

mod error;
mod lun;
mod operation;
mod plan;
mod records;
mod refusal;
mod report;
mod service;
mod status;
mod volume;

pub use error::{ConnectionLost, is_connection_lost};
pub use lun::{Adopt, AdoptLun, Lun, LunChange, LunDetail, NewLun};
pub use operation::{
    CancelAnswer, CopyProgress, DiskProgress, DiskStage, OperationState, VssAsync,
};
pub use plan::{BreakPlan, DiskPlan, IdentityDecision, Notice};
pub use records::{
    Consistency, CopyRecord, CopySummary, LunRecord, SetRecord, SetState, SetSummary,
};
pub use refusal::Refusal;
pub use report::{AuditRecord, DiskReport, Event, OperationKind, StepTime};
pub use service::{
    BackupComponents, DeleteOutcome, Listener, Object, Queries, Served, Service, SourceObject,
};
pub use status::{FailedOperation, Status};
pub use volume::VolumeName;
