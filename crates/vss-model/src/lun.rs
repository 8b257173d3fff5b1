//! LUN information (`VDS_LUN_INFORMATION` of `vdslun.h`, spec: provider §10).

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::enums::{BusType, IdentifierCodeSet, IdentifierType, InterconnectAddressType};

/// One identifier of SCSI vital product data page 0x83 with association 0
/// (`VDS_STORAGE_IDENTIFIER`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StorageIdentifier {
    /// How `bytes` are coded.
    pub code_set: IdentifierCodeSet,
    /// What kind of name this is.
    pub identifier_type: IdentifierType,
    /// The identifier itself.
    pub bytes: Vec<u8>,
}

impl StorageIdentifier {
    /// True for the types by which a LUN may be told from others: 1, 2, 3 and 8.
    #[must_use]
    pub const fn is_unique_kind(&self) -> bool {
        matches!(
            self.identifier_type,
            IdentifierType::VendorId
                | IdentifierType::Eui64
                | IdentifierType::FcphName
                | IdentifierType::ScsiNameString
        )
    }
}

/// The name of a LUN among all LUNs: one unique page 0x83 identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LunId(StorageIdentifier);

impl LunId {
    /// The identifier inside.
    #[must_use]
    pub const fn identifier(&self) -> &StorageIdentifier {
        &self.0
    }
}

/// As udev writes such names: `t10.…`, `eui.…`, `naa.…`, or the name string itself.
impl fmt::Display for LunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.identifier_type {
            IdentifierType::VendorId => f.write_str("t10.")?,
            IdentifierType::Eui64 => f.write_str("eui.")?,
            IdentifierType::FcphName => f.write_str("naa.")?,
            _ => {}
        }
        if self.0.code_set == IdentifierCodeSet::Binary {
            self.0.bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
        } else {
            f.write_str(&String::from_utf8_lossy(&self.0.bytes))
        }
    }
}

/// A port by which a LUN is reached (`VDS_INTERCONNECT`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interconnect {
    /// Kind of both addresses.
    pub address_type: InterconnectAddressType,
    /// Address of the port.
    pub port: Vec<u8>,
    /// Address of the LUN at that port.
    pub address: Vec<u8>,
}

/// Who a LUN is to its array and bus (`VDS_LUN_INFORMATION`, version 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LunInformation {
    /// SCSI inquiry peripheral device type; 0 is a disk.
    pub device_type: u8,
    /// Modifier of the type, usually 0.
    pub device_type_modifier: u8,
    /// Whether commands can be queued.
    pub command_queueing: bool,
    /// Bus; ignored in comparisons.
    pub bus_type: BusType,
    /// Vendor of the inquiry data.
    pub vendor_id: String,
    /// Product of the inquiry data.
    pub product_id: String,
    /// Revision of the inquiry data.
    pub product_revision: String,
    /// Unit serial number, page 0x80.
    pub serial_number: String,
    /// MBR: the first 32 bits are the disk signature, the rest zero; GPT: the disk GUID; nil for
    /// none or unknown. Ignored in comparisons; `GetTargetLuns` gives nil.
    pub disk_signature: Uuid,
    /// Identifiers of page 0x83 (`VDS_STORAGE_DEVICE_ID_DESCRIPTOR`).
    pub identifiers: Vec<StorageIdentifier>,
    /// Ports; `AreLunsSupported` must leave them alone.
    pub interconnects: Vec<Interconnect>,
}

impl LunInformation {
    /// `VER_VDS_LUN_INFORMATION`.
    pub const VERSION: u32 = 1;

    /// The name of this LUN: its first unique page 0x83 identifier, if it has one.
    #[must_use]
    pub fn lun_id(&self) -> Option<LunId> {
        self.identifiers
            .iter()
            .find(|identifier| identifier.is_unique_kind() && !identifier.bytes.is_empty())
            .cloned()
            .map(LunId)
    }

    /// True when both describe one LUN: they share a unique page 0x83 identifier, and the serial
    /// numbers do not differ where both have one (spec: break §6.1).
    #[must_use]
    pub fn is_same_lun(&self, other: &Self) -> bool {
        let serials_agree = self.serial_number.is_empty()
            || other.serial_number.is_empty()
            || self.serial_number == other.serial_number;
        serials_agree
            && self
                .identifiers
                .iter()
                .any(|a| a.is_unique_kind() && !a.bytes.is_empty() && other.identifiers.contains(a))
    }

    /// True when all fields but bus type and disk signature are alike (spec: provider §6 step 4).
    #[must_use]
    pub fn matches_record(&self, recorded: &Self) -> bool {
        let mut a = self.clone();
        a.bus_type = recorded.bus_type;
        a.disk_signature = recorded.disk_signature;
        a == *recorded
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{LunInformation, StorageIdentifier};
    use crate::enums::{BusType, IdentifierCodeSet, IdentifierType};

    fn lun(id: &[u8], kind: IdentifierType) -> LunInformation {
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: false,
            bus_type: BusType::FileBackedVirtual,
            vendor_id: "V".into(),
            product_id: "P".into(),
            product_revision: "1".into(),
            serial_number: String::new(),
            disk_signature: Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Binary,
                identifier_type: kind,
                bytes: id.to_vec(),
            }],
            interconnects: Vec::new(),
        }
    }

    #[test]
    fn only_unique_kinds_name_a_lun() {
        let named = lun(b"\x60\x01", IdentifierType::FcphName);
        assert_eq!(named.lun_id().unwrap().to_string(), "naa.6001");
        assert!(named.is_same_lun(&named.clone()));
        let port = lun(b"\x60\x01", IdentifierType::PortRelative);
        assert!(port.lun_id().is_none());
        assert!(!port.is_same_lun(&port.clone()));
    }

    #[test]
    fn bus_and_signature_do_not_count() {
        let a = lun(b"x", IdentifierType::VendorId);
        let mut b = a.clone();
        b.bus_type = BusType::Scsi;
        b.disk_signature = Uuid::max();
        assert!(b.matches_record(&a));
        b.product_id.push('x');
        assert!(!b.matches_record(&a));
    }
}
