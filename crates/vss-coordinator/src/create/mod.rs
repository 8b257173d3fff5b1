//! The creation of a set: the sequence of provider calls, the instant, and the import.

mod arrival;
mod import;
mod instant;
mod label;
mod run;
mod survey;

use std::path::PathBuf;

use host_view::DevNo;
use vss_model::{Context, LunInformation, OperationId, ProviderId, SetId, SnapshotId, Timestamp};

pub(crate) use import::{ArrivedDisk, plan_import};
pub(crate) use run::{abort, run};
pub(crate) use survey::{look, refuse_own_ground};

/// The volumes of one set, as `AddToSnapshotSet` collected them.
#[derive(Debug, Clone)]
pub(crate) struct CreateRequest {
    pub(crate) operation: OperationId,
    pub(crate) set: SetId,
    pub(crate) context: Context,
    pub(crate) started: Timestamp,
    pub(crate) volumes: Vec<VolumeRequest>,
    /// Take the copies also when writes cannot be held, and call them torn.
    pub(crate) allow_torn: bool,
}

/// One volume of the set.
#[derive(Debug, Clone)]
pub(crate) struct VolumeRequest {
    pub(crate) snapshot: SnapshotId,
    pub(crate) volume: String,
    pub(crate) provider: ProviderId,
    /// Where it can be opened.
    pub(crate) path: PathBuf,
    /// The LUNs that carry it; none for a software provider.
    pub(crate) luns: Vec<SourceLun>,
    /// Its own block devices, where it has any.
    pub(crate) devices: Vec<DevNo>,
    /// Its number, when it is a partition of its one LUN.
    pub(crate) partition: Option<u32>,
    /// What its requester should know.
    pub(crate) notes: Vec<String>,
}

/// An original LUN.
#[derive(Debug, Clone)]
pub(crate) struct SourceLun {
    pub(crate) name: String,
    pub(crate) device: PathBuf,
    pub(crate) information: LunInformation,
    pub(crate) sector_size: u32,
    /// What lies behind it, where this host sees that too.
    pub(crate) backing: Option<PathBuf>,
}
