//! A second reading of the GPT, written for the tests alone: it shares no code with the crate.

use uuid::Uuid;

/// The CRC-32 of each byte alone, worked out bit by bit.
const CRC_OF_BYTE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc = (crc >> 8) ^ CRC_OF_BYTE[((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn u64_le(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub(crate) fn guid(bytes: &[u8], at: usize) -> Uuid {
    Uuid::from_bytes_le(bytes[at..at + 16].try_into().unwrap())
}

/// What a valid copy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) disk: Uuid,
    /// Number, first LBA, GUID, attributes.
    pub(crate) partitions: Vec<(u32, u64, Uuid, u64)>,
}

/// The table whose header is at `lba`, if signature and both checksums are right.
pub(crate) fn table_at(image: &[u8], sector: usize, lba: u64) -> Option<Table> {
    let start = usize::try_from(lba).ok()?.checked_mul(sector)?;
    let mut header = image.get(start..start.checked_add(sector)?)?.to_vec();
    let size = u32_le(&header, 12) as usize;
    if &header[..8] != b"EFI PART" || size < 92 || size > sector || u64_le(&header, 24) != lba {
        return None;
    }
    let crc = u32_le(&header, 16);
    header[16..20].fill(0);
    if crc32(&header[..size]) != crc {
        return None;
    }
    let entry = u32_le(&header, 84) as usize;
    let from = usize::try_from(u64_le(&header, 72)).ok()? * sector;
    let array = image.get(from..from + entry * u32_le(&header, 80) as usize)?;
    if crc32(array) != u32_le(&header, 88) {
        return None;
    }
    let partitions = (1..)
        .zip(array.chunks(entry))
        .filter(|(_, entry)| entry[..16] != [0; 16])
        .map(|(index, entry)| (index, u64_le(entry, 32), guid(entry, 16), u64_le(entry, 48)))
        .collect();
    Some(Table {
        disk: guid(&header, 56),
        partitions,
    })
}
