//! How a server stops: answers are given, streams end, sessions are released.

use std::time::Duration;

use uuid::Uuid;
use vss_api::server::Limits;
use vss_api::v1;
use vss_api::v1::operations_client::OperationsClient;
use vss_model::OperationId;
use vss_service::{OperationKind, Queries, Service, is_connection_lost};

use crate::rig::{PATIENCE, Rig, runtime, until};

fn id(number: u128) -> OperationId {
    OperationId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn sessions_are_released_before_serving_ends() {
    let mut rig = Rig::new();
    let client = rig.client();
    let session = client.administration().unwrap();
    rig.fake.hold_releases(true);
    rig.stop();
    // The stream's end says so; the release is still held.
    until("the session is over", || {
        session
            .start_snapshot_set()
            .is_err_and(|error| is_connection_lost(&error))
    });
    assert!(!rig.has_ended(Duration::from_millis(200)));
    rig.fake.hold_releases(false);
    assert!(rig.has_ended(PATIENCE));
    assert_eq!(rig.fake.inside().released, [session.session_id()]);
    assert_eq!(rig.server.sessions(), 0);
}

#[test]
fn waits_answer_with_the_present_state() {
    let mut rig = Rig::new();
    rig.fake.begin(id(1), OperationKind::Create);
    runtime().block_on(async {
        let mut operations = OperationsClient::new(rig.channel().await);
        let mut other = operations.clone();
        let request = v1::WatchRequest::default();
        let mut all = other.watch(request).await.unwrap().into_inner();
        assert!(all.message().await.unwrap().is_some());
        let wait = tokio::spawn(async move {
            let request = v1::WaitRequest {
                operation_id: id(1).to_string(),
                ..v1::WaitRequest::default()
            };
            operations.wait(request).await
        });
        // The same connection answers in order: the wait has begun.
        let request = v1::ListOperationsRequest {};
        other.list_operations(request).await.unwrap();
        rig.stop();
        let answer = wait.await.unwrap().unwrap().into_inner();
        assert!(answer.stopping);
        assert_eq!(answer.state.unwrap().version, 1);
        assert!(all.message().await.unwrap().is_none());
    });
    assert!(rig.has_ended(PATIENCE));
}

#[test]
fn clients_hear_that_the_service_is_gone() {
    let mut rig = Rig::new();
    let client = rig.client();
    rig.fake.begin(id(1), OperationKind::Create);
    let mut watch = client.watch(None).unwrap();
    watch.next().unwrap().unwrap();
    let handle = client.operation(id(1)).unwrap();
    std::thread::scope(|scope| {
        let wait = scope.spawn(|| handle.wait(None));
        rig.stop();
        assert!(is_connection_lost(&wait.join().unwrap().unwrap_err()));
    });
    assert!(is_connection_lost(&watch.next().unwrap().unwrap_err()));
    assert!(watch.next().is_none());
    assert!(rig.has_ended(PATIENCE));
    assert!(is_connection_lost(&client.sets().unwrap_err()));
}

/// A call that runs is answered; only then serving ends.
#[test]
fn calls_in_flight_are_answered() {
    let mut rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let set = vss_model::SetId::from_uuid(Uuid::from_u128(1));
    std::thread::scope(|scope| {
        let breaking = scope.spawn(|| session.break_snapshot_set(set, Some(id(1))));
        until("it runs", || rig.fake.running(id(1)).is_some());
        rig.stop();
        assert!(!rig.has_ended(Duration::from_millis(200)));
        rig.fake.running(id(1)).unwrap().finish();
        breaking.join().unwrap().unwrap();
    });
    assert!(rig.has_ended(PATIENCE));
}

/// Who has not even begun to talk does not hold up the end.
#[test]
fn silent_connections_are_closed() {
    let mut rig = Rig::with(Limits {
        preface_timeout: Duration::from_secs(3600),
        ..Limits::default()
    });
    let silent = rig.raw();
    assert!(rig.client().sets().is_ok());
    rig.stop();
    assert!(rig.has_ended(PATIENCE));
    drop(silent);
}
