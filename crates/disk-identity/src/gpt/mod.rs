//! The GUID partition table.
//!
//! ```text
//! LBA 0        protective MBR, one entry of type EE
//! LBA 1        primary header ------------.
//! LBA 2..      primary array of entries <-'  (anywhere before the usable sectors)
//!              usable sectors
//!              backup array of entries <--.  (anywhere after the usable sectors)
//! last LBA     backup header -------------'  (where the primary's alternate LBA says)
//!
//! header:  0 "EFI PART" | 8 revision | 12 header size | 16 header CRC | 20 reserved
//!         24 my LBA | 32 alternate LBA | 40 first usable | 48 last usable
//!         56 disk GUID (16) | 72 array LBA | 80 entry count | 84 entry size | 88 array CRC
//!         92 end; a header size above 92 covers more bytes, which are kept as they are
//! entry:   0 type GUID (16) | 16 unique GUID (16) | 32 first LBA | 40 last LBA
//!         48 attributes | 56 name (36 UTF-16 units); the rest is kept as it is
//! ```
//!
//! Both checksums are CRC-32 over raw bytes: the header's over "header size" bytes with its own
//! field zero, the array's over every entry, used or not.

pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod types;

use uuid::Uuid;

use crate::bytes::{guid_at, u16_at, u32_at, u64_at};
use crate::error::CopyFault;
use crate::identity::{PartitionId, PartitionIdentity, PartitionType};
use crate::units::{Extent, Geometry, Lba, SectorSize};

pub(crate) const SIGNATURE: &[u8; 8] = b"EFI PART";

/// Offsets in a header.
pub(crate) mod header {
    pub(crate) const REVISION: usize = 8;
    pub(crate) const SIZE: usize = REVISION + 4;
    pub(crate) const CRC: usize = SIZE + 4;
    pub(crate) const RESERVED: usize = CRC + 4;
    pub(crate) const MY_LBA: usize = RESERVED + 4;
    pub(crate) const ALTERNATE_LBA: usize = MY_LBA + 8;
    pub(crate) const FIRST_USABLE: usize = ALTERNATE_LBA + 8;
    pub(crate) const LAST_USABLE: usize = FIRST_USABLE + 8;
    pub(crate) const DISK_GUID: usize = LAST_USABLE + 8;
    pub(crate) const ARRAY_LBA: usize = DISK_GUID + 16;
    pub(crate) const ENTRY_COUNT: usize = ARRAY_LBA + 8;
    pub(crate) const ENTRY_SIZE: usize = ENTRY_COUNT + 4;
    pub(crate) const ARRAY_CRC: usize = ENTRY_SIZE + 4;
    pub(crate) const END: usize = ARRAY_CRC + 4;
}

/// Offsets in an entry.
pub(crate) mod entry {
    pub(crate) const TYPE: usize = 0;
    pub(crate) const GUID: usize = TYPE + 16;
    pub(crate) const FIRST_LBA: usize = GUID + 16;
    pub(crate) const LAST_LBA: usize = FIRST_LBA + 8;
    pub(crate) const ATTRIBUTES: usize = LAST_LBA + 8;
    pub(crate) const NAME: usize = ATTRIBUTES + 8;
    pub(crate) const END: usize = NAME + 72;
}

/// Where the primary header stands.
pub(crate) const PRIMARY: Lba = Lba(1);
/// Entries larger than this are refused, in bytes.
const MAX_ENTRY_SIZE: u32 = 4096;
/// Arrays larger than this are refused, in bytes.
const MAX_ARRAY_BYTES: u64 = 4 << 20;

/// The fields of a header that passed every check which needs no other sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) size: usize,
    pub(crate) alternate: Lba,
    pub(crate) first_usable: Lba,
    pub(crate) last_usable: Lba,
    pub(crate) disk_guid: Uuid,
    pub(crate) array_lba: Lba,
    pub(crate) entry_size: usize,
    /// Bytes of the array that the checksum covers.
    pub(crate) array_len: usize,
    pub(crate) array_crc: u32,
}

