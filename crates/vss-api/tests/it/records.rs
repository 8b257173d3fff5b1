//! Everything that the service says arrives as it was said, and so does everything that it is told.

use std::path::PathBuf;

use uuid::Uuid;
use vss_model::{ObjectType, OperationId, ProviderId, SetId, SnapshotId};
use vss_service::{Adopt, AdoptLun, NewLun, OperationState, Queries, Service, SourceObject};

use crate::rig::Rig;
use crate::samples;

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

fn assert_same_state(got: &OperationState, said: &OperationState) {
    let error = |state: &OperationState| {
        state.error.as_ref().map(|error| {
            let hint = error.hint().map(str::to_owned);
            (
                error.kind(),
                error.message().to_owned(),
                hint,
                error.chain(),
            )
        })
    };
    assert_eq!(error(got), error(said));
    assert_eq!(got.report, said.report);
    // All that is left; errors have no equality of their own.
    let bare = |state: &OperationState| {
        let mut state = state.clone();
        state.error = None;
        format!("{state:?}")
    };
    assert_eq!(bare(got), bare(said));
}

#[test]
fn queries() {
    let rig = Rig::new();
    let client = rig.client();
    assert_eq!(client.sets().unwrap(), samples::set_summaries());
    assert_eq!(client.copies().unwrap(), samples::copy_summaries());
    assert_eq!(client.volume_names().unwrap(), samples::volume_names());
    let resolved = client.resolve_volumes(&["/a".to_owned(), "/b".to_owned()]);
    assert_eq!(resolved.unwrap(), ["/real/a", "/real/b"]);
    assert_eq!(client.find("ab", usize::MAX).unwrap(), samples::objects());
    assert_eq!(rig.fake.calls(), [format!("find ab {}", usize::MAX)]);
    for mask in 0..64 {
        let set = client.set(SetId::from_uuid(id(mask))).unwrap();
        assert_eq!(set, samples::set(mask));
        let copy = client.copy(SnapshotId::from_uuid(id(mask))).unwrap();
        assert_eq!(copy, samples::properties(mask));
        let record = client.record(OperationId::from_uuid(id(mask))).unwrap();
        assert_eq!(record, samples::audit(mask));
    }
    let history: Vec<_> = (0..64).map(samples::audit).collect();
    assert_eq!(client.history(3).unwrap(), history);
    let creation = client.creation(SetId::from_uuid(id(1))).unwrap();
    assert_eq!(creation, samples::audit(u32::MAX));
}

#[test]
fn status_counts_the_sessions_of_the_server() {
    let rig = Rig::new();
    let client = rig.client();
    let session = client.create_backup_components().unwrap();
    let (got, said) = (client.status().unwrap(), samples::status(u32::MAX));
    assert_eq!(got.sessions, 1);
    for (got, said) in got.operations.iter().zip(&said.operations) {
        assert_same_state(got, said);
    }
    assert_eq!(got.operations.len(), said.operations.len());
    let rest = |status: &vss_service::Status| {
        let mut status = status.clone();
        status.operations.clear();
        status.sessions = 0;
        format!("{status:?}")
    };
    assert_eq!(rest(&got), rest(&said));
    drop(session);
    assert_eq!(client.status().unwrap().sessions, 0);
}

#[test]
fn luns() {
    let rig = Rig::new();
    let client = rig.client();
    let luns: Vec<_> = (0..16).map(samples::lun).collect();
    assert_eq!(client.luns().unwrap(), luns);
    for name in ["known", "unknown"] {
        assert_eq!(
            client.lun(name).unwrap(),
            samples::lun_detail(name).unwrap()
        );
    }
    let new = NewLun {
        name: "n".into(),
        size_bytes: u64::MAX,
        sector_size: 4096,
        present: true,
    };
    assert_eq!(client.create_lun(&new).unwrap(), samples::lun(1));
    let mut calls = vec![format!("create_lun {new:?}")];
    for (how, sector_size) in [(Adopt::Move, None), (Adopt::Link, Some(512))] {
        let adopted = AdoptLun {
            name: "a".into(),
            file: PathBuf::from("/x/ü"),
            how,
            sector_size,
            present: false,
        };
        assert_eq!(client.adopt_lun(&adopted).unwrap(), samples::lun(2));
        calls.push(format!("adopt_lun {adopted:?}"));
    }
    let names = ["a".to_owned(), String::new()];
    assert_eq!(client.mask_luns(&names).unwrap(), samples::changes());
    assert_eq!(client.unmask_luns(&names).unwrap(), samples::changes());
    assert_eq!(client.attach_luns(&names).unwrap(), samples::changes());
    assert_eq!(client.detach_luns(&names).unwrap(), samples::changes());
    assert_eq!(client.delete_luns(&[]).unwrap(), samples::changes());
    calls.push(format!("mask_luns {names:?}"));
    calls.push(format!("unmask_luns {names:?}"));
    calls.push(format!("attach_luns {names:?}"));
    calls.push(format!("detach_luns {names:?}"));
    calls.push("delete_luns []".to_owned());
    assert_eq!(rig.fake.calls(), calls);
}

