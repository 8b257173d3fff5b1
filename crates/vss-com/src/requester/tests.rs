//! The calls of common requesters, on a real engine.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use tempfile::TempDir;
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_model::{
    BackupType, ComponentType, Error, ErrorKind, ObjectType, ProviderId, ResultCode, SnapshotId,
};
use vss_service::{NewLun, Service};

use super::{ComponentKey, Found, Requester, is_snapshotted};
use crate::document::WriterMetadata;
use crate::volumes::Drives;

/// A system without drives.
struct NoDrives;

impl Drives for NoDrives {
    fn roots(&self) -> Vec<String> {
        Vec::new()
    }

    fn host_path(&self, path: &str) -> Option<String> {
        // The one drive leads to a LUN, which has no folder.
        (path == r"E:\").then(|| "db".to_owned())
    }

    fn volume_name(&self, _: &str) -> Option<String> {
        None
    }

    fn paths_of(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn root_of(&self, path: &str) -> Option<String> {
        path.get(..3).map(str::to_owned)
    }

    fn windows_path(&self, _: &str) -> Option<String> {
        None
    }

    fn is_there(&self, _: &str) -> bool {
        false
    }
}

struct Rig {
    service: Arc<dyn Service>,
    drives: Arc<dyn Drives>,
    _dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        let service: Arc<dyn Service> = Arc::new(Embedded::open(StatePaths::new(&state)).unwrap());
        service
            .create_lun(&NewLun {
                name: "db".to_owned(),
                size_bytes: 8 << 20,
                sector_size: 512,
                present: true,
            })
            .unwrap();
        Self {
            service,
            drives: Arc::new(NoDrives),
            _dir: dir,
        }
    }

    fn requester(&self) -> Requester {
        Requester::new(Arc::clone(&self.service), Arc::clone(&self.drives)).unwrap()
    }

    fn copies(&self) -> usize {
        self.service.copies().unwrap().len()
    }
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().unwrap().kind()
}

/// With writers, step by step, as backup programs do it.
fn create(requester: &Requester) -> SnapshotId {
    requester.initialize_for_backup(None).unwrap();
    requester
        .set_backup_state(false, false, BackupType::Full, false)
        .unwrap();
    requester.gather_writer_metadata().unwrap();
    assert_eq!(requester.writer_metadata_count().unwrap(), 0);
    requester.start_snapshot_set().unwrap();
    let copy = requester
        .add_to_snapshot_set(r"E:\", ProviderId::NULL)
        .unwrap();
    let prepared = requester.prepare_for_backup().unwrap();
    assert_eq!(prepared.status().unwrap(), ResultCode::VSS_S_ASYNC_FINISHED);
    let creation = requester.do_snapshot_set().unwrap();
    creation.wait(u32::MAX).unwrap();
    assert_eq!(creation.status().unwrap(), ResultCode::VSS_S_ASYNC_FINISHED);
    copy
}

#[test]
fn a_backup_from_its_beginning_to_its_release() {
    let rig = Rig::new();
    let requester = rig.requester();
    let copy = create(&requester);
    let properties = requester.snapshot_properties(copy, |_| {}).unwrap();
    assert!(
        properties
            .snapshot_device_object
            .starts_with(r"\\?\GLOBALROOT\Device\")
    );
    let name = properties.original_volume_name;
    assert!(
        name.starts_with(r"\\?\Volume{") && name.ends_with(r"}\"),
        "{name}"
    );
    for volume in [r"E:\", &name] {
        assert!(is_snapshotted(&*rig.service, &rig.drives, volume).unwrap());
        assert!(
            requester
                .is_volume_supported(ProviderId::NULL, volume)
                .unwrap()
        );
    }
    let other = rig.requester();
    other.initialize_for_backup(None).unwrap();
    // Who made a copy gets at its files by a query, too; these are of an image, which says why not.
    for (requester, tried) in [(&requester, 1), (&other, 0)] {
        let noted = Cell::new(0);
        let count = |_: &Error| noted.set(noted.get() + 1);
        let found = requester
            .query(
                SnapshotId::NULL,
                ObjectType::None,
                ObjectType::Snapshot,
                count,
            )
            .unwrap();
        assert!(matches!(&found[..], [Found::Snapshot(one)] if one.snapshot_id == copy));
        assert_eq!(noted.get(), tried);
    }
    let document = requester.save_as_xml().unwrap();
    for part in [
        "SNAPSHOT_SET_DESCRIPTION",
        "DESTINATION_LUN",
        &copy.to_string(),
    ] {
        assert!(document.contains(part), "{part} in {document}");
    }
    requester.backup_complete().unwrap();
    assert_eq!(kind(requester.backup_complete()), ErrorKind::BadState);
    assert_eq!(rig.copies(), 1);
    // The context is VSS_CTX_BACKUP: the copy dies with the object.
    drop(requester);
    assert_eq!(rig.copies(), 0);
    assert!(!is_snapshotted(&*rig.service, &rig.drives, r"E:\").unwrap());
}

#[test]
fn a_set_is_broken_through_another_object() {
    let rig = Rig::new();
    let owner = rig.requester();
    let copy = create(&owner);
    let set = owner
        .snapshot_properties(copy, |_| {})
        .unwrap()
        .snapshot_set_id;
    let other = rig.requester();
    assert_eq!(
        kind(other.break_snapshot_set_ex(set, 2)),
        ErrorKind::BadState
    );
    other.initialize_for_backup(None).unwrap();
    other.set_context(u32::MAX).unwrap();
    assert_eq!(
        kind(other.break_snapshot_set_ex(set, 0xC)),
        ErrorKind::InvalidArgument
    );
    let operation = other.break_snapshot_set_ex(set, 2).unwrap();
    operation.wait(120_000).unwrap();
    assert_eq!(
        operation.status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    assert_eq!(
        operation.cancel().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    assert_eq!(
        kind(other.break_snapshot_set_ex(set, 2)),
        ErrorKind::ObjectNotFound
    );
    let luns = rig.service.luns().unwrap().len();
    drop((owner, other));
    // What was broken does not die with the object that made it.
    assert_eq!(rig.service.luns().unwrap().len(), luns);
}

#[test]
fn an_aborted_set_is_gone() {
    let rig = Rig::new();
    let requester = rig.requester();
    requester.initialize_for_backup(None).unwrap();
    requester.abort_backup().unwrap();
    requester.start_snapshot_set().unwrap();
    let volume = requester.add_to_snapshot_set(r"Q:\", ProviderId::NULL);
    assert_eq!(kind(volume), ErrorKind::ObjectNotFound);
    requester.abort_backup().unwrap();
    assert_eq!(kind(requester.do_snapshot_set()), ErrorKind::BadState);
    // The right to create is free again.
    let other = rig.requester();
    other.initialize_for_backup(None).unwrap();
    other.start_snapshot_set().unwrap();
}

#[test]
fn copies_are_deleted_and_counted() {
    let rig = Rig::new();
    let requester = rig.requester();
    let copy = create(&requester);
    let id = *copy.as_uuid();
    assert_eq!(
        kind(requester.delete_snapshots(id, ObjectType::Provider)),
        ErrorKind::InvalidArgument
    );
    let done = requester
        .delete_snapshots(id, ObjectType::Snapshot)
        .unwrap();
    assert!(done.count == 1 && done.failure.is_none());
    assert_eq!(
        kind(requester.delete_snapshots(id, ObjectType::Snapshot)),
        ErrorKind::ObjectNotFound
    );
}

#[test]
fn providers_are_told_of() {
    let rig = Rig::new();
    let requester = rig.requester();
    requester.initialize_for_backup(None).unwrap();
    let found = requester
        .query(
            SnapshotId::NULL,
            ObjectType::None,
            ObjectType::Provider,
            |_| {},
        )
        .unwrap();
    assert!(found.iter().any(|one| matches!(one, Found::Provider(_))));
    let wrong = requester.query(
        SnapshotId::NULL,
        ObjectType::None,
        ObjectType::SnapshotSet,
        |_| {},
    );
    assert_eq!(kind(wrong), ErrorKind::InvalidArgument);
}

#[test]
fn what_cannot_be_done_yet_says_so_by_its_documented_code() {
    let rig = Rig::new();
    let requester = rig.requester();
    let copy = create(&requester);
    let unknown = SnapshotId::from_uuid(uuid::Uuid::max());
    assert_eq!(
        kind(requester.expose_snapshot(copy)),
        ErrorKind::ProviderVeto
    );
    assert_eq!(
        kind(requester.expose_snapshot(unknown)),
        ErrorKind::ObjectNotFound
    );
    assert_eq!(
        kind(requester.unexpose_snapshot(copy)),
        ErrorKind::ObjectNotFound
    );
    assert_eq!(
        kind(requester.revert_to_snapshot(copy)),
        ErrorKind::NotImplemented
    );
    assert_eq!(kind(requester.import_snapshots()), ErrorKind::BadState);
    assert_eq!(kind(requester.recover_set(0)), ErrorKind::BadState);
    assert_eq!(
        kind(requester.add_snapshot_to_recovery_set(copy, 1)),
        ErrorKind::InvalidArgument
    );
}

const METADATA: &str = concat!(
    r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo">"#,
    r#"<IDENTIFICATION writerId="5affb034-969f-4919-8875-88f830d0ef89" "#,
    r#"instanceId="c56a4180-65aa-42ec-a945-5fd21dec0538" friendlyName="Test"/></WRITER_METADATA>"#,
);

/// The service has no writers yet: one is put where a gathering would put it.
#[test]
fn components_of_a_writer_go_into_the_document() {
    let rig = Rig::new();
    let requester = rig.requester();
    let key = ComponentKey {
        writer: "5affb034-969f-4919-8875-88f830d0ef89".parse().unwrap(),
        instance: None,
        kind: ComponentType::Database,
        path: None,
        name: "db".to_owned(),
    };
    requester.initialize_for_backup(None).unwrap();
    assert_eq!(kind(requester.add_component(&key)), ErrorKind::BadState);
    requester.gather_writer_metadata().unwrap();
    assert_eq!(
        kind(requester.add_component(&key)),
        ErrorKind::ObjectNotFound
    );
    let metadata = WriterMetadata::parse(METADATA).unwrap();
    requester.state().writers.push(metadata.clone());
    assert_eq!(requester.writer_metadata_count().unwrap(), 1);
    assert_eq!(requester.writer_metadata(0).unwrap(), metadata);
    assert_eq!(
        kind(requester.writer_metadata(1)),
        ErrorKind::ObjectNotFound
    );
    requester.add_component(&key).unwrap();
    assert_eq!(
        kind(requester.add_component(&key)),
        ErrorKind::ObjectAlreadyExists
    );
    requester
        .edit_for_backup(&key, |one| one.backup_options = Some("o".to_owned()))
        .unwrap();
    assert_eq!(
        kind(requester.set_backup_succeeded(&key, true)),
        ErrorKind::BadState
    );
    assert_eq!(requester.writer_components_count().unwrap(), 1);
    let text = requester.save_as_xml().unwrap();

    let restore = rig.requester();
    restore.initialize_for_restore(&text).unwrap();
    let components = restore.writer_components(0).unwrap().components;
    assert_eq!(components[0].backup_options.as_deref(), Some("o"));
    restore
        .edit_for_restore(&key, |one| one.selected_for_restore = true)
        .unwrap();
    let ranges = restore.set_ranges_file_path(&key, 0, "r".to_owned());
    assert_eq!(kind(ranges), ErrorKind::ObjectNotFound);
    restore.pre_restore().unwrap();
    restore.post_restore().unwrap();
    assert_eq!(kind(restore.start_snapshot_set()), ErrorKind::BadState);
    assert_eq!(
        kind(rig.requester().initialize_for_restore("<x/>")),
        ErrorKind::InvalidXmlDocument
    );
}
