//! A builder of small partition tables, so that hundreds of disks are made in no time.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use uuid::{Uuid, uuid};

use crate::Result;

const SECTOR: u64 = 512;
const ENTRY: usize = 128;
const ENTRIES: usize = 128;
/// Sectors of the partition array.
const ARRAY_SECTORS: u64 = 32;
/// Linux file system data.
const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");

/// Writes a GPT with two partitions of equal size and random GUIDs, durably.
pub(crate) fn write(image: &Path) -> Result<()> {
    let file = File::options().write(true).open(image)?;
    let sectors = file.metadata()?.len() / SECTOR;
    let first = 2 + ARRAY_SECTORS;
    let last = sectors - ARRAY_SECTORS - 2;
    let middle = first.midpoint(last);
    let mut array = vec![0; ENTRY * ENTRIES];
    for (entry, (start, end)) in array
        .chunks_mut(ENTRY)
        .zip([(first, middle), (middle + 1, last)])
    {
        put(entry, 0, &LINUX.to_bytes_le());
        put(entry, 16, &Uuid::new_v4().to_bytes_le());
        put(entry, 32, &start.to_le_bytes());
        put(entry, 40, &end.to_le_bytes());
    }
    let disk = Uuid::new_v4();
    let header = |own: u64, other: u64, array_at: u64| {
        let mut header = vec![0; 512];
        put(&mut header, 0, b"EFI PART");
        put(&mut header, 8, &0x0001_0000_u32.to_le_bytes());
        put(&mut header, 12, &92_u32.to_le_bytes());
        put(&mut header, 24, &own.to_le_bytes());
        put(&mut header, 32, &other.to_le_bytes());
        put(&mut header, 40, &first.to_le_bytes());
        put(&mut header, 48, &last.to_le_bytes());
        put(&mut header, 56, &disk.to_bytes_le());
        put(&mut header, 72, &array_at.to_le_bytes());
        put(&mut header, 80, &128_u32.to_le_bytes());
        put(&mut header, 84, &128_u32.to_le_bytes());
        put(&mut header, 88, &crc32fast::hash(&array).to_le_bytes());
        let sum = crc32fast::hash(header.get(..92).unwrap_or_default());
        put(&mut header, 16, &sum.to_le_bytes());
        header
    };
    let end = sectors - 1;
    let mut protective = vec![0; 512];
    let covered = u32::try_from(end).unwrap_or(u32::MAX);
    put(&mut protective, 447, &[0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF]);
    put(&mut protective, 454, &1_u32.to_le_bytes());
    put(&mut protective, 458, &covered.to_le_bytes());
    put(&mut protective, 510, &[0x55, 0xAA]);

    let start = [&*protective, &header(1, end, 2), &array].concat();
    file.write_all_at(&start, 0)?;
    let backup = [&*array, &header(end, 1, end - ARRAY_SECTORS)].concat();
    file.write_all_at(&backup, (end - ARRAY_SECTORS) * SECTOR)?;
    file.sync_all()?;
    Ok(())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(slot) = bytes.get_mut(at..at + value.len()) {
        slot.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use disk_identity::{TableKind, observe};

    #[test]
    fn tables_are_understood() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        super::write(file.path()).unwrap();
        let seen = observe(&File::open(file.path()).unwrap(), None).unwrap();
        assert_eq!(seen.identity().table, TableKind::Gpt);
        assert_eq!(seen.identity().partitions.len(), 2);
        assert!(seen.warnings().is_empty());
    }
}