impl Header {
    /// Checks the raw sector read at `at`. The place of the array is not judged here.
    pub(crate) fn check(sector: &[u8], at: Lba, geometry: Geometry) -> Result<Self, CopyFault> {
        if sector.get(..SIGNATURE.len()) != Some(SIGNATURE.as_slice()) {
            return Err(CopyFault::NoSignature(at));
        }
        let size = header_size(sector, geometry.sector_size)?;
        let stored = u32_at(sector, header::CRC);
        let computed = header_crc(sector, size);
        if stored != computed {
            return Err(CopyFault::HeaderChecksum { stored, computed });
        }
        let says = Lba(u64_at(sector, header::MY_LBA));
        if says != at {
            return Err(CopyFault::Misplaced { at, says });
        }
        let first = Lba(u64_at(sector, header::FIRST_USABLE));
        let last = Lba(u64_at(sector, header::LAST_USABLE));
        let usable = Extent::between(first.0, last.0)
            .filter(|usable| usable.within(geometry) && !usable.contains(at));
        if usable.is_none() {
            return Err(CopyFault::UsableRange { first, last });
        }
        let entry_size = u32_at(sector, header::ENTRY_SIZE);
        if !(128..=MAX_ENTRY_SIZE).contains(&entry_size) || !entry_size.is_power_of_two() {
            return Err(CopyFault::EntrySize(entry_size));
        }
        let count = u32_at(sector, header::ENTRY_COUNT);
        let array_len = u64::from(count) * u64::from(entry_size);
        if array_len == 0 || array_len > MAX_ARRAY_BYTES {
            return Err(CopyFault::EntryCount(count));
        }
        let small = |n: u64| usize::try_from(n).map_err(|_| CopyFault::EntryCount(count));
        Ok(Self {
            size,
            alternate: Lba(u64_at(sector, header::ALTERNATE_LBA)),
            first_usable: first,
            last_usable: last,
            disk_guid: guid_at(sector, header::DISK_GUID),
            array_lba: Lba(u64_at(sector, header::ARRAY_LBA)),
            entry_size: small(u64::from(entry_size))?,
            array_len: small(array_len)?,
            array_crc: u32_at(sector, header::ARRAY_CRC),
        })
    }

    /// The sectors that the whole array takes.
    pub(crate) fn array_sectors(&self, geometry: Geometry) -> u64 {
        geometry.sectors_for(self.array_len as u64)
    }
}

fn header_size(sector: &[u8], sector_size: SectorSize) -> Result<usize, CopyFault> {
    let size = u32_at(sector, header::SIZE);
    usize::try_from(size)
        .ok()
        .filter(|size| (header::END..=sector_size.len().min(sector.len())).contains(size))
        .ok_or(CopyFault::HeaderSize(size))
}

/// The checksum of a header of `size` bytes, its own field taken as zero.
pub(crate) fn header_crc(sector: &[u8], size: usize) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(sector.get(..header::CRC).unwrap_or_default());
    crc.update(&[0; 4]);
    crc.update(sector.get(header::RESERVED..size).unwrap_or_default());
    crc.finalize()
}

/// A valid copy of the table: only the checks of `probe` make one.
#[derive(Debug, Clone)]
pub(crate) struct GptCopy {
    pub(crate) lba: Lba,
    pub(crate) header: Header,
    pub(crate) header_sector: Vec<u8>,
    /// Every entry, used or not; whole sectors may hold more bytes after them.
    pub(crate) array: Vec<u8>,
}

impl GptCopy {
    /// The sectors of the header and of the array.
    pub(crate) fn extents(&self, geometry: Geometry) -> [Option<Extent>; 2] {
        [
            Extent::new(self.lba, 1),
            Extent::new(self.header.array_lba, self.header.array_sectors(geometry)),
        ]
    }

    /// The entry with this number, from 1.
    pub(crate) fn entry(&self, index: u32) -> Option<Entry<'_>> {
        let place = usize::try_from(index.checked_sub(1)?).ok()?;
        let start = place.checked_mul(self.header.entry_size)?;
        let end = start.checked_add(self.header.entry_size)?;
        self.array.get(start..end).map(Entry)
    }

    /// The used entries and their numbers.
    pub(crate) fn used(&self) -> impl Iterator<Item = (u32, Entry<'_>)> {
        (1..)
            .zip(self.array.chunks_exact(self.header.entry_size))
            .map(|(index, bytes)| (index, Entry(bytes)))
            .filter(|(_, entry)| entry.is_used())
    }
}

/// The raw bytes of one entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a>(&'a [u8]);

impl Entry<'_> {
    pub(crate) fn is_used(self) -> bool {
        !self.type_guid().is_nil()
    }

    pub(crate) fn type_guid(self) -> Uuid {
        guid_at(self.0, entry::TYPE)
    }

    pub(crate) fn guid(self) -> Uuid {
        guid_at(self.0, entry::GUID)
    }

    pub(crate) fn first_lba(self) -> u64 {
        u64_at(self.0, entry::FIRST_LBA)
    }

    pub(crate) fn last_lba(self) -> u64 {
        u64_at(self.0, entry::LAST_LBA)
    }

    /// True if `other` is this partition's entry in the other copy of the table: it starts at the
    /// same place and has the same type or the same GUID.
    pub(crate) fn is_twin_of(self, other: Entry<'_>) -> bool {
        self.is_used()
            && other.is_used()
            && self.first_lba() == other.first_lba()
            && (self.type_guid() == other.type_guid() || self.guid() == other.guid())
    }

    pub(crate) fn identity(self, index: u32) -> PartitionIdentity {
        let units = (entry::NAME..entry::END)
            .step_by(2)
            .map(|offset| u16_at(self.0, offset))
            .take_while(|unit| *unit != 0);
        PartitionIdentity {
            index,
            start_lba: self.first_lba(),
            end_lba: self.last_lba(),
            type_id: PartitionType::Gpt(self.type_guid()),
            id: PartitionId::Guid(self.guid()),
            attributes: u64_at(self.0, entry::ATTRIBUTES),
            name: char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        }
    }
}
