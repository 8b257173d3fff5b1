//! Facts for the break planner from a few bytes: small disks whose identifiers come from a small
//! supply, so that they often collide.

use disk_identity::{Change, MemoryDisk, Observation, Patch, SectorSize, attributes, observe};
use uuid::Uuid;
use vss_coordinator::{DiskFacts, VisibleDisk};
use vss_model::{
    BusType, Context, IdentifierCodeSet, IdentifierType, LunInformation, ProviderId, SetId,
    SnapshotAttributes, SnapshotId, SnapshotProperties, SnapshotState, StorageIdentifier,
    Timestamp,
};
use vss_service::{Consistency, CopyRecord, LunRecord, SetRecord, SetState};

/// Sectors of a disk, of 512 bytes.
const SECTORS: usize = 24;

/// A whole world for one plan.
pub struct World {
    /// Raw flags.
    pub flags: u32,
    /// The set.
    pub set: SetRecord,
    /// Its disks as they are now.
    pub disks: Vec<DiskFacts>,
    /// Everything else that is visible.
    pub visible: Vec<VisibleDisk>,
}

/// Bytes one after the other; zero when they run out.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }
}

/// Reads a world; `None` when an import could not be planned.
#[must_use]
pub fn decode(data: &[u8]) -> Option<World> {
    let mut bytes = Bytes(data.iter());
    let flags = u32::from(bytes.next() & 0xF);
    let count = usize::from(bytes.next() % 5);
    let mut luns = Vec::new();
    let mut disks = Vec::new();
    let mut copies = Vec::new();
    for index in 0..count {
        let (lun, facts) = lun(index, &mut bytes)?;
        copies.push(copy(index, &lun.name));
        luns.push(lun);
        if bytes.next() != 0xFF {
            disks.push(facts);
        }
    }
    let visible = (0..bytes.next() % 5)
        .map(|index| {
            let image = image(bytes.next(), bytes.next());
            let original = bytes.next();
            VisibleDisk {
                name: format!("other{index}"),
                device: format!("/dev/other{index}").into(),
                information: (original < 0x20).then(|| information(u32::from(original % 5))),
                identity: observe(&MemoryDisk::new(image), Some(SectorSize::B512))
                    .ok()
                    .map(|seen| seen.identity().clone()),
            }
        })
        .collect();
    let set = SetRecord {
        set_id: SetId::from_uuid(Uuid::from_u128(1)),
        context: Context::NAS_ROLLBACK,
        state: SetState::Created,
        consistency: Consistency::Crash,
        created: Timestamp(0),
        held_micros: 0,
        freeze_micros: 0,
        copy_micros: 0,
        copies,
        luns,
    };
    Some(World {
        flags,
        set,
        disks,
        visible,
    })
}

/// A copy as an import left it, and what became of it since.
fn lun(index: usize, bytes: &mut Bytes<'_>) -> Option<(LunRecord, DiskFacts)> {
    let original = image(bytes.next(), bytes.next());
    let disk = MemoryDisk::new(original);
    let arrived = observe(&disk, Some(SectorSize::B512)).ok()?;
    let fresh = bytes.next() & 1 == 1;
    let mut next = u128::from(bytes.next()) + 0xF000 + ((index as u128) << 32);
    let change = if fresh {
        Change::fresh(arrived.identity(), &mut || {
            next += 1;
            Uuid::from_u128(next << 64 | next)
        })
    } else {
        Change::default()
    }
    .with_attributes(arrived.identity(), |p| p.attributes | attributes::ALL_FOUR);
    let patch = arrived.plan(&change).ok()?;
    patch.apply(&disk).ok()?;
    let imported = observe(&disk, Some(SectorSize::B512)).ok()?;
    let now = meddle(&disk, &imported, bytes.next())?;
    let name = format!("lun{index}");
    let record = LunRecord {
        name: name.clone(),
        original_name: format!("original{index}"),
        provider_id: ProviderId::NULL,
        original: information(u32::try_from(index).ok()?),
        snapshot: information(100 + u32::try_from(index).ok()?),
        sector_size: 512,
        device: format!("/dev/{name}").into(),
        original_identity: arrived.identity().clone(),
        import_identity: imported.identity().clone(),
        identity_changed: fresh,
        import_patch: patch,
    };
    let facts = DiskFacts {
        lun: name.clone(),
        device: format!("/dev/{name}").into(),
        read_only: true,
        observation: now,
    };
    Some((record, facts))
}

