//! The life of a shadow copy set: create, query, delete, break, with catalogue, journal and recovery.
//!
//! Read these first: [`Coordinator`] opens a state folder; [`BackupComponents`] is a requester
//! session; [`BreakPlan`] is what a break decides before it does anything; [`Job`] is a running
//! operation; [`SetRecord`] is what the catalogue keeps.

mod break_set;
mod catalogue;
mod coordinator;
mod create;
mod delete;
mod engine;
mod host;
mod intent;
mod job;
mod parallel;
mod providers;
mod records;
mod recovery;
mod report;
mod session;
mod state_dir;
mod undo;
mod world;

pub use break_set::{
    BreakFacts, BreakPlan, DiskFacts, DiskPlan, IdentityDecision, Notice, plan_break,
};
pub use catalogue::{CatalogueReader, CopySummary, SetSummary};
pub use coordinator::{Caller, Coordinator};
pub use delete::DeleteOutcome;
pub use host::{Disk, Hold, HoldState, Host, HostDisk, LinuxHost};
pub use job::{CancelAnswer, DiskProgress, DiskStage, Job};
pub use providers::AnyProvider;
pub use records::{Consistency, CopyRecord, LunRecord, SetRecord, SetState};
pub use report::{AuditRecord, DiskReport, Event, OperationKind, StepTime};
pub use session::{BackupComponents, MAX_VOLUMES};
pub use state_dir::{StateDir, StatePaths};
pub use world::VisibleDisk;
