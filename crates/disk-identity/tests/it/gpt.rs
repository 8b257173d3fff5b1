//! GPT disks built by hand: every odd shape, and which bytes a change may touch.

use disk_identity::{
    Applied, Change, CopyFault, DiskId, ErrorKind, MemoryDisk, Observation, Patch, PatchState,
    SectorSize, TableCopy, TableKind, Warning, attributes, observe,
};

use crate::checker::table_at;
use crate::images::{BASIC, ESP, Gpt, LINUX, ids, part};

pub(crate) fn size(spec: &Gpt) -> SectorSize {
    SectorSize::try_from(u32::try_from(spec.sector).unwrap()).unwrap()
}

pub(crate) fn seen(spec: &Gpt, image: &[u8]) -> Observation {
    observe(&MemoryDisk::new(image.to_vec()), Some(size(spec))).unwrap()
}

/// New ids for everything and new attributes for data volumes.
pub(crate) fn everything(seen: &Observation) -> Change {
    let identity = seen.identity();
    Change::fresh(identity, &mut ids(7))
        .with_attributes(identity, |p| p.attributes | attributes::ALL_FOUR)
}

/// Asserts that the disk is as `change` wants it.
pub(crate) fn assert_made(seen: &Observation, change: &Change) {
    let now = seen.identity();
    if change.disk_id.is_some() {
        assert_eq!(now.disk_id, change.disk_id);
    }
    if change.hybrid_signature.is_some() {
        assert_eq!(now.hybrid_signature, change.hybrid_signature);
    }
    for wanted in &change.partitions {
        let found = now.partitions.iter().find(|p| p.index == wanted.index);
        let found = found.unwrap();
        if let Some(id) = wanted.id {
            assert_eq!(found.id.to_string(), id.to_string());
        }
        if let Some(attributes) = wanted.attributes {
            assert_eq!(found.attributes, attributes);
        }
    }
}

/// Plans, applies and takes back, with every check that holds for any disk.
pub(crate) fn round_trip(
    image: &[u8],
    sector_size: Option<SectorSize>,
    change: &Change,
) -> (Patch, Vec<u8>) {
    let disk = MemoryDisk::new(image.to_vec());
    let before = observe(&disk, sector_size).unwrap();
    let patch = before.plan(change).unwrap();
    assert!(patch.is_sane(image.len() as u64));
    for edit in patch.edits() {
        assert!(edit.old.iter().zip(&edit.new).all(|(old, new)| old != new));
    }
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::Before);
    assert_eq!(patch.apply(&disk).unwrap(), Applied::Changed);
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::After);
    assert_eq!(patch.apply(&disk).unwrap(), Applied::AlreadySo);
    let after = observe(&disk, sector_size).unwrap();
    assert_made(&after, change);
    assert_eq!(
        after.identity(),
        before.with_patch(&patch).unwrap().identity()
    );
    assert!(after.plan(change).unwrap().is_empty());
    let changed = disk.to_bytes();

    let restore = after.plan_restore(&patch, &Change::default()).unwrap();
    let other = MemoryDisk::new(changed.clone());
    restore.apply(&other).unwrap();
    assert!(other.into_bytes() == image, "restore is not exact");

    patch.inverse().apply(&disk).unwrap();
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::Before);
    assert!(disk.into_bytes() == image, "inverse is not exact");
    (patch, changed)
}

/// The fields that a change may touch in one copy, as byte ranges.
fn allowed(spec: &Gpt, lba: u64, array: u64) -> Vec<std::ops::Range<usize>> {
    let [header, array] = spec.ranges(lba, array);
    let mut ranges = vec![
        header.start + 16..header.start + 20,
        header.start + 56..header.start + 72,
        header.start + 88..header.start + 92,
    ];
    for part in &spec.parts {
        let at = array.start + (part.index as usize - 1) * spec.entry_size;
        ranges.push(at + 16..at + 32);
        // Only the four highest bits: the last byte.
        if part.type_id != ESP {
            ranges.push(at + 55..at + 56);
        }
    }
    ranges
}

