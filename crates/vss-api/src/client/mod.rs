//! The client: the traits of the service over a connection to a daemon.
//!
//! Calls block, and may come from any thread, any number at a time. A small runtime of its own does
//! the input and output. Whoever asks for something that takes long (a session's life, a wait, a
//! deletion) gets a connection that few others share, so that short calls never queue behind it.

mod dial;
mod endpoint;
mod link;
mod loopback;
mod operation;
mod queries;
mod service;
mod session;
#[cfg(feature = "tls")]
mod tls;
mod watch;

use std::fmt;
use std::sync::Arc;

use vss_model::{Error, OperationId};

pub use endpoint::{Endpoint, TlsFiles};
pub use watch::Watch;

use link::Link;

/// A client of a daemon. Clones share connections and runtime.
///
/// When the daemon cannot be reached, or is lost on the way, calls give an error of which
/// [`vss_service::is_connection_lost`] is true; the next call connects anew. Sessions end with their
/// connection.
#[derive(Clone)]
pub struct Client {
    link: Arc<Link>,
}

impl Client {
    /// Connects, within 5 seconds.
    ///
    /// # Errors
    /// `E_INVALIDARG` for TLS files that cannot be used; otherwise the daemon cannot be reached.
    pub fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        Ok(Self {
            link: Arc::new(Link::connect(endpoint)?),
        })
    }

    /// Tells the states of one operation until its end, or of all operations for as long as the service
    /// runs: first how things stand, then every change.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; the service cannot be reached.
    pub fn watch(&self, operation: Option<OperationId>) -> Result<Watch, Error> {
        Watch::open(&self.link, operation)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.link.endpoint().to_string())
            .finish_non_exhaustive()
    }
}
