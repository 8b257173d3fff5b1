//! The life of a set before its break: sequence, import, query, deletion, restart.

use std::sync::atomic::Ordering;

use disk_identity::Identifier;
use vss_coordinator::HostDisk;
use vss_model::{
    Context, ErrorKind, ObjectType, ProviderId, ResultCode, SnapshotAttributes, SnapshotId,
    SnapshotState,
};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault, Gate};
use vss_service::{BackupComponents, Consistency, SourceObject};

use crate::images::{Kind, difference_outside, table_ranges};
use crate::world::{SOFTWARE_VOLUME, World};

fn world() -> World {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    world
}

#[test]
fn providers_are_called_in_order() {
    let world = world();
    world.array.clear_calls();
    world.create(&["db/2", "db/3", "log"]);
    let calls: Vec<Method> = world.array.recorder().methods();
    assert_eq!(
        calls,
        [
            Method::AreLunsSupported,
            Method::BeginPrepareSnapshot,
            Method::AreLunsSupported,
            Method::BeginPrepareSnapshot,
            Method::AreLunsSupported,
            Method::BeginPrepareSnapshot,
            Method::EndPrepareSnapshots,
            Method::PreCommitSnapshots,
            Method::Suspensions,
            Method::CommitSnapshots,
            Method::PostCommitSnapshots,
            Method::GetTargetLuns,
            Method::GetTargetLuns,
            Method::GetTargetLuns,
            Method::LocateLuns,
            Method::FillInLunInfo,
            Method::FillInLunInfo,
            Method::PreFinalCommitSnapshots,
            Method::PostFinalCommitSnapshots,
        ]
    );
    let count = world.array.recorder().calls_of(Method::PostCommitSnapshots)[0].count;
    assert_eq!(count, Some(3));
}

#[test]
fn all_providers_finish_a_phase_before_the_next() {
    let world = world();
    world.create(&["db", SOFTWARE_VOLUME]);
    let phases = [
        Method::EndPrepareSnapshots,
        Method::PreCommitSnapshots,
        Method::CommitSnapshots,
        Method::PostCommitSnapshots,
    ];
    let mut last = 0;
    for phase in phases {
        let both = [
            world.array.recorder().calls_of(phase)[0].sequence,
            world.software.recorder().calls_of(phase)[0].sequence,
        ];
        assert!(both.iter().all(|sequence| *sequence > last), "{phase}");
        last = *both.iter().max().unwrap();
    }
}

#[test]
fn a_copy_beside_its_original_gets_an_identity_of_its_own() {
    for kind in Kind::WITH_TABLE {
        let world = World::new();
        world.original("db", kind, 1);
        let original = world.bytes("db");
        let ids: Vec<Identifier> = world.identity("db", kind).ids().collect();
        let (set, _) = world.create(&["db"]);
        let record = world.service().set(set).unwrap();
        let lun = &record.luns[0];
        assert!(lun.identity_changed);
        assert_eq!(
            lun.original_identity,
            world.identity("db", kind),
            "partition GUIDs included"
        );
        let copy: Vec<Identifier> = world.identity(&lun.name, kind).ids().collect();
        assert_eq!(copy.len(), ids.len());
        assert!(copy.iter().all(|id| !ids.contains(id)), "{kind:?}");
        assert!(world.bytes("db") == original, "originals are never written");
        let bytes = world.bytes(&lun.name);
        assert_eq!(
            difference_outside(&original, &bytes, &table_ranges(kind)),
            None
        );
        assert_eq!(record.consistency, Consistency::Crash);
    }
}

#[test]
fn identities_of_host_disks_count_too() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    world.array.mask("db").unwrap();
    let identity = world.identity("db", Kind::Gpt512);
    world.host.disks.lock().unwrap().push(HostDisk {
        device: "/dev/unlikely".into(),
        numbers: Vec::new(),
        backing_file: None,
        identity,
    });
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    // The same disk under another name is no collision: its image, attached as a loop device.
    let lun = world.luns_of(set).remove(0);
    let mut disks = world.host.disks.lock().unwrap();
    disks[0].backing_file = Some(world.array.device_path(&lun).canonicalize().unwrap());
    drop(disks);
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
}

