//! Identities and patches.

use disk_identity::{
    DiskId, Edit, Field, Identity, PartitionId, PartitionIdentity, PartitionType, Patch,
    SectorSize, Stage, TableCopy, TableKind,
};

use super::{Fault, Wire, byte, id, known, list_from, list_to, needed, optional};
use crate::v1;

fn sector_size(bytes: u32, field: &str) -> Result<SectorSize, Fault> {
    SectorSize::try_from(bytes).map_err(|error| Fault::new(field, error.to_string()))
}

fn table_to(table: TableKind) -> v1::TableKind {
    match table {
        TableKind::Gpt => v1::TableKind::Gpt,
        TableKind::Mbr => v1::TableKind::Mbr,
        TableKind::None => v1::TableKind::None,
        _ => v1::TableKind::Unspecified,
    }
}

fn table_from(number: i32, field: &str) -> Result<TableKind, Fault> {
    let table = match v1::TableKind::try_from(number) {
        Ok(v1::TableKind::Gpt) => Some(TableKind::Gpt),
        Ok(v1::TableKind::Mbr) => Some(TableKind::Mbr),
        Ok(v1::TableKind::None) => Some(TableKind::None),
        Ok(v1::TableKind::Unspecified) | Err(_) => None,
    };
    known(table, number, field)
}

impl Wire for DiskId {
    type Message = v1::DiskId;

    fn to_wire(&self) -> v1::DiskId {
        let id = match self {
            Self::Signature(signature) => v1::disk_id::Id::Signature(*signature),
            Self::Guid(guid) => v1::disk_id::Id::Guid(guid.to_string()),
        };
        v1::DiskId { id: Some(id) }
    }

    fn from_wire(message: v1::DiskId) -> Result<Self, Fault> {
        match message.id {
            Some(v1::disk_id::Id::Signature(signature)) => Ok(Self::Signature(signature)),
            Some(v1::disk_id::Id::Guid(guid)) => id(&guid, "guid").map(Self::Guid),
            None => Err(Fault::missing("id")),
        }
    }
}

impl Wire for PartitionType {
    type Message = v1::PartitionType;

    fn to_wire(&self) -> v1::PartitionType {
        let of = match self {
            Self::Gpt(guid) => v1::partition_type::Type::Gpt(guid.to_string()),
            Self::Mbr(byte) => v1::partition_type::Type::Mbr(u32::from(*byte)),
        };
        v1::PartitionType { r#type: Some(of) }
    }

    fn from_wire(message: v1::PartitionType) -> Result<Self, Fault> {
        match message.r#type {
            Some(v1::partition_type::Type::Gpt(guid)) => id(&guid, "gpt").map(Self::Gpt),
            Some(v1::partition_type::Type::Mbr(number)) => byte(number, "mbr").map(Self::Mbr),
            None => Err(Fault::missing("type")),
        }
    }
}

impl Wire for PartitionId {
    type Message = v1::PartitionId;

    fn to_wire(&self) -> v1::PartitionId {
        let id = match *self {
            Self::Guid(guid) => v1::partition_id::Id::Guid(guid.to_string()),
            Self::Mbr { signature, index } => {
                v1::partition_id::Id::Mbr(v1::MbrPartitionId { signature, index })
            }
        };
        v1::PartitionId { id: Some(id) }
    }

    fn from_wire(message: v1::PartitionId) -> Result<Self, Fault> {
        match message.id {
            Some(v1::partition_id::Id::Guid(guid)) => id(&guid, "guid").map(Self::Guid),
            Some(v1::partition_id::Id::Mbr(mbr)) => Ok(Self::Mbr {
                signature: mbr.signature,
                index: mbr.index,
            }),
            None => Err(Fault::missing("id")),
        }
    }
}

impl Wire for PartitionIdentity {
    type Message = v1::PartitionIdentity;

    fn to_wire(&self) -> v1::PartitionIdentity {
        v1::PartitionIdentity {
            index: self.index,
            start_lba: self.start_lba,
            end_lba: self.end_lba,
            r#type: Some(self.type_id.to_wire()),
            id: Some(self.id.to_wire()),
            attributes: self.attributes,
            name: self.name.clone(),
        }
    }

    fn from_wire(message: v1::PartitionIdentity) -> Result<Self, Fault> {
        Ok(Self {
            index: message.index,
            start_lba: message.start_lba,
            end_lba: message.end_lba,
            type_id: needed(message.r#type, "type")?,
            id: needed(message.id, "id")?,
            attributes: message.attributes,
            name: message.name,
        })
    }
}

impl Wire for Identity {
    type Message = v1::Identity;