pub(crate) fn shapes() -> Vec<(&'static str, Gpt)> {
    let base = Gpt::new(512, 128);
    let mut shapes = vec![
        ("128-byte entries", base.clone()),
        ("256-byte entries", Gpt::new(512, 256)),
        ("4096-byte entries", Gpt::new(512, 4096)),
        ("4K sectors", Gpt::new(4096, 128)),
        ("4K sectors, 256-byte entries", Gpt::new(4096, 256)),
    ];
    let mut add = |name, f: &dyn Fn(&mut Gpt)| {
        let mut spec = base.clone();
        f(&mut spec);
        shapes.push((name, spec));
    };
    add("header of 512 bytes", &|s| s.header_size = 512);
    add("header of 93 bytes", &|s| s.header_size = 93);
    add("few entries", &|s| {
        s.entry_count = 6;
        s.stale_entries = false;
    });
    add("hybrid", &|s| s.hybrid = Some(0x1122_3344));
    add("array further in", &|s| {
        s.primary_array = 10;
        s.first_usable += 8;
        s.parts.remove(0);
    });
    add("grown disk", &|s| s.sectors += 100);
    add("odd names", &|s| {
        s.parts[0].name = vec![0xd800; 36];
        s.parts[1].name = vec![0x41, 0, 0x42];
        s.parts[2].name = "\u{1f4be}\u{202e}\u{7}".encode_utf16().collect();
    });
    add("no partitions", &|s| s.parts.clear());
    shapes
}

#[test]
fn every_shape_changes_only_its_fields() {
    for (name, spec) in shapes() {
        println!("{name}");
        let image = spec.build();
        let before = seen(&spec, &image);
        assert_eq!(before.identity().table, TableKind::Gpt);
        assert_eq!(before.identity().partitions.len(), spec.parts.len());
        let change = everything(&before);
        let (patch, changed) = round_trip(&image, Some(size(&spec)), &change);

        let mut ranges = allowed(&spec, 1, spec.primary_array);
        ranges.extend(allowed(&spec, spec.backup, spec.backup_array()));
        if spec.hybrid.is_some() {
            ranges.push(440..444);
        }
        for (at, (old, new)) in image.iter().zip(&changed).enumerate() {
            let ours = old == new || ranges.iter().any(|range| range.contains(&at));
            assert!(ours, "byte {at} was changed");
        }
        for lba in [1, spec.backup] {
            let table = table_at(&changed, spec.sector, lba).unwrap();
            assert_eq!(Some(DiskId::Guid(table.disk)), change.disk_id);
            for (part, (index, first, guid, flags)) in spec.parts.iter().zip(table.partitions) {
                assert_eq!((part.index, part.first), (index, first));
                let wanted = change.partitions.iter().find(|p| p.index == index).unwrap();
                assert_eq!(wanted.id, Some(guid));
                assert_eq!(wanted.attributes.unwrap_or(part.attributes), flags);
            }
        }
        let stages: Vec<_> = patch.stages().iter().map(|s| s.what).collect();
        assert_eq!(stages[..2], [TableCopy::GptBackup, TableCopy::GptPrimary]);
        assert_eq!(stages.len(), if spec.hybrid.is_some() { 3 } else { 2 });
    }
}

#[test]
fn sector_size_is_found() {
    for spec in [Gpt::new(512, 128), Gpt::new(4096, 128)] {
        let image = spec.build();
        let mut headless = image.clone();
        spec.spoil(&mut headless, 1, 60);
        for image in [image, headless] {
            let seen = observe(&MemoryDisk::new(image), None).unwrap();
            assert_eq!(seen.identity().sector_size, size(&spec));
            assert_eq!(seen.identity().partitions.len(), 3);
        }
    }
    let bare = observe(&MemoryDisk::new(vec![0; 65536]), None).unwrap();
    assert_eq!(bare.identity().sector_size, SectorSize::B512);
    assert_eq!(bare.identity().table, TableKind::None);
}

#[test]
fn names_are_lossy_and_end_at_nul() {
    let mut spec = Gpt::new(512, 128);
    spec.parts[0].name = vec![0x41, 0xd800, 0x42];
    spec.parts[1].name = vec![0x41, 0, 0x42];
    let seen = seen(&spec, &spec.build());
    let names: Vec<_> = seen.identity().partitions.iter().map(|p| &p.name).collect();
    assert_eq!(names, ["A\u{fffd}B", "A", "part 5"]);
}

