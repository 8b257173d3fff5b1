//! The checks that a conforming implementation must pass, named after their numbers (spec: break §12).
//!
//! Not here: 17 and 26 to 28 need mounted devices or documents, 24 writers, 25 documents.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use disk_identity::attributes::{HIDDEN, NO_DRIVE_LETTER, READ_ONLY, SHADOW_COPY};
use vss_coordinator::Caller;
use vss_model::{Context, HardwareOptions, ObjectType, ProviderId, ResultCode, SetId, SnapshotId};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault};
use vss_service::SourceObject;

use crate::images::{Kind, difference_outside, table_ranges};
use crate::world::{SOFTWARE_VOLUME, World};

pub(crate) const FINISHED: Result<ResultCode, ResultCode> = Ok(ResultCode::VSS_S_ASYNC_FINISHED);

pub(crate) fn two_disks() -> World {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    world
}

#[test]
fn check_01_unknown_set() {
    let world = two_disks();
    let set = SetId::from_uuid(uuid::Uuid::from_u128(7));
    let error = world.session().break_snapshot_set(set, None).unwrap_err();
    assert_eq!(error.code(), ResultCode::VSS_E_OBJECT_NOT_FOUND);
    assert_eq!(
        world.break_ex(set, 0),
        Err(ResultCode::VSS_E_OBJECT_NOT_FOUND)
    );
    assert_eq!(
        world.break_ex(SetId::NULL, 0),
        Err(ResultCode::VSS_E_OBJECT_NOT_FOUND)
    );
}

#[test]
fn check_02_software_copies_cannot_be_broken() {
    let world = two_disks();
    let (set, _) = world.create(&[SOFTWARE_VOLUME]);
    let error = world.session().break_snapshot_set(set, None).unwrap_err();
    assert_eq!(error.code(), ResultCode::VSS_E_PROVIDER_VETO);
    for flags in [0x0, 0x1, 0x2, 0x4] {
        assert_eq!(
            world.break_ex(set, flags),
            Err(ResultCode::VSS_E_PROVIDER_VETO)
        );
    }
    assert!(world.is_listed(set));
    // A set of both kinds is as unbreakable, and nothing of it is broken (spec: break §6.3).
    let (mixed, _) = world.create(&["db", SOFTWARE_VOLUME]);
    let before = world.bytes(&world.luns_of(mixed)[0]);
    assert_eq!(
        world.break_ex(mixed, 0x2),
        Err(ResultCode::VSS_E_PROVIDER_VETO)
    );
    assert_eq!(world.bytes(&world.luns_of(mixed)[0]), before);
    assert!(world.is_listed(mixed));
}

#[test]
fn check_03_unprivileged_caller() {
    let world = two_disks();
    let (set, copies) = world.create(&["db"]);
    let error = world.unprivileged().err().unwrap();
    assert_eq!(error.code(), ResultCode::E_ACCESSDENIED);
    // The session itself judges anew, method by method.
    let session = world
        .coordinator()
        .create_backup_components(Caller::Unprivileged);
    let denied = |result: Result<(), vss_model::Error>| {
        assert_eq!(result.unwrap_err().code(), ResultCode::E_ACCESSDENIED);
    };
    denied(session.initialize_for_backup());
    denied(session.break_snapshot_set(set, None).map(drop));
    denied(session.break_snapshot_set_ex(set, 0, None, Some(&mut None)));
    denied(
        session
            .query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)
            .map(drop),
    );
    denied(session.get_snapshot_properties(copies[0]).map(drop));
    denied(
        session
            .delete_snapshots(SourceObject::Set(set), None)
            .map(drop),
    );
    // Access is judged before flags and ids.
    denied(session.break_snapshot_set_ex(SetId::NULL, 0xFF, None, Some(&mut None)));
    assert!(world.is_listed(set));
}

#[test]
fn check_04_no_place_for_the_async_object() {
    let world = two_disks();
    let (set, _) = world.create(&["db"]);
    let error = world
        .session()
        .break_snapshot_set_ex(set, 0, None, None)
        .unwrap_err();
    assert_eq!(error.code(), ResultCode::E_INVALIDARG);
    // It comes before everything else, access included.
    let session = world
        .coordinator()
        .create_backup_components(Caller::Unprivileged);
    let error = session
        .break_snapshot_set_ex(set, 0, None, None)
        .unwrap_err();
    assert_eq!(error.code(), ResultCode::E_INVALIDARG);
    assert!(world.is_listed(set));
}

