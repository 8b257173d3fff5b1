//! The life of a shadow copy set: create, query, delete, break, with catalogue, journal and recovery.
//!
//! Read these first: [`Coordinator`] opens a state folder; [`Requester`] is a requester session;
//! [`plan_break`] decides what a break does before it does anything; [`Job`] is a running operation;
//! [`CatalogueReader`] reads what is on record. The records themselves are those of `vss-service`.

mod break_set;
mod catalogue;
mod coordinator;
mod copies;
mod create;
mod cut_off;
mod delete;
mod engine;
mod host;
mod intent;
mod job;
mod operations;
mod parallel;
mod providers;
mod recovery;
mod session;
mod state_dir;
mod undo;
mod world;

pub use break_set::{BreakFacts, DiskFacts, plan_break};
pub use catalogue::CatalogueReader;
pub use coordinator::{Caller, Coordinator};
pub use engine::Stuck;
pub use host::{
    AtRest, Disk, FileSystemAtRest, Freezing, Ground, Hold, HoldState, Host, HostDisk, LinuxHost,
    Quiet, Released,
};
pub use job::Job;
pub use providers::AnyProvider;
pub use session::{MAX_VOLUMES, Requester, volume_name};
pub use state_dir::{StateDir, StatePaths};
pub use world::VisibleDisk;
