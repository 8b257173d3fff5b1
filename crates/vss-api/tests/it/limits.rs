//! What is too much is refused, by name of the setting, and room that was given up is room again.

use uuid::Uuid;
use vss_api::server::Limits;
use vss_model::{Error, ErrorKind, OperationId, SetId};
use vss_service::{OperationKind, Service};

use crate::rig::{Rig, until};

fn assert_full(error: &Error, setting: &str) {
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("{setting} in vssd.toml")), "{hint}");
}

fn id(number: u128) -> OperationId {
    OperationId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn sessions() {
    let rig = Rig::with(Limits {
        sessions: 3,
        sessions_per_caller: 2,
        ..Limits::default()
    });
    let a = rig.client_of("a", true);
    let first = a.create_backup_components().unwrap();
    let second = a.create_backup_components().unwrap();
    let error = a.create_backup_components().err().unwrap();
    assert_full(&error, "limits.sessions_per_caller");
    let b = rig.client_of("b", true);
    let third = b.create_backup_components().unwrap();
    let error = b.create_backup_components().err().unwrap();
    assert_full(&error, "limits.sessions");
    drop(first);
    let again = b.create_backup_components().unwrap();
    drop((second, third, again));
    assert_eq!(rig.server.sessions(), 0);
}

#[test]
fn operations_count_while_they_run() {
    let rig = Rig::with(Limits {
        operations: 2,
        ..Limits::default()
    });
    let client = rig.client();
    let session = client.administration().unwrap();
    let first = session.do_snapshot_set(Some(id(1))).unwrap();
    // One that began without this server counts, too.
    let foreign = rig.fake.begin(id(2), OperationKind::Delete);
    assert_full(
        &session.do_snapshot_set(Some(id(3))).err().unwrap(),
        "limits.operations",
    );
    assert_full(
        &client.undo(id(9), Some(id(4))).unwrap_err(),
        "limits.operations",
    );
    // A repeat finds the first call and takes no more room.
    let repeat = session.do_snapshot_set(Some(id(1))).unwrap();
    assert_eq!(repeat.operation(), first.operation());
    foreign.finish();
    client.undo(id(9), Some(id(4))).unwrap();
    session.do_snapshot_set(Some(id(5))).unwrap();
    assert!(session.do_snapshot_set(Some(id(6))).is_err());
}

#[test]
fn a_break_that_is_waited_for_counts() {
    let rig = Rig::with(Limits {
        operations: 1,
        ..Limits::default()
    });
    let client = rig.client();
    let session = client.administration().unwrap();
    let set = SetId::from_uuid(Uuid::from_u128(1));
    std::thread::scope(|scope| {
        let breaking = scope.spawn(|| session.break_snapshot_set(set, Some(id(1))));
        until("it runs", || rig.fake.running(id(1)).is_some());
        let error = session.do_snapshot_set(Some(id(2))).err().unwrap();
        assert_full(&error, "limits.operations");
        rig.fake.running(id(1)).unwrap().finish();
        breaking.join().unwrap().unwrap();
    });
    until("there is room", || {
        session.do_snapshot_set(Some(id(3))).is_ok()
    });
}
