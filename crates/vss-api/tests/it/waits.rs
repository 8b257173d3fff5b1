//! Waits and watches: nothing is missed, nothing takes a thread, nothing hangs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;
use vss_api::v1;
use vss_api::v1::operations_client::OperationsClient;
use vss_model::{OperationId, ResultCode, SetId};
use vss_service::{CancelAnswer, OperationKind, Queries, Service, VssAsync, is_connection_lost};

use crate::rig::{PATIENCE, Rig, runtime, until};
use crate::samples;

fn id(number: u128) -> OperationId {
    OperationId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn from_start_to_end() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let handle = session.do_snapshot_set(Some(id(5))).unwrap();
    assert_eq!(handle.operation(), id(5));
    assert_eq!(handle.set(), SetId::from_uuid(Uuid::from_u128(7)));
    assert_eq!(
        handle.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_PENDING
    );
    let running = rig.fake.running(id(5)).unwrap();
    // A limit that is over gives the present state.
    let state = handle.next(1, Some(Duration::from_millis(5))).unwrap();
    assert_eq!((state.version, state.is_pending()), (1, true));
    handle.wait(Some(Duration::ZERO)).unwrap();
    // A later state is given at once.
    assert_eq!(handle.next(0, None).unwrap().version, 1);
    std::thread::scope(|scope| {
        let next = scope.spawn(|| handle.next(1, None).unwrap());
        running.change(|state| state.past_no_return = true);
        assert!(next.join().unwrap().past_no_return);
        let end = scope.spawn(|| handle.wait(None).unwrap());
        running.change(|_| {});
        running.finish();
        end.join().unwrap();
    });
    assert_eq!(
        handle.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    // What is over has no later state.
    let state = handle.next(99, None).unwrap();
    assert_eq!(state.report.unwrap().as_ref(), &samples::audit(u32::MAX));
    // The handle outlives its session.
    drop(session);
    assert_eq!(handle.state().unwrap().version, 4);
}

/// What was cut off ends with the next start of the service: nobody can wait for that.
#[test]
fn an_operation_that_was_cut_off_is_not_waited_for() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let handle = session.do_snapshot_set(Some(id(5))).unwrap();
    let running = rig.fake.running(id(5)).unwrap();
    running.change(|state| state.cut_off = true);
    handle.wait(None).unwrap();
    let state = handle.next(99, None).unwrap();
    assert!(state.is_pending() && state.cut_off && state.is_settled());
    let states: Vec<_> = rig.client().watch(Some(id(5))).unwrap().collect();
    assert_eq!(states.len(), 1);
    running.finish();
}

#[test]
fn cancels() {
    let rig = Rig::new();
    let client = rig.client();
    let running = rig.fake.begin(id(1), OperationKind::Create);
    let handle = client.operation(id(1)).unwrap();
    assert_eq!(handle.cancel().unwrap(), CancelAnswer::Taken);
    assert!(running.now().cancel_requested);
    for (code, answer) in [
        (ResultCode::VSS_S_ASYNC_CANCELLED, CancelAnswer::Cancelled),
        (ResultCode::VSS_S_ASYNC_FINISHED, CancelAnswer::Finished),
        (
            ResultCode::VSS_E_BAD_STATE,
            CancelAnswer::Failed(ResultCode::VSS_E_BAD_STATE),
        ),
    ] {
        running.change(|state| state.code = code);
        assert_eq!(handle.cancel().unwrap(), answer);
    }
}

/// With four threads that may block, a thousand waits leave room for every query.
#[test]
fn a_thousand_waits() {
    let rig = Rig::new();
    let running = rig.fake.begin(id(1), OperationKind::Create);
    runtime().block_on(async {
        let mut waits = JoinSet::new();
        for _ in 0..10 {
            let channel = rig.channel().await;
            for number in 0..100 {
                let mut operations = OperationsClient::new(channel.clone());
                waits.spawn(async move {
                    let request = v1::WaitRequest {
                        operation_id: id(1).to_string(),
                        limit_ms: None,
                        after_version: (number % 2 == 0).then_some(1_000),
                    };
                    operations.wait(request).await.unwrap().into_inner()
                });
            }
        }
        let mut asking = OperationsClient::new(rig.channel().await);
        for _ in 0..20 {
            let request = v1::ListOperationsRequest {};
            let answer = asking.list_operations(request).await.unwrap();
            assert_eq!(answer.into_inner().operations.len(), 1);
        }
        running.change(|_| {});
        assert!(waits.try_join_next().is_none());
        running.finish();
        let answers = waits.join_all().await;
        assert_eq!(answers.len(), 1000);
        let code = ResultCode::VSS_S_ASYNC_FINISHED.0;
        assert!(
            answers
                .into_iter()
                .all(|answer| answer.state.unwrap().code == code)
        );
    });
}

#[test]
fn many_threads_of_one_client() {
    let rig = Rig::new();
    let client = rig.client();
    let running = rig.fake.begin(id(1), OperationKind::Create);
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..150)
            .map(|_| scope.spawn(|| client.operation(id(1)).unwrap().wait(None)))
            .collect();
        for _ in 0..20 {
            assert!(client.sets().is_ok());
        }
        running.finish();
        for wait in waits {
            wait.join().unwrap().unwrap();
        }
    });
}

/// Begins and ends around the moment at which a wait registers are not missed.
#[test]
fn ends_that_race_with_waits() {
    let rig = Rig::new();
    let client = rig.client();
    for number in 1..200 {
        let running = rig.fake.begin(id(number), OperationKind::Create);
        let handle = client.operation(id(number)).unwrap();
        std::thread::scope(|scope| {
            let wait = scope.spawn(move || handle.wait(None));
            if number % 2 == 0 {
                running.change(|_| {});
            }
            running.finish();
            wait.join().unwrap().unwrap();
        });
    }
}

