//! Sets, copies and providers.

use vss_model::{
    Context, ProviderProperties, ProviderType, SnapshotAttributes, SnapshotProperties,
    SnapshotState, Timestamp,
};
use vss_service::{
    Consistency, CopyRecord, CopySummary, LunRecord, SetRecord, SetState, SetSummary,
};

use super::{Fault, Wire, id, known, list_from, list_to, needed, path_from, path_to};
use crate::v1;

fn context(bits: u32, field: &str) -> Result<Context, Fault> {
    Context::from_bits(bits).map_err(|error| Fault::new(field, error.to_string()))
}

fn consistency_to(consistency: Consistency) -> v1::Consistency {
    match consistency {
        Consistency::Application => v1::Consistency::Application,
        Consistency::FileSystem => v1::Consistency::FileSystem,
        Consistency::Crash => v1::Consistency::Crash,
        Consistency::Torn => v1::Consistency::Torn,
    }
}

fn consistency_from(number: i32, field: &str) -> Result<Consistency, Fault> {
    let consistency = match v1::Consistency::try_from(number) {
        Ok(v1::Consistency::Application) => Some(Consistency::Application),
        Ok(v1::Consistency::FileSystem) => Some(Consistency::FileSystem),
        Ok(v1::Consistency::Crash) => Some(Consistency::Crash),
        Ok(v1::Consistency::Torn) => Some(Consistency::Torn),
        Ok(v1::Consistency::Unspecified) | Err(_) => None,
    };
    known(consistency, number, field)
}

fn status(number: i32, field: &str) -> Result<SnapshotState, Fault> {
    known(SnapshotState::from_value(number), number, field)
}

impl Wire for SnapshotProperties {
    type Message = v1::SnapshotProperties;

    fn to_wire(&self) -> v1::SnapshotProperties {
        v1::SnapshotProperties {
            snapshot_id: self.snapshot_id.to_string(),
            snapshot_set_id: self.snapshot_set_id.to_string(),
            snapshots_count: self.snapshots_count,
            snapshot_device_object: self.snapshot_device_object.clone(),
            original_volume_name: self.original_volume_name.clone(),
            originating_machine: self.originating_machine.clone(),
            service_machine: self.service_machine.clone(),
            exposed_name: self.exposed_name.clone(),
            exposed_path: self.exposed_path.clone(),
            provider_id: self.provider_id.to_string(),
            snapshot_attributes: self.snapshot_attributes.bits(),
            creation_timestamp: self.creation_timestamp.0,
            status: self.status.value(),
        }
    }

    fn from_wire(message: v1::SnapshotProperties) -> Result<Self, Fault> {
        Ok(Self {
            snapshot_id: id(&message.snapshot_id, "snapshot_id")?,
            snapshot_set_id: id(&message.snapshot_set_id, "snapshot_set_id")?,
            snapshots_count: message.snapshots_count,
            snapshot_device_object: message.snapshot_device_object,
            original_volume_name: message.original_volume_name,
            originating_machine: message.originating_machine,
            service_machine: message.service_machine,
            exposed_name: message.exposed_name,
            exposed_path: message.exposed_path,
            provider_id: id(&message.provider_id, "provider_id")?,
            snapshot_attributes: SnapshotAttributes::from_bits_retain(message.snapshot_attributes),
            creation_timestamp: Timestamp(message.creation_timestamp),
            status: status(message.status, "status")?,
        })
    }
}

impl Wire for ProviderProperties {
    type Message = v1::ProviderProperties;

    fn to_wire(&self) -> v1::ProviderProperties {
        v1::ProviderProperties {
            provider_id: self.provider_id.to_string(),
            provider_name: self.provider_name.clone(),
            provider_type: self.provider_type.value(),
            provider_version: self.provider_version.clone(),
            provider_version_id: self.provider_version_id.to_string(),
            class_id: self.class_id.to_string(),
        }
    }

    fn from_wire(message: v1::ProviderProperties) -> Result<Self, Fault> {
        let provider_type = ProviderType::from_value(message.provider_type);
        Ok(Self {
            provider_id: id(&message.provider_id, "provider_id")?,
            provider_name: message.provider_name,
            provider_type: known(provider_type, message.provider_type, "provider_type")?,
            provider_version: message.provider_version,
            provider_version_id: id(&message.provider_version_id, "provider_version_id")?,
            class_id: id(&message.class_id, "class_id")?,
        })
    }
}

impl Wire for CopyRecord {
    type Message = v1::CopyRecord;

    fn to_wire(&self) -> v1::CopyRecord {
        v1::CopyRecord {
            properties: Some(self.properties.to_wire()),
            luns: self.luns.clone(),
        }
    }

