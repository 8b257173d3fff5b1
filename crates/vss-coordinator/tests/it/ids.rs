//! Operation ids that callers give: a repeat finds the first call; nothing is done twice.

use uuid::Uuid;
use vss_model::{ErrorKind, OperationId, ResultCode};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault, Gate};
use vss_service::{Object, OperationKind, SourceObject};

use crate::images::Kind;
use crate::world::World;

fn id(number: u128) -> OperationId {
    OperationId::from_uuid(Uuid::from_u128(
        number << 64 | 0xabcd_0000_0000_4000_8000_0000_0000_0000,
    ))
}

fn world() -> World {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world
}

#[test]
fn a_repeated_break_finds_the_first() {
    let mut world = world();
    let (set, _) = world.create(&["db"]);
    let gate = Gate::new();
    world.array.inject(Fault::next(
        Method::OnLunStateChange,
        Action::Hang(gate.clone()),
    ));
    let start = |world: &World, flags: u32| {
        let mut slot = None;
        world
            .session()
            .break_snapshot_set_ex(set, flags, Some(id(1)), Some(&mut slot))
            .map(|()| slot.unwrap())
    };
    let first = start(&world, 0x2).unwrap();
    gate.wait_until_entered();
    let second = start(&world, 0x2).unwrap();
    assert_eq!(second.operation(), id(1));
    assert!(second.state().unwrap().is_pending());
    // The id of one thing is not the id of another.
    assert_eq!(
        start(&world, 0x0).err().unwrap().kind(),
        ErrorKind::InvalidArgument
    );
    gate.open();
    first.wait(None).unwrap();
    let report = first.state().unwrap().report.unwrap();
    // The set is gone, but the answer can still be had, also from the next start.
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        let again = start(&world, 0x2).unwrap();
        assert_eq!(again.state().unwrap().report.unwrap(), report);
        assert_eq!(again.set(), set);
        let error = start(&world, 0x0).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let breaks = world.history().into_iter();
    assert_eq!(
        breaks
            .filter(|one| one.kind == OperationKind::Break)
            .count(),
        1
    );
}

#[test]
fn a_repeated_failure_is_told_again_and_not_tried_again() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    let run = |number| {
        let mut slot = None;
        world
            .session()
            .break_snapshot_set_ex(set, 0x4, Some(id(number)), Some(&mut slot))
            .unwrap();
        let operation = slot.unwrap();
        operation.wait(None).unwrap();
        operation.state().unwrap()
    };
    let first = run(1);
    assert_eq!(first.code, ResultCode::VSS_E_BREAK_REVERT_ID_FAILED);
    // The reason goes away: the repeat tells of the first all the same, a fresh id does not.
    world.array.mask("db").unwrap();
    let again = run(1);
    assert_eq!(again.code, first.code);
    let (before, after) = (first.error.unwrap(), again.error.unwrap());
    assert_eq!(after.chain(), before.chain());
    assert_eq!(after.hint(), before.hint());
    assert_eq!(run(2).code, ResultCode::VSS_S_ASYNC_FINISHED);
}

#[test]
fn repeated_creations_deletions_and_undos_find_the_first() {
    let world = world();
    let create = || {
        let session = world.requester();
        session.initialize_for_backup().unwrap();
        session
            .set_context(vss_model::Context::NAS_ROLLBACK.bits())
            .unwrap();
        session.start_snapshot_set().unwrap();
        session
            .add_to_snapshot_set("db", vss_model::ProviderId::NULL)
            .unwrap();
        let operation = session.do_snapshot_set(Some(id(1))).unwrap();
        operation.wait(None).unwrap();
        operation.state().unwrap().report.unwrap()
    };
    let report = create();
    assert_eq!(create(), report);
    assert_eq!(world.query().len(), 1);
    let set = report.set;

    let copy = report.copies[0];
    for object in [SourceObject::Set(set), SourceObject::Set(set)] {
        let outcome = world
            .session()
            .delete_snapshots(object, Some(id(2)))
            .unwrap();
        assert_eq!((outcome.operation, outcome.deleted), (id(2), 1));
        assert!(outcome.failure.is_none());
    }
    let error = world
        .session()
        .delete_snapshots(SourceObject::Snapshot(copy), Some(id(3)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
    let error = world
        .session()
        .delete_snapshots(SourceObject::Set(set), Some(id(1)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);

    let (set, _) = world.create(&["db"]);
    let lun = world.luns_of(set).remove(0);
    world.break_ex(set, 0xA).unwrap();
    let operation = world.history()[0].operation;
    let broken = world.bytes(&lun);
    let first = world.service().undo(operation, Some(id(4))).unwrap();
    assert!(world.bytes(&lun) != broken);
    assert_eq!(world.service().undo(operation, Some(id(4))).unwrap(), first);
    let error = world.service().undo(id(2), Some(id(4))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn running_operations_are_listed_and_found_and_queries_do_not_wait() {
    let world = world();
    let (set, copies) = world.create(&["db"]);
    let gate = Gate::new();
    world.array.inject(Fault::next(
        Method::PresentedLuns,
        Action::Hang(gate.clone()),
    ));
    let mut slot = None;
    world
        .session()
        .break_snapshot_set_ex(set, 0x2, Some(id(9)), Some(&mut slot))
        .unwrap();
    gate.wait_until_entered();
    let running = world.service().operations().unwrap();
    assert_eq!(running.len(), 1);
    assert_eq!((running[0].operation, running[0].set), (id(9), set));
    assert_eq!(running[0].kind, OperationKind::Break);
    assert!(!running[0].past_no_return && !running[0].cut_off);
    assert_eq!(world.service().status().unwrap().operations.len(), 1);
    let digits = id(9).as_uuid().simple().to_string();
    assert_eq!(
        world.service().find(&digits[..20], 5).unwrap(),
        [Object::Unfinished(id(9))]
    );
    // Nothing of this waits for the break.
    assert_eq!(world.query().len(), 1);
    assert_eq!(world.service().set(set).unwrap().copies.len(), 1);
    assert_eq!(
        world.service().copy(copies[0]).unwrap().snapshot_set_id,
        set
    );
    assert_eq!(world.service().history(9).unwrap().len(), 1);
    gate.open();
    let operation = slot.unwrap();
    let mut state = operation.state().unwrap();
    while state.is_pending() {
        let next = operation.next(state.version, None).unwrap();
        assert!(next.version > state.version || !next.is_pending());
        state = next;
    }
    assert_eq!(state.code, ResultCode::VSS_S_ASYNC_FINISHED);
    assert_eq!(world.service().operations().unwrap().len(), 0);
    assert_eq!(
        world.service().find(&digits, 5).unwrap(),
        [Object::Operation(id(9))]
    );
    for bad in ["", "xyz", "%", "_", "12-3"] {
        let error = world.service().find(bad, 5).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad}");
    }
    let error = world.service().operation(id(77)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
}