/// The operation ends after the server has looked at it and before it can wait: it must have
/// registered before it looked.
#[test]
fn an_end_between_look_and_wait() {
    let rig = Rig::new();
    rig.fake.begin_untold(id(1), OperationKind::Create);
    rig.fake.inside().ends_when_seen = true;
    runtime().block_on(async {
        let mut operations = OperationsClient::new(rig.channel().await);
        let request = v1::WaitRequest {
            operation_id: id(1).to_string(),
            ..v1::WaitRequest::default()
        };
        let wait = tokio::time::timeout(PATIENCE, operations.wait(request)).await;
        let state = wait.unwrap().unwrap().into_inner().state.unwrap();
        assert_eq!(state.code, ResultCode::VSS_S_ASYNC_FINISHED.0);
    });
}

#[test]
fn a_watch_of_one_ends_with_it() {
    let rig = Rig::new();
    let client = rig.client();
    let running = rig.fake.begin(id(1), OperationKind::Create);
    rig.fake.begin(id(2), OperationKind::Create);
    let mut watch = client.watch(Some(id(1))).unwrap();
    let mut versions = vec![watch.next().unwrap().unwrap().version];
    for _ in 0..5 {
        running.change(|_| {});
        versions.push(watch.next().unwrap().unwrap().version);
    }
    running.finish();
    let last = watch.next().unwrap().unwrap();
    assert_eq!(last.code, ResultCode::VSS_S_ASYNC_FINISHED);
    assert!(last.report.is_some());
    assert!(watch.next().is_none());
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    // What is over has one state.
    let over: Vec<_> = client.watch(Some(id(1))).unwrap().collect();
    assert_eq!(over.len(), 1);
}

#[test]
fn a_watch_of_all_sees_what_comes() {
    let rig = Rig::new();
    let client = rig.client();
    let first = rig.fake.begin(id(1), OperationKind::Create);
    let mut watch = client.watch(None).unwrap();
    let mut next = || {
        let state = watch.next().unwrap().unwrap();
        (state.operation, state.version, state.is_pending())
    };
    assert_eq!(next(), (id(1), 1, true));
    let second = rig.fake.begin(id(2), OperationKind::Break);
    assert_eq!(next(), (id(2), 1, true));
    first.finish();
    assert_eq!(next(), (id(1), 2, false));
    second.change(|_| {});
    assert_eq!(next(), (id(2), 2, true));
    second.finish();
    assert_eq!(next(), (id(2), 3, false));
}

/// A reader who falls behind by more changes than are kept still hears of every end.
#[test]
fn a_slow_watch_of_all_hears_every_end() {
    let rig = Rig::new();
    let client = rig.client();
    let mut watch = client.watch(None).unwrap();
    let running = rig.fake.begin(id(1), OperationKind::Create);
    assert_eq!(watch.next().unwrap().unwrap().operation, id(1));
    for _ in 0..200_000 {
        running.change(|_| {});
    }
    running.finish();
    let versions: Vec<u64> = watch
        .by_ref()
        .map(Result::unwrap)
        .map_while(|state| state.is_pending().then_some(state.version))
        .collect();
    assert!(versions.is_sorted());
    assert!(versions.len() < 199_999, "the reader never fell behind");
}

#[test]
fn a_killed_daemon_ends_every_wait() {
    let mut rig = Rig::new();
    let client = rig.client();
    rig.fake.begin(id(1), OperationKind::Create);
    let mut watch = client.watch(Some(id(1))).unwrap();
    watch.next().unwrap().unwrap();
    let handle: Arc<dyn VssAsync> = Arc::from(client.operation(id(1)).unwrap());
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let handle = Arc::clone(&handle);
            std::thread::spawn(move || handle.wait(None))
        })
        .collect();
    until("all wait", || client.sets().is_ok());
    let begin = Instant::now();
    rig.kill();
    for wait in waits {
        let error = wait.join().unwrap().unwrap_err();
        assert!(is_connection_lost(&error), "{}", error.chain());
        assert!(error.hint().unwrap().contains("systemctl status vssd"));
    }
    let error = watch.next().unwrap().unwrap_err();
    assert!(is_connection_lost(&error), "{}", error.chain());
    assert!(watch.next().is_none());
    assert!(is_connection_lost(&client.sets().unwrap_err()));
    assert!(begin.elapsed() < PATIENCE);
}

/// The caller of a break is gone; the break is not.
#[test]
fn an_operation_outlives_its_caller() {
    let rig = Rig::new();
    let client = rig.client();
    let session = client.administration().unwrap();
    let set = SetId::from_uuid(Uuid::from_u128(1));
    std::thread::scope(|scope| {
        let breaking = scope.spawn(|| session.break_snapshot_set(set, Some(id(1))));
        until("it runs", || rig.fake.running(id(1)).is_some());
        rig.cut();
        let error = breaking.join().unwrap().unwrap_err();
        assert!(is_connection_lost(&error), "{}", error.chain());
        assert!(
            rig.fake.inside().released.is_empty(),
            "released under a call"
        );
        let running = rig.fake.running(id(1)).unwrap();
        assert!(running.now().is_pending() && !running.now().cancel_requested);
        running.finish();
    });
    until("the session is released", || rig.server.sessions() == 0);
    // A repeat with the same id finds it.
    let again = client.administration().unwrap();
    let report = again.break_snapshot_set(set, Some(id(1))).unwrap();
    assert_eq!(*report, samples::audit(u32::MAX));
}
