//! LUNs, and who they are on the bus.

use std::path::PathBuf;

use vss_model::{
    BusType, IdentifierCodeSet, IdentifierType, Interconnect, InterconnectAddressType,
    LunInformation, StorageIdentifier,
};
use vss_service::{Adopt, AdoptLun, Lun, LunChange, LunDetail, NewLun};

use super::{
    Fault, Wire, byte, id, id_if_any, known, list_from, list_to, needed, path_from, path_to,
};
use crate::v1;

impl Wire for StorageIdentifier {
    type Message = v1::StorageIdentifier;

    fn to_wire(&self) -> v1::StorageIdentifier {
        v1::StorageIdentifier {
            code_set: self.code_set.value(),
            r#type: self.identifier_type.value(),
            identifier: self.bytes.clone(),
        }
    }

    fn from_wire(message: v1::StorageIdentifier) -> Result<Self, Fault> {
        let code_set = IdentifierCodeSet::from_value(message.code_set);
        let identifier_type = IdentifierType::from_value(message.r#type);
        Ok(Self {
            code_set: known(code_set, message.code_set, "code_set")?,
            identifier_type: known(identifier_type, message.r#type, "type")?,
            bytes: message.identifier,
        })
    }
}

impl Wire for Interconnect {
    type Message = v1::Interconnect;

    fn to_wire(&self) -> v1::Interconnect {
        v1::Interconnect {
            address_type: self.address_type.value(),
            port: self.port.clone(),
            address: self.address.clone(),
        }
    }

    fn from_wire(message: v1::Interconnect) -> Result<Self, Fault> {
        let address_type = InterconnectAddressType::from_value(message.address_type);
        Ok(Self {
            address_type: known(address_type, message.address_type, "address_type")?,
            port: message.port,
            address: message.address,
        })
    }
}

impl Wire for LunInformation {
    type Message = v1::LunInformation;

    fn to_wire(&self) -> v1::LunInformation {
        v1::LunInformation {
            device_type: u32::from(self.device_type),
            device_type_modifier: u32::from(self.device_type_modifier),
            command_queueing: self.command_queueing,
            bus_type: self.bus_type.value(),
            vendor_id: self.vendor_id.clone(),
            product_id: self.product_id.clone(),
            product_revision: self.product_revision.clone(),
            serial_number: self.serial_number.clone(),
            disk_signature: self.disk_signature.to_string(),
            identifiers: list_to(&self.identifiers),
            interconnects: list_to(&self.interconnects),
        }
    }

    fn from_wire(message: v1::LunInformation) -> Result<Self, Fault> {
        let bus_type = BusType::from_value(message.bus_type);
        Ok(Self {
            device_type: byte(message.device_type, "device_type")?,
            device_type_modifier: byte(message.device_type_modifier, "device_type_modifier")?,
            command_queueing: message.command_queueing,
            bus_type: known(bus_type, message.bus_type, "bus_type")?,
            vendor_id: message.vendor_id,
            product_id: message.product_id,
            product_revision: message.product_revision,
            serial_number: message.serial_number,
            disk_signature: id(&message.disk_signature, "disk_signature")?,
            identifiers: list_from(message.identifiers, "identifiers")?,
            interconnects: list_from(message.interconnects, "interconnects")?,
        })
    }
}

impl Wire for Lun {
    type Message = v1::Lun;

    fn to_wire(&self) -> v1::Lun {
        v1::Lun {
            name: self.name.clone(),
            id: self.id.clone(),
            size_bytes: self.size_bytes,
            allocated_bytes: self.allocated_bytes,
            sector_size: self.sector_size,
            presented: self.presented,
            read_only: self.read_only,
            image: path_to(&self.image),
            image_missing: self.image_missing,
            device: self.device.as_deref().map(path_to),
            linked: self.linked,
            copy_of: self.copy_of.clone(),
            set: self.set.map(|set| set.to_string()),
        }
    }

    fn from_wire(message: v1::Lun) -> Result<Self, Fault> {
        Ok(Self {
            name: message.name,
            id: message.id,
            size_bytes: message.size_bytes,
            allocated_bytes: message.allocated_bytes,
            sector_size: message.sector_size,
            presented: message.presented,
            read_only: message.read_only,
            image: path_from(message.image),
            image_missing: message.image_missing,
            device: message.device.map(path_from),
            linked: message.linked,
            copy_of: message.copy_of,
            set: id_if_any(message.set.as_deref(), "set")?,
        })
    }
}

impl Wire for LunDetail {
    type Message = v1::LunDetail;

    fn to_wire(&self) -> v1::LunDetail {
        let disk = match &self.identity {
            Ok(identity) => v1::lun_detail::Disk::Identity(identity.to_wire()),
            Err(why) => v1::lun_detail::Disk::Unreadable(why.clone()),
        };
        v1::LunDetail {
            lun: Some(self.lun.to_wire()),
            warnings: self.warnings.clone(),
            disk: Some(disk),
        }
    }

    fn from_wire(message: v1::LunDetail) -> Result<Self, Fault> {
        let identity = match message.disk {
            Some(v1::lun_detail::Disk::Identity(identity)) => {
                Ok(needed(Some(identity), "identity")?)
            }
            Some(v1::lun_detail::Disk::Unreadable(why)) => Err(why),
            None => return Err(Fault::missing("disk")),
        };
        Ok(Self {
            lun: needed(message.lun, "lun")?,
            identity,
            warnings: message.warnings,
        })
    }
}

impl Wire for LunChange {
    type Message = v1::LunChange;

    fn to_wire(&self) -> v1::LunChange {
        v1::LunChange {
            name: self.name.clone(),
            changed: self.changed,
            device: self.device.as_deref().map(path_to),
        }
    }

    fn from_wire(message: v1::LunChange) -> Result<Self, Fault> {
        Ok(Self {
            name: message.name,
            changed: message.changed,
            device: message.device.map(path_from),
        })
    }
}

impl Wire for NewLun {
    type Message = v1::CreateLunRequest;

    fn to_wire(&self) -> v1::CreateLunRequest {
        v1::CreateLunRequest {
            name: self.name.clone(),
            size_bytes: self.size_bytes,
            sector_size: self.sector_size,
            present: self.present,
        }
    }

    fn from_wire(message: v1::CreateLunRequest) -> Result<Self, Fault> {
        Ok(Self {
            name: message.name,
            size_bytes: message.size_bytes,
            sector_size: message.sector_size,
            present: message.present,
        })
    }
}

impl Wire for AdoptLun {
    type Message = v1::AdoptLunRequest;

    fn to_wire(&self) -> v1::AdoptLunRequest {
        let how = match self.how {
            Adopt::Move => v1::Adopt::Move,
            Adopt::Link => v1::Adopt::Link,
        };
        v1::AdoptLunRequest {
            name: self.name.clone(),
            file: path_to(&self.file),
            how: how.into(),
            sector_size: self.sector_size,
            present: self.present,
        }
    }

    fn from_wire(message: v1::AdoptLunRequest) -> Result<Self, Fault> {
        let how = match v1::Adopt::try_from(message.how) {
            Ok(v1::Adopt::Move) => Some(Adopt::Move),
            Ok(v1::Adopt::Link) => Some(Adopt::Link),
            Ok(v1::Adopt::Unspecified) | Err(_) => None,
        };
        let file: PathBuf = path_from(message.file);
        if file.as_os_str().is_empty() {
            return Err(Fault::missing("file"));
        }
        Ok(Self {
            name: message.name,
            file,
            how: known(how, message.how, "how")?,
            sector_size: message.sector_size,
            present: message.present,
        })
    }
}
