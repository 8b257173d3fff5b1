//! Who has no backup privilege gets nothing but a refusal, and the refusal is written down.

use std::collections::HashMap;

use prost::Message as _;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use vss_api::v1;
use vss_model::ErrorKind;
use vss_service::{Queries, Refusal, Service};

use crate::rig::{Rig, peer, runtime, until};

/// All methods, as `openvss.v1.Catalogue/ListSets`.
fn methods() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(vss_api::reference::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                methods.push(format!(
                    "{}.{}/{}",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    methods
}

/// Calls a method with an empty message, whatever it takes, and gives what it answers at first.
async fn call(rig: &Rig, method: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(rig.channel().await);
    grpc.ready().await.unwrap();
    let path: PathAndQuery = format!("/{method}").parse().unwrap();
    let codec: tonic_prost::ProstCodec<v1::GetStatusRequest, v1::GetStatusRequest> =
        tonic_prost::ProstCodec::default();
    let request = Request::new(v1::GetStatusRequest {});
    grpc.server_streaming(request, path, codec)
        .await
        .map(|_| ())
}

fn noted(rig: &Rig) -> HashMap<(String, String), u64> {
    let mut counts = HashMap::new();
    for Refusal {
        caller,
        method,
        count,
        ..
    } in rig.fake.inside().refusals.clone()
    {
        *counts.entry((caller, method)).or_default() += count;
    }
    counts
}

#[test]
fn every_call_is_refused() {
    let rig = Rig::new();
    let methods = methods();
    assert!(methods.len() > 30);
    let unknown = ["openvss.v1.Catalogue/Nothing", "x.Y/Z"].map(str::to_owned);
    runtime().block_on(async {
        *rig.peer.lock().unwrap() = peer("uid 1000 (alice)", false);
        for method in methods.iter().chain(&unknown) {
            let status = call(&rig, method).await.unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{method}");
            assert!(!status.details().is_empty(), "{method}");
        }
        // Control: who may call is not refused.
        *rig.peer.lock().unwrap() = peer("uid 0 (root)", true);
        for method in methods.iter().chain(&unknown) {
            if let Err(status) = call(&rig, method).await {
                assert_ne!(status.code(), Code::PermissionDenied, "{method}");
            }
        }
    });
    let mut wanted: HashMap<_, _> = methods
        .iter()
        .map(|method| (("uid 1000 (alice)".to_owned(), method.clone()), 1))
        .collect();
    let unknown = "unknown method".to_owned();
    wanted.insert(("uid 1000 (alice)".to_owned(), unknown), 2);
    until("all refusals are written", || noted(&rig) == wanted);
}

#[test]
fn the_client_says_so() {
    let rig = Rig::new();
    let client = rig.client_of("uid 1000 (alice)", false);
    let error = client.sets().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert!(error.message().contains("alice") && error.message().contains("ListSets"));
    assert!(error.hint().is_some());
    let error = client.create_backup_components().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    let error = client.watch(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}

/// A message far beyond the limit is refused for the caller, not for its size: nobody reads it.
#[test]
fn the_message_is_not_read() {
    let rig = Rig::new();
    let client = rig.client_of("uid 1000 (alice)", false);
    let error = client.lun(&"x".repeat(8 << 20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", error.chain());
}

#[test]
fn repeats_add_up() {
    let rig = Rig::new();
    let alice = rig.client_of("uid 1000 (alice)", false);
    assert!(alice.sets().is_err());
    until("the first is written", || {
        rig.fake.inside().refusals.len() == 1
    });
    for _ in 1..500 {
        assert!(alice.sets().is_err());
    }
    let key = (
        "uid 1000 (alice)".to_owned(),
        "openvss.v1.Catalogue/ListSets".to_owned(),
    );
    until("all are written", || {
        noted(&rig) == HashMap::from([(key.clone(), 500)])
    });
    let writes = rig.fake.inside().refusals.len();
    assert!(writes < 100, "{writes} writes for 500 refusals");
    let times = rig.fake.inside().refusals.clone();
    assert!(times.iter().all(|one| one.first <= one.last));
}