#[test]
fn nil_ids_stay_nil() {
    let mut spec = Gpt::new(512, 128);
    spec.disk = uuid::Uuid::nil();
    spec.parts[1].id = uuid::Uuid::nil();
    let seen = seen(&spec, &spec.build());
    assert_eq!(seen.identity().disk_id, None);
    assert_eq!(seen.identity().ids().count(), 2);
    let change = Change::fresh(seen.identity(), &mut ids(1));
    assert_eq!(change.disk_id, None);
    assert_eq!(change.partitions.len(), 2);
}

#[test]
fn protective_signature_is_left_alone() {
    let spec = Gpt::new(512, 128);
    let seen = seen(&spec, &spec.build());
    assert_eq!(seen.identity().hybrid_signature, None);
    let change = Change {
        hybrid_signature: Some(5),
        ..Change::default()
    };
    let error = seen.plan(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidChange);
}

#[test]
fn backup_of_a_grown_disk_is_not_moved() {
    let mut spec = Gpt::new(512, 128);
    spec.sectors += 100;
    let image = spec.build();
    let seen = seen(&spec, &image);
    let end = disk_identity::Lba(spec.sectors - 1);
    assert!(seen.warnings().contains(&Warning::BackupNotAtEnd {
        at: disk_identity::Lba(spec.backup),
        end
    }));
    let (_, changed) = round_trip(&image, None, &everything(&seen));
    assert!(table_at(&changed, 512, spec.backup).is_some());
    assert_eq!(table_at(&changed, 512, spec.sectors - 1), None);
}

/// Both copies valid, but the backup has another disk GUID, a partition of its own, one that
/// starts elsewhere, and one with another GUID.
#[test]
fn copies_that_disagree_each_keep_their_own() {
    let spec = Gpt::new(512, 128);
    let mut other = spec.clone();
    other.disk = LINUX;
    other.parts[0].first += 1; // partition 1 starts elsewhere
    other.parts[1].id = BASIC; // partition 2 has another GUID
    other.parts.push(part(7, LINUX, 1, 0)); // only here
    let mut image = spec.build();
    other.write_copy(&mut image, spec.backup, 1, spec.backup_array());

    let seen = seen(&spec, &image);
    assert_eq!(seen.identity().disk_id, Some(DiskId::Guid(spec.disk)));
    assert!(seen.warnings().contains(&Warning::CopiesDisagree));
    assert!(seen.warnings().contains(&Warning::OnlyInBackup(vec![1, 7])));
    assert!(seen.warnings().contains(&Warning::OnlyInPrimary(vec![1])));

    let change = everything(&seen);
    let (_, changed) = round_trip(&image, None, &change);
    let backup = table_at(&changed, 512, spec.backup).unwrap();
    assert_eq!(Some(DiskId::Guid(backup.disk)), change.disk_id);
    let old = table_at(&image, 512, spec.backup).unwrap();
    assert_eq!(backup.partitions[0], old.partitions[0]);
    assert_eq!(Some(backup.partitions[1].2), change.partitions[1].id);
    assert_eq!(Some(backup.partitions[2].2), change.partitions[2].id);
    assert_eq!(backup.partitions[3], old.partitions[3]);
}

#[test]
fn no_valid_copy_is_refused_by_name() {
    let spec = Gpt::new(512, 128);
    let mut image = spec.build();
    spec.spoil(&mut image, 1, 0);
    spec.spoil(&mut image, spec.backup, 20);
    let error = observe(&MemoryDisk::new(image), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoValidTable);
    let text = error.to_string();
    assert!(
        text.contains("no signature") && text.contains("checksum"),
        "{text}"
    );
}

#[test]
fn a_gpt_that_no_mbr_announces_does_not_count() {
    let spec = Gpt::new(512, 128);
    let mut zeroed = spec.build();
    zeroed[..512].fill(0);
    let mut mbr = spec.build();
    mbr[446 + 4] = 0x83;
    for (image, table) in [(zeroed, TableKind::None), (mbr, TableKind::Mbr)] {
        let seen = seen(&spec, &image);
        assert_eq!(seen.identity().table, table);
        assert!(seen.warnings().contains(&Warning::Unannounced));
    }
}