#[test]
fn an_uninitialised_session_is_in_bad_state() {
    let world = two_disks();
    let (set, _) = world.create(&["db"]);
    let session = world.requester();
    let error = session
        .break_snapshot_set_ex(set, 0xFF, None, Some(&mut None))
        .unwrap_err();
    assert_eq!(
        error.code(),
        ResultCode::VSS_E_BAD_STATE,
        "state is judged before flags"
    );
    assert_eq!(
        session.break_snapshot_set(set, None).unwrap_err().code(),
        ResultCode::VSS_E_BAD_STATE
    );
}

#[test]
fn check_05_illegal_flags() {
    let world = two_disks();
    let (set, _) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    world.array.clear_calls();
    for flags in [0x3, 0x5, 0x9, 0xC, 0xE, 0x10, 0x100, 0x800] {
        assert_eq!(
            world.break_ex(set, flags),
            Err(ResultCode::E_INVALIDARG),
            "{flags:x}"
        );
    }
    assert_eq!(world.array.recorder().methods(), [], "no provider call");
    assert!(world.is_listed(set));
    let after: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert!(before == after);
}

/// Whether an unprivileged process can write to the file.
fn can_write(path: &std::path::Path) -> bool {
    if !rustix::process::geteuid().is_root() {
        return OpenOptions::new().write(true).open(path).is_ok();
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 3>>\"$0\""]).arg(path);
    shell.uid(65534).gid(65534);
    shell.stderr(std::process::Stdio::null());
    shell.status().unwrap().success()
}

#[test]
fn check_06_plain_break() {
    let world = two_disks();
    // An unprivileged user owns the image, so that only the read-only state can stop it.
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (set, _) = world.create(&["db"]);
    let lun = world.luns_of(set).remove(0);
    let image = world.image_of(&lun);
    let before = world.bytes(&lun);
    world.session().break_snapshot_set(set, None).unwrap();
    assert!(!world.is_listed(set));
    let after = world.bytes(&lun);
    assert_eq!(
        difference_outside(&before, &after, &table_ranges(Kind::Gpt512)),
        None
    );
    assert_eq!(
        fs::metadata(&image).unwrap().permissions().mode() & 0o222,
        0
    );
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&image, Some(65534), Some(65534)).unwrap();
    }
    assert!(!can_write(&image), "a read-only volume took a write");
    assert!(world.array.is_presented(&lun), "it stays where it was");
}

#[test]
fn check_07_a_broken_set_is_unknown() {
    let world = two_disks();
    let (set, copies) = world.create(&["db", "log"]);
    assert_eq!(world.break_ex(set, 0), FINISHED);
    let session = world.session();
    let not_found = ResultCode::VSS_E_OBJECT_NOT_FOUND;
    assert_eq!(world.break_ex(set, 0), Err(not_found));
    assert_eq!(
        session.break_snapshot_set(set, None).unwrap_err().code(),
        not_found
    );
    assert_eq!(
        session
            .delete_snapshots(SourceObject::Set(set), None)
            .unwrap_err()
            .code(),
        not_found
    );
    for copy in copies {
        assert_eq!(
            session.get_snapshot_properties(copy).unwrap_err().code(),
            not_found
        );
        assert_eq!(
            session
                .delete_snapshots(SourceObject::Snapshot(copy), None)
                .unwrap_err()
                .code(),
            not_found
        );
    }
    assert_eq!(world.query(), []);
}

#[test]
fn check_08_read_write() {
    let world = two_disks();
    fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (set, _) = world.create(&["db"]);
    let lun = world.luns_of(set).remove(0);
    let image = world.image_of(&lun);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&image, Some(65534), Some(65534)).unwrap();
    }
    let before = world.bytes(&lun);
    world.array.clear_calls();
    // When the provider is told, nothing is writable and nothing is changed yet.
    let (path, seen) = (image.clone(), before.clone());
    world.array.inject(Fault::next(
        Method::OnLunStateChange,
        Action::Then(Box::new(move || {
            assert!(!can_write(&path));
            assert!(fs::read(&path).unwrap() == seen);
        })),
    ));
    assert_eq!(world.break_ex(set, 0x2), FINISHED);
    let calls = world.array.recorder().calls_of(Method::OnLunStateChange);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].flags, Some(HardwareOptions::NOTIFY_READ_WRITE));
    assert_eq!(calls[0].snapshot_luns.len(), 1);
    assert_eq!(calls[0].original_luns.len(), 1);
    assert_ne!(
        calls[0].snapshot_luns[0].lun_id(),
        calls[0].original_luns[0].lun_id()
    );
    assert!(can_write(&image));
    for partition in world.identity(&lun, Kind::Gpt512).partitions {
        assert_eq!(partition.attributes & (READ_ONLY | SHADOW_COPY | HIDDEN), 0);
    }
}

