//! Disks built by hand.

use uuid::{Uuid, uuid};

use crate::checker::crc32;

pub(crate) const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
pub(crate) const BASIC: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
pub(crate) const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
pub(crate) const DISK: Uuid = uuid!("11111111-2222-4333-8444-555555555555");

pub(crate) fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) type_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) attributes: u64,
    /// Raw UTF-16 units.
    pub(crate) name: Vec<u16>,
}

pub(crate) fn part(index: u32, type_id: Uuid, first: u64, last: u64) -> Part {
    Part {
        index,
        type_id,
        id: Uuid::from_u128(0xaaaa_0000_0000_4000_8000_0000_0000_0000 + u128::from(index)),
        first,
        last,
        attributes: 1 << (index % 3),
        name: format!("part {index}").encode_utf16().collect(),
    }
}

/// A GPT disk; every field is free, so that odd ones can be made.
#[derive(Debug, Clone)]
pub(crate) struct Gpt {
    pub(crate) sector: usize,
    pub(crate) sectors: u64,
    pub(crate) entry_size: usize,
    pub(crate) entry_count: usize,
    pub(crate) header_size: usize,
    pub(crate) primary_array: u64,
    pub(crate) backup: u64,
    pub(crate) first_usable: u64,
    pub(crate) last_usable: u64,
    pub(crate) disk: Uuid,
    pub(crate) parts: Vec<Part>,
    /// Entries with a nil type and bytes nevertheless.
    pub(crate) stale_entries: bool,
    /// Signature and an entry for a hybrid MBR.
    pub(crate) hybrid: Option<u32>,
}

impl Gpt {
    /// 128 entries of `entry_size`, and three partitions.
    pub(crate) fn new(sector: usize, entry_size: usize) -> Self {
        let array = (128 * entry_size).div_ceil(sector) as u64;
        let first_usable = 2 + array;
        let usable = 48;
        let sectors = first_usable + usable + array + 1;
        let at = first_usable;
        Self {
            sector,
            sectors,
            entry_size,
            entry_count: 128,
            header_size: 92,
            primary_array: 2,
            backup: sectors - 1,
            first_usable,
            last_usable: at + usable - 1,
            disk: DISK,
            parts: vec![
                part(1, ESP, at, at + 7),
                part(2, LINUX, at + 8, at + 23),
                part(5, BASIC, at + 24, at + 47),
            ],
            stale_entries: true,
            hybrid: None,
        }
    }

    pub(crate) fn array_sectors(&self) -> u64 {
        (self.entry_count * self.entry_size).div_ceil(self.sector) as u64
    }

    fn array(&self) -> Vec<u8> {
        let mut array = vec![0; self.entry_count * self.entry_size];
        if self.stale_entries {
            for (place, byte) in array.iter_mut().enumerate() {
                // Everything but the type of unused entries.
                if place % self.entry_size >= 16 && place / self.entry_size >= 9 {
                    *byte = u8::try_from(place % 251).unwrap();
                }
            }
        }
        for part in &self.parts {
            let at = (part.index as usize - 1) * self.entry_size;
            let entry = &mut array[at..at + self.entry_size];
            put(entry, 0, &part.type_id.to_bytes_le());
            put(entry, 16, &part.id.to_bytes_le());
            put(entry, 32, &part.first.to_le_bytes());
            put(entry, 40, &part.last.to_le_bytes());
            put(entry, 48, &part.attributes.to_le_bytes());
            for (place, unit) in part.name.iter().enumerate() {
                put(entry, 56 + 2 * place, &unit.to_le_bytes());
            }
            // What a larger entry holds beyond the known fields is someone else's.
            entry[128..].fill(0xee);
        }
        array
    }

