//! Properties that hold for any bytes and any table.

use disk_identity::{Change, MemoryDisk, Patch, SectorSize, attributes, observe};
use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assume, proptest, strategy::Strategy};

use crate::gpt::round_trip;
use crate::images::{BASIC, ESP, Gpt, LINUX, ids, part};

fn spec() -> impl Strategy<Value = Gpt> {
    let shape = (
        prop::bool::ANY,
        0..5_u32,
        1..160_usize,
        92..=512_usize,
        0..20_u64,
        prop::option::of(1..u32::MAX),
    );
    let parts = prop::collection::btree_map(
        0..160_u32,
        (
            0..3_usize,
            0..64_u64,
            any::<u64>(),
            any::<u128>(),
            prop::collection::vec(any::<u16>(), 0..36),
        ),
        0..12,
    );
    (shape, parts, 0..40_u64).prop_map(|(shape, parts, slack)| {
        let (large, shift, count, header_size, gap, hybrid) = shape;
        let mut spec = Gpt::new(if large { 4096 } else { 512 }, 128 << shift);
        spec.entry_count = count;
        spec.header_size = header_size;
        spec.primary_array = 2 + gap;
        spec.first_usable = spec.primary_array + spec.array_sectors();
        spec.last_usable = spec.first_usable + 63;
        spec.backup = spec.last_usable + spec.array_sectors() + 1;
        spec.sectors = spec.backup + 1 + slack;
        spec.hybrid = hybrid;
        spec.parts.clear();
        for (index, (kind, at, attributes, id, name)) in parts {
            if (index as usize) < count {
                let at = spec.first_usable + at;
                let mut part = part(index + 1, [LINUX, BASIC, ESP][kind], at, at);
                part.id = uuid::Uuid::from_u128(id);
                part.attributes = attributes;
                part.name = name;
                spec.parts.push(part);
            }
        }
        spec
    })
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 96,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_table_changes_and_comes_back(spec in spec(), seed: u64) {
        let image = spec.build();
        let size = SectorSize::try_from(u32::try_from(spec.sector).unwrap()).unwrap();
        let seen = observe(&MemoryDisk::new(image.clone()), Some(size)).unwrap();
        prop_assert!(seen.identity().partitions.len() == spec.parts.len());
        let change = Change::fresh(seen.identity(), &mut ids(seed))
            .with_attributes(seen.identity(), |p| p.attributes ^ attributes::ALL_FOUR);
        round_trip(&image, Some(size), &change);
    }

    /// Any bytes after a good start, so that more than the first check is reached.
    #[test]
    fn any_bytes_are_borne(
        spec in spec(),
        holes in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 8]>()), 1..8),
        large: bool,
    ) {
        let mut image = spec.build();
        for (at, bytes) in holes {
            let at = at.index(image.len() - 8);
            image[at..at + 8].copy_from_slice(&bytes);
        }
        let size = if large { SectorSize::B4096 } else { SectorSize::B512 };
        for size in [None, Some(size)] {
            let Ok(seen) = observe(&MemoryDisk::new(image.clone()), size) else { continue };
            let change = Change::fresh(seen.identity(), &mut ids(1));
            let Ok(patch) = seen.plan(&change) else { continue };
            if !patch.is_empty() {
                round_trip(&image, size, &change);
            }
        }
    }

    #[test]
    fn noise_is_no_disk(mut bytes in prop::collection::vec(any::<u8>(), 0..8192), mbr: bool) {
        if mbr && bytes.len() >= 512 {
            bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
            for slot in 0..4 {
                bytes[446 + 16 * slot] &= 0x80;
            }
        }
        for size in [None, Some(SectorSize::B512), Some(SectorSize::B4096)] {
            let Ok(seen) = observe(&MemoryDisk::new(bytes.clone()), size) else { continue };
            let change = Change::fresh(seen.identity(), &mut ids(1));
            prop_assume!(!change.is_empty());
            round_trip(&bytes, size, &change);
        }
    }

    #[test]
    fn any_patch_is_borne(edits in prop::collection::vec(
        (0..5000_u64, prop::collection::vec(any::<u8>(), 0..9)), 0..6)) {
        let edits: Vec<_> = edits
            .into_iter()
            .map(|(offset, new)| {
                let hex: String = new.iter().map(|byte| format!("{byte:02x}")).collect();
                format!(r#"{{"offset":{offset},"old":"{}","new":"{hex}"}}"#, "00".repeat(new.len()))
            })
            .collect();
        let text = format!(
            r#"{{"sector_size":512,"stages":[{{"what":"mbr","edits":[{}]}}]}}"#,
            edits.join(",")
        );
        let patch: Patch = serde_json::from_str(&text).unwrap();
        let disk = MemoryDisk::new(vec![0; 4500]);
        prop_assert!(patch.apply(&disk).is_ok() == patch.is_sane(4500));
        if patch.is_sane(4500) {
            patch.inverse().apply(&disk).unwrap();
        }
        prop_assert!(disk.into_bytes() == vec![0; 4500]);
    }
}
