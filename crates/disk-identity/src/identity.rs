//! Who a disk is: plain data, free of where it was read.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::gpt::types;
use crate::mbr;
use crate::units::SectorSize;

/// Which kind of partition table a disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TableKind {
    /// GUID partition table, with a protective or hybrid MBR.
    Gpt,
    /// Master boot record alone.
    Mbr,
    /// No table: a bare disk.
    None,
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gpt => "GPT",
            Self::Mbr => "MBR",
            Self::None => "no partition table",
        })
    }
}

/// A text that is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither 8 hexadecimal digits nor a GUID")]
pub struct InvalidDiskId(String);

/// What names the disk as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DiskId {
    /// The signature of an MBR.
    Signature(u32),
    /// The disk GUID of a GPT.
    Guid(Uuid),
}

impl DiskId {
    /// True for the zero signature and the nil GUID, which name nothing.
    #[must_use]
    pub const fn is_nil(&self) -> bool {
        match self {
            Self::Signature(signature) => *signature == 0,
            Self::Guid(guid) => guid.is_nil(),
        }
    }
}

/// As blkid shows a `PTUUID`: 8 digits or a GUID, in lower case.
impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(signature) => write!(f, "{signature:08x}"),
            Self::Guid(guid) => guid.fmt(f),
        }
    }
}

/// Exactly 8 hexadecimal digits, or a GUID in any of its usual forms.
impl FromStr for DiskId {
    type Err = InvalidDiskId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDiskId(text.to_owned());
        if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return u32::from_str_radix(text, 16)
                .map(Self::Signature)
                .map_err(|_| invalid());
        }
        text.parse().map(Self::Guid).map_err(|_| invalid())
    }
}

impl From<DiskId> for String {
    fn from(id: DiskId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for DiskId {
    type Error = InvalidDiskId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What a partition is for, as its table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionType {
    /// Type GUID of a GPT entry.
    Gpt(Uuid),
    /// Type byte of an MBR entry.
    Mbr(u8),
}

/// A GUID, or two hexadecimal digits.
impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpt(guid) => guid.fmt(f),
            Self::Mbr(byte) => write!(f, "{byte:02x}"),
        }
    }
}

/// What names a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionId {
    /// The unique GUID of a GPT entry; nil names nothing.
    Guid(Uuid),
    /// An MBR partition has no name of its own: it is the disk's signature and its number.
    Mbr {
        /// Signature of the disk.
        signature: u32,
        /// Number of the partition, from 1.
        index: u32,
    },
}

/// As blkid shows a `PARTUUID`: a GUID, or signature and number as in `1234abcd-01`.
impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guid(guid) => guid.fmt(f),
            Self::Mbr { signature, index } => write!(f, "{signature:08x}-{index:02x}"),
        }
    }
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionIdentity {
    /// Number as Linux counts: from 1; logical partitions of an MBR from 5.
    pub index: u32,
    /// First sector, in logical sectors from the start of the disk.
    pub start_lba: u64,
    /// Last sector, inclusive. Hostile tables may put it before `start_lba`.
    pub end_lba: u64,
    /// What it is for.
    pub type_id: PartitionType,
    /// What names it.
    pub id: PartitionId,
    /// The whole attribute field of a GPT entry; 0 for MBR.
    pub attributes: u64,
    /// Name of a GPT entry, up to the first NUL; what is not UTF-16 is replaced. Empty for MBR.
    pub name: String,
}

impl PartitionIdentity {
    /// True if the partition's type says that a data volume is in it: Microsoft basic data and LDM
    /// data, Linux file systems and the data types of the Discoverable Partitions Specification;
    /// on MBR the FAT, NTFS and Linux types.
    #[must_use]
    pub fn holds_data_volume(&self) -> bool {
        match self.type_id {
            PartitionType::Gpt(guid) => types::holds_data_volume(guid),
            PartitionType::Mbr(byte) => mbr::holds_data_volume(byte),
        }
    }
}

/// Something which no two disks may carry at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    /// Signature of an MBR, hybrid ones included.
    Signature(u32),
    /// Disk GUID.
    DiskGuid(Uuid),
    /// Unique GUID of a partition.
    PartitionGuid(Uuid),
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(signature) => write!(f, "disk signature {signature:08x}"),
            Self::DiskGuid(guid) => write!(f, "disk GUID {guid}"),
            Self::PartitionGuid(guid) => write!(f, "partition GUID {guid}"),
        }
    }
}

