//! A session lives as long as its stream, and belongs to who opened it.

use tonic::Code;
use vss_api::v1;
use vss_api::v1::requester_client::RequesterClient;
use vss_model::{ErrorKind, SessionId};
use vss_service::{Queries, Service, is_connection_lost};

use crate::rig::{Rig, peer, runtime, until};

fn released(rig: &Rig) -> Vec<SessionId> {
    rig.fake.inside().released.clone()
}

#[test]
fn a_drop_returns_when_the_release_is_complete() {
    let rig = Rig::new();
    let session = rig.client().create_backup_components().unwrap();
    let id = session.session_id();
    assert_eq!((rig.server.sessions(), released(&rig)), (1, Vec::new()));
    drop(session);
    assert_eq!((rig.server.sessions(), released(&rig)), (0, vec![id]));
}

#[test]
fn a_cut_connection_releases() {
    let rig = Rig::new();
    let client = rig.client();
    let sessions: Vec<_> = (0..3)
        .map(|_| client.create_backup_components().unwrap())
        .collect();
    rig.cut();
    until("all are released", || released(&rig).len() == 3);
    until("none is counted", || rig.server.sessions() == 0);
    let error = sessions[0].start_snapshot_set().unwrap_err();
    assert!(is_connection_lost(&error), "{}", error.chain());
    drop(sessions);
    assert_eq!(released(&rig).len(), 3);
    // The client connects anew.
    assert!(client.sets().is_ok());
    assert!(client.create_backup_components().is_ok());
}

#[test]
fn the_end_of_the_stream_releases() {
    let rig = Rig::new();
    runtime().block_on(async {
        let mut requester = RequesterClient::new(rig.channel().await);
        let request = v1::OpenSessionRequest { context: None };
        let mut stream = requester.open_session(request).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        assert_eq!(rig.server.sessions(), 1);
        drop(stream);
        // The connection is still there, and in use.
        while rig.server.sessions() > 0 {
            let request = v1::ReleaseSessionRequest::default();
            requester.release_session(request).await.unwrap_err();
        }
    });
    assert_eq!(released(&rig).len(), 1);
}

#[test]
fn a_release_ends_the_stream_and_only_after_the_release() {
    let rig = Rig::new();
    rig.fake.hold_releases(true);
    runtime().block_on(async {
        let mut requester = RequesterClient::new(rig.channel().await);
        let request = v1::OpenSessionRequest { context: None };
        let mut stream = requester.open_session(request).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        let Some(v1::session_event::Event::Opened(opened)) = first.event else {
            panic!("{first:?}");
        };
        let request = v1::ReleaseSessionRequest {
            session_id: opened.session_id.clone(),
        };
        let mut other = requester.clone();
        let release = tokio::spawn(async move { other.release_session(request).await });
        // It is out of reach at once, but not answered as released.
        let status = loop {
            let request = v1::StartSnapshotSetRequest {
                session_id: opened.session_id.clone(),
            };
            if let Err(status) = requester.start_snapshot_set(request).await {
                break status;
            }
        };
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(!release.is_finished());
        assert_eq!(rig.server.sessions(), 1);
        rig.fake.hold_releases(false);
        release.await.unwrap().unwrap();
        assert_eq!(released(&rig).len(), 1);
        assert!(stream.message().await.unwrap().is_none());
    });
}

#[test]
fn a_context_that_is_refused_leaves_no_session() {
    let rig = Rig::new();
    runtime().block_on(async {
        let mut requester = RequesterClient::new(rig.channel().await);
        let request = v1::OpenSessionRequest {
            context: Some(0x4000_0000),
        };
        let status = requester.open_session(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    });
    until("it is released", || rig.server.sessions() == 0);
}

#[test]
fn the_session_of_another_caller_is_unknown() {
    let rig = Rig::new();
    let root = rig.client();
    let session = root.create_backup_components().unwrap();
    let id = session.session_id().to_string();
    let start = |id: &str| v1::StartSnapshotSetRequest {
        session_id: id.to_owned(),
    };
    runtime().block_on(async {
        *rig.peer.lock().unwrap() = peer("uid 5 (bob)", true);
        let mut bob = RequesterClient::new(rig.channel().await);
        let foreign = bob.start_snapshot_set(start(&id)).await.unwrap_err();
        let never = "00000000-0000-0000-0000-000000000063";
        let unknown = bob.start_snapshot_set(start(never)).await.unwrap_err();
        assert_eq!(foreign.code(), Code::FailedPrecondition);
        // Nothing tells the two apart but the id itself.
        assert_eq!(foreign.message().replace(&id, never), unknown.message());
        let request = v1::ReleaseSessionRequest {
            session_id: id.clone(),
        };
        assert!(bob.release_session(request).await.is_err());
        // Control: the owner reaches it on another connection.
        *rig.peer.lock().unwrap() = peer("uid 0 (root)", true);
        let mut root = RequesterClient::new(rig.channel().await);
        assert!(root.start_snapshot_set(start(&id)).await.is_ok());
    });
    assert!(released(&rig).is_empty());
    session.start_snapshot_set().unwrap();
}

#[test]
fn an_unknown_session_is_a_bad_state_with_a_hint() {
    let rig = Rig::new();
    let session = rig.client().create_backup_components().unwrap();
    runtime().block_on(async {
        let mut requester = RequesterClient::new(rig.channel().await);
        let request = v1::ReleaseSessionRequest {
            session_id: session.session_id().to_string(),
        };
        requester.release_session(request).await.unwrap();
    });
    until("the session's stream has ended", || {
        let error = session.start_snapshot_set().unwrap_err();
        assert!(error.kind() == ErrorKind::BadState || is_connection_lost(&error));
        assert!(error.hint().is_some());
        is_connection_lost(&error)
    });
}

/// More sessions and waits than one connection takes streams: short calls still come through.
#[test]
fn many_sessions_of_one_client() {
    let rig = Rig::new();
    let client = rig.client();
    let sessions: Vec<_> = (0..200).map(|_| client.administration().unwrap()).collect();
    assert_eq!(rig.server.sessions(), 200);
    for session in &sessions {
        session.start_snapshot_set().unwrap();
    }
    drop(sessions);
    assert_eq!(rig.server.sessions(), 0);
}