#[test]
fn plans_and_undo() {
    let rig = Rig::new();
    let client = rig.client();
    let set = SetId::from_uuid(id(2));
    // Flags are the service's to judge: the wire passes any.
    assert_eq!(
        client.plan_break(set, 0xffff_ffff).unwrap(),
        samples::plan()
    );
    let (undone, operation) = (OperationId::from_uuid(id(3)), OperationId::from_uuid(id(4)));
    let report = client.undo(undone, Some(operation)).unwrap();
    assert_eq!(report, samples::audit(5));
    assert_eq!(
        rig.fake.calls(),
        [
            format!("plan_break {set} {}", u32::MAX),
            format!("undo {undone} {:?}", Some(operation))
        ]
    );
}

#[test]
fn calls_of_a_session() {
    let rig = Rig::new();
    let client = rig.client();
    let session = client.create_backup_components().unwrap();
    session.initialize_for_backup().unwrap();
    session.set_context(u32::MAX).unwrap();
    session.allow_torn(true).unwrap();
    assert_eq!(session.start_snapshot_set().unwrap().as_uuid(), &id(7));
    let provider = ProviderId::from_uuid(id(9));
    let copy = session.add_to_snapshot_set("db/1", provider).unwrap();
    assert_eq!(copy.as_uuid(), &id(8));
    session
        .add_to_snapshot_set("db/2", ProviderId::NULL)
        .unwrap();
    assert!(session.is_volume_supported("db/1", provider).unwrap());
    assert!(!session.is_volume_supported("x", ProviderId::NULL).unwrap());
    let folder = session.mount_snapshot(copy).unwrap();
    assert_eq!(folder.to_str(), Some("/mnt/\u{e4} b"));
    session.abort_backup().unwrap();
    let copies = session
        .query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)
        .unwrap();
    assert_eq!(copies, (0..4).map(samples::properties).collect::<Vec<_>>());
    // Wrong arguments are the service's to judge, too.
    session
        .query(copy, ObjectType::Provider, ObjectType::Unknown)
        .unwrap();
    let one = session.get_snapshot_properties(SnapshotId::from_uuid(id(3)));
    assert_eq!(one.unwrap(), samples::properties(3));
    let null = Uuid::nil();
    assert_eq!(
        rig.fake.calls(),
        [
            "initialize_for_backup".to_owned(),
            "set_context 0xffffffff".to_owned(),
            "allow_torn true".to_owned(),
            "start_snapshot_set".to_owned(),
            format!("add_to_snapshot_set db/1 {provider}"),
            format!("add_to_snapshot_set db/2 {null}"),
            format!("is_volume_supported db/1 {provider}"),
            format!("is_volume_supported x {null}"),
            format!("mount_snapshot {copy}"),
            "abort_backup".to_owned(),
            format!("query {null} VSS_OBJECT_NONE VSS_OBJECT_SNAPSHOT"),
            format!("query {copy} VSS_OBJECT_PROVIDER VSS_OBJECT_UNKNOWN"),
        ]
    );
}

#[test]
fn administration_is_one_call() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    assert_eq!(
        rig.fake.calls(),
        ["initialize_for_backup", "set_context 0xffffffff"]
    );
    drop(session);
}

#[test]
fn deletions() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let operation = OperationId::from_uuid(id(77));
    let whole = session
        .delete_snapshots(SourceObject::Set(SetId::from_uuid(id(1))), Some(operation))
        .unwrap();
    assert_eq!((whole.operation, whole.deleted), (operation, 3));
    assert!(whole.failure.is_none());
    let copy = SnapshotId::from_uuid(id(2));
    let one = session.delete_snapshots(SourceObject::Snapshot(copy), None);
    let (failed, error) = one.unwrap().failure.unwrap();
    assert_eq!(failed, copy);
    assert_eq!(error.chain(), samples::error().chain());
}

#[test]
fn states_of_operations() {
    let rig = Rig::new();
    let client = rig.client();
    for mask in 0..8 {
        let said = samples::operation(mask);
        let running = rig.fake.begin(said.operation, said.kind);
        let mut full = said.clone();
        full.version -= 1;
        running.change(|state| *state = full);
        let handle = client.operation(said.operation).unwrap();
        assert_eq!(handle.operation(), said.operation);
        assert_eq!(handle.set(), said.set);
        assert_same_state(&handle.state().unwrap(), &said);
        assert_same_state(&handle.next(0, None).unwrap(), &said);
    }
}
