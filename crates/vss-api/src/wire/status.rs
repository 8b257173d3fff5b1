//! How the service is, what was refused, what volumes are called, and what ids stand for.

use vss_model::{ResultCode, Timestamp};
use vss_service::{FailedOperation, Object, Refusal, Status, VolumeName};

use super::report::{kind_from, kind_to};
use super::{Fault, Wire, id, id_or_null, list_from, list_to, path_from, path_to};
use crate::v1;

impl Wire for FailedOperation {
    type Message = v1::FailedOperation;

    fn to_wire(&self) -> v1::FailedOperation {
        v1::FailedOperation {
            operation: self.operation.to_string(),
            kind: kind_to(self.kind),
            set: self.set.to_string(),
            finished: self.finished.0,
            code: self.code.0,
            error: self.error.clone(),
        }
    }

    fn from_wire(message: v1::FailedOperation) -> Result<Self, Fault> {
        Ok(Self {
            operation: id(&message.operation, "operation")?,
            kind: kind_from(message.kind, "kind")?,
            set: id_or_null(&message.set, "set")?,
            finished: Timestamp(message.finished),
            code: ResultCode(message.code),
            error: message.error,
        })
    }
}

impl Wire for Status {
    type Message = v1::Status;

    fn to_wire(&self) -> v1::Status {
        v1::Status {
            version: self.version.clone(),
            pid: self.pid,
            started: self.started.map(|started| started.0),
            machine: self.machine.clone(),
            state_dir: path_to(&self.state_dir),
            providers: list_to(&self.providers),
            operations: list_to(&self.operations),
            failures: list_to(&self.failures),
            sets: self.sets,
            copies: self.copies,
            sessions: self.sessions,
            refused: self.refused,
        }
    }

    fn from_wire(message: v1::Status) -> Result<Self, Fault> {
        Ok(Self {
            version: message.version,
            pid: message.pid,
            started: message.started.map(Timestamp),
            machine: message.machine,
            state_dir: path_from(message.state_dir),
            providers: list_from(message.providers, "providers")?,
            operations: list_from(message.operations, "operations")?,
            failures: list_from(message.failures, "failures")?,
            sets: message.sets,
            copies: message.copies,
            sessions: message.sessions,
            refused: message.refused,
        })
    }
}

impl Wire for Refusal {
    type Message = v1::Refusal;

    fn to_wire(&self) -> v1::Refusal {
        v1::Refusal {
            caller: self.caller.clone(),
            method: self.method.clone(),
            first: self.first.0,
            last: self.last.0,
            count: self.count,
        }
    }

    fn from_wire(message: v1::Refusal) -> Result<Self, Fault> {
        Ok(Self {
            caller: message.caller,
            method: message.method,
            first: Timestamp(message.first),
            last: Timestamp(message.last),
            count: message.count,
        })
    }
}

impl Wire for VolumeName {
    type Message = v1::VolumeName;

    fn to_wire(&self) -> v1::VolumeName {
        v1::VolumeName {
            name: self.name.clone(),
            volume: self.volume.clone(),
        }
    }

    fn from_wire(message: v1::VolumeName) -> Result<Self, Fault> {
        Ok(Self {
            name: message.name,
            volume: message.volume,
        })
    }
}

impl Wire for Object {
    type Message = v1::Object;

    fn to_wire(&self) -> v1::Object {
        use v1::object::Object as Of;
        let object = match self {
            Self::Set(set) => Of::SetId(set.to_string()),
            Self::Copy(copy, set) => Of::Copy(v1::CopyObject {
                snapshot_id: copy.to_string(),
                set_id: set.to_string(),
            }),
            Self::Operation(operation) => Of::OperationId(operation.to_string()),
            Self::Unfinished(operation) => Of::UnfinishedOperationId(operation.to_string()),
        };
        v1::Object {
            object: Some(object),
        }
    }

    fn from_wire(message: v1::Object) -> Result<Self, Fault> {
        use v1::object::Object as Of;
        match message.object {
            Some(Of::SetId(set)) => id(&set, "set_id").map(Self::Set),
            Some(Of::Copy(copy)) => Ok(Self::Copy(
                id(&copy.snapshot_id, "copy.snapshot_id")?,
                id(&copy.set_id, "copy.set_id")?,
            )),
            Some(Of::OperationId(operation)) => id(&operation, "operation_id").map(Self::Operation),
            Some(Of::UnfinishedOperationId(operation)) => {
                id(&operation, "unfinished_operation_id").map(Self::Unfinished)
            }
            None => Err(Fault::missing("object")),
        }
    }
}
