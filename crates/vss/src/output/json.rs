//! The objects that scripts read.

use std::borrow::Cow;
use std::path::Path;

use disk_identity::{DiskId, Identity, TableKind};
use serde::Serialize;
use vss_model::{OperationId, ProviderId, ResultCode, SetId, SnapshotId};
use vss_service::{
    AuditRecord, CopyProgress, DiskProgress, DiskReport, Event, OperationState, StepTime,
};

/// A 64-bit field: `0x` and 16 digits.
fn hex64(field: u64) -> String {
    format!("{field:#018x}")
}

/// Who a disk is.
#[derive(Debug, Serialize)]
pub(crate) struct IdentityJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<Cow<'a, str>>,
    table: TableKind,
    sector_size: u64,
    disk_id: Option<DiskId>,
    /// Only where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hybrid_signature: Option<String>,
    partitions: Vec<PartitionJson<'a>>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PartitionJson<'a> {
    index: u32,
    start_lba: u64,
    end_lba: u64,
    #[serde(rename = "type")]
    type_id: String,
    id: String,
    attributes: String,
    name: &'a str,
}

impl<'a> IdentityJson<'a> {
    /// Of a disk that nobody names here.
    pub(crate) fn new(identity: &'a Identity) -> Self {
        Self {
            path: None,
            table: identity.table,
            sector_size: identity.sector_size.bytes(),
            disk_id: identity.disk_id,
            hybrid_signature: identity.hybrid_signature.map(|id| format!("{id:08x}")),
            partitions: identity
                .partitions
                .iter()
                .map(|partition| PartitionJson {
                    index: partition.index,
                    start_lba: partition.start_lba,
                    end_lba: partition.end_lba,
                    type_id: partition.type_id.to_string(),
                    id: partition.id.to_string(),
                    attributes: hex64(partition.attributes),
                    name: &partition.name,
                })
                .collect(),
            warnings: Vec::new(),
        }
    }

    /// Of a file, with what is odd about it.
    pub(crate) fn of_file(identity: &'a Identity, path: &'a Path, warnings: Vec<String>) -> Self {
        Self {
            path: Some(path.to_string_lossy()),
            warnings,
            ..Self::new(identity)
        }
    }
}

/// A result code.
#[derive(Debug, Serialize)]
pub(crate) struct ResultJson {
    code: String,
    name: Option<&'static str>,
}

impl From<ResultCode> for ResultJson {
    fn from(code: ResultCode) -> Self {
        Self {
            code: code.hex(),
            name: code.name(),
        }
    }
}

/// A disk of an operation.
#[derive(Debug, Serialize)]
pub(crate) struct DiskJson<'a> {
    lun: &'a str,
    original: Option<&'a str>,
    device: Option<Cow<'a, str>>,
    presented: bool,
    read_only: Option<bool>,
    outcome: &'a str,
    identity: Option<IdentityJson<'a>>,
    /// Who it was.
    before: Option<IdentityJson<'a>>,
}

impl<'a> From<&'a DiskReport> for DiskJson<'a> {
    fn from(disk: &'a DiskReport) -> Self {
        Self {
            lun: &disk.lun,
            original: disk.original.as_deref(),
            device: disk.device.as_ref().map(|path| path.to_string_lossy()),
            presented: disk.device.is_some(),
            read_only: disk.read_only_after,
            outcome: &disk.outcome,
            identity: disk.after.as_ref().map(IdentityJson::new),
            before: disk.before.as_ref().map(IdentityJson::new),
        }
    }
}

/// A step and its time.
#[derive(Debug, Serialize)]
pub(crate) struct StepJson<'a> {
    step: &'a str,
    micros: u64,
}

impl<'a> From<&'a StepTime> for StepJson<'a> {
    fn from(step: &'a StepTime) -> Self {
        Self {
            step: &step.step,
            micros: step.micros,
        }
    }
}

/// Something that happened on the way.
#[derive(Debug, Serialize)]
pub(crate) struct EventJson<'a> {
    provider: Option<ProviderId>,
    method: Option<&'a str>,
    code: Option<String>,
    message: &'a str,
}

impl<'a> From<&'a Event> for EventJson<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            provider: event.provider,
            method: event.method.as_deref(),
            code: event.code.map(ResultCode::hex),
            message: &event.message,
        }
    }
}

/// An operation on record.
#[derive(Debug, Serialize)]
pub(crate) struct OperationJson<'a> {
    operation: OperationId,
    kind: &'static str,
    set_id: Option<SetId>,
    started: String,
    finished: String,
    result: ResultJson,
    error: Option<&'a str>,
    recovered: bool,
    flags: Option<String>,
    undone: Option<OperationId>,
    copies: &'a [SnapshotId],
    disks: Vec<DiskJson<'a>>,
    steps: Vec<StepJson<'a>>,
    events: Vec<EventJson<'a>>,
}

impl<'a> From<&'a AuditRecord> for OperationJson<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        Self {
            operation: record.operation,
            kind: record.kind.name(),
            set_id: (!record.set.is_null()).then_some(record.set),
            started: record.started.to_string(),
            finished: record.finished.to_string(),
            result: record.code.into(),
            error: record.error.as_deref(),
            recovered: record.recovered,
            flags: record.flags.map(|flags| format!("{:#x}", flags.bits())),
            undone: record.undone,
            copies: &record.copies,
            disks: record.disks.iter().map(DiskJson::from).collect(),
            steps: record.steps.iter().map(StepJson::from).collect(),
            events: record.events.iter().map(EventJson::from).collect(),
        }
    }
}

/// An operation that is not over, in listings.
#[derive(Debug, Serialize)]
pub(crate) struct UnfinishedJson {
    operation: OperationId,
    /// Null for an undo.
    set_id: SetId,
    kind: &'static str,
    /// Why the start could not end it; null while it runs.
    error: Option<String>,
}

impl From<&OperationState> for UnfinishedJson {
    fn from(state: &OperationState) -> Self {
        Self {
            operation: state.operation,
            set_id: state.set,
            kind: state.kind.name(),
            error: state.error.as_ref().map(|error| error.chain()),
        }
    }
}

/// An operation at one moment.
#[derive(Debug, Serialize)]
pub(crate) struct StateJson<'a> {
    operation: OperationId,
    kind: &'static str,
    set_id: Option<SetId>,
    started: String,
    result: ResultJson,
    error: Option<String>,
    cancel_requested: bool,
    past_no_return: bool,
    cut_off: bool,
    disks: &'a [DiskProgress],
    copying: Option<&'a CopyProgress>,
}

impl<'a> From<&'a OperationState> for StateJson<'a> {
    fn from(state: &'a OperationState) -> Self {
        Self {
            operation: state.operation,
            kind: state.kind.name(),
            set_id: (!state.set.is_null()).then_some(state.set),
            started: state.started.to_string(),
            result: state.code.into(),
            error: state.error.as_ref().map(|error| error.chain()),
            cancel_requested: state.cancel_requested,
            past_no_return: state.past_no_return,
            cut_off: state.cut_off,
            disks: &state.disks,
            copying: state.copying.as_ref(),
        }
    }
}
