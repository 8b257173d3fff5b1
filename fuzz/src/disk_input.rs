//! A disk as a short text of bytes, so that the fuzzer can change tables and not gaps.
//!
//! ```text
//! 0  flags: bit 0 sectors of 4096 bytes, bit 1 let the sector size be found out,
//!           bit 2 mend the checksums of the primary GPT, bit 3 those of the backup
//! 1  length of the disk in units of 512 bytes (2, little-endian), at most 1024
//! 3  bytes after the last unit, at most 255 (1)
//! 4  pieces: offset (3, little-endian) | length (2, little-endian) | that many bytes
//! ```
//!
//! Pieces beyond the end of the disk are cut off. A piece without enough bytes takes what is left.

/// Most units of 512 bytes that a disk may have.
const MAX_UNITS: usize = 1024;

/// A disk and how to look at it.
#[derive(Debug)]
pub struct DiskInput {
    /// Look at it with sectors of 4096 bytes, not 512.
    pub large_sectors: bool,
    /// Let the sector size be found out.
    pub detect: bool,
    /// The bytes on the disk.
    pub image: Vec<u8>,
}

/// Reads the input of a fuzz target.
#[must_use]
pub fn decode(data: &[u8]) -> Option<DiskInput> {
    let ([flags, low, high, rest], mut data) = data.split_first_chunk()?;
    let units = usize::from(u16::from_le_bytes([*low, *high])).min(MAX_UNITS);
    let mut image = vec![0; units * 512 + usize::from(*rest)];
    while let Some(([a, b, c, l, m], tail)) = data.split_first_chunk() {
        let offset = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let len = usize::from(u16::from_le_bytes([*l, *m])).min(tail.len());
        let (piece, tail) = tail.split_at(len);
        if let Some(room) = image.get_mut(offset..) {
            let len = len.min(room.len());
            room[..len].copy_from_slice(&piece[..len]);
        }
        data = tail;
    }
    let large_sectors = flags & 1 != 0;
    let sector = if large_sectors { 4096 } else { 512 };
    if flags & 4 != 0 {
        mend(&mut image, sector, 1);
    }
    if flags & 8 != 0 {
        let last = (image.len() / sector).saturating_sub(1);
        mend(&mut image, sector, last);
    }
    Some(DiskInput {
        large_sectors,
        detect: flags & 2 != 0,
        image,
    })
}

/// Writes an image as input: runs of zeroes are left out.
#[must_use]
pub fn encode(large_sectors: bool, image: &[u8]) -> Vec<u8> {
    const SHORTEST_GAP: usize = 16;
    let units = u16::try_from(image.len() / 512).expect("seeds are small");
    let rest = u8::try_from(image.len() % 512).expect("seeds end with a unit");
    let mut data = vec![u8::from(large_sectors) | 2];
    data.extend(units.to_le_bytes());
    data.push(rest);
    let mut at = 0;
    while let Some(skip) = image[at..].iter().position(|byte| *byte != 0) {
        let start = at + skip;
        let end = image[start..]
            .windows(SHORTEST_GAP)
            .position(|bytes| bytes.iter().all(|byte| *byte == 0))
            .map_or(image.len(), |len| start + len)
            .min(start + usize::from(u16::MAX));
        data.extend(&u32::try_from(start).expect("seeds are small").to_le_bytes()[..3]);
        let len = u16::try_from(end - start).expect("cut off above");
        data.extend(len.to_le_bytes());
        data.extend(&image[start..end]);
        at = end;
    }
    data
}

fn field(image: &[u8], at: usize, len: usize) -> Option<usize> {
    let bytes = image.get(at..at.checked_add(len)?)?;
    let mut wide = [0; 8];
    wide[..len].copy_from_slice(bytes);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}

/// Makes the checksums of the GPT header at `lba` right, if it is anything like a header.
fn mend(image: &mut [u8], sector: usize, lba: usize) -> Option<()> {
    let header = lba.checked_mul(sector)?;
    let start = field(image, header + 72, 8)?.checked_mul(sector)?;
    let len = field(image, header + 80, 4)?.checked_mul(field(image, header + 84, 4)?)?;
    if let Some(array) = image.get(start..start.checked_add(len)?) {
        let crc = crc32fast::hash(array);
        image
            .get_mut(header + 88..header + 92)?
            .copy_from_slice(&crc.to_le_bytes());
    }
    let size = field(image, header + 12, 4)?;
    image.get_mut(header + 16..header + 20)?.fill(0);
    let crc = crc32fast::hash(image.get(header..header.checked_add(size)?)?);
    image
        .get_mut(header + 16..header + 20)?
        .copy_from_slice(&crc.to_le_bytes());
    Some(())
}
