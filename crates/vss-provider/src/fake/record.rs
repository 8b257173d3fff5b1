//! What the fake array knows about itself, kept in one file so that it survives a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vss_model::{
    BusType, IdentifierCodeSet, IdentifierType, Interconnect, InterconnectAddressType,
    LunInformation, SetId, StorageIdentifier,
};

/// How far a set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Phase {
    Preparing,
    Prepared,
    PreCommitted,
    Committed,
    PostCommitted,
    PreFinalCommitted,
}

/// A set whose creation is under way; finished ones are known only by their copies.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct SetRecord {
    pub(super) set: SetId,
    pub(super) phase: Phase,
}

/// Whose copy a LUN is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopyOf {
    /// Number of the original.
    pub(super) original: u64,
    pub(super) set: SetId,
}

/// A LUN. Whether it is presented is no part of the record: the folder of the host says so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LunRecord {
    /// Never used twice; all identifiers derive from it.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) sector_size: u32,
    pub(super) copy: Option<CopyOf>,
}

/// The whole array.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) seed: u32,
    pub(super) next: u64,
    pub(super) luns: Vec<LunRecord>,
    pub(super) sets: Vec<SetRecord>,
    pub(super) last_committed: Option<SetId>,
}

impl Record {
    pub(super) const fn new(seed: u32) -> Self {
        Self {
            seed,
            next: 1,
            luns: Vec::new(),
            sets: Vec::new(),
            last_committed: None,
        }
    }

    /// Reads the record; `None` when there is none yet.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the stored record at once: a crash leaves the old one or the new one.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let new: PathBuf = path.with_extension("new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(&new, path)
    }

    pub(super) fn add(&mut self, name: String, sector_size: u32, copy: Option<CopyOf>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.luns.push(LunRecord {
            number,
            name,
            sector_size,
            copy,
        });
        number
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&LunRecord> {
        self.luns.iter().find(|lun| lun.name == name)
    }

    /// The LUN of this array that the information speaks of.
    pub(super) fn by_information(&self, information: &LunInformation) -> Option<&LunRecord> {
        self.luns
            .iter()
            .find(|lun| self.information(lun.number).is_same_lun(information))
    }

    pub(super) fn copies_of_set(&self, set: SetId) -> impl Iterator<Item = &LunRecord> {
        self.luns
            .iter()
            .filter(move |lun| lun.copy.is_some_and(|copy| copy.set == set))
    }

    pub(super) fn copy_in_set(&self, original: u64, set: SetId) -> Option<&LunRecord> {
        self.copies_of_set(set)
            .find(|lun| lun.copy.is_some_and(|copy| copy.original == original))
    }

    pub(super) fn set_mut(&mut self, set: SetId) -> Option<&mut SetRecord> {
        self.sets.iter_mut().find(|entry| entry.set == set)
    }

    /// What inquiry says of a LUN with this number.
    pub(super) fn information(&self, number: u64) -> LunInformation {
        let name = (0x3 << 60) | (u64::from(self.seed & 0x0FFF_FFFF) << 32) | number;
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: true,
            bus_type: BusType::FileBackedVirtual,
            vendor_id: "OPENVSS".into(),
            product_id: "FAKE ARRAY".into(),
            product_revision: "1".into(),
            serial_number: format!("FAKE{:07X}{number:08X}", self.seed & 0x0FFF_FFFF),
            disk_signature: uuid::Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Binary,
                identifier_type: IdentifierType::FcphName,
                bytes: name.to_be_bytes().to_vec(),
            }],
            interconnects: vec![Interconnect {
                address_type: InterconnectAddressType::Scsi,
                port: vec![0],
                address: number.to_be_bytes().to_vec(),
            }],
        }
    }
}
