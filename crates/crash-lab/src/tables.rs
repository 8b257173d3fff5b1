//! A second opinion on partition tables, which shares nothing with the code under test.

use std::collections::BTreeSet;
use std::ops::Range;

use uuid::Uuid;

use crate::sparse::Sparse;
use crate::{Outcome, fail};

/// What one copy of a table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The disk's identifier: a GUID, or eight hexadecimal digits.
    pub disk: String,
    /// The partitions' identifiers and attributes; none for an MBR.
    pub partitions: Vec<(String, u64)>,
    /// Bytes that an identity change may touch.
    fields: Vec<Range<u64>>,
}

/// The copies of a table, each read by itself; an MBR has one.
#[derive(Debug)]
pub struct Tables(pub Vec<Outcome<Reading>>);

/// Reads every copy of the table of a disk.
#[must_use]
pub fn read(disk: &Sparse, sector: u32) -> Tables {
    let first = disk.bytes(0, 512);
    if first.get(510..512) != Some(&[0x55, 0xaa]) {
        return Tables(vec![fail("the first sector has no signature")]);
    }
    if first.get(450) != Some(&0xee) {
        let id = first.get(440..444).map_or(0, |bytes| le(bytes) as u32);
        return Tables(vec![Ok(Reading {
            disk: format!("{id:08x}"),
            partitions: Vec::new(),
            fields: std::iter::once(440..444).collect(),
        })]);
    }
    let last = disk.len() / u64::from(sector) - 1;
    Tables(vec![gpt(disk, sector, 1, last), gpt(disk, sector, last, 1)])
}

impl Tables {
    /// At least one copy is whole.
    ///
    /// # Errors
    /// None is; says why.
    pub fn some_valid(&self) -> Outcome {
        if self.0.iter().any(Result::is_ok) {
            return Ok(());
        }
        fail(format!("no valid table is left: {:?}", self.0))
    }

    /// All copies are whole and say the same; gives what they say.
    ///
    /// # Errors
    /// A copy is damaged, or they contradict each other.
    pub fn all_valid(self) -> Outcome<Reading> {
        let copies = self.0.into_iter().collect::<Outcome<Vec<_>>>()?;
        let fields: Vec<_> = copies.iter().flat_map(|copy| copy.fields.clone()).collect();
        let same = copies.iter().all(|copy| {
            copies.first().is_some_and(|first| {
                (&first.disk, &first.partitions) == (&copy.disk, &copy.partitions)
            })
        });
        match copies.into_iter().next() {
            Some(reading) if same => Ok(Reading { fields, ..reading }),
            _ => fail("the two copies of the table contradict each other"),
        }
    }
}

impl Reading {
    /// Every identifier on the disk.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let partitions = self.partitions.iter().map(|(id, _)| id.clone());
        partitions.chain([self.disk.clone()]).collect()
    }

    /// The contents, with the fields that an identity change may touch blanked.
    #[must_use]
    pub fn blanked(&self, disk: &Sparse) -> Sparse {
        let mut disk = disk.clone();
        for field in &self.fields {
            let len = usize::try_from(field.end - field.start).unwrap_or(0);
            disk.write(field.start, &vec![0; len]);
        }
        disk
    }
}

/// Little-endian, up to eight bytes.
fn le(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn gpt(disk: &Sparse, sector: u32, own: u64, other: u64) -> Outcome<Reading> {
    let sector = u64::from(sector);
    let at = own * sector;
    let mut header = disk.bytes(at, 92);
    let number = |header: &[u8], range: Range<usize>| header.get(range).map_or(0, le);
    if header.get(..8) != Some(b"EFI PART") || number(&header, 12..16) != 92 {
        return fail(format!("no header in sector {own}"));
    }
    let crc = number(&header, 16..20);
    let guid = |bytes: &[u8]| Uuid::from_slice_le(bytes).unwrap_or_default().to_string();
    let (array_at, array_crc) = (number(&header, 72..80), number(&header, 88..92));
    if number(&header, 24..32) != own || number(&header, 32..40) != other {
        return fail(format!("the header in sector {own} is not at home there"));
    }
    if number(&header, 80..84) != 128 || number(&header, 84..88) != 128 {
        return fail("the table has no 128 entries of 128 bytes");
    }
    header.splice(16..20, [0; 4]);
    if u64::from(crc32fast::hash(&header)) != crc {
        return fail(format!("the header in sector {own} has a bad checksum"));
    }
    let array = disk.bytes(array_at * sector, 128 * 128);
    if u64::from(crc32fast::hash(&array)) != array_crc {
        return fail(format!(
            "the entries of the header in sector {own} have a bad checksum"
        ));
    }
    let mut fields = vec![at + 16..at + 20, at + 56..at + 72, at + 88..at + 92];
    let mut partitions = Vec::new();
    for (n, entry) in array.chunks(128).enumerate() {
        if entry.iter().all(|byte| *byte == 0) {
            continue;
        }
        let entry_at = array_at * sector + n as u64 * 128;
        fields.extend([entry_at + 16..entry_at + 32, entry_at + 48..entry_at + 56]);
        partitions.push((
            entry.get(16..32).map(guid).unwrap_or_default(),
            entry.get(48..56).map_or(0, le),
        ));
    }
    Ok(Reading {
        disk: header.get(56..72).map(guid).unwrap_or_default(),
        partitions,
        fields,
    })
}
