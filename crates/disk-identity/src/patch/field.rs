//! Which field of a table a byte belongs to.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::gpt::{GptCopy, entry, header};
use crate::mbr;
use crate::units::{Geometry, Lba};

/// What the bytes of an edit mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Field {
    /// Nothing is known about them.
    #[default]
    Unknown,
    /// Disk signature of an MBR.
    Signature,
    /// Disk GUID in a GPT header.
    DiskGuid,
    /// Checksum of a GPT header.
    HeaderChecksum,
    /// Checksum of the entries, in the header.
    EntriesChecksum,
    /// Any other byte of a header.
    Header,
    /// Unique GUID of the partition with this number.
    PartitionGuid(u32),
    /// Attributes of the partition with this number.
    Attributes(u32),
    /// Any other byte of the entry with this number.
    Entry(u32),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("bytes"),
            Self::Signature => f.write_str("disk signature"),
            Self::DiskGuid => f.write_str("disk GUID"),
            Self::HeaderChecksum => f.write_str("header checksum"),
            Self::EntriesChecksum => f.write_str("entries checksum"),
            Self::Header => f.write_str("header"),
            Self::PartitionGuid(index) => write!(f, "entry {index} GUID"),
            Self::Attributes(index) => write!(f, "entry {index} attributes"),
            Self::Entry(index) => write!(f, "entry {index}"),
        }
    }
}

/// Where the fields of a disk's tables are.
#[derive(Debug)]
pub(crate) struct FieldMap {
    geometry: Geometry,
    headers: Vec<u64>,
    arrays: Vec<(Range<u64>, u64)>,
}

impl FieldMap {
    pub(crate) const fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            headers: Vec::new(),
            arrays: Vec::new(),
        }
    }

    /// Adds a table with its header and array at these places and entries as in `copy`.
    pub(crate) fn add(&mut self, header: Lba, array: Lba, copy: &GptCopy) {
        let size = self.geometry.sector_size;
        if let Some(offset) = header.byte_offset(size) {
            self.headers.push(offset);
        }
        let end = |start: u64| start.checked_add(copy.array.len() as u64);
        if let Some((start, end)) = array
            .byte_offset(size)
            .and_then(|start| Some((start, end(start)?)))
        {
            self.arrays
                .push((start..end, copy.header.entry_size as u64));
        }
    }

    pub(crate) fn at(&self, offset: u64) -> Field {
        let sector = self.geometry.sector_size.bytes();
        if let Some(start) = self
            .headers
            .iter()
            .find(|start| (**start..start.saturating_add(sector)).contains(&offset))
        {
            return header_field(offset - start);
        }
        if let Some((range, entry_size)) = self
            .arrays
            .iter()
            .find(|(range, _)| range.contains(&offset))
        {
            let inside = offset - range.start;
            let index = u32::try_from(inside / entry_size + 1).unwrap_or(u32::MAX);
            return entry_field(inside % entry_size, index);
        }
        if within(offset, mbr::SIGNATURE, 4) {
            return Field::Signature;
        }
        Field::Unknown
    }
}

const fn within(offset: u64, start: usize, len: usize) -> bool {
    let start = start as u64;
    start <= offset && offset < start + len as u64
}

const fn header_field(offset: u64) -> Field {
    if within(offset, header::CRC, 4) {
        Field::HeaderChecksum
    } else if within(offset, header::DISK_GUID, 16) {
        Field::DiskGuid
    } else if within(offset, header::ARRAY_CRC, 4) {
        Field::EntriesChecksum
    } else {
        Field::Header
    }
}

const fn entry_field(offset: u64, index: u32) -> Field {
    if within(offset, entry::GUID, 16) {
        Field::PartitionGuid(index)
    } else if within(offset, entry::ATTRIBUTES, 8) {
        Field::Attributes(index)
    } else {
        Field::Entry(index)
    }
}
