//! `IVssAsync`: status, wait, cancel, progress.

use std::time::Duration;

use vss_model::{ProviderId, ResultCode};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault, Gate};
use vss_service::{CancelAnswer, DiskStage};

use crate::images::Kind;
use crate::world::World;

fn world() -> World {
    let world = World::new();
    world.original("db", Kind::Gpt512, 1);
    world
}

#[test]
fn cancel_before_the_point_of_no_return() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    let lun = world.luns_of(set).remove(0);
    let before = world.bytes(&lun);
    let (gate, job) = world.break_held_in(Method::PresentedLuns, set, 0x2);
    assert_eq!(job.query_status().unwrap(), ResultCode::VSS_S_ASYNC_PENDING);
    job.wait(Some(Duration::ZERO)).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_PENDING,
        "a wait may time out"
    );
    assert_eq!(job.state().unwrap().disks[0].stage, DiskStage::Waiting);
    assert_eq!(job.cancel().unwrap(), CancelAnswer::Taken);
    gate.open();
    job.wait(None).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_CANCELLED
    );
    assert_eq!(job.cancel().unwrap(), CancelAnswer::Cancelled);
    assert!(world.bytes(&lun) == before);
    assert!(world.is_listed(set));
    assert_eq!(world.history()[0].code, ResultCode::VSS_S_ASYNC_CANCELLED);
    assert_eq!(
        world.break_ex(set, 0x2),
        Ok(ResultCode::VSS_S_ASYNC_FINISHED)
    );
}

#[test]
fn cancel_past_the_point_of_no_return() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    let gate = Gate::new();
    world.array.inject(Fault::next(
        Method::OnLunStateChange,
        Action::Hang(gate.clone()),
    ));
    let mut slot = None;
    let session = world.session();
    session
        .break_snapshot_set_ex(set, 0x2, None, Some(&mut slot))
        .unwrap();
    gate.wait_until_entered();
    let job = slot.unwrap();
    assert!(job.state().unwrap().past_no_return);
    assert_eq!(
        job.cancel().unwrap(),
        CancelAnswer::Taken,
        "S_OK, but it runs to its end"
    );
    // Releasing the requester does not stop it either.
    drop(session);
    gate.open();
    job.wait(Some(Duration::from_secs(600))).unwrap();
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    assert_eq!(job.cancel().unwrap(), CancelAnswer::Finished);
    assert_eq!(job.state().unwrap().disks[0].stage, DiskStage::Done);
    let report = job.state().unwrap().report.unwrap();
    assert_eq!(
        *report,
        world.history()[0],
        "what a report shows can be read again"
    );
}

#[test]
fn dropping_the_handle_does_not_stop_it() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    let (gate, job) = world.break_held_in(Method::OnLunStateChange, set, 0x2);
    let watcher = world.service().operation(job.operation()).unwrap();
    drop(job);
    gate.open();
    watcher.wait(None).unwrap();
    assert!(!world.is_listed(set));
}

#[test]
fn a_failed_job_says_so_to_a_late_cancel() {
    let world = world();
    let (set, _) = world.create(&["db"]);
    let mut slot = None;
    world
        .session()
        .break_snapshot_set_ex(set, 0x4, None, Some(&mut slot))
        .unwrap();
    let job = slot.unwrap();
    job.wait(None).unwrap();
    let code = ResultCode::VSS_E_BREAK_REVERT_ID_FAILED;
    assert_eq!(job.query_status().unwrap(), code);
    assert_eq!(job.cancel().unwrap(), CancelAnswer::Failed(code));
    assert!(job.state().unwrap().error.unwrap().hint().is_some());
}

#[test]
fn cancel_of_a_creation_aborts_it() {
    let world = world();
    for method in [
        Method::EndPrepareSnapshots,
        Method::PreCommitSnapshots,
        Method::CommitSnapshots,
        Method::LocateLuns,
        Method::PostFinalCommitSnapshots,
    ] {
        world.array.clear_calls();
        let gate = Gate::new();
        world
            .array
            .inject(Fault::next(method, Action::Hang(gate.clone())));
        let session = world.requester();
        session.initialize_for_backup().unwrap();
        session.start_snapshot_set().unwrap();
        session.add_to_snapshot_set("db", ProviderId::NULL).unwrap();
        let job = session.do_snapshot_set(None).unwrap();
        gate.wait_until_entered();
        assert_eq!(job.cancel().unwrap(), CancelAnswer::Taken);
        gate.open();
        job.wait(None).unwrap();
        assert_eq!(
            job.query_status().unwrap(),
            ResultCode::VSS_S_ASYNC_CANCELLED,
            "{method}"
        );
        assert_eq!(
            world
                .array
                .recorder()
                .calls_of(Method::AbortSnapshots)
                .len(),
            1
        );
        assert_eq!(world.array.luns().len(), 1, "{method}");
        drop(session);
    }
    world.create(&["db"]);
}
