//! Operations that a crash cut off, and that the next start cannot end because a disk is away.

use std::os::unix::net::UnixListener;

use vss_model::{ResultCode, SetId};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault};
use vss_service::SourceObject;

use crate::images::Kind;
use crate::world::World;

/// The service starts again while a LUN is away that the array cannot present.
pub(crate) fn restart_without(world: &mut World, lun: &str) {
    world.stop();
    world.array.mask(lun).unwrap();
    world.restart_with(vec![Fault::next(Method::LocateLuns, Action::Veto)]);
    assert_eq!(world.array.recorder().pending_faults(), 0);
}

/// What the service says about the one operation that it could not end.
pub(crate) fn why_stuck(world: &World) -> String {
    let operations = world.service().operations().unwrap();
    let [operation] = operations.as_slice() else {
        panic!("{operations:?}")
    };
    assert!(operation.cut_off && operation.is_pending());
    operation.error.as_ref().unwrap().chain()
}

/// A break that ended in the middle of its writing, and the LUNs of its set; and another set, of the second
/// original.
fn cut_off() -> (World, SetId, Vec<String>, SetId) {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    world.original("other", Kind::Gpt512, 3);
    let (set, _) = world.create(&["db", "log"]);
    let (rival, _) = world.create(&["log"]);
    let luns = world.luns_of(set);
    world.array.mask("db").unwrap();
    world.array.mask("log").unwrap();
    world.host.writes.die_at_nth(3);
    // The worker died; through the socket: it was cut off.
    let code = world.break_ex(set, 0x6).unwrap();
    assert!(
        [
            ResultCode::VSS_E_UNEXPECTED,
            ResultCode::VSS_S_ASYNC_PENDING
        ]
        .contains(&code),
        "{code}"
    );
    (world, set, luns, rival)
}

#[test]
fn a_break_waits_for_its_disks_and_keeps_nobody_else() {
    let (mut world, set, luns, rival) = cut_off();
    restart_without(&mut world, &luns[1]);
    let why = why_stuck(&world);
    // And what the array said when it was to bring the disk back.
    for part in [luns[1].as_str(), &set.to_string(), "failed LocateLuns"] {
        assert!(why.contains(part), "{part}: {why}");
    }

    // A cancel comes too late, and says what helps.
    let operation = world.service().operations().unwrap()[0].operation;
    let handle = world.service().operation(operation).unwrap();
    let refused = handle.cancel().unwrap_err();
    assert_eq!(refused.code(), ResultCode::VSS_E_BAD_STATE);
    let hint = format!("vss delete {set}");
    assert!(refused.hint().is_some_and(|text| text.contains(&hint)));
    assert_eq!(handle.state().unwrap().error.unwrap().chain(), why);
    drop(handle);

    // Nothing touches its disks.
    let before = world.bytes(&luns[0]);
    assert_eq!(world.break_ex(set, 0x2), Err(ResultCode::VSS_E_BAD_STATE));
    let copy = world.service().set(set).unwrap().copies[0].id();
    let deleted = world
        .session()
        .delete_snapshots(SourceObject::Snapshot(copy), None)
        .unwrap_err();
    assert_eq!(deleted.code(), ResultCode::VSS_E_BAD_STATE);
    // Nobody gets the identity that its absent disk is to have.
    assert_eq!(
        world.break_ex(rival, 0x4),
        Ok(ResultCode::VSS_E_BREAK_REVERT_ID_FAILED)
    );
    // Everything else goes on.
    let (other, _) = world.create(&["other"]);
    assert_eq!(
        world.break_ex(other, 0xA),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    assert_eq!(world.bytes(&luns[0]), before);

    world.restart();
    assert!(world.service().operations().unwrap().is_empty());
    assert!(!world.is_listed(set));
    let record = world.history().remove(0);
    assert!(record.recovered, "{record:?}");
    assert_eq!(record.code, ResultCode::VSS_S_ASYNC_FINISHED);
    for (lun, original, kind) in [(0, "db", Kind::Gpt512), (1, "log", Kind::Mbr)] {
        assert_eq!(
            world.identity(&luns[lun], kind),
            world.identity(original, kind)
        );
    }
}

#[test]
fn a_disk_that_cannot_be_opened_is_not_taken_for_unchanged() {
    let (mut world, set, luns, _) = cut_off();
    let device = world.array.device_path(&luns[0]);
    let away = world.dir.path().join("away");
    world.stop();
    std::fs::rename(&device, &away).unwrap();
    // It is there, and cannot be opened as a file.
    let in_its_place = UnixListener::bind(&device).unwrap();
    world.restart();
    let why = why_stuck(&world);
    assert!(
        why.contains(&luns[0]) && why.contains("cannot be opened"),
        "{why}"
    );
    assert_eq!(world.break_ex(set, 0x2), Err(ResultCode::VSS_E_BAD_STATE));
    world.stop();
    drop(in_its_place);
    std::fs::rename(&away, &device).unwrap();
    world.restart();
    assert!(world.service().operations().unwrap().is_empty());
    assert_eq!(
        world.history().remove(0).code,
        ResultCode::VSS_S_ASYNC_FINISHED
    );
}

/// For a disk that is lost for good.
#[test]
fn a_break_is_given_up_by_deleting_its_set() {
    let (mut world, set, luns, rival) = cut_off();
    let operation = world.service().operations().unwrap()[0].operation;
    restart_without(&mut world, &luns[1]);
    let outcome = world
        .session()
        .delete_snapshots(SourceObject::Set(set), None)
        .unwrap();
    assert!(outcome.failure.is_none());
    assert_eq!(outcome.deleted, 2);
    assert!(world.service().operations().unwrap().is_empty());
    assert!(!world.is_listed(set));
    let record = world.service().record(operation).unwrap();
    assert_eq!(record.code, ResultCode::VSS_E_UNEXPECTED);
    let why = record.error.unwrap();
    assert!(why.contains("given up") && why.contains(&luns[1]), "{why}");
    assert!(
        world
            .array
            .luns()
            .iter()
            .all(|lun| !luns.contains(&lun.name))
    );
    // The identity is free again.
    assert_eq!(
        world.break_ex(rival, 0x4),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    world.restart();
    assert!(world.service().operations().unwrap().is_empty());
    assert!(!world.is_listed(set));
}

/// The control of what is above: the rival set may have that identity while nobody is about to give it.
#[test]
fn a_rival_gets_an_identity_that_nobody_is_about_to_give() {
    let world = World::new();
    world.original("log", Kind::Mbr, 2);
    let (rival, _) = world.create(&["log"]);
    world.array.mask("log").unwrap();
    assert_eq!(
        world.break_ex(rival, 0x4),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
}
