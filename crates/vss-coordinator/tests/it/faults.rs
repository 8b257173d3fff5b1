//! Every provider method failing in turn, every disk write failing in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vss_model::{Context, ProviderId, ResultCode};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault};
use vss_service::SourceObject;

use crate::images::Kind;
use crate::oracles::{sgdisk, skip};
use crate::world::World;

const KINDS: [Kind; 3] = [Kind::Gpt512, Kind::Mbr, Kind::Hybrid];
const NAMES: [&str; 3] = ["a", "b", "c"];

fn three_disks() -> World {
    let world = World::new();
    for ((name, kind), seed) in NAMES.iter().zip(KINDS).zip(1..) {
        world.original(name, kind, seed);
    }
    world
}

/// Nothing is left of a creation that failed, and the next one works.
fn nothing_left(world: &World, originals: &[Vec<u8>], context: &str) {
    assert_eq!(world.query(), [], "{context}");
    assert_eq!(
        world.array.luns().len(),
        NAMES.len(),
        "{context}: a LUN leaked"
    );
    for (name, before) in NAMES.iter().zip(originals) {
        assert!(
            world.bytes(name) == *before,
            "{context}: original {name} was written"
        );
    }
    world.array.recorder().clear_faults();
    world.create(&NAMES);
}

#[test]
fn every_provider_method_failing_during_creation() {
    let methods = [
        Method::EndPrepareSnapshots,
        Method::PreCommitSnapshots,
        Method::CommitSnapshots,
        Method::PostCommitSnapshots,
        Method::GetTargetLuns,
        Method::LocateLuns,
        Method::PreFinalCommitSnapshots,
        Method::PostFinalCommitSnapshots,
    ];
    for method in methods {
        for after in [false, true] {
            for (action, code) in [
                (Action::Veto, ResultCode::VSS_E_PROVIDER_VETO),
                (
                    Action::Code(ResultCode::E_FAIL),
                    ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR,
                ),
                (
                    Action::Code(ResultCode::S_FALSE),
                    ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR,
                ),
                (
                    Action::Code(ResultCode::E_OUTOFMEMORY),
                    ResultCode::E_OUTOFMEMORY,
                ),
                (Action::Die, ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR),
            ] {
                let context = format!("{method} {action:?} after={after}");
                let world = three_disks();
                let originals: Vec<_> = NAMES.iter().map(|name| world.bytes(name)).collect();
                let action = if after { action.after_effect() } else { action };
                world.array.inject(Fault::next(method, action));
                let (_, _, job) = world.start_create(Context::NAS_ROLLBACK, &NAMES);
                assert_eq!(job.query_status().unwrap(), code, "{context}");
                assert_eq!(world.array.recorder().pending_faults(), 0, "{context}");
                let aborts = world.array.recorder().calls_of(Method::AbortSnapshots);
                assert_eq!(aborts.len(), 1, "{context}");
                let record = world.history().remove(0);
                assert_eq!(record.code, code);
                assert_eq!(record.events[0].method.as_deref(), Some(method.name()));
                nothing_left(&world, &originals, &context);
            }
        }
    }
}

#[test]
fn methods_whose_failure_is_only_logged() {
    // FillInLunInfo: what it fills in counts, not what it returns.
    let world = three_disks();
    world
        .array
        .inject(Fault::next(Method::FillInLunInfo, Action::Veto));
    let (set, _) = world.create(&NAMES);
    // OnLunEmpty is best effort.
    world
        .array
        .inject(Fault::next(Method::OnLunEmpty, Action::Veto));
    let outcome = world
        .session()
        .delete_snapshots(SourceObject::Set(set), None)
        .unwrap();
    assert_eq!((outcome.deleted, outcome.failure.is_none()), (3, true));
    assert!(!world.is_listed(set));
    let record = world.history().remove(0);
    assert_eq!(record.code, ResultCode::VSS_S_ASYNC_FINISHED);
    assert_eq!(record.events[0].method.as_deref(), Some("OnLunEmpty"));
    assert!(
        record.disks[0].outcome.contains("not reclaimed"),
        "{:?}",
        record.disks[0]
    );
}

#[test]
fn announcing_a_volume_can_fail() {
    let world = three_disks();
    let add = |provider: ProviderId| {
        let session = world.requester();
        session.initialize_for_backup().unwrap();
        session.start_snapshot_set().unwrap();
        session
            .add_to_snapshot_set("a", provider)
            .map_err(|error| error.code())
    };
    let named = world.array_id();
    for (method, action, chosen, asked) in [
        // A provider that cannot say is passed over, unless it was named.
        (
            Method::AreLunsSupported,
            Action::Veto,
            ResultCode::VSS_E_VOLUME_NOT_SUPPORTED,
            ResultCode::VSS_E_PROVIDER_VETO,
        ),
        (
            Method::BeginPrepareSnapshot,
            Action::Code(ResultCode::VSS_E_INSUFFICIENT_STORAGE),
            ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            ResultCode::VSS_E_INSUFFICIENT_STORAGE,
        ),
    ] {
        let again = match &action {
            Action::Code(code) => Action::Code(*code),
            _ => Action::Veto,
        };
        world.array.inject(Fault::next(method, action));
        assert_eq!(add(ProviderId::NULL), Err(chosen));
        world.array.inject(Fault::next(method, again));
        assert_eq!(add(named), Err(asked));
    }
    world.create(&NAMES);
}