#[test]
fn check_09_mask() {
    let world = two_disks();
    let (set, _) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    world.array.clear_calls();
    assert_eq!(world.break_ex(set, 0x1), FINISHED);
    let calls = world.array.recorder().calls_of(Method::OnLunStateChange);
    assert_eq!(calls.len(), 2, "once a copy");
    assert!(
        calls
            .iter()
            .all(|call| call.flags == Some(HardwareOptions::DO_MASK_LUNS))
    );
    assert!(
        world
            .array
            .recorder()
            .calls_of(Method::OnLunEmpty)
            .is_empty()
    );
    for (lun, before) in luns.iter().zip(before) {
        assert!(!world.array.is_presented(lun));
        assert!(!world.array.device_path(lun).exists());
        assert!(world.bytes(lun) == before, "all flags stay on a masked LUN");
    }
    assert!(!world.is_listed(set));
}

#[test]
fn check_10_originals_present() {
    let world = two_disks();
    let (set, _) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    assert_eq!(
        world.break_ex(set, 0x6),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    for (lun, before) in luns.iter().zip(before) {
        assert!(world.bytes(lun) == before);
        let mode = fs::metadata(world.image_of(lun))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o222, 0);
    }
    assert!(world.is_listed(set));
    // The original is the LUN, whatever identity it bears by now.
    fs::write(world.image_of("db"), vec![0; crate::images::SIZE]).unwrap();
    world.array.mask("log").unwrap();
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    // A retry after masking works.
    world.array.mask("db").unwrap();
    assert_eq!(world.break_ex(set, 0x4), FINISHED);
}

#[test]
fn check_11_one_original_present() {
    let world = two_disks();
    let (set, _) = world.create(&["db", "log"]);
    world.array.mask("log").unwrap();
    let luns = world.luns_of(set);
    let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    let after: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert!(before == after);
    assert!(world.is_listed(set));
}

#[test]
fn check_12_fast_recovery() {
    for kind in Kind::WITH_TABLE {
        let world = World::new();
        world.original("db", kind, 1);
        world.original("log", kind, 2);
        let at_instant = [world.bytes("db"), world.bytes("log")];
        let (set, _) = world.create(&["db", "log"]);
        let luns = world.luns_of(set);
        assert!(
            world.bytes(&luns[0]) != at_instant[0],
            "import gave it an identity of its own"
        );
        world.array.mask("db").unwrap();
        world.array.mask("log").unwrap();
        assert_eq!(world.break_ex(set, 0x6), FINISHED);
        for (lun, original) in luns.iter().zip(&at_instant) {
            assert!(
                world.bytes(lun) == *original,
                "{kind:?}: the table is back byte for byte"
            );
        }
    }
}

#[test]
fn check_13_the_original_arrives_second() {
    let world = two_disks();
    let (set, _) = world.create(&["db"]);
    world.array.mask("db").unwrap();
    assert_eq!(world.break_ex(set, 0x6), FINISHED);
    let image = world.image_of("db");
    let error = world
        .coordinator()
        .arrive("db", &image, Some(512), || Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), ResultCode::VSS_E_OBJECT_ALREADY_EXISTS);
    assert!(error.hint().is_some());
}

#[test]
fn check_14_no_revert() {
    for flags in [0x8, 0xA] {
        for masked in [false, true] {
            let world = two_disks();
            let (set, _) = world.create(&["db", "log"]);
            if masked {
                world.array.mask("db").unwrap();
                world.array.mask("log").unwrap();
            }
            let luns = world.luns_of(set);
            let kinds = [Kind::Gpt512, Kind::Mbr];
            let before: Vec<_> = luns
                .iter()
                .zip(kinds)
                .map(|(l, k)| ids(&world, l, k))
                .collect();
            assert_eq!(world.break_ex(set, flags), FINISHED);
            let after: Vec<_> = luns
                .iter()
                .zip(kinds)
                .map(|(l, k)| ids(&world, l, k))
                .collect();
            assert_eq!(before, after);
        }
    }
}

