//! The master boot record.
//!
//! ```text
//! 0     boot code
//! 440   disk signature (4)      0x1B8
//! 444   reserved (2)
//! 446   four entries of 16      0x1BE
//! 510   55 AA
//!
//! entry: 0 status (00 or 80) | 1 CHS of first | 4 type | 5 CHS of last | 8 first | 12 count
//! ```
//!
//! Logical partitions hang on a chain of extended boot records, which have the same shape. They
//! carry no identifier of their own and are never written.

pub(crate) mod plan;
pub(crate) mod probe;

use crate::bytes::u32_at;

/// Bytes of the record, whatever the sector size.
pub(crate) const LEN: usize = 512;
/// Where the disk signature stands.
pub(crate) const SIGNATURE: usize = 440;
const RESERVED: usize = SIGNATURE + 4;
const ENTRIES: usize = RESERVED + 2;
const ENTRY_LEN: usize = 16;
const MAGIC: usize = ENTRIES + 4 * ENTRY_LEN;

/// Type of the entry by which an MBR announces a GPT.
const TYPE_PROTECTIVE: u8 = 0xee;

/// True for the types of FAT, NTFS and Linux file systems.
pub(crate) const fn holds_data_volume(type_id: u8) -> bool {
    matches!(
        type_id,
        0x01 | 0x04 | 0x06 | 0x07 | 0x0b | 0x0c | 0x0e | 0x83
    )
}

const fn is_extended(type_id: u8) -> bool {
    matches!(type_id, 0x05 | 0x0f | 0x85)
}

/// One of four entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    status: u8,
    type_id: u8,
    /// First sector, relative to the disk or to the chain.
    first: u32,
    /// Sectors; an entry without any is empty.
    count: u32,
}

fn entries(record: &[u8]) -> [Entry; 4] {
    let byte = |offset: usize| record.get(offset).copied().unwrap_or(0);
    [0, 1, 2, 3].map(|slot| {
        let at = ENTRIES + slot * ENTRY_LEN;
        Entry {
            status: byte(at),
            type_id: byte(at + 4),
            first: u32_at(record, at + 8),
            count: u32_at(record, at + 12),
        }
    })
}

fn has_magic(record: &[u8]) -> bool {
    record.get(MAGIC..LEN) == Some([0x55, 0xaa].as_slice())
}
