//! Errors arrive as they were, whoever refused the call.

use std::path::PathBuf;

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request};
use uuid::Uuid;
use vss_api::client::{Client, Endpoint, TlsFiles};
use vss_api::v1;
use vss_api::v1::catalogue_client::CatalogueClient;
use vss_api::v1::luns_client::LunsClient;
use vss_api::v1::requester_client::RequesterClient;
use vss_model::{Error, ErrorKind, OperationId, SetId};
use vss_service::{Queries, Service, is_connection_lost};

use crate::rig::{Rig, runtime};
use crate::samples;

#[test]
fn every_kind() {
    let rig = Rig::new();
    let client = rig.client();
    for kind in ErrorKind::ALL {
        let bare = || Error::new(*kind, format!("{kind:?} at \"LUN\" ü\n\u{1F4BE}"));
        let full = || bare().with_hint("try\nagain").with_source(samples::error());
        for make in [&bare as &dyn Fn() -> Error, &full] {
            rig.fake.inside().failure = Some(make());
            let (got, said) = (client.sets().unwrap_err(), make());
            assert_eq!(got.kind(), *kind);
            assert_eq!(got.message(), said.message());
            assert_eq!(got.hint(), said.hint());
            assert_eq!(got.chain(), said.chain());
            assert!(!is_connection_lost(&got));
        }
    }
    assert!(client.sets().is_ok());
}

#[test]
fn an_endless_error_still_arrives() {
    let rig = Rig::new();
    let client = rig.client();
    let text = "ü".repeat(1 << 20);
    let endless = Error::new(ErrorKind::BadState, &*text)
        .with_hint(&*text)
        .with_source(Error::new(ErrorKind::Unexpected, &*text));
    rig.fake.inside().failure = Some(endless);
    let error = client.sets().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadState);
    assert!(error.message().starts_with("üü") && error.message().ends_with('…'));
}

#[test]
fn a_failed_check_of_a_break_leaves_no_handle() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let set = SetId::from_uuid(Uuid::from_u128(1));
    let mut slot = None;
    session
        .break_snapshot_set_ex(set, 0, None, Some(&mut slot))
        .unwrap();
    assert!(slot.is_some());
    let error = session
        .break_snapshot_set_ex(set, 0xC, None, Some(&mut slot))
        .unwrap_err();
    assert_eq!(error.kind(), samples::error().kind());
    assert!(slot.is_none());
}

#[test]
fn a_null_slot_is_refused_without_a_call() {
    let rig = Rig::new();
    let session = rig.client().administration().unwrap();
    let before = rig.fake.calls();
    let set = SetId::from_uuid(Uuid::from_u128(1));
    let error = session
        .break_snapshot_set_ex(set, 0, None, None)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(rig.fake.calls(), before);
}

#[test]
fn a_panic_is_an_error_of_one_call() {
    let rig = Rig::new();
    let client = rig.client();
    let error = client.lun("panic").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(!is_connection_lost(&error));
    assert!(client.lun("known").is_ok());
}

#[test]
fn a_request_that_is_too_large() {
    let rig = Rig::new();
    let client = rig.client();
    let error = client.lun(&"x".repeat(2 << 20)).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::InvalidArgument,
        "{}",
        error.chain()
    );
    assert!(error.message().contains("too large"), "{error}");
    // Control: below the limit it reaches the service, which knows no such LUN.
    let error = client.lun(&"x".repeat(1 << 19)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
}

/// What cannot be decoded, and what there is not, is refused with details like everything else.
#[test]
fn requests_that_make_no_sense() {
    let rig = Rig::new();
    runtime().block_on(async {
        for (path, code) in [
            ("/openvss.v1.Catalogue/GetSet", Code::InvalidArgument),
            ("/openvss.v1.Catalogue/Nothing", Code::Unimplemented),
            ("/nothing", Code::Unimplemented),
        ] {
            let mut grpc = Grpc::new(rig.channel().await);
            grpc.ready().await.unwrap();
            // A number stands where the set's id should.
            let patch = v1::Patch {
                sector_size: 512,
                stages: Vec::new(),
            };
            let codec: tonic_prost::ProstCodec<v1::Patch, v1::GetSetResponse> =
                tonic_prost::ProstCodec::default();
            let status = grpc
                .unary(Request::new(patch), PathAndQuery::from_static(path), codec)
                .await
                .unwrap_err();
            assert_eq!(status.code(), code, "{path}: {status:?}");
            assert!(!status.details().is_empty(), "{path}");
        }
    });
}

#[test]
fn bad_fields_are_named() {
    let rig = Rig::new();
    runtime().block_on(async {
        let channel = rig.channel().await;
        let mut catalogue = CatalogueClient::new(channel.clone());
        let mut luns = LunsClient::new(channel.clone());
        let mut requester = RequesterClient::new(channel);
        let mut statuses = Vec::new();
        for set_id in ["", "x", "{00000000-0000-0000-0000-000000000001}"] {
            let request = v1::GetSetRequest {
                set_id: set_id.to_owned(),
            };
            statuses.push(("set_id", catalogue.get_set(request).await.unwrap_err()));
        }
        let request = v1::AdoptLunRequest {
            file: b"/x".to_vec(),
            how: 77,
            ..v1::AdoptLunRequest::default()
        };
        statuses.push(("how", luns.adopt_lun(request).await.unwrap_err()));
        let request = v1::AdoptLunRequest {
            how: 1,
            ..v1::AdoptLunRequest::default()
        };
        statuses.push(("file", luns.adopt_lun(request).await.unwrap_err()));
        let request = v1::QueryRequest {
            session_id: Uuid::nil().to_string(),
            queried_type: -1,
            ..v1::QueryRequest::default()
        };
        statuses.push(("queried_type", requester.query(request).await.unwrap_err()));
        let request = v1::DeleteSnapshotsRequest {
            session_id: Uuid::nil().to_string(),
            ..v1::DeleteSnapshotsRequest::default()
        };
        let deleted = requester.delete_snapshots(request).await;
        statuses.push(("source", deleted.unwrap_err()));
        for (field, status) in statuses {
            assert_eq!(status.code(), Code::InvalidArgument);
            let text = format!("bad request: {field}: ");
            assert!(status.message().starts_with(&text), "{field}: {status}");
            assert!(!status.details().is_empty());
        }
    });
}

#[test]
fn nobody_at_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Unix(folder.path().join("vssd.sock"));
    let error = Client::connect(&endpoint).unwrap_err();
    assert!(is_connection_lost(&error));
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.hint().unwrap().contains("systemctl status vssd"));
    assert!(error.chain().contains("No such file"), "{}", error.chain());
    assert!(error.chain().contains("vssd.sock"));
}

#[test]
fn tls_files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let empty = file("empty.pem", "");
    let broken = file(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
    );
    let missing = folder.path().join("missing.pem");
    let connect = |ca: Option<PathBuf>| {
        let tls = TlsFiles {
            ca,
            ..TlsFiles::default()
        };
        let endpoint = Endpoint::parse("https://localhost:1", tls).unwrap();
        Client::connect(&endpoint).unwrap_err()
    };
    for path in [empty, broken, missing] {
        let error = connect(Some(path.clone()));
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(connect(None).kind(), ErrorKind::InvalidArgument);
}

#[test]
fn an_id_that_nobody_knows() {
    let rig = Rig::new();
    let client = rig.client();
    let id = OperationId::from_uuid(Uuid::from_u128(404));
    let error = client.operation(id).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
    let error = client.watch(Some(id)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
}