/// Somebody else may have changed the identity since.
fn meddle(disk: &MemoryDisk, imported: &Observation, how: u8) -> Option<Observation> {
    if how < 0xE0 {
        return Some(imported.clone());
    }
    let mut next = u128::from(how);
    let change = Change::fresh(imported.identity(), &mut || {
        next += 1;
        Uuid::from_u128(next << 96 | 0xABCD)
    });
    let patch: Patch = imported.plan(&change).ok()?;
    patch.apply(disk).ok()?;
    observe(disk, Some(SectorSize::B512)).ok()
}

fn information(number: u32) -> LunInformation {
    LunInformation {
        device_type: 0,
        device_type_modifier: 0,
        command_queueing: false,
        bus_type: BusType::Virtual,
        vendor_id: "FUZZ".into(),
        product_id: "LUN".into(),
        product_revision: "1".into(),
        serial_number: format!("{number}"),
        disk_signature: Uuid::nil(),
        identifiers: vec![StorageIdentifier {
            code_set: IdentifierCodeSet::Binary,
            identifier_type: IdentifierType::FcphName,
            bytes: number.to_be_bytes().to_vec(),
        }],
        interconnects: Vec::new(),
    }
}

fn copy(index: usize, lun: &str) -> CopyRecord {
    CopyRecord {
        properties: SnapshotProperties {
            snapshot_id: SnapshotId::from_uuid(Uuid::from_u128(0x100 + index as u128)),
            snapshot_set_id: SetId::from_uuid(Uuid::from_u128(1)),
            snapshots_count: 1,
            snapshot_device_object: String::new(),
            original_volume_name: String::new(),
            originating_machine: String::new(),
            service_machine: String::new(),
            exposed_name: None,
            exposed_path: None,
            provider_id: ProviderId::NULL,
            snapshot_attributes: SnapshotAttributes::empty(),
            creation_timestamp: Timestamp(0),
            status: SnapshotState::Created,
        },
        luns: vec![lun.to_owned()],
    }
}

/// A small disk: bare, MBR or GPT (with or without a hybrid MBR), with identifiers out of `who`.
fn image(kind: u8, who: u8) -> Vec<u8> {
    let mut bytes = vec![0; SECTORS * 512];
    let seed = who & 7;
    match kind % 4 {
        0 => {}
        1 => {
            bytes[440..444].copy_from_slice(&u32::from(seed).to_le_bytes());
            entry(&mut bytes, 0, 0x83, 8);
        }
        style => {
            gpt(&mut bytes, seed, who);
            entry(&mut bytes, 0, 0xEE, 1);
            if style == 3 {
                bytes[440..444].copy_from_slice(&u32::from(seed).to_le_bytes());
                entry(&mut bytes, 1, 0x83, 8);
            }
        }
    }
    bytes
}

fn entry(bytes: &mut [u8], slot: usize, kind: u8, first: u8) {
    let at = 446 + slot * 16;
    bytes[at + 4] = kind;
    bytes[at + 8] = first;
    bytes[at + 12] = 4;
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
}

fn gpt(bytes: &mut [u8], seed: u8, who: u8) {
    let types = [
        Uuid::from_u128(0x0fc63daf_8483_4772_8e79_3d69d8477de4),
        Uuid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b),
    ];
    let mut entries = [0_u8; 4 * 128];
    for slot in 0..2_u8 {
        let entry = &mut entries[usize::from(slot) * 128..];
        entry[..16].copy_from_slice(&types[usize::from(who >> (3 + slot) & 1)].to_bytes_le());
        let id = Uuid::from_u128(u128::from(who & 3) << 8 | u128::from(slot) | 1 << 64);
        entry[16..32].copy_from_slice(&id.to_bytes_le());
        entry[32] = 8 + slot * 4;
        entry[40] = 11 + slot * 4;
        entry[55] = who & 0xF0;
    }
    let mut put = |own: u8, other: u8, array: u8| {
        let mut header = [0_u8; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[10] = 1;
        header[12] = 92;
        header[24] = own;
        header[32] = other;
        header[40] = 4;
        header[48] = 18;
        header[56..72].copy_from_slice(&Uuid::from_u128(u128::from(seed)).to_bytes_le());
        header[72] = array;
        header[80] = 4;
        header[84] = 128;
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let crc = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        let at = usize::from(own) * 512;
        bytes[at..at + 92].copy_from_slice(&header);
        let at = usize::from(array) * 512;
        bytes[at..at + entries.len()].copy_from_slice(&entries);
    };
    put(1, 23, 2);
    put(23, 1, 22);
}
