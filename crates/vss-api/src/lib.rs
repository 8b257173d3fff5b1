//! The shadow copy service over gRPC: package `openvss.v1`, its server and its client.
//!
//! [`client::Client`] implements the traits of `vss-service` over a connection to a daemon;
//! `server::Server` serves anything that implements them. What lies between, message by message, is
//! in `proto/openvss/v1` and, for reading, in `docs/api.md`, which [`reference`](mod@reference) writes.
//!
//! Rules of the wire:
//!
//! - Every refused call carries an `openvss.v1.VssError` in its status details: code, message, hint and
//!   causes. The client builds the same error from it.
//! - A session lives as long as the stream that opened it. Its caller may be killed, or its machine may
//!   lose power: the session is released all the same.
//! - An operation belongs to nobody. Whoever starts one sends an id for it; after a lost connection the
//!   same call with the same id finds what the first one began.
//!
//! ```no_run
//! use vss_api::client::{Client, Endpoint, TlsFiles};
//! use vss_model::{Context, ProviderId};
//! use vss_service::{Queries, Service};
//!
//! let endpoint = Endpoint::parse("unix:/run/vss/vssd.sock", TlsFiles::default())?;
//! let client = Client::connect(&endpoint)?;
//!
//! // A copy of the volume on LUN db, as with the engine in the own process.
//! let session = client.create_backup_components()?;
//! session.initialize_for_backup()?;
//! session.set_context(Context::NAS_ROLLBACK.bits())?;
//! let set = session.start_snapshot_set()?;
//! session.add_to_snapshot_set("db/1", ProviderId::NULL)?;
//! let creation = session.do_snapshot_set(None)?;
//! creation.wait(None)?;
//! println!("{}: {}", set, creation.query_status()?);
//!
//! for copy in client.copies()? {
//!     println!("{} {}", copy.id, copy.device);
//! }
//! # Ok::<(), vss_model::Error>(())
//! ```

pub mod client;
mod errors;
pub mod loopback;
pub mod reference;
#[cfg(feature = "server")]
pub mod server;
mod wire;

/// The messages, clients and servers of package `openvss.v1`, as generated from `proto/openvss/v1`.
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated: the comments stand in the proto files"
)]
pub mod v1 {
    tonic::include_proto!("openvss.v1");
}