    /// Writes one copy of the table.
    pub(crate) fn write_copy(&self, image: &mut [u8], my: u64, alternate: u64, array_lba: u64) {
        let array = self.array();
        let mut header = vec![0; self.sector];
        put(&mut header, 0, b"EFI PART");
        put(&mut header, 8, &0x0001_0000_u32.to_le_bytes());
        put(
            &mut header,
            12,
            &u32::try_from(self.header_size).unwrap().to_le_bytes(),
        );
        put(&mut header, 24, &my.to_le_bytes());
        put(&mut header, 32, &alternate.to_le_bytes());
        put(&mut header, 40, &self.first_usable.to_le_bytes());
        put(&mut header, 48, &self.last_usable.to_le_bytes());
        put(&mut header, 56, &self.disk.to_bytes_le());
        put(&mut header, 72, &array_lba.to_le_bytes());
        put(
            &mut header,
            80,
            &u32::try_from(self.entry_count).unwrap().to_le_bytes(),
        );
        put(
            &mut header,
            84,
            &u32::try_from(self.entry_size).unwrap().to_le_bytes(),
        );
        put(&mut header, 88, &crc32(&array).to_le_bytes());
        header[92..self.header_size].fill(0xdd);
        let crc = crc32(&header[..self.header_size]);
        put(&mut header, 16, &crc.to_le_bytes());
        put(image, usize::try_from(my).unwrap() * self.sector, &header);
        put(
            image,
            usize::try_from(array_lba).unwrap() * self.sector,
            &array,
        );
    }

    pub(crate) fn backup_array(&self) -> u64 {
        self.backup - self.array_sectors()
    }

    /// The whole disk. What no table covers is filled, so that a stray write shows.
    pub(crate) fn build(&self) -> Vec<u8> {
        let len = usize::try_from(self.sectors).unwrap() * self.sector;
        let mut image: Vec<u8> = (0..len).map(|n| u8::try_from(n % 241).unwrap()).collect();
        image[..self.sector].fill(0);
        let entries = [(0xee, 1, 0xffff_ffff_u32), (0x83, 40, 8)];
        for (slot, (kind, first, count)) in entries.into_iter().enumerate() {
            if slot == 0 || self.hybrid.is_some() {
                let at = 446 + 16 * slot;
                image[at + 4] = kind;
                put(&mut image, at + 8, &u32::to_le_bytes(first));
                put(&mut image, at + 12, &count.to_le_bytes());
            }
        }
        let signature = self.hybrid.unwrap_or(0x0bad_cafe);
        put(&mut image, 440, &signature.to_le_bytes());
        put(&mut image, 510, &[0x55, 0xaa]);
        self.write_copy(&mut image, 1, self.backup, self.primary_array);
        self.write_copy(&mut image, self.backup, 1, self.backup_array());
        image
    }

    /// Spoils the copy whose header is at `lba`: `what` is an offset in its header sector.
    pub(crate) fn spoil(&self, image: &mut [u8], lba: u64, what: usize) {
        let at = usize::try_from(lba).unwrap() * self.sector + what;
        image[at] ^= 0x5a;
    }

    /// The byte ranges of one copy.
    pub(crate) fn ranges(&self, lba: u64, array: u64) -> [std::ops::Range<usize>; 2] {
        let at = |lba: u64| usize::try_from(lba).unwrap() * self.sector;
        let array = at(array);
        [
            at(lba)..at(lba) + self.sector,
            array..array + self.entry_count * self.entry_size,
        ]
    }
}

/// An MBR disk of 512 sectors: slot, type, first, count.
pub(crate) fn mbr(signature: u32, entries: &[(usize, u8, u32, u32)]) -> Vec<u8> {
    let mut image = vec![0; 512 * 512];
    put(&mut image, 440, &signature.to_le_bytes());
    record(&mut image[..512], entries);
    image
}

/// Writes the entries of a boot record, extended or not.
pub(crate) fn record(sector: &mut [u8], entries: &[(usize, u8, u32, u32)]) {
    for (slot, kind, first, count) in entries {
        let at = 446 + 16 * slot;
        sector[at + 4] = *kind;
        put(sector, at + 8, &first.to_le_bytes());
        put(sector, at + 12, &count.to_le_bytes());
    }
    put(sector, 510, &[0x55, 0xaa]);
}

/// A source of GUIDs which gives the same ones every time.
pub(crate) fn ids(seed: u64) -> impl FnMut() -> Uuid {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 27)
    };
    move || Uuid::from_u64_pair(next(), next())
}
