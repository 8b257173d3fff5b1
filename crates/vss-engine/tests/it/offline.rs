//! Looking at a folder beside whoever holds it.

use std::time::Duration;

use vss_engine::{Embedded, Offline};
use vss_model::{ErrorKind, OperationId, ResultCode};
use vss_service::{CancelAnswer, Queries, Service};

use crate::world::{MIB, World};

#[test]
fn it_says_what_the_holder_says() {
    let mut world = World::new();
    world.adopt("db", world.image("db", 7, MIB), true).unwrap();
    let set = world.create(&["db"]);
    let error = Embedded::open(world.paths()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BadState);
    for held in [true, false] {
        let (offline, recovered) = Offline::open(world.paths()).unwrap();
        assert!(recovered.records.is_empty() && recovered.failures.is_empty());
        assert_eq!(offline.sets().unwrap()[0].set_id, set);
        assert_eq!(offline.copies().unwrap().len(), 1);
        assert_eq!(offline.luns().unwrap().len(), 2);
        let record = offline.history(9).unwrap().remove(0);
        assert_eq!(offline.creation(set).unwrap(), record);
        assert_eq!(offline.record(record.operation).unwrap(), record);
        let operation = offline.operation(record.operation).unwrap();
        operation.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(
            operation.query_status().unwrap(),
            ResultCode::VSS_S_ASYNC_FINISHED
        );
        assert_eq!(operation.set(), set);
        assert_eq!(operation.cancel().unwrap(), CancelAnswer::Finished);
        let unknown = OperationId::from_uuid(uuid::Uuid::max());
        let error = offline.operation(unknown).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
        let status = offline.status().unwrap();
        assert_eq!((status.sets, status.copies), (1, 1));
        assert_eq!(status.started, None);
        if held {
            assert_eq!(world.service().sets().unwrap(), offline.sets().unwrap());
            let served = world.service().status().unwrap();
            assert_eq!((served.sets, &served.providers), (1, &status.providers));
            assert!(served.started.is_some());
            world.stop();
        }
    }
}

#[test]
fn a_folder_that_is_not_there_reads_as_empty_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let paths = vss_coordinator::StatePaths::new(folder.path().join("nothing"));
    let (offline, _) = Offline::open(paths.clone()).unwrap();
    assert_eq!(offline.sets().unwrap(), []);
    assert_eq!(offline.luns().unwrap(), []);
    assert!(!paths.root().exists());
    // One that is made later is seen.
    let service = Embedded::open(paths).unwrap();
    assert_eq!(offline.luns().unwrap().len(), 0);
    service
        .create_lun(&vss_service::NewLun {
            name: "db".into(),
            size_bytes: 1 << 20,
            sector_size: 512,
            present: true,
        })
        .unwrap();
    assert_eq!(offline.luns().unwrap().len(), 1);
    assert_eq!(offline.sets().unwrap().len(), 0);
    let session = service.create_backup_components().unwrap();
    session.initialize_for_backup().unwrap();
}