#[test]
fn originals_that_share_an_identity_are_told_of() {
    let world = World::new();
    world.original("a", Kind::Gpt512, 1);
    world.original("b", Kind::Gpt512, 1);
    let (set, _) = world.create(&["a", "b"]);
    let record = world.history().remove(0);
    assert!(
        record
            .events
            .iter()
            .any(|event| event.message.contains("same identity"))
    );
    let luns = world.luns_of(set);
    assert_ne!(
        world.identity(&luns[0], Kind::Gpt512).disk_id,
        world.identity(&luns[1], Kind::Gpt512).disk_id
    );
    // Both want one identity back: with ALL that is an error, without it the first gets it.
    world.array.mask("a").unwrap();
    world.array.mask("b").unwrap();
    assert_eq!(
        world.break_ex(set, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    assert_eq!(
        world.break_ex(set, 0x0),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    let reverted = world.identity(&luns[0], Kind::Gpt512).disk_id;
    assert_eq!(reverted, world.identity("a", Kind::Gpt512).disk_id);
    assert_ne!(world.identity(&luns[1], Kind::Gpt512).disk_id, reverted);
}

#[test]
fn properties_of_a_copy() {
    let world = world();
    let (set, copies) = world.create(&["db/2", "log"]);
    let listed = world.query();
    assert_eq!(listed.len(), 2);
    let copy = world.session().get_snapshot_properties(copies[0]).unwrap();
    assert_eq!(copy, listed[0]);
    assert_eq!(copy.snapshot_set_id, set);
    assert_eq!(copy.snapshots_count, 2);
    assert_eq!(copy.original_volume_name, "db/2");
    assert_eq!(copy.status, SnapshotState::Created);
    assert_eq!(copy.originating_machine, "machine");
    assert!(copy.snapshot_attributes.contains(
        SnapshotAttributes::HARDWARE_ASSISTED
            | SnapshotAttributes::IMPORTED
            | SnapshotAttributes::PERSISTENT
    ));
    let lun = world.luns_of(set).remove(0);
    assert_eq!(
        copy.snapshot_device_object,
        world.array.device_path(&lun).display().to_string()
    );
}

#[test]
fn queries_are_of_a_context_and_of_one_form() {
    let world = world();
    world.create(&["db"]);
    let session = world.requester();
    let all = |session: &dyn vss_service::BackupComponents| {
        session.query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)
    };
    assert_eq!(all(&*session).unwrap_err().kind(), ErrorKind::BadState);
    session.initialize_for_backup().unwrap();
    assert_eq!(
        all(&*session).unwrap(),
        [],
        "VSS_CTX_BACKUP does not see persistent copies"
    );
    for (id, queried, returned) in [
        (
            SnapshotId::from_uuid(uuid::Uuid::max()),
            ObjectType::None,
            ObjectType::Snapshot,
        ),
        (
            SnapshotId::NULL,
            ObjectType::SnapshotSet,
            ObjectType::Snapshot,
        ),
        (SnapshotId::NULL, ObjectType::None, ObjectType::SnapshotSet),
    ] {
        let error = session.query(id, queried, returned).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn calls_out_of_order() {
    let world = world();
    let bad = |result: Result<(), vss_model::Error>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BadState);
    };
    let session = world.requester();
    bad(session.set_context(0x19));
    bad(session.start_snapshot_set().map(drop));
    session.initialize_for_backup().unwrap();
    bad(session.initialize_for_backup());
    bad(session
        .add_to_snapshot_set("db", ProviderId::NULL)
        .map(drop));
    bad(session.do_snapshot_set(None).map(drop));
    assert_eq!(
        session.set_context(0x6_0000).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    session.set_context(0x19).unwrap();
    bad(session.set_context(0x19));
    session.start_snapshot_set().unwrap();
    bad(session.start_snapshot_set().map(drop));

    // Creation is exclusive until it ends, however it ends.
    let other = world.requester();
    other.initialize_for_backup().unwrap();
    assert_eq!(
        other.start_snapshot_set().unwrap_err().kind(),
        ErrorKind::SnapshotSetInProgress
    );
    session.abort_backup().unwrap();
    other.start_snapshot_set().unwrap();
    drop(other);
    world.create(&["db"]);
    let administration = world.session();
    bad(administration.start_snapshot_set().map(drop));
}

/// A client that has begun a set and hangs must not keep everybody else from creating for good.
#[test]
fn an_idle_set_gives_way() {
    let world = world();
    let begin = || {
        let session = world.requester();
        session.initialize_for_backup().unwrap();
        session.start_snapshot_set().map(|_| session)
    };
    let idle = begin().unwrap();
    idle.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    world.host.ahead.store(59, Ordering::SeqCst);
    assert_eq!(
        begin().err().unwrap().kind(),
        ErrorKind::SnapshotSetInProgress
    );
    // Whatever is done about it keeps it.
    idle.add_to_snapshot_set("log", ProviderId::NULL).unwrap();
    world.host.ahead.store(118, Ordering::SeqCst);
    assert!(begin().is_err());
    world.host.ahead.store(121, Ordering::SeqCst);
    let next = begin().unwrap();
    next.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    let error = idle.do_snapshot_set(None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BadState);
    assert!(error.message().contains("given up"), "{error}");
    // The end of the one that gave way takes nothing from the other.
    drop(idle);
    let operation = next.do_snapshot_set(None).unwrap();
    // One in work never gives way, however long it takes.
    operation.wait(None).unwrap();
    assert_eq!(
        operation.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    drop(next);
    world.create(&["db"]);
}

/// A creation in work is not idle, however long a provider takes.
#[test]
fn a_creation_in_work_never_gives_way() {
    let world = world();
    let gate = Gate::new();
    world.array.inject(Fault::next(
        Method::CommitSnapshots,
        Action::Hang(gate.clone()),
    ));
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session.start_snapshot_set().unwrap();
    session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    let operation = session.do_snapshot_set(None).unwrap();
    gate.wait_until_entered();
    world.host.ahead.store(10_000, Ordering::SeqCst);
    let other = world.requester();
    other.initialize_for_backup().unwrap();
    assert_eq!(
        other.start_snapshot_set().unwrap_err().kind(),
        ErrorKind::SnapshotSetInProgress
    );
    gate.open();
    operation.wait(None).unwrap();
    other.start_snapshot_set().unwrap();
}

#[test]
fn volumes_that_cannot_be_added() {
    let world = world();
    let (set, _) = world.create(&["log"]);
    let copy = world.luns_of(set).remove(0);
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session.start_snapshot_set().unwrap();
    session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    for (volume, kind) in [
        ("db", ErrorKind::ObjectAlreadyExists),
        ("nowhere", ErrorKind::ObjectNotFound),
        ("db/9", ErrorKind::ObjectNotFound),
        ("db/x", ErrorKind::ObjectNotFound),
        ("db/0", ErrorKind::ObjectNotFound),
        ("", ErrorKind::ObjectNotFound),
        (copy.as_str(), ErrorKind::VolumeNotSupported),
    ] {
        let error = session
            .add_to_snapshot_set(volume, ProviderId::NULL)
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{volume}: {error}");
    }
    let stranger = ProviderId::from_uuid(uuid::Uuid::max());
    let error = session.add_to_snapshot_set("log", stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProviderNotRegistered);
    drop(session);

    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session
        .set_context(Context::CLIENT_ACCESSIBLE.bits())
        .unwrap();
    session.start_snapshot_set().unwrap();
    let error = session
        .add_to_snapshot_set("db", ProviderId::NULL)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedContext);
}

/// The service unmounts what it has mounted before copies go, and leaves them while files are open.
#[test]
fn mounted_copies_are_unmounted_before_they_go() {
    let world = world();
    for way in ["delete", "break", "release"] {
        let owner = world.requester();
        owner.initialize_for_backup().unwrap();
        let context = if way == "release" {
            Context::BACKUP
        } else {
            Context::NAS_ROLLBACK
        };
        owner.set_context(context.bits()).unwrap();
        let set = owner.start_snapshot_set().unwrap();
        let copy = owner.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
        owner.do_snapshot_set(None).unwrap().wait(None).unwrap();
        let session = world.session();
        // An image is nothing that could be mounted.
        let image = session.mount_snapshot(copy).unwrap_err();
        assert_eq!(image.kind(), ErrorKind::VolumeNotSupported);
        let device = session.get_snapshot_properties(copy).unwrap();
        let device = std::path::PathBuf::from(device.snapshot_device_object);
        let number = host_view::DevNo::new(7, 1);
        world.host.numbers.lock().unwrap().push((device, number));
        session.mount_snapshot(copy).unwrap();
        assert_eq!(*world.host.mounted.lock().unwrap(), [copy]);
        world.host.files_open.store(true, Ordering::SeqCst);
        match way {
            "delete" => {
                let deleted = session.delete_snapshots(SourceObject::Set(set), None);
                assert_eq!(deleted.unwrap_err().kind(), ErrorKind::VolumeInUse);
                world.host.files_open.store(false, Ordering::SeqCst);
                session
                    .delete_snapshots(SourceObject::Set(set), None)
                    .unwrap();
            }
            "break" => {
                let broken = session.break_snapshot_set(set, None);
                assert_eq!(broken.unwrap_err().kind(), ErrorKind::VolumeInUse);
                assert!(world.is_listed(set));
                world.host.files_open.store(false, Ordering::SeqCst);
                session.break_snapshot_set(set, None).unwrap();
            }
            _ => {
                world.host.files_open.store(false, Ordering::SeqCst);
                drop(owner);
            }
        }
        assert!(world.host.mounted.lock().unwrap().is_empty(), "{way}");
        world.host.numbers.lock().unwrap().clear();
    }
    let unknown = SnapshotId::from_uuid(uuid::Uuid::max());
    let error = world.session().mount_snapshot(unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
    // A set in work is not mounted.
    let (set, copies) = world.create(&["db"]);
    let (gate, job) = world.break_held_in(Method::OnLunStateChange, set, 2);
    let error = world.session().mount_snapshot(copies[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadState);
    gate.open();
    job.wait(None).unwrap();
    let error = world.session().mount_snapshot(copies[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
}

/// A folder is known by its path without links, so that one volume has one name; all else stays as given.
#[test]
fn folders_are_known_by_their_path_without_links() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap().join("real");
    let link = dir.path().join("link");
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let link_to_file = dir.path().join("link to file");
    std::os::unix::fs::symlink(&file, &link_to_file).unwrap();
    let name = |path: &std::path::Path| vss_coordinator::volume_name(path.to_str().unwrap());
    assert_eq!(name(&link), real.to_str().unwrap());
    assert_eq!(name(&real.join("")), real.to_str().unwrap());
    for kept in ["db", "db/1", "/nowhere/at/all", "", "."] {
        assert_eq!(vss_coordinator::volume_name(kept), kept);
    }
    // Names of devices are links on purpose.
    assert_eq!(name(&link_to_file), link_to_file.to_str().unwrap());
}

/// `IsVolumeSupported` asks what `AddToSnapshotSet` would find, and announces nothing.
#[test]
fn volumes_are_asked_for_before_they_are_added() {
    let world = world();
    let (set, _) = world.create(&["log"]);
    let copy = world.luns_of(set).remove(0);
    let session = world.requester();
    let ask = |session: &dyn BackupComponents, volume: &str| {
        session
            .is_volume_supported(volume, ProviderId::NULL)
            .map_err(|error| error.kind())
    };
    assert_eq!(ask(&*session, "db"), Err(ErrorKind::BadState));
    session.initialize_for_backup().unwrap();
    assert_eq!(ask(&*session, "db"), Ok(true));
    assert_eq!(ask(&*session, "log"), Ok(true));
    assert_eq!(ask(&*session, "nowhere"), Err(ErrorKind::ObjectNotFound));
    assert_eq!(ask(&*session, "db/9"), Err(ErrorKind::ObjectNotFound));
    // A copy of a copy is not to be had.
    assert_eq!(ask(&*session, &copy), Ok(false));
    let stranger = ProviderId::from_uuid(uuid::Uuid::max());
    let error = session.is_volume_supported("db", stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProviderNotRegistered);
    // Nothing was begun by asking.
    session
        .set_context(Context::CLIENT_ACCESSIBLE.bits())
        .unwrap();
    assert_eq!(ask(&*session, "db"), Ok(false));
    session.start_snapshot_set().unwrap();
    assert_eq!(ask(&*session, "nowhere"), Err(ErrorKind::ObjectNotFound));
}

#[test]
fn a_set_holds_64_volumes() {
    let world = World::new();
    for number in 0..65 {
        world.original(&format!("d{number}"), Kind::Bare, number);
    }
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session.start_snapshot_set().unwrap();
    for number in 0..64 {
        session
            .add_to_snapshot_set(&format!("d{number}"), ProviderId::NULL)
            .unwrap();
    }
    let error = session
        .add_to_snapshot_set("d64", ProviderId::NULL)
        .unwrap_err();
    assert_eq!(
        error.code(),
        ResultCode::VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED
    );
}

#[test]
fn writes_that_cannot_be_held() {
    let world = world();
    world.host.busy.store(true, Ordering::SeqCst);
    let (_, _, job) = world.start_create(Context::NAS_ROLLBACK, &["db"]);
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_E_HOLD_WRITES_TIMEOUT
    );
    assert_eq!(world.array.luns().len(), 2, "nothing is left");

    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session.set_context(Context::NAS_ROLLBACK.bits()).unwrap();
    session.allow_torn(true).unwrap();
    let set = session.start_snapshot_set().unwrap();
    session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
    let job = session.do_snapshot_set(None).unwrap();
    job.wait(None).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    assert_eq!(
        world.service().set(set).unwrap().consistency,
        Consistency::Torn
    );
}

#[test]
fn an_image_open_for_writing_cannot_be_held() {
    let world = world();
    let writer = std::fs::OpenOptions::new()
        .write(true)
        .open(world.image_of("db"))
        .unwrap();
    let (_, _, job) = world.start_create(Context::NAS_ROLLBACK, &["db"]);
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_E_HOLD_WRITES_TIMEOUT
    );
    assert!(
        job.state()
            .unwrap()
            .error
            .unwrap()
            .message()
            .contains("open for writing")
    );
    drop(writer);
    world.create(&["db"]);
}

#[test]
fn deletion_frees_a_lun_with_its_last_copy() {
    let world = world();
    let (set, copies) = world.create(&["db/2", "db/3", "log"]);
    let session = world.session();
    let one = |id| {
        let outcome = session
            .delete_snapshots(SourceObject::Snapshot(id), None)
            .unwrap();
        assert!(outcome.failure.is_none());
        assert_eq!(outcome.deleted, 1);
        world.array.luns().len()
    };
    assert_eq!(world.array.luns().len(), 4);
    assert_eq!(one(copies[0]), 4, "partition 3 is still on the LUN");
    assert_eq!(world.query().len(), 2);
    assert_eq!(one(copies[1]), 3);
    // The rest of a set can be broken (spec: break §6.3).
    assert_eq!(
        world.break_ex(set, 0x2),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    assert_eq!(world.array.luns().len(), 3);
    let error = session
        .delete_snapshots(SourceObject::Set(set), None)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
}

#[test]
fn deletion_stops_at_the_first_refusal() {
    let world = world();
    let (set, copies) = world.create(&[SOFTWARE_VOLUME, "db"]);
    world
        .software
        .inject(Fault::next(Method::DeleteSnapshots, Action::Veto));
    let outcome = world
        .session()
        .delete_snapshots(SourceObject::Set(set), None)
        .unwrap();
    assert_eq!(outcome.deleted, 0);
    let (id, error) = outcome.failure.unwrap();
    assert_eq!(
        (id, error.code()),
        (copies[0], ResultCode::VSS_E_PROVIDER_VETO)
    );
    assert_eq!(world.query().len(), 2);
    let outcome = world
        .session()
        .delete_snapshots(SourceObject::Set(set), None)
        .unwrap();
    assert_eq!((outcome.deleted, outcome.failure.is_none()), (2, true));
    assert_eq!(world.query(), []);
    assert_eq!(world.software.inner().copies(), []);
}

#[test]
fn sets_outlive_the_service_unless_they_are_auto_release() {
    let mut world = world();
    let (kept, _) = world.create(&["db"]);
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    let released = session.start_snapshot_set().unwrap();
    session
        .add_to_snapshot_set("log", ProviderId::NULL)
        .unwrap();
    session.do_snapshot_set(None).unwrap().wait(None).unwrap();
    assert!(world.is_listed(released));
    // The process ends without releasing the session.
    std::mem::forget(session);
    let copy = world.dir.path().join("state");
    let saved = world.dir.path().join("saved");
    let status = std::process::Command::new("cp")
        .args(["-r"])
        .args([&copy, &saved])
        .status()
        .unwrap();
    assert!(status.success());
    world.stop();
    // The forgotten session keeps its state folder locked, so the next run gets a copy of it.
    std::fs::rename(&copy, world.dir.path().join("old")).unwrap();
    std::fs::rename(&saved, &copy).unwrap();
    world.restart();
    assert!(world.is_listed(kept));
    assert!(!world.is_listed(released));
    assert_eq!(world.array.luns().len(), 3);
    assert_eq!(
        world.break_ex(kept, 0x2),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
}

/// Guards against LUNs that nobody records: the intent was forgotten although the provider could not
/// abort the set.
#[test]
fn what_cannot_be_cleared_away_now_is_cleared_away_by_the_next_start() {
    let mut world = world();
    for method in [Method::LocateLuns, Method::AbortSnapshots] {
        world.array.inject(Fault::next(method, Action::Veto));
    }
    let (set, _, job) = world.start_create(Context::NAS_ROLLBACK, &["db"]);
    assert_eq!(job.query_status().unwrap(), ResultCode::VSS_E_PROVIDER_VETO);
    assert!(!world.is_listed(set));
    assert_eq!(world.array.luns().len(), 3, "the copy is left");
    // The next start cannot do it either; nobody waits for it.
    world.restart_with(vec![Fault::next(Method::AbortSnapshots, Action::Veto)]);
    let operation = world.service().operation(job.operation()).unwrap();
    operation.wait(None).unwrap();
    let state = operation.state().unwrap();
    assert!(state.is_pending() && state.cut_off, "{state:?}");
    assert!(world.service().operations().unwrap()[0].cut_off);
    world.restart();
    assert_eq!(world.array.luns().len(), 2);
    assert!(world.history()[0].recovered);
    world.create(&["db"]);
}
