//! Telling an MBR from other first sectors, and listing its partitions.

use std::collections::HashSet;

use crate::bytes::{u16_at, u32_at};
use crate::disk::DiskRead;
use crate::error::{ChainFault, Warning};
use crate::identity::{DiskId, Identity, PartitionId, PartitionIdentity, PartitionType, TableKind};
use crate::mbr::{Entry, LEN, SIGNATURE, TYPE_PROTECTIVE, entries, has_magic, is_extended};
use crate::units::{Geometry, Lba};

/// More extended boot records than this are not followed.
const MAX_CHAIN: usize = 256;
/// The first logical partition.
const FIRST_LOGICAL: u32 = 5;

/// True if an entry says that the disk has a GPT.
pub(crate) fn announces_gpt(record: &[u8]) -> bool {
    has_magic(record) && entries(record).iter().any(|e| e.type_id == TYPE_PROTECTIVE)
}

/// True if, beside the protective entry, there are others.
pub(crate) fn is_hybrid(record: &[u8]) -> bool {
    announces_gpt(record)
        && entries(record)
            .iter()
            .any(|e| e.type_id != TYPE_PROTECTIVE && e.type_id != 0)
}

/// The signature, unless it is zero and so names nothing.
pub(crate) fn signature(record: &[u8]) -> Option<u32> {
    Some(u32_at(record, SIGNATURE)).filter(|signature| *signature != 0)
}

/// True for an MBR with something in it. The first sector of a bare FAT, exFAT or NTFS volume ends
/// in 55 AA too; like the kernel and blkid this looks at the status bytes, and then for the
/// parameter block of such a file system.
pub(crate) fn is_mbr(record: &[u8]) -> bool {
    const AIX: [u8; 4] = [0xc9, 0xc2, 0xd4, 0xc1];
    let entries = entries(record);
    has_magic(record)
        && !record.starts_with(&AIX)
        && entries.iter().all(|e| matches!(e.status, 0x00 | 0x80))
        && !is_file_system(record)
        && (entries.iter().any(|e| e.count != 0) || signature(record).is_some())
}

fn is_file_system(record: &[u8]) -> bool {
    let oem = record.get(3..11).unwrap_or_default();
    oem == b"NTFS    " || oem == b"EXFAT   " || is_fat(record)
}

/// True if the BIOS parameter block could be that of a FAT file system.
fn is_fat(record: &[u8]) -> bool {
    let byte = |offset: usize| record.get(offset).copied().unwrap_or(0);
    let jump = (byte(0) == 0xeb && byte(2) == 0x90) || byte(0) == 0xe9;
    let sector = u16_at(record, 11);
    let cluster = byte(13);
    let fats = byte(16);
    let media = byte(21);
    let some_length = u16_at(record, 19) != 0 || u32_at(record, 32) != 0;
    let some_fat = u16_at(record, 22) != 0 || u32_at(record, 36) != 0;
    jump && (512..=4096).contains(&sector)
        && sector.is_power_of_two()
        && cluster.is_power_of_two()
        && u16_at(record, 14) != 0
        && (1..=2).contains(&fats)
        && (media == 0xf0 || media >= 0xf8)
        && some_length
        && some_fat
}

/// The identity of a disk whose first sector is an MBR.
pub(crate) fn identity(
    disk: &dyn DiskRead,
    geometry: Geometry,
    record: &[u8],
    warnings: &mut Vec<Warning>,
) -> Identity {
    let stored = u32_at(record, SIGNATURE);
    let mut partitions = Vec::new();
    for (index, entry) in (1..).zip(entries(record)) {
        if entry.count != 0 {
            let start = u64::from(entry.first);
            partitions.push(partition(stored, index, start, entry));
        }
    }
    let mut chain = Chain {
        disk,
        geometry,
        seen: HashSet::new(),
        signature: stored,
        logical: Vec::new(),
    };
    for entry in entries(record) {
        if entry.count != 0
            && is_extended(entry.type_id)
            && let Err((at, fault)) = chain.follow(entry)
        {
            warnings.push(Warning::LogicalChain { at, fault });
        }
    }
    partitions.append(&mut chain.logical);
    Identity {
        table: TableKind::Mbr,
        sector_size: geometry.sector_size,
        disk_id: signature(record).map(DiskId::Signature),
        hybrid_signature: None,
        partitions,
    }
}

fn partition(signature: u32, index: u32, start_lba: u64, entry: Entry) -> PartitionIdentity {
    PartitionIdentity {
        index,
        start_lba,
        end_lba: start_lba + u64::from(entry.count.saturating_sub(1)),
        type_id: PartitionType::Mbr(entry.type_id),
        id: PartitionId::Mbr { signature, index },
        attributes: 0,
        name: String::new(),
    }
}

struct Chain<'a> {
    disk: &'a dyn DiskRead,
    geometry: Geometry,
    seen: HashSet<u64>,
    signature: u32,
    logical: Vec<PartitionIdentity>,
}

impl Chain<'_> {
    /// Lists the logical partitions inside `extended`. What is found before a fault stays.
    fn follow(&mut self, extended: Entry) -> Result<(), (Lba, ChainFault)> {
        let base = u64::from(extended.first);
        let limit = base + u64::from(extended.count);
        let mut next = Some(Lba(base));
        while let Some(at) = next {
            let record = self.record(at).map_err(|fault| (at, fault))?;
            let entries = entries(&record);
            for (slot, entry) in entries.iter().enumerate() {
                if entry.count == 0 || is_extended(entry.type_id) {
                    continue;
                }
                // Sums of three 32-bit numbers, far from the end of 64 bits.
                let start = at.0 + u64::from(entry.first);
                let end = start + u64::from(entry.count);
                // The last two slots are not used as a rule; what stands there must at least fit.
                if slot >= 2 && (start < base || end > limit) {
                    continue;
                }
                let count = u32::try_from(self.logical.len()).unwrap_or(u32::MAX);
                let index = FIRST_LOGICAL.saturating_add(count);
                self.logical
                    .push(partition(self.signature, index, start, *entry));
            }
            next = entries
                .iter()
                .find(|e| e.count != 0 && is_extended(e.type_id))
                .map(|e| Lba(base + u64::from(e.first)));
        }
        Ok(())
    }

    fn record(&mut self, at: Lba) -> Result<[u8; LEN], ChainFault> {
        if self.seen.len() >= MAX_CHAIN {
            return Err(ChainFault::TooLong);
        }
        if !self.seen.insert(at.0) {
            return Err(ChainFault::Loop);
        }
        let offset = at
            .byte_offset(self.geometry.sector_size)
            .filter(|_| at.0 < self.geometry.sectors())
            .ok_or(ChainFault::OutsideDisk)?;
        let mut record = [0; LEN];
        self.disk
            .read_exact_at(&mut record, offset)
            .map_err(|_| ChainFault::Unreadable)?;
        if !has_magic(&record) {
            return Err(ChainFault::NoSignature);
        }
        Ok(record)
    }
}
