//! The two disks of the demonstration: partition tables written without any other program.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use uuid::{Uuid, uuid};

/// Bytes in a sector.
const SECTOR: u64 = 512;
/// Sectors in a MiB, on which partitions are aligned.
const MIB: u64 = (1 << 20) / SECTOR;
/// Entries in the GPT, and bytes in each.
const ENTRIES: u32 = 128;
const ENTRY_SIZE: u32 = 128;
/// Sectors of the array of entries.
const ARRAY_SECTORS: u64 = (ENTRIES * ENTRY_SIZE) as u64 / SECTOR;
/// Where the usable sectors begin.
const FIRST_USABLE: u64 = 2 + ARRAY_SECTORS;
/// Bytes of a GPT header.
const HEADER_SIZE: u32 = 92;
/// "Linux filesystem".
const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
/// "Microsoft basic data", which FAT partitions have.
const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
/// Type of the protective partition, and of a Linux partition in an MBR.
const PROTECTIVE: u8 = 0xee;
const MBR_LINUX: u8 = 0x83;

/// A disk made for the demonstration.
#[derive(Debug)]
pub(super) struct DemoDisk {
    /// Name of its LUN.
    pub(super) name: &'static str,
    /// Where its partitions are, in bytes.
    pub(super) partitions: Vec<Range<u64>>,
}

/// Makes `app`: a GPT disk with a partition for Linux and one of basic data.
pub(super) fn app(path: &Path) -> io::Result<DemoDisk> {
    let sectors = 64 * MIB;
    let parts = [
        (MIB, 32 * MIB, LINUX, "app data"),
        (34 * MIB, 16 * MIB, BASIC_DATA, "app config"),
    ];
    let file = blank(path, sectors)?;
    let mut array = vec![0; (ENTRIES * ENTRY_SIZE) as usize];
    for (entry, (first, count, kind, name)) in
        array.chunks_exact_mut(ENTRY_SIZE as usize).zip(parts)
    {
        put(entry, 0, &kind.to_bytes_le());
        put(entry, 16, &Uuid::new_v4().to_bytes_le());
        put(entry, 32, &u64::to_le_bytes(first));
        put(entry, 40, &u64::to_le_bytes(first + count - 1));
        for (at, unit) in name.encode_utf16().enumerate() {
            put(entry, 56 + 2 * at, &unit.to_le_bytes());
        }
    }
    let disk = Uuid::new_v4();
    let last = sectors - 1;
    let backup_array = last - ARRAY_SECTORS;
    let write = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at * SECTOR);
    write(0, &mbr(0, PROTECTIVE, 1, last))?;
    write(1, &header(disk, 1, last, 2, &array))?;
    write(2, &array)?;
    write(backup_array, &array)?;
    write(last, &header(disk, last, 1, backup_array, &array))?;
    Ok(DemoDisk {
        name: "app",
        partitions: parts
            .iter()
            .map(|(first, count, ..)| bytes(*first, *count))
            .collect(),
    })
}

/// Makes `log`: an MBR disk with one partition for Linux.
pub(super) fn log(path: &Path) -> io::Result<DemoDisk> {
    // XFS wants at least 300 MiB; what is not written takes up no space.
    let (first, count) = (MIB, 320 * MIB);
    let file = blank(path, first + count + MIB)?;
    let random = Uuid::new_v4().as_u128();
    let signature = u32::try_from(random & 0xffff_ffff).unwrap_or(1).max(1);
    file.write_all_at(&mbr(signature, MBR_LINUX, first, count), 0)?;
    Ok(DemoDisk {
        name: "log",
        partitions: vec![bytes(first, count)],
    })
}

fn blank(path: &Path, sectors: u64) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_len(sectors * SECTOR)?;
    Ok(file)
}

fn bytes(first: u64, count: u64) -> Range<u64> {
    first * SECTOR..(first + count) * SECTOR
}

/// Copies `value` to a place that is known to be inside.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// A master boot record with one partition.
fn mbr(signature: u32, kind: u8, first: u64, count: u64) -> Vec<u8> {
    let field = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut record = vec![0; 512];
    put(&mut record, 440, &signature.to_le_bytes());
    // Cylinder, head and sector say "too far for them", as partitioners write it today.
    put(
        &mut record,
        446,
        &[0, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff],
    );
    if kind == PROTECTIVE {
        put(&mut record, 447, &[0x00, 0x02, 0x00]);
        put(&mut record, 451, &[0xff, 0xff, 0xff]);
    }
    put(&mut record, 454, &field(first));
    put(&mut record, 458, &field(count));
    put(&mut record, 510, &[0x55, 0xaa]);
    record
}

/// A GPT header at `own`, whose twin is at `other` and whose array begins at `array_at`.
fn header(disk: Uuid, own: u64, other: u64, array_at: u64, array: &[u8]) -> Vec<u8> {
    let last_usable = own.max(other) - ARRAY_SECTORS - 1;
    let mut header = vec![0; 512];
    put(&mut header, 0, b"EFI PART");
    put(&mut header, 8, &0x0001_0000_u32.to_le_bytes());
    put(&mut header, 12, &HEADER_SIZE.to_le_bytes());
    put(&mut header, 24, &own.to_le_bytes());
    put(&mut header, 32, &other.to_le_bytes());
    put(&mut header, 40, &FIRST_USABLE.to_le_bytes());
    put(&mut header, 48, &last_usable.to_le_bytes());
    put(&mut header, 56, &disk.to_bytes_le());
    put(&mut header, 72, &array_at.to_le_bytes());
    put(&mut header, 80, &ENTRIES.to_le_bytes());
    put(&mut header, 84, &ENTRY_SIZE.to_le_bytes());
    put(&mut header, 88, &crc32fast::hash(array).to_le_bytes());
    let crc = header
        .get(..HEADER_SIZE as usize)
        .map_or(0, crc32fast::hash);
    put(&mut header, 16, &crc.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use disk_identity::{TableKind, observe};

    use super::{DemoDisk, app, log};

    fn check(name: &str, make: fn(&std::path::Path) -> std::io::Result<DemoDisk>, kind: TableKind) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let disk = make(&path).unwrap();
        let seen = observe(&File::open(&path).unwrap(), None).unwrap();
        assert!(seen.warnings().is_empty(), "{:?}", seen.warnings());
        assert_eq!(seen.identity().table, kind);
        let found: Vec<_> = seen
            .identity()
            .partitions
            .iter()
            .map(|p| p.start_lba * 512..(p.end_lba + 1) * 512)
            .collect();
        assert_eq!(found, disk.partitions);
        let sgdisk = ["/usr/sbin/sgdisk", "/sbin/sgdisk", "/usr/bin/sgdisk"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists());
        if let (Some(sgdisk), TableKind::Gpt) = (sgdisk, kind) {
            let output = std::process::Command::new(sgdisk)
                .arg("-v")
                .arg(&path)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("No problems found"), "{text}");
        }
    }

    #[test]
    fn tables_are_valid() {
        check("app", app, TableKind::Gpt);
        check("log", log, TableKind::Mbr);
    }
}
