//! Any bytes as a disk: what can be understood can be changed as wanted and put back exactly.

#![no_main]

use disk_identity::{
    Applied, Change, DiskId, MemoryDisk, PartitionId, PatchState, SectorSize, attributes, observe,
};
use libfuzzer_sys::fuzz_target;
use openvss_fuzz::disk_input::{DiskInput, decode};
use uuid::Uuid;

fuzz_target!(|data: &[u8]| {
    if let Some(input) = decode(data) {
        check(&input);
    }
});

fn check(input: &DiskInput) {
    let given = if input.large_sectors {
        SectorSize::B4096
    } else {
        SectorSize::B512
    };
    let size = (!input.detect).then_some(given);
    let disk = MemoryDisk::new(input.image.clone());
    let Ok(before) = observe(&disk, size) else {
        return;
    };
    let identity = before.identity();
    let mut last = 0_u128;
    let change = Change::fresh(identity, &mut || {
        last += 1;
        Uuid::from_u128(last << 96 | last << 32 | 0x5eed)
    })
    .with_attributes(identity, |p| p.attributes ^ attributes::ALL_FOUR);
    let Ok(patch) = before.plan(&change) else {
        return;
    };
    assert!(patch.is_sane(input.image.len() as u64));
    if patch.is_empty() {
        return;
    }
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::Before);
    assert_eq!(patch.apply(&disk).unwrap(), Applied::Changed);
    assert_eq!(patch.apply(&disk).unwrap(), Applied::AlreadySo);

    let after = observe(&disk, size).unwrap();
    let now = after.identity();
    assert_eq!(now.disk_id, change.disk_id);
    assert_eq!(now.hybrid_signature, change.hybrid_signature);
    assert_eq!(now.partitions.len(), identity.partitions.len());
    for wanted in &change.partitions {
        let found = now.partitions.iter().find(|p| p.index == wanted.index);
        let found = found.unwrap();
        assert!(wanted.id.is_none_or(|id| found.id == PartitionId::Guid(id)));
        assert!(wanted.attributes.is_none_or(|a| found.attributes == a));
    }
    assert!(after.plan(&change).unwrap().is_empty());
    assert_eq!(before.with_patch(&patch).unwrap().identity(), now);
    let same = Change::to_identity(now, now).unwrap();
    assert!(matches!(
        same.disk_id,
        None | Some(DiskId::Signature(_) | DiskId::Guid(_))
    ));
    assert!(after.plan(&same).unwrap().is_empty());

    let changed = disk.to_bytes();
    patch.inverse().apply(&disk).unwrap();
    assert!(disk.into_bytes() == input.image, "inverse is not exact");

    let restore = after.plan_restore(&patch, &Change::default()).unwrap();
    let disk = MemoryDisk::new(changed);
    restore.apply(&disk).unwrap();
    assert!(disk.into_bytes() == input.image, "restore is not exact");
}
