//! Small disk images with real partition tables, built here and not by the code under test.

use uuid::Uuid;

/// Size of every image in bytes.
pub(crate) const SIZE: usize = 2 << 20;

pub(crate) const BASIC_DATA: Uuid = Uuid::from_u128(0xebd0a0a2_b9e5_4433_87c0_68b6b72699c7);
pub(crate) const LINUX_DATA: Uuid = Uuid::from_u128(0x0fc63daf_8483_4772_8e79_3d69d8477de4);
pub(crate) const EFI_SYSTEM: Uuid = Uuid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b);

/// Where an MBR keeps its disk signature.
const SIGNATURE: std::ops::Range<usize> = 440..444;

/// Kinds of table in the tables of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mbr,
    Gpt512,
    Gpt4k,
    Hybrid,
    Bare,
}

impl Kind {
    pub(crate) const WITH_TABLE: [Self; 4] = [Self::Mbr, Self::Gpt512, Self::Gpt4k, Self::Hybrid];

    pub(crate) fn sector_size(self) -> u32 {
        if self == Self::Gpt4k { 4096 } else { 512 }
    }

    pub(crate) fn is_gpt(self) -> bool {
        matches!(self, Self::Gpt512 | Self::Gpt4k | Self::Hybrid)
    }
}

/// An image of a kind; `seed` tells the identities of several apart.
pub(crate) fn image(kind: Kind, seed: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..SIZE).map(|i| (i % 251) as u8 ^ seed).collect();
    // No stray signature where a table would be looked for.
    bytes[..64 * 1024].fill(0);
    let end = bytes.len() - 64 * 1024;
    bytes[end..].fill(0);
    match kind {
        Kind::Bare => {}
        Kind::Mbr => mbr(&mut bytes, seed),
        Kind::Gpt512 | Kind::Gpt4k => gpt(&mut bytes, kind.sector_size() as usize, seed),
        Kind::Hybrid => {
            gpt(&mut bytes, 512, seed);
            hybrid(&mut bytes, seed);
        }
    }
    bytes
}

pub(crate) fn signature(seed: u8) -> u32 {
    0x1a2b_3c00 | u32::from(seed)
}

pub(crate) fn disk_guid(seed: u8) -> Uuid {
    Uuid::from_u128(0xd15c_0000_0000_4000_8000_0000_0000_0000 | u128::from(seed))
}

pub(crate) fn partition_guid(seed: u8, index: u8) -> Uuid {
    Uuid::from_u128(
        0x9a47_0000_0000_4000_8000_0000_0000_0000 | u128::from(index) << 32 | u128::from(seed),
    )
}

fn mbr_entry(bytes: &mut [u8], slot: usize, kind: u8, first: u32, sectors: u32) {
    let entry = &mut bytes[446 + slot * 16..446 + (slot + 1) * 16];
    entry[1..4].copy_from_slice(&[0xfe, 0xff, 0xff]);
    entry[4] = kind;
    entry[5..8].copy_from_slice(&[0xfe, 0xff, 0xff]);
    entry[8..12].copy_from_slice(&first.to_le_bytes());
    entry[12..16].copy_from_slice(&sectors.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
}

fn mbr(bytes: &mut [u8], seed: u8) {
    bytes[..440].fill(0x90);
    bytes[440..444].copy_from_slice(&signature(seed).to_le_bytes());
    mbr_entry(bytes, 0, 0x83, 256, 1024);
    mbr_entry(bytes, 1, 0x07, 1280, 1024);
}

/// The GPT becomes a hybrid: partition 1 also stands in the MBR, beside the protective entry.
fn hybrid(bytes: &mut [u8], seed: u8) {
    bytes[440..444].copy_from_slice(&(signature(seed) | 0x4000_0000).to_le_bytes());
    mbr_entry(bytes, 0, 0xee, 1, 255);
    mbr_entry(bytes, 1, 0xef, 256, 256);
}

fn gpt(bytes: &mut [u8], sector: usize, seed: u8) {
    let sectors = (bytes.len() / sector) as u64;
    let array = 128 * 128;
    let array_sectors = (array / sector) as u64;
    mbr_entry(bytes, 0, 0xee, 1, u32::try_from(sectors - 1).unwrap());
    let mut entries = vec![0_u8; array];
    let unit = 256 * 512 / sector as u64;
    let plan = [
        (EFI_SYSTEM, unit, unit * 2 - 1, "boot"),
        (LINUX_DATA, unit * 2, unit * 4 - 1, "data"),
        (BASIC_DATA, unit * 4, unit * 6 - 1, "log"),
    ];
    for (slot, (kind, first, last, name)) in plan.into_iter().enumerate() {
        let entry = &mut entries[slot * 128..(slot + 1) * 128];
        entry[..16].copy_from_slice(&kind.to_bytes_le());
        entry[16..32].copy_from_slice(&partition_guid(seed, slot as u8 + 1).to_bytes_le());
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        for (at, unit) in name.encode_utf16().enumerate() {
            entry[56 + at * 2..58 + at * 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    // An unused entry with stale bytes, which count in the checksum.
    entries[9 * 128 + 32..9 * 128 + 48].fill(0xa5);
    let header = |own: u64, other: u64, entries_at: u64| {
        let mut header = vec![0_u8; sector];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
        header[12..16].copy_from_slice(&92_u32.to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[40..48].copy_from_slice(&(2 + array_sectors).to_le_bytes());
        header[48..56].copy_from_slice(&(sectors - 2 - array_sectors).to_le_bytes());
        header[56..72].copy_from_slice(&disk_guid(seed).to_bytes_le());
        header[72..80].copy_from_slice(&entries_at.to_le_bytes());
        header[80..84].copy_from_slice(&128_u32.to_le_bytes());
        header[84..88].copy_from_slice(&128_u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let crc = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    };
    let mut put = |lba: u64, data: &[u8]| {
        let at = lba as usize * sector;
        bytes[at..at + data.len()].copy_from_slice(data);
    };
    put(1, &header(1, sectors - 1, 2));
    put(2, &entries);
    put(sectors - 1 - array_sectors, &entries);
    put(
        sectors - 1,
        &header(sectors - 1, 1, sectors - 1 - array_sectors),
    );
}

/// Byte ranges that hold the tables of a kind: all that a break may ever touch.
pub(crate) fn table_ranges(kind: Kind) -> Vec<std::ops::Range<usize>> {
    let sector = kind.sector_size() as usize;
    match kind {
        Kind::Bare => Vec::new(),
        Kind::Mbr => vec![SIGNATURE],
        _ => {
            let front = sector..2 * sector + 128 * 128;
            let back = SIZE - sector - 128 * 128..SIZE;
            let mut ranges = vec![front, back];
            if kind == Kind::Hybrid {
                ranges.push(SIGNATURE);
            }
            ranges
        }
    }
}

/// The first byte outside `ranges` in which two images differ.
pub(crate) fn difference_outside(
    a: &[u8],
    b: &[u8],
    ranges: &[std::ops::Range<usize>],
) -> Option<usize> {
    assert_eq!(a.len(), b.len());
    (0..a.len()).find(|at| a[*at] != b[*at] && !ranges.iter().any(|range| range.contains(at)))
}
