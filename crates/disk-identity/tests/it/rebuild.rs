//! A copy of the GPT that is bad: rebuilt along with a change, bad again when that is taken back.

use disk_identity::{Change, ErrorKind, MemoryDisk, TableCopy, Warning, attributes, observe};

use crate::checker::table_at;
use crate::gpt::{everything, round_trip, seen, shapes, size};
use crate::images::{Gpt, LINUX, ids, part};

#[test]
fn a_bad_copy_is_rebuilt_and_its_ruins_come_back() {
    for (name, spec) in shapes() {
        for (bad, lba, array) in [
            (TableCopy::GptPrimary, 1, spec.primary_array),
            (TableCopy::GptBackup, spec.backup, spec.backup_array()),
        ] {
            if name == "grown disk" && bad == TableCopy::GptPrimary {
                continue;
            }
            for ruin in ["signature", "checksum", "array", "zeroes", "noise"] {
                println!("{name}, {bad}: {ruin}");
                let mut image = spec.build();
                let ranges = spec.ranges(lba, array);
                match ruin {
                    "signature" => spec.spoil(&mut image, lba, 0),
                    "checksum" => spec.spoil(&mut image, lba, 16),
                    "array" => spec.spoil(&mut image, array, 200),
                    "zeroes" => ranges.into_iter().for_each(|range| image[range].fill(0)),
                    _ => ranges.into_iter().for_each(|range| {
                        for (place, byte) in image[range].iter_mut().enumerate() {
                            *byte = u8::try_from(place * 7 % 253).unwrap();
                        }
                    }),
                }
                let seen = seen(&spec, &image);
                assert!(
                    seen.warnings()
                        .iter()
                        .any(|w| matches!(w, Warning::OneValidCopy { copy, .. } if *copy == bad))
                );
                let change = everything(&seen);
                // An array further in cannot be guessed when its header is gone; it then goes to
                // the standard place.
                let (patch, changed) = round_trip(&image, Some(size(&spec)), &change);
                assert_eq!(patch.stages()[0].what, bad);
                let tables = [1, spec.backup].map(|lba| table_at(&changed, spec.sector, lba));
                assert!(tables[0].is_some());
                assert_eq!(tables[0], tables[1]);
                let whole = [1, spec.backup].map(|lba| {
                    let at = usize::try_from(lba).unwrap() * spec.sector;
                    changed[at + 92..at + spec.sector].to_vec()
                });
                assert_eq!(whole[0], whole[1]);
            }
        }
    }
}

#[test]
fn nothing_is_rebuilt_without_a_change() {
    let spec = Gpt::new(512, 128);
    let mut image = spec.build();
    spec.spoil(&mut image, spec.backup, 0);
    let seen = seen(&spec, &image);
    assert!(seen.plan(&Change::default()).unwrap().is_empty());
    let same = Change::to_identity(seen.identity(), seen.identity()).unwrap();
    assert!(!same.is_empty());
    assert!(seen.plan(&same).unwrap().is_empty());
}

/// Takes back a change and sets the read-only bit on top, with one copy bad at the start.
#[test]
fn restore_leaves_the_bad_copy_bad() {
    let spec = Gpt::new(512, 128);
    for lba in [1, spec.backup] {
        let mut image = spec.build();
        spec.spoil(&mut image, lba, 3);
        let first = seen(&spec, &image);
        let patch = first.plan(&everything(&first)).unwrap();
        let disk = MemoryDisk::new(image.clone());
        patch.apply(&disk).unwrap();
        let now = observe(&disk, None).unwrap();
        let extra = Change::default()
            .with_attributes(first.identity(), |p| p.attributes | attributes::READ_ONLY);
        let restore = now.plan_restore(&patch, &extra).unwrap();
        let last = restore.stages().last().unwrap().what;
        assert_eq!(last == TableCopy::GptPrimary, lba == 1);
        restore.apply(&disk).unwrap();
        let bytes = disk.to_bytes();

        let (bad, good) = if lba == 1 {
            (1, spec.backup)
        } else {
            (spec.backup, 1)
        };
        let at = usize::try_from(bad).unwrap() * 512;
        assert_eq!(bytes[at..at + 512], image[at..at + 512]);
        let was = table_at(&image, 512, good).unwrap();
        let is = table_at(&bytes, 512, good).unwrap();
        assert_eq!(is.disk, was.disk);
        for (is, was) in is.partitions.iter().zip(&was.partitions) {
            assert_eq!((is.1, is.2), (was.1, was.2));
            let data = was.0 != 1;
            let bit = if data { attributes::READ_ONLY } else { 0 };
            assert_eq!(is.3, was.3 | bit);
        }
        restore.inverse().apply(&disk).unwrap();
        patch.inverse().apply(&disk).unwrap();
        assert!(disk.into_bytes() == image);
    }
}

/// A copy that goes bad between a change and its restore is rebuilt: nothing else is safe.
#[test]
fn restore_rebuilds_what_went_bad_since() {
    let spec = Gpt::new(512, 128);
    let image = spec.build();
    for lba in [1, spec.backup] {
        let disk = MemoryDisk::new(image.clone());
        let first = seen(&spec, &image);
        let patch = first.plan(&everything(&first)).unwrap();
        patch.apply(&disk).unwrap();
        let mut bytes = disk.into_bytes();
        spec.spoil(&mut bytes, lba, 3);
        let disk = MemoryDisk::new(bytes);
        let now = observe(&disk, None).unwrap();
        let restore = now.plan_restore(&patch, &Change::default()).unwrap();
        restore.apply(&disk).unwrap();
        assert!(disk.into_bytes() == image);
    }
}

#[test]
fn restore_refuses_what_someone_else_changed() {
    let spec = Gpt::new(512, 128);
    let image = spec.build();
    let first = seen(&spec, &image);
    let patch = first.plan(&everything(&first)).unwrap();
    let error = first.plan_restore(&patch, &Change::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);

    let after = first.with_patch(&patch).unwrap();
    let again = after
        .plan(&Change::fresh(after.identity(), &mut ids(99)))
        .unwrap();
    let third = after.with_patch(&again).unwrap();
    let error = third.plan_restore(&patch, &Change::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
}

#[test]
fn no_place_to_rebuild_is_refused() {
    // The array starts further in, and a header that is gone cannot say where; in front of the
    // usable sectors there is no room.
    let mut spec = Gpt::new(512, 128);
    spec.first_usable = 20;
    spec.primary_array = spec.last_usable - 40;
    spec.parts.clear();
    spec.parts.push(part(1, LINUX, 20, 21));
    let mut image = spec.build();
    spec.spoil(&mut image, 1, 0);
    let seen = seen(&spec, &image);
    let error = seen.plan(&everything(&seen)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsafe);
    assert!(error.to_string().contains("primary GPT"), "{error}");
}