pub(crate) fn ids(world: &World, lun: &str, kind: Kind) -> Vec<disk_identity::Identifier> {
    world.identity(lun, kind).ids().collect()
}

#[test]
fn check_15_no_flag_reverts_what_it_can() {
    for flags in [None, Some(0x0), Some(0x2)] {
        let world = two_disks();
        let original = [
            ids(&world, "db", Kind::Gpt512),
            ids(&world, "log", Kind::Mbr),
        ];
        let (set, _) = world.create(&["db", "log"]);
        let luns = world.luns_of(set);
        let imported = ids(&world, &luns[0], Kind::Gpt512);
        // One present, one masked: each disk for itself, and never an error.
        world.array.mask("log").unwrap();
        match flags {
            None => drop(world.session().break_snapshot_set(set, None).unwrap()),
            Some(flags) => assert_eq!(world.break_ex(set, flags), FINISHED),
        }
        assert_eq!(ids(&world, &luns[0], Kind::Gpt512), imported);
        assert_eq!(ids(&world, &luns[1], Kind::Mbr), original[1]);
        let kept = world.identity(&luns[0], Kind::Gpt512);
        let data: Vec<u64> = kept
            .partitions
            .iter()
            .filter(|partition| partition.holds_data_volume())
            .map(|partition| partition.attributes)
            .collect();
        let expected = match flags {
            Some(0x2) => NO_DRIVE_LETTER,
            _ => NO_DRIVE_LETTER | READ_ONLY,
        };
        assert_eq!(data, [expected; 2]);
    }
}

#[test]
fn check_16_a_broken_set_outlives_its_requester() {
    let world = two_disks();
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session
        .set_context(Context::FILE_SHARE_BACKUP.bits())
        .unwrap();
    let set = session.start_snapshot_set().unwrap();
    session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    session.do_snapshot_set(None).unwrap().wait(None).unwrap();
    let lun = world.luns_of(set).remove(0);
    assert_eq!(world.break_ex(set, 0x2), FINISHED);
    world.array.clear_calls();
    drop(session);
    assert!(world.image_of(&lun).exists());
    assert!(world.array.is_presented(&lun));
    assert!(
        world
            .array
            .recorder()
            .calls_of(Method::OnLunEmpty)
            .is_empty()
    );
}

#[test]
fn an_unbroken_auto_release_set_dies_with_its_requester() {
    let world = two_disks();
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    let set = session.start_snapshot_set().unwrap();
    session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    session.do_snapshot_set(None).unwrap().wait(None).unwrap();
    assert!(world.is_listed(set));
    drop(session);
    assert!(!world.is_listed(set));
    assert_eq!(world.array.recorder().calls_of(Method::OnLunEmpty).len(), 1);
    assert_eq!(world.array.luns().len(), 2, "only the originals are left");
}

#[test]
fn check_18_a_transportable_set_is_unknown_until_imported() {
    let world = two_disks();
    let context = Context::from_bits(0x39).unwrap();
    let (set, copies, job) = world.start_create(context, &["db"]);
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    let not_found = ResultCode::VSS_E_OBJECT_NOT_FOUND;
    assert_eq!(
        world
            .session()
            .break_snapshot_set(set, None)
            .unwrap_err()
            .code(),
        not_found
    );
    assert_eq!(world.break_ex(set, 0x2), Err(not_found));
    let error = world
        .session()
        .get_snapshot_properties(copies[0])
        .unwrap_err();
    assert_eq!(error.code(), not_found);
    assert!(!world.is_listed(set));
    assert!(
        world
            .array
            .recorder()
            .calls_of(Method::LocateLuns)
            .is_empty()
    );
}

