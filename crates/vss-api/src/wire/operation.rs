//! Running operations, and what their calls answer.

use std::sync::Arc;

use vss_model::{Error, OperationId, ResultCode, SetId, Timestamp};
use vss_service::{
    CancelAnswer, CopyProgress, DeleteOutcome, DiskProgress, DiskStage, OperationState,
};

use super::report::{kind_from, kind_to};
use super::{Fault, Wire, id, id_if_any, id_or_null, known, list_from, list_to, needed, optional};
use crate::v1;

impl Wire for DiskProgress {
    type Message = v1::DiskProgress;

    fn to_wire(&self) -> v1::DiskProgress {
        let stage = match self.stage {
            DiskStage::Waiting => v1::DiskStage::Waiting,
            DiskStage::Working => v1::DiskStage::Working,
            DiskStage::Done => v1::DiskStage::Done,
            DiskStage::Failed => v1::DiskStage::Failed,
        };
        v1::DiskProgress {
            lun: self.lun.clone(),
            stage: stage.into(),
        }
    }

    fn from_wire(message: v1::DiskProgress) -> Result<Self, Fault> {
        let stage = match v1::DiskStage::try_from(message.stage) {
            Ok(v1::DiskStage::Waiting) => Some(DiskStage::Waiting),
            Ok(v1::DiskStage::Working) => Some(DiskStage::Working),
            Ok(v1::DiskStage::Done) => Some(DiskStage::Done),
            Ok(v1::DiskStage::Failed) => Some(DiskStage::Failed),
            Ok(v1::DiskStage::Unspecified) | Err(_) => None,
        };
        Ok(Self {
            lun: message.lun,
            stage: known(stage, message.stage, "stage")?,
        })
    }
}

impl Wire for CopyProgress {
    type Message = v1::CopyProgress;

    fn to_wire(&self) -> v1::CopyProgress {
        v1::CopyProgress {
            lun: self.lun.clone(),
            index: self.index,
            count: self.count,
            done_bytes: self.done_bytes,
            total_bytes: self.total_bytes,
        }
    }

    fn from_wire(message: v1::CopyProgress) -> Result<Self, Fault> {
        Ok(Self {
            lun: message.lun,
            index: message.index,
            count: message.count,
            done_bytes: message.done_bytes,
            total_bytes: message.total_bytes,
        })
    }
}

impl Wire for OperationState {
    type Message = v1::OperationState;

    fn to_wire(&self) -> v1::OperationState {
        v1::OperationState {
            operation: self.operation.to_string(),
            kind: kind_to(self.kind),
            set: self.set.to_string(),
            started: self.started.0,
            version: self.version,
            code: self.code.0,
            cancel_requested: self.cancel_requested,
            past_no_return: self.past_no_return,
            cut_off: self.cut_off,
            disks: list_to(&self.disks),
            copying: self.copying.as_ref().map(CopyProgress::to_wire),
            error: self.error.as_ref().map(Arc::to_wire),
            report: self.report.as_ref().map(Arc::to_wire),
        }
    }

    fn from_wire(message: v1::OperationState) -> Result<Self, Fault> {
        Ok(Self {
            operation: id(&message.operation, "operation")?,
            kind: kind_from(message.kind, "kind")?,
            set: id_or_null(&message.set, "set")?,
            started: Timestamp(message.started),
            version: message.version,
            code: ResultCode(message.code),
            cancel_requested: message.cancel_requested,
            past_no_return: message.past_no_return,
            cut_off: message.cut_off,
            disks: list_from(message.disks, "disks")?,
            copying: optional(message.copying, "copying")?,
            error: optional(message.error, "error")?,
            report: optional(message.report, "report")?,
        })
    }
}

impl Wire for CancelAnswer {
    type Message = v1::CancelOperationResponse;

    fn to_wire(&self) -> v1::CancelOperationResponse {
        let code = match self {
            Self::Taken => ResultCode::S_OK,
            Self::Finished => ResultCode::VSS_S_ASYNC_FINISHED,
            Self::Cancelled => ResultCode::VSS_S_ASYNC_CANCELLED,
            Self::Failed(code) => *code,
        };
        v1::CancelOperationResponse { code: code.0 }
    }

    fn from_wire(message: v1::CancelOperationResponse) -> Result<Self, Fault> {
        match ResultCode(message.code) {
            ResultCode::S_OK => Ok(Self::Taken),
            ResultCode::VSS_S_ASYNC_FINISHED => Ok(Self::Finished),
            ResultCode::VSS_S_ASYNC_CANCELLED => Ok(Self::Cancelled),
            code if !code.is_success() => Ok(Self::Failed(code)),
            code => Err(Fault::new("code", format!("{code} is no answer"))),
        }
    }
}

impl Wire for DeleteOutcome {
    type Message = v1::DeleteSnapshotsResponse;

    fn to_wire(&self) -> v1::DeleteSnapshotsResponse {
        let failure = self.failure.as_ref();
        v1::DeleteSnapshotsResponse {
            operation_id: self.operation.to_string(),
            deleted: self.deleted,
            failed_snapshot_id: failure.map(|(copy, _)| copy.to_string()),
            failure: failure.map(|(_, error)| error.to_wire()),
        }
    }

    fn from_wire(message: v1::DeleteSnapshotsResponse) -> Result<Self, Fault> {
        let copy = id_if_any(message.failed_snapshot_id.as_deref(), "failed_snapshot_id")?;
        let failure = match copy {
            Some(copy) => Some((copy, needed::<Error>(message.failure, "failure")?)),
            None => None,
        };
        Ok(Self {
            operation: id(&message.operation_id, "operation_id")?,
            deleted: message.deleted,
            failure,
        })
    }
}

/// Operation and set of a handle that a call gave.
pub(crate) fn handle(operation: &str, set: &str) -> Result<(OperationId, SetId), Fault> {
    Ok((id(operation, "operation_id")?, id_or_null(set, "set_id")?))
}
