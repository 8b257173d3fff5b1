//! An orderly end of the service.

use std::thread;
use std::time::Duration;

use vss_model::{ErrorKind, ResultCode};
use vss_provider::Method;

use crate::images::Kind;
use crate::world::World;

const LONG: Duration = Duration::from_secs(600);

fn world() -> World {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    world
}

/// What runs is given up before its point of no return, and finished past it.
#[test]
fn running_operations_stop_or_finish() {
    for (method, code) in [
        (Method::PresentedLuns, ResultCode::VSS_S_ASYNC_CANCELLED),
        (Method::OnLunStateChange, ResultCode::VSS_S_ASYNC_FINISHED),
    ] {
        let world = world();
        let (set, _) = world.create(&["db"]);
        let (other, _) = world.create(&["log"]);
        let (gate, job) = world.break_held_in(method, set, 0x2);
        let coordinator = world.coordinator();
        // The limit is kept, whatever hangs.
        assert!(!coordinator.shut_down(Duration::ZERO), "{method}");
        thread::scope(|scope| {
            let closing = scope.spawn(|| coordinator.shut_down(LONG));
            // Nothing new begins, and looking still works.
            let refused = world
                .session()
                .break_snapshot_set_ex(other, 0x2, None, Some(&mut None))
                .unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::BadState, "{refused}");
            let session = world.requester();
            session.initialize_for_backup().unwrap();
            assert!(session.start_snapshot_set().is_err());
            assert_eq!(world.query().len(), 2);
            gate.open();
            assert!(closing.join().unwrap(), "{method}");
        });
        assert_eq!(job.query_status().unwrap(), code, "{method}");
        assert_eq!(
            world.is_listed(set),
            code == ResultCode::VSS_S_ASYNC_CANCELLED
        );
    }
}

/// Copies that end with their session end although nothing new may begin.
#[test]
fn sessions_release_their_copies_after_the_end_of_operations() {
    let world = world();
    let session = world.requester();
    session.initialize_for_backup().unwrap();
    session.start_snapshot_set().unwrap();
    session
        .add_to_snapshot_set("db", vss_model::ProviderId::NULL)
        .unwrap();
    let operation = session.do_snapshot_set(None).unwrap();
    operation.wait(None).unwrap();
    assert_eq!(
        operation.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    assert!(world.coordinator().shut_down(LONG));
    drop(session);
    assert_eq!(world.query().len(), 0);
    assert_eq!(world.array.luns().len(), 2);
}
