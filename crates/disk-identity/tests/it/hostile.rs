//! Tables made to hurt. Each is refused or passed over by name; none may panic or take long.

use disk_identity::{Change, ErrorKind, MemoryDisk, SectorSize, TableCopy, Warning, observe};

use crate::checker::crc32;
use crate::gpt::round_trip;
use crate::images::{Gpt, ids, put};

/// Sets a header field of the copy at `lba`, and its checksum to match.
fn set(spec: &Gpt, image: &mut [u8], lba: u64, at: usize, value: &[u8]) {
    let start = usize::try_from(lba).unwrap() * spec.sector;
    let header = &mut image[start..start + spec.sector];
    put(header, at, value);
    header[16..20].fill(0);
    let size = u32::from_le_bytes(header[12..16].try_into().unwrap()) as usize;
    let crc = crc32(&header[..size.min(spec.sector)]);
    put(header, 16, &crc.to_le_bytes());
}

#[test]
fn impossible_headers_are_no_copies() {
    let spec = Gpt::new(512, 128);
    let u32s = |n: u32| n.to_le_bytes().to_vec();
    let u64s = |n: u64| n.to_le_bytes().to_vec();
    let max = u64s(u64::MAX);
    let cases: Vec<(&str, usize, Vec<u8>)> = vec![
        ("header of nothing", 12, u32s(0)),
        ("header of 91 bytes", 12, u32s(91)),
        ("header of 513 bytes", 12, u32s(513)),
        ("header of 4 GiB", 12, u32s(u32::MAX)),
        ("my LBA 0", 24, u64s(0)),
        ("my LBA at the end of time", 24, max.clone()),
        ("first usable past last", 40, u64s(spec.last_usable + 1)),
        ("first usable 0", 40, u64s(0)),
        ("last usable past the disk", 48, u64s(spec.sectors)),
        ("last usable at the end of time", 48, max.clone()),
        ("array over the MBR", 72, u64s(0)),
        ("array over the header", 72, u64s(1)),
        ("array past the disk", 72, u64s(spec.sectors)),
        ("array half past the disk", 72, u64s(spec.sectors - 1)),
        ("array at the end of time", 72, max.clone()),
        ("array which wraps", 72, u64s(u64::MAX - 16)),
        ("no entries", 80, u32s(0)),
        ("2^32 entries", 80, u32s(u32::MAX)),
        ("entries for 4 MiB and more", 80, u32s(32_769)),
        ("entries past the disk", 80, u32s(32_768)),
        ("entries of nothing", 84, u32s(0)),
        ("entries of 127 bytes", 84, u32s(127)),
        ("entries of 384 bytes", 84, u32s(384)),
        ("entries of 8 KiB", 84, u32s(8192)),
        ("entries of 2 GiB", 84, u32s(1 << 31)),
        ("wrong checksum of the array", 88, u32s(7)),
    ];
    for (name, at, value) in cases {
        let mut image = spec.build();
        set(&spec, &mut image, 1, at, &value);
        let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
        assert!(
            matches!(
                seen.warnings(),
                [Warning::OneValidCopy {
                    copy: TableCopy::GptPrimary,
                    ..
                }]
            ),
            "{name}: {:?}",
            seen.warnings()
        );
        round_trip(&image, None, &Change::fresh(seen.identity(), &mut ids(1)));

        // The same in the backup alone, and in both.
        let mut only_backup = spec.build();
        set(&spec, &mut only_backup, spec.backup, at, &value);
        if name != "array over the header" && name != "first usable 0" {
            let seen = observe(&MemoryDisk::new(only_backup.clone()), None).unwrap();
            assert_eq!(seen.warnings().len(), 1, "{name}: {:?}", seen.warnings());
            round_trip(
                &only_backup,
                None,
                &Change::fresh(seen.identity(), &mut ids(1)),
            );
        }
        set(&spec, &mut image, spec.backup, at, &value);
        for size in [None, Some(SectorSize::B512), Some(SectorSize::B4096)] {
            if let Err(error) = observe(&MemoryDisk::new(image.clone()), size) {
                assert_eq!(error.kind(), ErrorKind::NoValidTable, "{name}");
            }
        }
    }
}

/// The place of the backup is whatever the primary says; it must not lead anywhere.
#[test]
fn alternates_that_lead_nowhere() {
    let spec = Gpt::new(512, 128);
    for alternate in [
        0,
        1,
        2,
        40,
        spec.backup - 1,
        spec.sectors,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let mut image = spec.build();
        set(&spec, &mut image, 1, 32, &alternate.to_le_bytes());
        let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
        assert!(
            matches!(seen.warnings(), [Warning::BackupMoved { .. }]),
            "{alternate}"
        );
        let change = Change::fresh(seen.identity(), &mut ids(1));
        round_trip(&image, None, &change);

        // Without a backup at the end there is no place to rebuild one, unless that LBA is free.
        spec.spoil(&mut image, spec.backup, 0);
        let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
        match seen.plan(&change) {
            Ok(_) => assert_eq!(alternate, spec.backup - 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsafe, "{alternate}"),
        }
    }
}

#[test]
fn short_disks_have_clear_answers() {
    let image = Gpt::new(512, 128).build();
    for len in (0..8192).step_by(256).chain([511, 513, 1023, 1025]) {
        for size in [None, Some(SectorSize::B512), Some(SectorSize::B4096)] {
            match observe(&MemoryDisk::new(image[..len].to_vec()), size) {
                Ok(seen) => assert!(seen.identity().partitions.is_empty()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NoValidTable),
            }
        }
    }
}

/// The largest array there may be, every entry of it used: no more memory than that is taken.
#[test]
fn the_largest_array() {
    let mut spec = Gpt::new(512, 128);
    spec.entry_count = 32_768;
    spec.stale_entries = false;
    spec.first_usable = 2 + spec.array_sectors();
    spec.last_usable = spec.first_usable + 63;
    spec.backup = spec.last_usable + spec.array_sectors() + 1;
    spec.sectors = spec.backup + 1;
    let first = spec.first_usable;
    spec.parts = (1..=32_768)
        .map(|index| crate::images::part(index, crate::images::LINUX, first, first))
        .collect();
    let image = spec.build();
    let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
    assert_eq!(seen.identity().partitions.len(), 32_768);
    let change = Change::fresh(seen.identity(), &mut ids(1));
    let after = seen.with_patch(&seen.plan(&change).unwrap()).unwrap();
    assert!(!after.identity().is_bearer_of_any(seen.identity()));

    // Rebuilding it over noise would take an edit for every other byte.
    let mut image = image;
    let [header, array] = spec.ranges(spec.backup, spec.backup_array());
    image[header].fill(0);
    for (place, byte) in image[array].iter_mut().enumerate() {
        if place % 2 == 0 {
            *byte ^= 0xff;
        }
    }
    let seen = observe(&MemoryDisk::new(image), None).unwrap();
    let change = Change::fresh(seen.identity(), &mut ids(1));
    assert_eq!(seen.plan(&change).unwrap_err().kind(), ErrorKind::Unsafe);
}
