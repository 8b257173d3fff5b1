//! The server: any number of connections, one service behind them.
//!
//! Who a connection's peer is, and whether it may call at all, is decided by whoever accepts it. Here
//! the peers that may not are refused before anything of their message is read; sessions are bound to
//! the streams that opened them; waits cost no thread.

mod accepted;
mod access;
mod blocking;
mod catalogue;
mod hub;
mod luns;
mod operations;
mod refusals;
mod requester;
mod serving;
mod session_stream;
mod sessions;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::Connected;
use vss_service::Served;

pub use accepted::Accepted;

use crate::v1::catalogue_server::CatalogueServer;
use crate::v1::luns_server::LunsServer;
use crate::v1::operations_server::OperationsServer;
use crate::v1::requester_server::RequesterServer;
use accepted::Prefaced;
use access::AccessLayer;
use hub::Hub;
use refusals::{CONNECTION, Refusals};
use serving::Serving;
use sessions::Sessions;

/// Header bytes of one request; those of this service have a few hundred.
const HEADER_BYTES: u32 = 16 << 10;
/// Streams that a connection may have at least, so that a client can keep sessions and waits on it and
/// still call.
const LEAST_CALLS: u32 = 64;
/// Pause after an error of the listener, which may be one that lasts, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As the system vouches for it: `uid 0 (root)` or `certificate backup1`. Sessions belong to the
    /// name that opened them, on whatever connection.
    pub name: String,
    /// Whether it has backup privilege. Without it every call is refused.
    pub allowed: bool,
}

/// What the server takes on at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest request message in bytes; 1 MiB by default.
    pub message_bytes: usize,
    /// Open requester sessions in all; 1024 by default.
    pub sessions: usize,
    /// Open requester sessions of one caller; 256 by default.
    pub sessions_per_caller: usize,
    /// Operations in work; 256 by default. Each may take a thread of the runtime's blocking pool, which
    /// must be larger than this for queries to find one free.
    pub operations: usize,
    /// Calls and streams of one connection at a time; 128 by default, 64 at least.
    pub calls_per_connection: u32,
    /// A connection that has not sent the HTTP/2 preface by then is closed; 10 s by default.
    pub preface_timeout: Duration,
    /// Interval of HTTP/2 pings. A peer that does not answer within the same time again is dropped, and
    /// its sessions are released; 20 s by default.
    pub keepalive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1 << 20,
            sessions: 1024,
            sessions_per_caller: 256,
            operations: 256,
            calls_per_connection: 128,
            preface_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(20),
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) service: Arc<dyn Served>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) hub: Arc<Hub>,
}

/// What the handlers of one call to [`Server::serve`] share.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) shared: Arc<Shared>,
    pub(crate) serving: Arc<Serving>,
}

/// Serves a service to connections. One server may serve several listeners; they share sessions and
/// limits.
pub struct Server {
    shared: Arc<Shared>,
    refusals: Arc<Refusals>,
    limits: Limits,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("sessions", &self.sessions())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server of this service. It begins to listen to the service's operations at once; callers are
    /// served by [`serve`](Self::serve).
    #[must_use]
    pub fn new(service: Arc<dyn Served>, limits: Limits) -> Self {
        let hub = Arc::new(Hub::new(limits.operations));
        let told = Arc::downgrade(&hub);
        service.listen(Arc::new(move |operation| {
            if let Some(hub) = told.upgrade() {
                hub.told(operation);
            }
        }));
        Self {
            shared: Arc::new(Shared {
                service: Arc::clone(&service),
                sessions: Arc::new(Sessions::new(limits.sessions, limits.sessions_per_caller)),
                hub,
            }),
            refusals: Arc::new(Refusals::new(service)),
            limits,
        }
    }

    /// Open requester sessions, those that are just being opened or released included.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.sessions.count()
    }

    /// Writes down that a caller's connection was closed before it could call anything: it did not show
    /// that it has backup privilege. Needs a tokio runtime.
    pub fn turned_away(&self, peer: &Peer) {
        self.refusals.note(&peer.name, CONNECTION);
    }

    /// Serves connections until `stop` resolves. Then it takes no more of them, ends the streams, lets
    /// waits answer with the present state, releases the sessions, and returns when all calls in flight
    /// are answered and all releases are done. When `incoming` ends, or brings an error, those that are
    /// connected are served on.
    ///
    /// Needs a multi-threaded tokio runtime with a timer, and a blocking pool larger than
    /// [`Limits::operations`].
    ///
    /// # Errors
    /// The machinery cannot be set up; nothing is served then.
    pub async fn serve<IO, S, F>(&self, incoming: S, stop: F) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected<ConnectInfo = Peer> + Unpin + Send + 'static,
        S: Stream<Item = io::Result<IO>> + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (serving, stopping) = Serving::new();
        let handlers = Handlers {
            shared: Arc::clone(&self.shared),
            serving: Arc::clone(&serving),
        };
        let preface = self.limits.preface_timeout;
        let run = Arc::clone(&serving);
        let incoming = incoming
            .then(move |io| {
                let run = Arc::clone(&run);
                async move {
                    match io {
                        Ok(io) => Ok(Prefaced::new(io, preface, &run)),
                        Err(error) => {
                            tracing::warn!(error = %error, "a connection could not be accepted");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                            Err(error)
                        }
                    }
                }
            })
            .chain(tokio_stream::pending());
        let most = self.limits.message_bytes;
        let result = tonic::transport::Server::builder()
            .max_concurrent_streams(self.limits.calls_per_connection.max(LEAST_CALLS))
            .http2_keepalive_interval(Some(self.limits.keepalive))
            .http2_keepalive_timeout(Some(self.limits.keepalive))
            .http2_max_header_list_size(HEADER_BYTES)
            .layer(AccessLayer::new(Arc::clone(&self.refusals)))
            .add_service(RequesterServer::new(handlers.clone()).max_decoding_message_size(most))
            .add_service(OperationsServer::new(handlers.clone()).max_decoding_message_size(most))
            .add_service(CatalogueServer::new(handlers.clone()).max_decoding_message_size(most))
            .add_service(LunsServer::new(handlers).max_decoding_message_size(most))
            .serve_with_incoming_shutdown(incoming, async move {
                stop.await;
                stopping.stop();
            })
            .await;
        serving.idle().await;
        self.refusals.flush().await;
        result.map_err(io::Error::other)
    }
}
