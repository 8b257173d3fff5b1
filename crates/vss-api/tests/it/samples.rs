//! Records with every kind of content. The bits of a mask decide which optional parts are there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use disk_identity::{
    DiskId, Edit, Field, Identity, PartitionId, PartitionIdentity, PartitionType, Patch,
    SectorSize, Stage, TableCopy, TableKind,
};
use uuid::Uuid;
use vss_model::{
    BreakFlags, BusType, ClassId, Context, Error, ErrorKind, HardwareOptions, IdentifierCodeSet,
    IdentifierType, Interconnect, InterconnectAddressType, LunInformation, OperationId, ProviderId,
    ProviderProperties, ProviderType, ProviderVersionId, ResultCode, SetId, SnapshotAttributes,
    SnapshotId, SnapshotProperties, SnapshotState, StorageIdentifier, Timestamp,
};
use vss_service::{
    AuditRecord, BreakPlan, Consistency, CopyProgress, CopyRecord, CopySummary, DiskPlan,
    DiskProgress, DiskReport, DiskStage, Event, FailedOperation, IdentityDecision, Lun, LunChange,
    LunDetail, LunRecord, Notice, Object, OperationKind, OperationState, SetRecord, SetState,
    SetSummary, Status, StepTime, VolumeName,
};

use crate::fake::not_found;

const KINDS: [OperationKind; 4] = [
    OperationKind::Create,
    OperationKind::Break,
    OperationKind::Delete,
    OperationKind::Undo,
];

fn has(mask: u32, bit: u32) -> bool {
    mask >> bit & 1 == 1
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number << 64 | 0xabc)
}

/// Not UTF-8: paths need not be.
fn path(name: &str) -> PathBuf {
    let mut bytes = format!("/dev/disk/{name}").into_bytes();
    bytes.push(0xff);
    PathBuf::from(OsString::from_vec(bytes))
}

pub(crate) fn error() -> Error {
    Error::new(ErrorKind::ProviderVeto, "the provider said no to déjà vu")
        .with_hint("ask again")
        .with_source(
            Error::new(ErrorKind::Unexpected, "LUN db went away")
                .with_source(std::io::Error::other("bus reset")),
        )
}

pub(crate) fn patch() -> Patch {
    let fields = [
        Field::Unknown,
        Field::Signature,
        Field::DiskGuid,
        Field::HeaderChecksum,
        Field::EntriesChecksum,
        Field::Header,
        Field::PartitionGuid(3),
        Field::Attributes(u32::MAX),
        Field::Entry(1),
    ];
    let copies = [TableCopy::GptBackup, TableCopy::GptPrimary, TableCopy::Mbr];
    let stages = copies.map(|what| Stage {
        what,
        edits: fields
            .iter()
            .zip(1_u8..)
            .map(|(field, byte)| Edit {
                offset: u64::MAX - u64::from(byte),
                old: vec![byte, 0, 0xff],
                new: vec![0xff, byte, 0],
                field: *field,
            })
            .collect(),
    });
    Patch::from_parts(SectorSize::B4096, stages.into())
}

pub(crate) fn identity(mask: u32) -> Identity {
    if mask.is_multiple_of(5) {
        return Identity::bare(SectorSize::B4096);
    }
    let is_gpt = has(mask, 0);
    let partition = |index| PartitionIdentity {
        index,
        start_lba: 2048,
        end_lba: u64::MAX,
        type_id: if is_gpt {
            PartitionType::Gpt(uuid(4))
        } else {
            PartitionType::Mbr(0x83)
        },
        id: if is_gpt {
            PartitionId::Guid(uuid(u128::from(index)))
        } else {
            PartitionId::Mbr {
                signature: 0xdead_beef,
                index,
            }
        },
        attributes: 0xf000_0000_0000_0001,
        name: if is_gpt {
            "Daten ü".to_owned()
        } else {
            String::new()
        },
    };
    Identity {
        table: if is_gpt {
            TableKind::Gpt
        } else {
            TableKind::Mbr
        },
        sector_size: SectorSize::B512,
        disk_id: has(mask, 1).then(|| {
            if is_gpt {
                DiskId::Guid(uuid(9))
            } else {
                DiskId::Signature(0xffff_ffff)
            }
        }),
        hybrid_signature: has(mask, 2).then_some(7),
        partitions: vec![partition(1), partition(128)],
    }
}

