//! Taking back what an operation changed.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};

use vss_model::{ErrorKind, OperationId, ResultCode, SetId};
use vss_provider::fake::{Action, Call, Fault};
use vss_provider::{Access, HardwareProvider as _, Method};
use vss_service::CancelAnswer;

use crate::images::Kind;
use crate::stuck::{restart_without, why_stuck};
use crate::world::World;

fn broken(flags: u32) -> (World, Vec<String>, Vec<Vec<u8>>, OperationId) {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    let (set, _) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    world.array.mask("db").unwrap();
    world.array.mask("log").unwrap();
    let before = luns.iter().map(|lun| world.bytes(lun)).collect();
    assert_eq!(
        world.break_ex(set, flags),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    let operation = world.history()[0].operation;
    (world, luns, before, operation)
}

fn bytes(world: &World, luns: &[String]) -> Vec<Vec<u8>> {
    luns.iter().map(|lun| world.bytes(lun)).collect()
}

#[test]
fn a_break_is_taken_back_byte_for_byte() {
    for flags in [0x0, 0x2, 0x4, 0x6] {
        let (world, luns, before, operation) = broken(flags);
        let after = bytes(&world, &luns);
        assert!(after != before);
        let record = world.service().undo(operation, None).unwrap();
        assert_eq!(record.undone, Some(operation));
        assert_eq!(record.set, SetId::NULL);
        assert!(bytes(&world, &luns) == before);
        // Again: already so.
        let again = world.service().undo(operation, None).unwrap();
        assert!(again.disks.iter().all(|disk| disk.outcome == "already so"));
        assert!(bytes(&world, &luns) == before);
        // And the undo can be undone.
        world.service().undo(record.operation, None).unwrap();
        assert!(bytes(&world, &luns) == after);
    }
}

#[test]
fn an_undo_puts_the_access_back_too() {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world.original("log", Kind::Mbr, 2);
    let (set, _) = world.create(&["db", "log"]);
    let luns = world.luns_of(set);
    assert_eq!(
        world.break_ex(set, 0x2),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    // Beside its original the MBR disk keeps its signature: only its access has changed.
    let operation = world.history()[0].operation;
    world.service().undo(operation, None).unwrap();
    for lun in &luns {
        let mode = std::fs::metadata(world.image_of(lun))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o222, 0, "{lun}");
    }
}

#[test]
fn an_undo_that_was_cut_off_waits_for_its_disks() {
    let (mut world, luns, before, operation) = broken(0x6);
    let after = bytes(&world, &luns);
    world.host.writes.die_at_nth(3);
    // In this process the end of the operation is the end of the call.
    let _ = catch_unwind(AssertUnwindSafe(|| world.service().undo(operation, None)));
    assert!(bytes(&world, &luns) != after, "it has begun to write");
    restart_without(&mut world, &luns[1]);
    let why = why_stuck(&world);
    for part in [luns[1].as_str(), "failed LocateLuns"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let again = world.service().undo(operation, None).unwrap_err();
    assert_eq!(again.code(), ResultCode::VSS_E_BAD_STATE);
    // Others go on.
    world.original("other", Kind::Gpt512, 3);
    let (set, _) = world.create(&["other"]);
    world.array.mask("other").unwrap();
    assert_eq!(
        world.break_ex(set, 0x6),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    let break_of_other = world.history()[0].operation;
    world.service().undo(break_of_other, None).unwrap();
    // The array presents it by now.
    world.restart();
    assert!(world.service().operations().unwrap().is_empty());
    let record = world.history().remove(0);
    assert!(record.recovered && record.undone == Some(operation));
    assert!(bytes(&world, &luns) == before);
}

#[test]
fn an_undo_that_fails_leaves_the_access_of_every_disk() {
    let (world, luns, _, operation) = broken(0x6);
    world.array.inject(Fault {
        method: Method::SetAccess,
        nth: 2,
        action: Action::Veto,
    });
    world.service().undo(operation, None).unwrap_err();
    for lun in &luns {
        let mode = std::fs::metadata(world.image_of(lun))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o222, 0o200, "{lun}");
        let calls = world.array.recorder().calls_of(Method::SetAccess);
        let of_this = |call: &&Call| {
            call.outcome == Some(ResultCode::S_OK)
                && call.snapshot_luns.iter().any(|one| {
                    let all = world.array.presented_luns().unwrap();
                    all.iter()
                        .any(|shown| shown.name == *lun && shown.information.is_same_lun(one))
                })
        };
        let last = calls.iter().rfind(of_this).unwrap();
        assert_eq!(last.access, Some(Access::ReadWrite), "{lun}");
    }
    for line in &world.history()[0].disks {
        assert_eq!(line.outcome, "not changed");
    }
}

/// The array cannot present the next LUN that it is asked for.
fn lost_again(world: &World) {
    world
        .array
        .inject(Fault::next(Method::LocateLuns, Action::Veto));
}

/// For a disk that is lost for good.
#[test]
fn an_undo_that_was_cut_off_is_given_up_by_a_cancel() {
    let mut seen = 0;
    for nth in 1..12 {
        let (mut world, luns, _, operation) = broken(0x6);
        let after = bytes(&world, &luns);
        world.host.writes.die_at_nth(nth);
        let done = catch_unwind(AssertUnwindSafe(|| world.service().undo(operation, None)));
        if matches!(done, Ok(Ok(_))) {
            break;
        }
        restart_without(&mut world, &luns[1]);
        let cut_off = world.service().operations().unwrap()[0].operation;
        let why = why_stuck(&world);
        assert!(why.contains(&luns[1]), "{why}");

        // While another disk bears what would come back, nothing is touched.
        let half = world.bytes(&luns[0]);
        world.array.present("db").unwrap();
        lost_again(&world);
        let handle = world.service().operation(cut_off).unwrap();
        let refused = handle.cancel().unwrap_err();
        assert_eq!(refused.code(), ResultCode::VSS_E_BREAK_REVERT_ID_FAILED);
        assert!(world.bytes(&luns[0]) == half);
        assert!(handle.state().unwrap().is_pending());
        world.array.mask("db").unwrap();

        lost_again(&world);
        assert_eq!(handle.cancel().unwrap(), CancelAnswer::Taken);
        assert!(
            world.bytes(&luns[0]) == after[0],
            "write {nth}: the disk that is there is as it was before the undo"
        );
        assert!(world.service().operations().unwrap().is_empty());
        let record = world.history().remove(0);
        assert_eq!(record.operation, cut_off);
        assert_eq!(record.code, ResultCode::VSS_E_UNEXPECTED);
        assert!(record.error.unwrap().contains("given up"));
        for (lun, outcome) in [(&luns[0], "not changed"), (&luns[1], "may be half changed")] {
            let line = record.disks.iter().find(|line| line.lun == *lun).unwrap();
            assert_eq!(line.outcome, outcome);
            assert_eq!(line.patch.is_empty(), outcome == "not changed");
            let access = (outcome == "not changed").then_some(false);
            assert_eq!(line.read_only_after, access, "nobody knows of a lost one");
        }
        // Once is enough, and the next start has nothing to do.
        assert_eq!(
            handle.cancel().unwrap(),
            CancelAnswer::Failed(ResultCode::VSS_E_UNEXPECTED)
        );
        drop(handle);
        world.restart();
        assert!(world.service().operations().unwrap().is_empty());
        assert!(world.bytes(&luns[0]) == after[0]);
        seen += 1;
    }
    assert!(seen > 2, "{seen}");
}

#[test]
fn an_undo_says_which_disks_it_left_half_changed() {
    let mut seen = 0;
    for nth in 1..12 {
        let (world, luns, _, operation) = broken(0x6);
        let after = bytes(&world, &luns);
        world.host.writes.fail_nth(nth, true);
        if world.service().undo(operation, None).is_ok() {
            break;
        }
        let record = world.history().remove(0);
        for (lun, before) in luns.iter().zip(&after) {
            let line = record.disks.iter().find(|line| line.lun == *lun).unwrap();
            if world.bytes(lun) != *before {
                assert_eq!(line.outcome, "half changed", "write {nth}: {record:?}");
                assert!(!line.patch.is_empty(), "what is left to do stays on record");
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn an_undo_that_fails_changes_no_disk() {
    let (world, luns, _, operation) = broken(0x6);
    let after = bytes(&world, &luns);
    for nth in 1..8 {
        world.host.writes.fail_nth(nth, false);
        let result = world.service().undo(operation, None);
        world.host.writes.fail_nth(0, false);
        assert_eq!(
            result.unwrap_err().kind(),
            ErrorKind::Unexpected,
            "write {nth}"
        );
        assert!(bytes(&world, &luns) == after, "write {nth}");
        assert_eq!(world.history()[0].code, ResultCode::VSS_E_UNEXPECTED);
    }
    world.service().undo(operation, None).unwrap();
}

#[test]
fn no_two_visible_disks_come_to_bear_one_identity() {
    let (world, luns, _, operation) = broken(0xA);
    let kept = bytes(&world, &luns);
    // The creation gave the copies their identities; taking that back would make them the originals.
    let creation = world.history().last().unwrap().operation;
    world.service().undo(operation, None).unwrap();
    world.array.present("log").unwrap();
    let error = world.service().undo(creation, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BreakRevertIdFailed);
    world.array.mask("log").unwrap();
    world.service().undo(creation, None).unwrap();
    assert!(bytes(&world, &luns) != kept);
    assert!(world.bytes(&luns[0]) == world.bytes("db"));
}

#[test]
fn what_was_changed_since_is_not_touched() {
    let (world, luns, _, operation) = broken(0x6);
    let image = world.image_of(&luns[1]);
    let file = OpenOptions::new().write(true).open(image).unwrap();
    file.write_all_at(&[1, 2, 3, 4], 440).unwrap();
    let now = bytes(&world, &luns);
    let error = world.service().undo(operation, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadState);
    assert!(
        bytes(&world, &luns) == now,
        "not even the disk that could be put back"
    );
}

#[test]
fn what_cannot_be_undone_is_refused_by_name() {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    let (set, _) = world.create(&["db"]);
    let creation = world.history()[0].operation;
    let kind = |operation| world.service().undo(operation, None).unwrap_err().kind();
    assert_eq!(kind(OperationId::NULL), ErrorKind::ObjectNotFound);
    assert_eq!(
        kind(creation),
        ErrorKind::BadState,
        "the copy is a shadow copy still"
    );
    let lun = world.luns_of(set).remove(0);
    assert_eq!(
        world.break_ex(set, 0x1),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
    assert_eq!(
        kind(world.history()[0].operation),
        ErrorKind::InvalidArgument
    );
    assert_eq!(kind(creation), ErrorKind::ObjectNotFound, "it is masked");
    world.array.present(&lun).unwrap();
    world.array.mask("db").unwrap();
    world.service().undo(creation, None).unwrap();
}
