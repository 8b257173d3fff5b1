//! Records of operations that are over.

use std::sync::Arc;

use disk_identity::Identity;
use vss_model::{BreakFlags, ResultCode, Timestamp};
use vss_service::{AuditRecord, DiskReport, Event, OperationKind, StepTime};

use super::{
    Fault, Wire, id, id_if_any, id_or_null, ids_from, ids_to, known, list_from, list_to, needed,
    optional, path_from, path_to,
};
use crate::v1;

pub(super) fn kind_to(kind: OperationKind) -> i32 {
    match kind {
        OperationKind::Create => v1::OperationKind::Create,
        OperationKind::Break => v1::OperationKind::Break,
        OperationKind::Delete => v1::OperationKind::Delete,
        OperationKind::Undo => v1::OperationKind::Undo,
    }
    .into()
}

pub(super) fn kind_from(number: i32, field: &str) -> Result<OperationKind, Fault> {
    let kind = match v1::OperationKind::try_from(number) {
        Ok(v1::OperationKind::Create) => Some(OperationKind::Create),
        Ok(v1::OperationKind::Break) => Some(OperationKind::Break),
        Ok(v1::OperationKind::Delete) => Some(OperationKind::Delete),
        Ok(v1::OperationKind::Undo) => Some(OperationKind::Undo),
        Ok(v1::OperationKind::Unspecified) | Err(_) => None,
    };
    known(kind, number, field)
}

pub(super) fn flags(bits: u32, field: &str) -> Result<BreakFlags, Fault> {
    BreakFlags::from_bits(bits).map_err(|error| Fault::new(field, error.to_string()))
}

impl Wire for Event {
    type Message = v1::Event;

    fn to_wire(&self) -> v1::Event {
        v1::Event {
            provider: self.provider.map(|provider| provider.to_string()),
            method: self.method.clone(),
            code: self.code.map(|code| code.0),
            message: self.message.clone(),
        }
    }

    fn from_wire(message: v1::Event) -> Result<Self, Fault> {
        Ok(Self {
            provider: id_if_any(message.provider.as_deref(), "provider")?,
            method: message.method,
            code: message.code.map(ResultCode),
            message: message.message,
        })
    }
}

impl Wire for StepTime {
    type Message = v1::StepTime;

    fn to_wire(&self) -> v1::StepTime {
        v1::StepTime {
            step: self.step.clone(),
            micros: self.micros,
        }
    }

    fn from_wire(message: v1::StepTime) -> Result<Self, Fault> {
        Ok(Self {
            step: message.step,
            micros: message.micros,
        })
    }
}

impl Wire for DiskReport {
    type Message = v1::DiskReport;

    fn to_wire(&self) -> v1::DiskReport {
        v1::DiskReport {
            lun: self.lun.clone(),
            original: self.original.clone(),
            provider: self.provider.to_string(),
            information: Some(self.information.to_wire()),
            device: self.device.as_deref().map(path_to),
            outcome: self.outcome.clone(),
            before: self.before.as_ref().map(Identity::to_wire),
            after: self.after.as_ref().map(Identity::to_wire),
            patch: Some(self.patch.to_wire()),
            read_only_before: self.read_only_before,
            read_only_after: self.read_only_after,
        }
    }

    fn from_wire(message: v1::DiskReport) -> Result<Self, Fault> {
        Ok(Self {
            lun: message.lun,
            original: message.original,
            provider: id(&message.provider, "provider")?,
            information: needed(message.information, "information")?,
            device: message.device.map(path_from),
            outcome: message.outcome,
            before: optional(message.before, "before")?,
            after: optional(message.after, "after")?,
            patch: needed(message.patch, "patch")?,
            read_only_before: message.read_only_before,
            read_only_after: message.read_only_after,
        })
    }
}

impl Wire for AuditRecord {
    type Message = v1::AuditRecord;

    fn to_wire(&self) -> v1::AuditRecord {
        v1::AuditRecord {
            operation: self.operation.to_string(),
            kind: kind_to(self.kind),
            set: self.set.to_string(),
            started: self.started.0,
            finished: self.finished.0,
            code: self.code.0,
            error: self.error.clone(),
            hint: self.hint.clone(),
            failed_copy: self.failed_copy.map(|copy| copy.to_string()),
            recovered: self.recovered,
            flags: self.flags.map(BreakFlags::bits),
            undone: self.undone.map(|undone| undone.to_string()),
            copies: ids_to(&self.copies),
            disks: list_to(&self.disks),
            events: list_to(&self.events),
            steps: list_to(&self.steps),
        }
    }

    fn from_wire(message: v1::AuditRecord) -> Result<Self, Fault> {
        let checked = message.flags.map(|bits| flags(bits, "flags"));
        Ok(Self {
            operation: id(&message.operation, "operation")?,
            kind: kind_from(message.kind, "kind")?,
            set: id_or_null(&message.set, "set")?,
            started: Timestamp(message.started),
            finished: Timestamp(message.finished),
            code: ResultCode(message.code),
            error: message.error,
            hint: message.hint,
            failed_copy: id_if_any(message.failed_copy.as_deref(), "failed_copy")?,
            recovered: message.recovered,
            flags: checked.transpose()?,
            undone: id_if_any(message.undone.as_deref(), "undone")?,
            copies: ids_from(&message.copies, "copies")?,
            disks: list_from(message.disks, "disks")?,
            events: list_from(message.events, "events")?,
            steps: list_from(message.steps, "steps")?,
        })
    }
}

/// Shared records travel as the records that they are.
impl<T: Wire> Wire for Arc<T> {
    type Message = T::Message;

    fn to_wire(&self) -> T::Message {
        T::to_wire(self)
    }

    fn from_wire(message: T::Message) -> Result<Self, Fault> {
        T::from_wire(message).map(Self::new)
    }
}