    fn to_wire(&self) -> v1::Identity {
        v1::Identity {
            table: table_to(self.table).into(),
            sector_size: self.sector_size.into(),
            disk_id: self.disk_id.as_ref().map(DiskId::to_wire),
            hybrid_signature: self.hybrid_signature,
            partitions: list_to(&self.partitions),
        }
    }

    fn from_wire(message: v1::Identity) -> Result<Self, Fault> {
        Ok(Self {
            table: table_from(message.table, "table")?,
            sector_size: sector_size(message.sector_size, "sector_size")?,
            disk_id: optional(message.disk_id, "disk_id")?,
            hybrid_signature: message.hybrid_signature,
            partitions: list_from(message.partitions, "partitions")?,
        })
    }
}

fn field_to(field: Field) -> (v1::FieldKind, u32) {
    match field {
        Field::Signature => (v1::FieldKind::Signature, 0),
        Field::DiskGuid => (v1::FieldKind::DiskGuid, 0),
        Field::HeaderChecksum => (v1::FieldKind::HeaderChecksum, 0),
        Field::EntriesChecksum => (v1::FieldKind::EntriesChecksum, 0),
        Field::Header => (v1::FieldKind::Header, 0),
        Field::PartitionGuid(index) => (v1::FieldKind::PartitionGuid, index),
        Field::Attributes(index) => (v1::FieldKind::Attributes, index),
        Field::Entry(index) => (v1::FieldKind::Entry, index),
        _ => (v1::FieldKind::Unknown, 0),
    }
}

fn field_from(kind: i32, index: u32, field: &str) -> Result<Field, Fault> {
    let kind_known = known(v1::FieldKind::try_from(kind).ok(), kind, field)?;
    Ok(match kind_known {
        v1::FieldKind::Unknown => Field::Unknown,
        v1::FieldKind::Signature => Field::Signature,
        v1::FieldKind::DiskGuid => Field::DiskGuid,
        v1::FieldKind::HeaderChecksum => Field::HeaderChecksum,
        v1::FieldKind::EntriesChecksum => Field::EntriesChecksum,
        v1::FieldKind::Header => Field::Header,
        v1::FieldKind::PartitionGuid => Field::PartitionGuid(index),
        v1::FieldKind::Attributes => Field::Attributes(index),
        v1::FieldKind::Entry => Field::Entry(index),
    })
}

impl Wire for Edit {
    type Message = v1::Edit;

    fn to_wire(&self) -> v1::Edit {
        let (field, field_index) = field_to(self.field);
        v1::Edit {
            offset: self.offset,
            old: self.old.clone(),
            new: self.new.clone(),
            field: field.into(),
            field_index,
        }
    }

    fn from_wire(message: v1::Edit) -> Result<Self, Fault> {
        Ok(Self {
            offset: message.offset,
            old: message.old,
            new: message.new,
            field: field_from(message.field, message.field_index, "field")?,
        })
    }
}

impl Wire for Stage {
    type Message = v1::Stage;

    fn to_wire(&self) -> v1::Stage {
        let what = match self.what {
            TableCopy::Mbr => v1::TableCopy::Mbr,
            TableCopy::GptPrimary => v1::TableCopy::GptPrimary,
            TableCopy::GptBackup => v1::TableCopy::GptBackup,
        };
        v1::Stage {
            what: what.into(),
            edits: list_to(&self.edits),
        }
    }

    fn from_wire(message: v1::Stage) -> Result<Self, Fault> {
        let what = match v1::TableCopy::try_from(message.what) {
            Ok(v1::TableCopy::Mbr) => Some(TableCopy::Mbr),
            Ok(v1::TableCopy::GptPrimary) => Some(TableCopy::GptPrimary),
            Ok(v1::TableCopy::GptBackup) => Some(TableCopy::GptBackup),
            Ok(v1::TableCopy::Unspecified) | Err(_) => None,
        };
        Ok(Self {
            what: known(what, message.what, "what")?,
            edits: list_from(message.edits, "edits")?,
        })
    }
}

impl Wire for Patch {
    type Message = v1::Patch;

    fn to_wire(&self) -> v1::Patch {
        v1::Patch {
            sector_size: self.sector_size().into(),
            stages: list_to(self.stages()),
        }
    }

    fn from_wire(message: v1::Patch) -> Result<Self, Fault> {
        Ok(Self::from_parts(
            sector_size(message.sector_size, "sector_size")?,
            list_from(message.stages, "stages")?,
        ))
    }
}
