//! Breaks that meet each other, a query, or a disk that arrives meanwhile.

use vss_model::ResultCode;
use vss_provider::Method;
use vss_provider::fake::{Action, Fault};
use vss_service::SourceObject;

use crate::checks::{FINISHED, ids, two_disks};
use crate::images::Kind;

#[test]
fn a_second_break_meanwhile_is_in_bad_state_and_a_query_never_waits() {
    let world = two_disks();
    let (set, copies) = world.create(&["db"]);
    let (gate, job) = world.break_held_in(Method::OnLunStateChange, set, 0x2);
    assert_eq!(world.break_ex(set, 0x2), Err(ResultCode::VSS_E_BAD_STATE));
    let error = world
        .session()
        .delete_snapshots(SourceObject::Snapshot(copies[0]), None)
        .unwrap_err();
    assert_eq!(error.code(), ResultCode::VSS_E_BAD_STATE);
    assert!(world.is_listed(set), "until the end it is what it was");
    gate.open();
    job.wait(None).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
}

#[test]
fn two_copies_of_one_original_cannot_both_get_its_identity() {
    let world = two_disks();
    let (first, _) = world.create(&["db"]);
    let (second, _) = world.create(&["db"]);
    world.array.mask("db").unwrap();
    assert_eq!(world.break_ex(first, 0x4), FINISHED);
    assert_eq!(
        world.break_ex(second, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    assert_eq!(
        world.break_ex(second, 0x0),
        FINISHED,
        "without the flag it is no error"
    );
}

#[test]
fn two_breaks_at_once_never_give_one_identity_twice() {
    let world = two_disks();
    let (first, _) = world.create(&["db"]);
    let (second, _) = world.create(&["db"]);
    world.array.mask("db").unwrap();
    // The first hangs past its plan and before its first write.
    let (gate, job) = world.break_held_in(Method::OnLunStateChange, first, 0x6);
    assert_eq!(
        world.break_ex(second, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    let lun = world.luns_of(second).remove(0);
    let kept = ids(&world, &lun, Kind::Gpt512);
    assert_eq!(world.break_ex(second, 0x0), FINISHED);
    assert_eq!(ids(&world, &lun, Kind::Gpt512), kept);
    gate.open();
    job.wait(None).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
}

#[test]
fn a_disk_that_arrives_meanwhile_takes_everything_back() {
    let world = two_disks();
    let (set, _) = world.create(&["db", "log"]);
    world.array.mask("db").unwrap();
    world.array.mask("log").unwrap();
    let luns = world.luns_of(set);
    let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    let array = world.array.clone();
    world.array.inject(Fault::next(
        Method::OnLunStateChange,
        Action::Then(Box::new(move || array.present("log").unwrap())),
    ));
    assert_eq!(
        world.break_ex(set, 0x6),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    let after: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert!(before == after);
    assert!(world.is_listed(set));
}