    fn from_wire(message: v1::CopyRecord) -> Result<Self, Fault> {
        Ok(Self {
            properties: needed(message.properties, "properties")?,
            luns: message.luns,
        })
    }
}

impl Wire for LunRecord {
    type Message = v1::LunRecord;

    fn to_wire(&self) -> v1::LunRecord {
        v1::LunRecord {
            name: self.name.clone(),
            original_name: self.original_name.clone(),
            provider_id: self.provider_id.to_string(),
            original: Some(self.original.to_wire()),
            snapshot: Some(self.snapshot.to_wire()),
            sector_size: self.sector_size,
            device: path_to(&self.device),
            original_identity: Some(self.original_identity.to_wire()),
            import_identity: Some(self.import_identity.to_wire()),
            identity_changed: self.identity_changed,
            import_patch: Some(self.import_patch.to_wire()),
        }
    }

    fn from_wire(message: v1::LunRecord) -> Result<Self, Fault> {
        Ok(Self {
            name: message.name,
            original_name: message.original_name,
            provider_id: id(&message.provider_id, "provider_id")?,
            original: needed(message.original, "original")?,
            snapshot: needed(message.snapshot, "snapshot")?,
            sector_size: message.sector_size,
            device: path_from(message.device),
            original_identity: needed(message.original_identity, "original_identity")?,
            import_identity: needed(message.import_identity, "import_identity")?,
            identity_changed: message.identity_changed,
            import_patch: needed(message.import_patch, "import_patch")?,
        })
    }
}

impl Wire for SetRecord {
    type Message = v1::SetRecord;

    fn to_wire(&self) -> v1::SetRecord {
        let state = match self.state {
            SetState::Created => v1::SetState::Created,
            SetState::Transported => v1::SetState::Transported,
        };
        v1::SetRecord {
            set_id: self.set_id.to_string(),
            context: self.context.bits(),
            state: state.into(),
            consistency: consistency_to(self.consistency).into(),
            created: self.created.0,
            held_micros: self.held_micros,
            freeze_micros: self.freeze_micros,
            copy_micros: self.copy_micros,
            copies: list_to(&self.copies),
            luns: list_to(&self.luns),
        }
    }

    fn from_wire(message: v1::SetRecord) -> Result<Self, Fault> {
        let state = match v1::SetState::try_from(message.state) {
            Ok(v1::SetState::Created) => Some(SetState::Created),
            Ok(v1::SetState::Transported) => Some(SetState::Transported),
            Ok(v1::SetState::Unspecified) | Err(_) => None,
        };
        Ok(Self {
            set_id: id(&message.set_id, "set_id")?,
            context: context(message.context, "context")?,
            state: known(state, message.state, "state")?,
            consistency: consistency_from(message.consistency, "consistency")?,
            created: Timestamp(message.created),
            freeze_micros: message.freeze_micros,
            held_micros: message.held_micros,
            copy_micros: message.copy_micros,
            copies: list_from(message.copies, "copies")?,
            luns: list_from(message.luns, "luns")?,
        })
    }
}

impl Wire for SetSummary {
    type Message = v1::SetSummary;

    fn to_wire(&self) -> v1::SetSummary {
        v1::SetSummary {
            set_id: self.set_id.to_string(),
            context: self.context.bits(),
            consistency: consistency_to(self.consistency).into(),
            created: self.created.0,
            held_micros: self.held_micros,
        }
    }

    fn from_wire(message: v1::SetSummary) -> Result<Self, Fault> {
        Ok(Self {
            set_id: id(&message.set_id, "set_id")?,
            context: context(message.context, "context")?,
            consistency: consistency_from(message.consistency, "consistency")?,
            created: Timestamp(message.created),
            held_micros: message.held_micros,
        })
    }
}

impl Wire for CopySummary {
    type Message = v1::CopySummary;

    fn to_wire(&self) -> v1::CopySummary {
        v1::CopySummary {
            id: self.id.to_string(),
            set_id: self.set_id.to_string(),
            original: self.original.clone(),
            device: self.device.clone(),
            provider_id: self.provider_id.to_string(),
            attributes: self.attributes.bits(),
            status: self.status.value(),
        }
    }

    fn from_wire(message: v1::CopySummary) -> Result<Self, Fault> {
        Ok(Self {
            id: id(&message.id, "id")?,
            set_id: id(&message.set_id, "set_id")?,
            original: message.original,
            device: message.device,
            provider_id: id(&message.provider_id, "provider_id")?,
            attributes: SnapshotAttributes::from_bits_retain(message.attributes),
            status: status(message.status, "status")?,
        })
    }
}