#[test]
fn every_provider_method_failing_during_a_break() {
    for (action, code) in [
        (Action::Veto, ResultCode::VSS_E_PROVIDER_VETO),
        (
            Action::Code(ResultCode::VSS_E_OBJECT_NOT_FOUND),
            ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR,
        ),
        (Action::Die, ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR),
    ] {
        let world = three_disks();
        let (set, _) = world.create(&NAMES);
        let luns = world.luns_of(set);
        let before: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
        world
            .array
            .inject(Fault::next(Method::OnLunStateChange, action));
        assert_eq!(world.break_ex(set, 0x2), Ok(code));
        let after: Vec<_> = luns.iter().map(|lun| world.bytes(lun)).collect();
        assert!(before == after);
        assert!(world.is_listed(set));
        assert_eq!(
            world.break_ex(set, 0x2),
            Ok(ResultCode::VSS_S_ASYNC_FINISHED)
        );
    }
}

#[test]
fn every_disk_write_failing_during_creation() {
    for for_good in [false, true] {
        let mut nth = 1;
        loop {
            let world = three_disks();
            let originals: Vec<_> = NAMES.iter().map(|name| world.bytes(name)).collect();
            world.host.writes.fail_nth(nth, for_good);
            let (_, _, job) = world.start_create(Context::NAS_ROLLBACK, &NAMES);
            world.host.writes.fail_nth(0, false);
            if job.query_status().unwrap() == ResultCode::VSS_S_ASYNC_FINISHED {
                assert!(nth > 10, "the creation writes to its disks");
                break;
            }
            assert_eq!(job.query_status().unwrap(), ResultCode::VSS_E_UNEXPECTED);
            nothing_left(&world, &originals, &format!("write {nth}"));
            nth += 1;
        }
    }
}

/// Whether a disk has the identity of its original, of the import, or a mixture.
fn whose(world: &World, lun: &str, kind: Kind, original: &[String], imported: &[String]) -> char {
    let now: Vec<String> = world
        .identity(lun, kind)
        .ids()
        .map(|id| id.to_string())
        .collect();
    match () {
        () if now == original => 'o',
        () if now == imported => 'i',
        () => '?',
    }
}

fn breaks_with_failing_writes(flags: u32, for_good: bool) {
    let mut nth = 1;
    loop {
        let context = format!("flags {flags:x}, write {nth}, for good {for_good}");
        let world = three_disks();
        let text = |name: &str, kind| -> Vec<String> {
            world
                .identity(name, kind)
                .ids()
                .map(|id| id.to_string())
                .collect()
        };
        let originals: Vec<_> = NAMES.iter().zip(KINDS).map(|(n, k)| text(n, k)).collect();
        let (set, _) = world.create(&NAMES);
        let luns = world.luns_of(set);
        let imported: Vec<_> = luns.iter().zip(KINDS).map(|(n, k)| text(n, k)).collect();
        for name in NAMES {
            world.array.mask(name).unwrap();
        }
        let before = world
            .host
            .writes
            .done
            .load(std::sync::atomic::Ordering::SeqCst);
        world.host.writes.fail_nth(nth, for_good);
        let code = world.break_ex(set, flags).unwrap();
        world.host.writes.fail_nth(0, false);
        let done = world
            .host
            .writes
            .done
            .load(std::sync::atomic::Ordering::SeqCst)
            - before;
        let whose: String = (0..3)
            .map(|i| whose(&world, &luns[i], KINDS[i], &originals[i], &imported[i]))
            .collect();
        // A single failure never leaves a table with a bad checksum; a dead disk may.
        if !for_good {
            for (lun, kind) in luns.iter().zip(KINDS).filter(|(_, kind)| kind.is_gpt()) {
                if sgdisk(&world.image_of(lun), 3).is_none() {
                    skip("tables after failed writes by sgdisk", "no sgdisk");
                }
                let _ = kind;
            }
            assert!(!whose.contains('?'), "{context}: {whose}");
        }
        assert!(
            !world.is_listed(set),
            "{context}: past its point of no return it is broken"
        );
        let record = world.history().remove(0);
        assert_eq!(record.code, code, "{context}");
        if code == ResultCode::VSS_S_ASYNC_FINISHED {
            if nth > done {
                assert!(nth > 10, "a break writes to its disks");
                break;
            }
            // Best effort: the disk keeps its identity, and that is told.
            assert_eq!(flags & 0xC, 0, "{context}: only without a revert flag");
            assert!(whose.contains('i'), "{context}: {whose}");
            assert!(!record.events.is_empty(), "{context}");
        } else {
            assert_eq!(code, ResultCode::VSS_E_UNEXPECTED, "{context}");
            assert!(
                record
                    .events
                    .iter()
                    .any(|event| event.message.contains("left to do"))
            );
            if flags & 0x4 != 0 && !for_good {
                assert!(
                    whose == "ooo" || whose == "iii",
                    "{context}: all or none, not {whose}"
                );
            }
        }
        nth += 1;
    }
}

#[test]
fn every_disk_write_failing_during_a_break_with_best_effort() {
    breaks_with_failing_writes(0x2, false);
    breaks_with_failing_writes(0x0, false);
}

#[test]
fn every_disk_write_failing_during_a_break_with_all_identities() {
    breaks_with_failing_writes(0x6, false);
}

#[test]
fn every_disk_write_failing_during_a_break_with_no_identity() {
    breaks_with_failing_writes(0xA, false);
}

#[test]
fn disks_that_die_for_good_during_a_break() {
    breaks_with_failing_writes(0x6, true);
}

#[test]
fn a_provider_that_dies_in_a_query_of_its_luns_is_an_error() {
    let world = three_disks();
    let (set, _) = world.create(&NAMES);
    world
        .array
        .inject(Fault::next(Method::PresentedLuns, Action::Die));
    let died = catch_unwind(AssertUnwindSafe(|| world.break_ex(set, 0x2)));
    assert_eq!(
        died.unwrap(),
        Ok(ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR)
    );
    assert!(world.is_listed(set));
}