#[test]
fn check_19_veto() {
    for flags in [0x2, 0xA] {
        let world = two_disks();
        let (set, _) = world.create(&["db", "log"]);
        let luns = world.luns_of(set);
        let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
        // The second of two copies: the first has agreed, and is not converted either.
        world.array.inject(Fault {
            method: Method::OnLunStateChange,
            nth: 2,
            action: Action::Veto,
        });
        assert_eq!(
            world.break_ex(set, flags),
            Ok(ResultCode::VSS_E_PROVIDER_VETO)
        );
        let after: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
        assert!(before == after);
        assert!(world.is_listed(set));
        assert_eq!(world.break_ex(set, flags), FINISHED, "a retry works");
    }
}

#[test]
fn a_veto_while_masking_leaves_the_rest_to_a_retry() {
    let world = two_disks();
    let (set, copies) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    world.array.inject(Fault {
        method: Method::OnLunStateChange,
        nth: 2,
        action: Action::Veto,
    });
    assert_eq!(
        world.break_ex(set, 0x1),
        Ok(ResultCode::VSS_E_PROVIDER_VETO)
    );
    assert!(
        !world.array.is_presented(&luns[0]),
        "what was masked stays masked"
    );
    assert!(world.array.is_presented(&luns[1]));
    let left: Vec<_> = world.query().iter().map(|copy| copy.snapshot_id).collect();
    assert_eq!(left, copies[1..]);
    assert_eq!(world.break_ex(set, 0x1), FINISHED);
    assert!(!world.array.is_presented(&luns[1]));
    assert!(!world.is_listed(set));
}

#[test]
fn check_20_a_code_outside_the_list() {
    let world = two_disks();
    let (set, _) = world.create(&["db"]);
    world.array.inject(Fault::next(
        Method::OnLunStateChange,
        Action::Code(ResultCode::E_FAIL),
    ));
    assert_eq!(
        world.break_ex(set, 0x2),
        Ok(ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR)
    );
    let record = world.history().remove(0);
    assert_eq!(record.code, ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR);
    let logged = |event: &&vss_service::Event| event.method.as_deref() == Some("OnLunStateChange");
    let event = record.events.iter().find(logged).unwrap();
    assert!(event.provider.is_some());
    assert_eq!(event.code, Some(ResultCode::E_FAIL));
}

#[test]
fn check_22_two_volumes_on_one_lun() {
    for (flags, flag) in [
        (0x2, HardwareOptions::NOTIFY_READ_WRITE),
        (0x1, HardwareOptions::DO_MASK_LUNS),
    ] {
        let world = two_disks();
        let (set, copies) = world.create(&["db/2", "db/3"]);
        assert_eq!(copies.len(), 2);
        assert_eq!(world.luns_of(set).len(), 1, "one LUN is copied once");
        world.array.clear_calls();
        assert_eq!(world.break_ex(set, flags), FINISHED);
        let calls = world.array.recorder().calls_of(Method::OnLunStateChange);
        assert_eq!(calls.len(), 2, "once a copy");
        assert_eq!(calls[0].snapshot_luns, calls[1].snapshot_luns);
        assert!(calls.iter().all(|call| call.flags == Some(flag)));
        let record = world.history().remove(0);
        assert_eq!(record.disks.len(), 1, "the disk is touched once");
    }
}

#[test]
fn check_23_volumes_outside_the_set_change_with_their_disk() {
    let world = two_disks();
    let (set, _) = world.create(&["db/2"]);
    let lun = world.luns_of(set).remove(0);
    let flags = |world: &World| -> Vec<u64> {
        let identity = world.identity(&lun, Kind::Gpt512);
        identity
            .partitions
            .iter()
            .map(|partition| partition.attributes)
            .collect()
    };
    let all = READ_ONLY | SHADOW_COPY | HIDDEN | NO_DRIVE_LETTER;
    assert_eq!(
        flags(&world),
        [0, all, all],
        "the EFI system partition keeps its own"
    );
    assert_eq!(world.break_ex(set, 0x2), FINISHED);
    assert_eq!(flags(&world), [0, NO_DRIVE_LETTER, NO_DRIVE_LETTER]);
}

#[test]
fn a_legacy_provider_cannot_mask_and_is_not_told() {
    let world = World::legacy();
    world.original("db", Kind::Gpt512, 1);
    let (set, _) = world.create(&["db"]);
    assert_eq!(
        world.break_ex(set, 0x1),
        Err(ResultCode::VSS_E_LEGACY_PROVIDER)
    );
    assert_eq!(world.break_ex(set, 0x2), FINISHED);
}