#[test]
fn a_partition_over_the_table_is_refused() {
    let mut spec = Gpt::new(512, 128);
    spec.parts.push(part(9, LINUX, 4, 5));
    let seen = seen(&spec, &spec.build());
    let error = seen.plan(&everything(&seen)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsafe);
}

#[test]
fn a_backup_that_shares_the_primary_array_is_no_spare() {
    let spec = Gpt::new(512, 128);
    let mut image = spec.build();
    spec.write_copy(&mut image, spec.backup, 1, spec.primary_array);
    let seen = seen(&spec, &image);
    assert!(seen.warnings().contains(&Warning::OneValidCopy {
        copy: TableCopy::GptBackup,
        fault: CopyFault::Shared
    }));
    let (_, changed) = round_trip(&image, None, &everything(&seen));
    let at = usize::try_from(spec.backup).unwrap() * 512 + 72;
    let array = u64::from_le_bytes(changed[at..at + 8].try_into().unwrap());
    assert_eq!(array, spec.backup_array());
}

#[test]
fn a_change_must_fit_the_disk() {
    let spec = Gpt::new(512, 128);
    let seen = seen(&spec, &spec.build());
    let good = Change::fresh(seen.identity(), &mut ids(3));
    let mut bad = Vec::new();
    for f in [
        (|c| c.disk_id = Some(DiskId::Signature(1))) as fn(&mut Change),
        |c| c.disk_id = Some(DiskId::Guid(uuid::Uuid::nil())),
        |c| c.partitions[0].start_lba += 1,
        |c| c.partitions[0].index = 3,
        |c| c.partitions[0].index = 0,
        |c| c.partitions[0].index = u32::MAX,
        |c| c.partitions[1] = c.partitions[0].clone(),
        |c| c.partitions[0].id = Some(uuid::Uuid::nil()),
    ] {
        let mut change = good.clone();
        f(&mut change);
        bad.push(change);
    }
    for change in bad {
        let error = seen.plan(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidChange, "{error}");
    }
}

#[test]
fn identity_comes_from_another_disk() {
    let spec = Gpt::new(512, 128);
    let image = spec.build();
    let original = seen(&spec, &image);
    let change = everything(&original);
    let (_, changed) = round_trip(&image, None, &change);
    let copy = seen(&spec, &changed);
    assert!(!copy.identity().is_bearer_of_any(original.identity()));
    let back = Change::to_identity(copy.identity(), original.identity())
        .unwrap()
        .with_attributes(copy.identity(), |p| p.attributes & !attributes::ALL_FOUR);
    let (_, restored) = round_trip(&changed, None, &back);
    assert!(restored == image);
}

#[test]
fn a_partial_last_sector_does_not_count() {
    let spec = Gpt::new(512, 128);
    let mut image = spec.build();
    image.extend([1; 100]);
    let seen = seen(&spec, &image);
    assert!(seen.warnings().contains(&Warning::PartialSector(100)));
    round_trip(&image, None, &everything(&seen));

    let spec = Gpt::new(4096, 128);
    let mut image = spec.build();
    image.extend([1; 3584]);
    round_trip(&image, None, &everything(&self::seen(&spec, &image)));
}

#[test]
fn a_third_copy_is_named() {
    let mut spec = Gpt::new(512, 128);
    spec.sectors += 100;
    let mut image = spec.build();
    let end = spec.sectors - 1;
    spec.write_copy(&mut image, end, 1, end - 32);
    let seen = seen(&spec, &image);
    assert!(
        seen.warnings()
            .contains(&Warning::ThirdCopy(disk_identity::Lba(end)))
    );
    // With the backup gone, the copy at the end takes its place.
    spec.spoil(&mut image, spec.backup, 0);
    let seen = self::seen(&spec, &image);
    assert!(matches!(seen.warnings(), [Warning::BackupMoved { .. }]));
    let (_, changed) = round_trip(&image, None, &everything(&seen));
    assert!(table_at(&changed, 512, end).is_some());
}