pub(crate) fn information() -> LunInformation {
    let identifiers = IdentifierType::ALL.iter().flat_map(|kind| {
        IdentifierCodeSet::ALL
            .iter()
            .map(|code_set| StorageIdentifier {
                code_set: *code_set,
                identifier_type: *kind,
                bytes: vec![0x60, 0x01, 0xff],
            })
    });
    let interconnects = InterconnectAddressType::ALL
        .iter()
        .map(|kind| Interconnect {
            address_type: *kind,
            port: vec![1, 2],
            address: Vec::new(),
        });
    LunInformation {
        device_type: 255,
        device_type_modifier: 128,
        command_queueing: true,
        bus_type: BusType::Ufs,
        vendor_id: "OPENVSS ".into(),
        product_id: "array".into(),
        product_revision: "1".into(),
        serial_number: "ü".into(),
        disk_signature: Uuid::nil(),
        identifiers: identifiers.collect(),
        interconnects: interconnects.collect(),
    }
}

pub(crate) fn properties(mask: u32) -> SnapshotProperties {
    let states = SnapshotState::ALL;
    SnapshotProperties {
        snapshot_id: SnapshotId::from_uuid(uuid(1)),
        snapshot_set_id: SetId::from_uuid(uuid(2)),
        snapshots_count: u32::MAX,
        snapshot_device_object: "/dev/x".into(),
        original_volume_name: "db/1".into(),
        originating_machine: "here".into(),
        service_machine: "there".into(),
        exposed_name: has(mask, 0).then(String::new),
        exposed_path: has(mask, 1).then(|| "/mnt".into()),
        provider_id: ProviderId::from_uuid(uuid(3)),
        // A bit that nobody knows yet, too.
        snapshot_attributes: SnapshotAttributes::from_bits_retain(0x8000_0009),
        creation_timestamp: Timestamp(i64::MIN),
        status: states[mask as usize % states.len()],
    }
}

pub(crate) fn set(mask: u32) -> SetRecord {
    let contexts = [Context::BACKUP, Context::ALL, Context::NAS_ROLLBACK];
    SetRecord {
        set_id: SetId::from_uuid(uuid(2)),
        context: contexts[mask as usize % 3],
        state: if has(mask, 0) {
            SetState::Created
        } else {
            SetState::Transported
        },
        consistency: consistencies()[mask as usize % 4],
        created: Timestamp(i64::MAX),
        held_micros: u64::MAX,
        freeze_micros: u64::MAX - 1,
        copy_micros: 3,
        copies: (0..mask % 4)
            .map(|mask| CopyRecord {
                properties: properties(mask),
                luns: vec!["a".into(), String::new()],
            })
            .collect(),
        luns: (0..mask % 8)
            .map(|mask| LunRecord {
                name: "db-copy".into(),
                original_name: "db".into(),
                provider_id: ProviderId::from_uuid(uuid(3)),
                original: information(),
                snapshot: information(),
                sector_size: 4096,
                device: path("copy"),
                original_identity: identity(mask),
                import_identity: identity(mask + 1),
                identity_changed: has(mask, 0),
                import_patch: if has(mask, 1) {
                    patch()
                } else {
                    Patch::default()
                },
            })
            .collect(),
    }
}

pub(crate) const fn consistencies() -> [Consistency; 4] {
    [
        Consistency::Application,
        Consistency::FileSystem,
        Consistency::Crash,
        Consistency::Torn,
    ]
}

pub(crate) fn set_summaries() -> Vec<SetSummary> {
    let summaries = consistencies().map(|consistency| SetSummary {
        set_id: SetId::from_uuid(uuid(2)),
        context: Context::CLIENT_ACCESSIBLE,
        consistency,
        created: Timestamp(5),
        held_micros: 0,
    });
    summaries.into()
}

