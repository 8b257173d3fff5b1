//! Disks with an MBR, and first sectors which only look like one.

use disk_identity::{
    ChainFault, Change, DiskId, ErrorKind, MemoryDisk, PartitionChange, TableCopy, TableKind,
    Warning, observe,
};

use crate::gpt::round_trip;
use crate::images::{ids, mbr, put, record};

#[test]
fn the_signature_and_nothing_else() {
    let image = mbr(0x1234_abcd, &[(0, 0x83, 8, 16), (2, 0x07, 32, 8)]);
    let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
    let identity = seen.identity();
    assert_eq!(identity.table, TableKind::Mbr);
    assert_eq!(identity.disk_id.unwrap().to_string(), "1234abcd");
    let names: Vec<_> = identity
        .partitions
        .iter()
        .map(|p| p.id.to_string())
        .collect();
    assert_eq!(names, ["1234abcd-01", "1234abcd-03"]);
    assert!(
        identity
            .partitions
            .iter()
            .all(disk_identity::PartitionIdentity::holds_data_volume)
    );
    let change = Change::fresh(identity, &mut ids(1)).with_attributes(identity, |_| 1 << 60);
    assert!(change.partitions.is_empty());
    let (patch, changed) = round_trip(&image, None, &change);
    assert_eq!(patch.stages().len(), 1);
    assert_eq!(patch.stages()[0].what, TableCopy::Mbr);
    for (at, (old, new)) in image.iter().zip(&changed).enumerate() {
        assert!(old == new || (440..444).contains(&at));
    }
}

/// Extended partition at 64 with logical ones at 72 and 104.
fn with_logical() -> Vec<u8> {
    let mut image = mbr(7, &[(0, 0x83, 8, 16), (1, 0x05, 64, 96)]);
    record(
        &mut image[64 * 512..65 * 512],
        &[(0, 0x83, 8, 16), (1, 0x05, 32, 40)],
    );
    record(&mut image[96 * 512..97 * 512], &[(0, 0x82, 8, 24)]);
    image
}

#[test]
fn logical_partitions_are_listed_and_never_written() {
    let image = with_logical();
    let seen = observe(&MemoryDisk::new(image.clone()), None).unwrap();
    let list: Vec<_> = seen
        .identity()
        .partitions
        .iter()
        .map(|p| (p.index, p.start_lba, p.end_lba))
        .collect();
    assert_eq!(list, [(1, 8, 23), (2, 64, 159), (5, 72, 87), (6, 104, 127)]);
    assert!(seen.warnings().is_empty());
    let change = Change::fresh(seen.identity(), &mut ids(1));
    let (_, changed) = round_trip(&image, None, &change);
    assert!(changed[512..] == image[512..]);
}

#[test]
fn a_broken_chain_is_a_warning() {
    type Spoil = fn(&mut Vec<u8>);
    let cases: [(ChainFault, usize, Spoil); 4] = [
        (ChainFault::Loop, 4, |image| {
            record(&mut image[96 * 512..97 * 512], &[(1, 0x05, 32, 40)]);
        }),
        (ChainFault::NoSignature, 3, |image| image[97 * 512 - 1] = 0),
        (ChainFault::OutsideDisk, 4, |image| {
            record(&mut image[96 * 512..97 * 512], &[(1, 0x0f, u32::MAX, 40)]);
        }),
        (ChainFault::OutsideDisk, 2, |image| {
            put(image, 446 + 16 + 8, &u32::MAX.to_le_bytes());
        }),
    ];
    for (fault, partitions, spoil) in cases {
        let mut image = with_logical();
        spoil(&mut image);
        let seen = observe(&MemoryDisk::new(image), None).unwrap();
        assert_eq!(seen.identity().partitions.len(), partitions, "{fault}");
        assert!(
            matches!(seen.warnings(), [Warning::LogicalChain { fault: f, .. }] if *f == fault),
            "{:?}",
            seen.warnings()
        );
    }
}

#[test]
fn a_chain_has_an_end() {
    let mut image = mbr(7, &[(0, 0x0f, 1, 500)]);
    for at in 1..500_u32 {
        let sector = at as usize * 512;
        record(
            &mut image[sector..sector + 512],
            &[(0, 0x83, 1, 1), (1, 0x05, at, 2)],
        );
    }
    let seen = observe(&MemoryDisk::new(image), None).unwrap();
    assert_eq!(seen.identity().partitions.len(), 1 + 256);
    assert!(matches!(
        seen.warnings(),
        [Warning::LogicalChain {
            fault: ChainFault::TooLong,
            ..
        }]
    ));
}

#[test]
fn other_first_sectors_are_no_mbr() {
    let good = || mbr(7, &[(0, 0x83, 8, 16)]);
    let with = |edits: &[(usize, &[u8])]| {
        let mut image = good();
        for (at, bytes) in edits {
            put(&mut image, *at, bytes);
        }
        image
    };
    let fat = with(&[
        (0, &[0xeb, 0x3c, 0x90]),
        (11, &[0, 2, 4, 1, 0, 2, 0, 2, 0, 8, 0xf8, 9, 0]),
    ]);
    let cases = [
        ("nothing", vec![0; 65536]),
        ("no magic", with(&[(510, &[0, 0])])),
        ("bad status", with(&[(446, &[0x12])])),
        ("empty and unsigned", mbr(0, &[])),
        ("NTFS", with(&[(3, b"NTFS    ")])),
        ("exFAT", with(&[(3, b"EXFAT   ")])),
        ("FAT", fat),
        ("AIX", with(&[(0, &[0xc9, 0xc2, 0xd4, 0xc1])])),
        ("empty disk", Vec::new()),
        ("short disk", good()[..511].to_vec()),
    ];
    for (name, image) in cases {
        let seen = observe(&MemoryDisk::new(image), None).unwrap();
        assert_eq!(seen.identity().table, TableKind::None, "{name}");
        assert!(seen.plan(&Change::default()).unwrap().is_empty());
        let change = Change {
            disk_id: Some(DiskId::Signature(1)),
            ..Change::default()
        };
        let error = seen.plan(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidChange, "{name}");
    }
    let one_sector = good()[..512].to_vec();
    for (name, image) in [
        ("one sector", one_sector),
        ("signature alone", mbr(9, &[])),
        ("partition alone", mbr(0, &[(0, 0x83, 8, 16)])),
    ] {
        let seen = observe(&MemoryDisk::new(image), None).unwrap();
        assert_eq!(seen.identity().table, TableKind::Mbr, "{name}");
    }
}

#[test]
fn an_mbr_takes_only_a_signature() {
    let seen = observe(&MemoryDisk::new(with_logical()), None).unwrap();
    let partition = |index, start_lba| PartitionChange {
        index,
        start_lba,
        id: None,
        attributes: None,
    };
    let with = |partition| Change {
        partitions: vec![partition],
        ..Change::default()
    };
    assert!(seen.plan(&with(partition(5, 72))).unwrap().is_empty());
    for change in [
        with(partition(5, 73)),
        with(PartitionChange {
            id: Some(ids(1)()),
            ..partition(1, 8)
        }),
        with(PartitionChange {
            attributes: Some(0),
            ..partition(1, 8)
        }),
        Change {
            disk_id: Some(DiskId::Signature(0)),
            ..Change::default()
        },
        Change {
            disk_id: Some(DiskId::Guid(ids(1)())),
            ..Change::default()
        },
        Change {
            hybrid_signature: Some(1),
            ..Change::default()
        },
    ] {
        let error = seen.plan(&change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidChange);
    }
}