/// Who a disk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Kind of the partition table.
    pub table: TableKind,
    /// The logical sector size in which the table counts.
    pub sector_size: SectorSize,
    /// What names the disk; `None` if it has no table, a zero signature or a nil GUID.
    pub disk_id: Option<DiskId>,
    /// The nonzero signature in the hybrid MBR of a GPT disk.
    pub hybrid_signature: Option<u32>,
    /// The partitions in order of their numbers.
    pub partitions: Vec<PartitionIdentity>,
}

impl Identity {
    /// The identity of a disk without a table.
    #[must_use]
    pub const fn bare(sector_size: SectorSize) -> Self {
        Self {
            table: TableKind::None,
            sector_size,
            disk_id: None,
            hybrid_signature: None,
            partitions: Vec::new(),
        }
    }

    /// Everything this disk is known by. Zero and nil are left out: they name nothing.
    pub fn ids(&self) -> impl Iterator<Item = Identifier> + '_ {
        let disk = self.disk_id.map(|id| match id {
            DiskId::Signature(signature) => Identifier::Signature(signature),
            DiskId::Guid(guid) => Identifier::DiskGuid(guid),
        });
        let hybrid = self.hybrid_signature.map(Identifier::Signature);
        let partitions = self.partitions.iter().filter_map(|p| match p.id {
            PartitionId::Guid(guid) => Some(Identifier::PartitionGuid(guid)),
            PartitionId::Mbr { .. } => None,
        });
        disk.into_iter()
            .chain(hybrid)
            .chain(partitions)
            .filter(|id| match id {
                Identifier::Signature(signature) => *signature != 0,
                Identifier::DiskGuid(guid) | Identifier::PartitionGuid(guid) => !guid.is_nil(),
            })
    }

    /// True if this disk carries any identifier of `other`.
    #[must_use]
    pub fn is_bearer_of_any(&self, other: &Self) -> bool {
        let mine: HashSet<_> = self.ids().collect();
        other.ids().any(|id| mine.contains(&id))
    }
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::{DiskId, Identifier, Identity, PartitionId, TableKind};
    use crate::units::SectorSize;

    const GUID: uuid::Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");

    #[test]
    fn texts_are_those_of_blkid() {
        assert_eq!(DiskId::Signature(0xabc).to_string(), "00000abc");
        assert_eq!(DiskId::Guid(GUID).to_string(), GUID.to_string());
        let id = PartitionId::Mbr {
            signature: 0x1234_abcd,
            index: 17,
        };
        assert_eq!(id.to_string(), "1234abcd-11");
    }

    #[test]
    fn disk_ids_survive_text() {
        for id in [DiskId::Signature(7), DiskId::Guid(GUID)] {
            assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<DiskId>(&json).unwrap(), id);
        }
        for bad in ["", "1234567", "+1234567", "123456789", "0fc63daf-8483"] {
            assert!(bad.parse::<DiskId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn zero_and_nil_name_nothing() {
        let mut one = Identity::bare(SectorSize::B512);
        one.table = TableKind::Gpt;
        one.disk_id = Some(DiskId::Guid(uuid::Uuid::nil()));
        one.hybrid_signature = Some(0);
        assert_eq!(one.ids().count(), 0);
        assert!(!one.is_bearer_of_any(&one.clone()));
    }

    #[test]
    fn hybrid_signature_meets_mbr_signature() {
        let mut gpt = Identity::bare(SectorSize::B512);
        gpt.table = TableKind::Gpt;
        gpt.disk_id = Some(DiskId::Guid(GUID));
        gpt.hybrid_signature = Some(5);
        let mut mbr = Identity::bare(SectorSize::B512);
        mbr.table = TableKind::Mbr;
        mbr.disk_id = Some(DiskId::Signature(5));
        assert!(gpt.is_bearer_of_any(&mbr) && mbr.is_bearer_of_any(&gpt));
        mbr.disk_id = Some(DiskId::Signature(6));
        assert!(!gpt.is_bearer_of_any(&mbr));
        assert!(gpt.ids().any(|id| id == Identifier::DiskGuid(GUID)));
    }
}