pub(crate) fn copy_summaries() -> Vec<CopySummary> {
    let summaries = SnapshotState::ALL.iter().map(|status| CopySummary {
        id: SnapshotId::from_uuid(uuid(1)),
        set_id: SetId::from_uuid(uuid(2)),
        original: "db".into(),
        device: "/dev/y".into(),
        provider_id: ProviderId::from_uuid(uuid(3)),
        attributes: SnapshotAttributes::all(),
        status: *status,
    });
    summaries.collect()
}

pub(crate) fn objects() -> Vec<Object> {
    vec![
        Object::Set(SetId::from_uuid(uuid(1))),
        Object::Copy(SnapshotId::from_uuid(uuid(2)), SetId::from_uuid(uuid(3))),
        Object::Operation(OperationId::from_uuid(uuid(4))),
        Object::Unfinished(OperationId::from_uuid(uuid(5))),
    ]
}

pub(crate) fn audit(mask: u32) -> AuditRecord {
    let flags = [0x0, 0x1, 0x2, 0x4, 0x6, 0x8, 0xA][mask as usize % 7];
    AuditRecord {
        operation: OperationId::from_uuid(uuid(1)),
        kind: KINDS[mask as usize % 4],
        set: if has(mask, 0) {
            SetId::from_uuid(uuid(2))
        } else {
            SetId::NULL
        },
        started: Timestamp(-1),
        finished: Timestamp(0),
        code: ResultCode(0x8004_FFFF),
        error: has(mask, 0).then(|| "no".into()),
        hint: has(mask, 1).then(String::new),
        failed_copy: has(mask, 2).then(|| SnapshotId::from_uuid(uuid(3))),
        recovered: has(mask, 3),
        flags: has(mask, 4).then(|| BreakFlags::from_bits(flags).unwrap()),
        undone: has(mask, 5).then(|| OperationId::from_uuid(uuid(4))),
        copies: vec![SnapshotId::from_uuid(uuid(3)), SnapshotId::NULL],
        disks: vec![DiskReport {
            lun: "db".into(),
            original: has(mask, 0).then(|| "o".into()),
            provider: ProviderId::from_uuid(uuid(3)),
            information: information(),
            device: has(mask, 1).then(|| path("z")),
            outcome: "as it was".into(),
            before: has(mask, 2).then(|| identity(mask)),
            after: has(mask, 3).then(|| identity(mask / 2)),
            patch: patch(),
            read_only_before: has(mask, 4).then(|| has(mask, 0)),
            read_only_after: has(mask, 5).then(|| has(mask, 1)),
        }],
        events: vec![Event {
            provider: has(mask, 0).then(|| ProviderId::from_uuid(uuid(3))),
            method: has(mask, 1).then(|| "LocateLuns".into()),
            code: has(mask, 2).then_some(ResultCode::S_OK),
            message: "told".into(),
        }],
        steps: vec![StepTime {
            step: "hold".into(),
            micros: u64::MAX,
        }],
    }
}

pub(crate) fn operation(mask: u32) -> OperationState {
    let stages = [
        DiskStage::Waiting,
        DiskStage::Working,
        DiskStage::Done,
        DiskStage::Failed,
    ];
    let disks = stages.map(|stage| DiskProgress {
        lun: "db".into(),
        stage,
    });
    OperationState {
        operation: OperationId::from_uuid(uuid(u128::from(mask) + 10)),
        kind: KINDS[mask as usize % 4],
        set: SetId::from_uuid(uuid(2)),
        started: Timestamp(3),
        version: u64::MAX,
        code: ResultCode::VSS_E_PROVIDER_VETO,
        cancel_requested: has(mask, 0),
        past_no_return: has(mask, 1),
        cut_off: has(mask, 2),
        disks: disks.into(),
        copying: has(mask, 0).then(|| CopyProgress {
            lun: "db".into(),
            index: 1,
            count: 2,
            done_bytes: 3,
            total_bytes: u64::MAX,
        }),
        error: has(mask, 1).then(|| Arc::new(error())),
        report: has(mask, 2).then(|| Arc::new(audit(mask))),
    }
}

pub(crate) fn status(mask: u32) -> Status {
    let providers = ProviderType::ALL.iter().map(|kind| ProviderProperties {
        provider_id: ProviderId::from_uuid(uuid(3)),
        provider_name: "array".into(),
        provider_type: *kind,
        provider_version: "1.0".into(),
        provider_version_id: ProviderVersionId::from_uuid(uuid(5)),
        class_id: ClassId::NULL,
    });
    Status {
        version: "1.2.3".into(),
        pid: u32::MAX,
        started: has(mask, 0).then_some(Timestamp(9)),
        machine: "here".into(),
        state_dir: path("state"),
        providers: providers.collect(),
        operations: (0..8).map(operation).collect(),
        failures: vec![FailedOperation {
            operation: OperationId::from_uuid(uuid(1)),
            kind: OperationKind::Undo,
            set: SetId::NULL,
            finished: Timestamp(2),
            code: ResultCode::VSS_E_MISSING_DISK,
            error: "gone".into(),
        }],
        sets: 1,
        copies: u64::MAX,
        sessions: 99,
        refused: 4,
    }
}

pub(crate) fn plan() -> BreakPlan {
    let decisions = [
        IdentityDecision::Reverted,
        IdentityDecision::AlreadyOriginal,
        IdentityDecision::Kept,
        IdentityDecision::KeptOnCollision("in use".into()),
        IdentityDecision::Masked,
    ];
    let disks = decisions
        .into_iter()
        .zip(0..)
        .map(|(decision, mask)| DiskPlan {
            lun: "db".into(),
            device: path("p"),
            identity: decision,
            before: has(mask, 0).then(|| identity(3)),
            after: has(mask, 1).then(|| identity(6)),
            patch: patch(),
            fallback: Patch::default(),
            read_only_before: has(mask, 0),
            read_only_after: has(mask, 1),
        });
    BreakPlan {
        set_id: SetId::from_uuid(uuid(2)),
        flags: BreakFlags::from_bits(0xA).unwrap(),
        notices: vec![Notice {
            snapshot: SnapshotId::from_uuid(uuid(1)),
            flag: HardwareOptions::NOTIFY_READ_WRITE,
            luns: vec!["a".into()],
        }],
        disks: disks.collect(),
    }
}

pub(crate) fn lun(mask: u32) -> Lun {
    Lun {
        name: "db".into(),
        id: "naa.6001".into(),
        size_bytes: u64::MAX,
        allocated_bytes: 1,
        sector_size: 512,
        presented: has(mask, 0),
        read_only: has(mask, 1),
        image: path("image"),
        image_missing: has(mask, 2),
        device: has(mask, 0).then(|| path("d")),
        linked: has(mask, 3),
        copy_of: has(mask, 1).then(|| "o".into()),
        set: has(mask, 2).then(|| SetId::from_uuid(uuid(2))),
    }
}

pub(crate) fn lun_detail(name: &str) -> Result<LunDetail, Error> {
    let identity = match name {
        "known" => Ok(identity(7)),
        "unknown" => Err("cannot be read: bus reset".to_owned()),
        _ => return Err(not_found(format!("LUN {name}"))),
    };
    Ok(LunDetail {
        lun: lun(3),
        identity,
        warnings: vec!["odd".into()],
    })
}

pub(crate) fn changes() -> Vec<LunChange> {
    [true, false]
        .map(|changed| LunChange {
            name: "db".into(),
            changed,
            device: changed.then(|| path("d")),
        })
        .into()
}

pub(crate) fn volume_names() -> Vec<VolumeName> {
    let name = |name: &str, volume: &str| VolumeName {
        name: name.to_owned(),
        volume: volume.to_owned(),
    };
    vec![
        name("E:\\", "db/1"),
        name("E:\\mnt ü\\", "/srv/ü"),
        name("", ""),
    ]
}
