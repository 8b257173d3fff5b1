//! Makes connections, each kind of place in its way.

use std::error::Error as StdError;
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

#[cfg(unix)]
use hyper_util::rt::TokioIo;
#[cfg(unix)]
use tokio::net::UnixStream;
use tonic::transport::Channel;
use vss_model::{Error, ErrorKind};
use vss_service::ConnectionLost;

#[cfg(feature = "tls")]
use crate::client::tls;
use crate::client::{Endpoint, loopback};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Interval of pings while a call is open, and the time for their answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Bytes that the daemon may send ahead of being read: on one call, and on a connection.
const CALL_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Headers of an answer; those of errors are the longest.
const HEADER_BYTES: u32 = 64 << 10;

pub(super) fn transport(endpoint: &Endpoint) -> Result<tonic::transport::Endpoint, Error> {
    let invalid = |error: tonic::transport::Error| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("no connection to {endpoint} can be set up"),
        )
        .with_source(error)
    };
    let url = match endpoint {
        // The name stands in headers only.
        #[cfg(unix)]
        Endpoint::Unix(_) => "http://localhost",
        Endpoint::Loopback(_) => "http://localhost",
        Endpoint::Https { url, .. } => url,
    };
    let transport = tonic::transport::Endpoint::from_shared(url.to_owned())
        .and_then(|to| to.user_agent(concat!("openvss/", env!("CARGO_PKG_VERSION"))))
        .map_err(invalid)?
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADER_BYTES)
        .tcp_nodelay(true);
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(_) => Ok(transport),
        Endpoint::Loopback(_) => Ok(transport),
        #[cfg(feature = "tls")]
        Endpoint::Https { tls: files, .. } => {
            transport.tls_config(tls::config(files)?).map_err(invalid)
        }
        #[cfg(not(feature = "tls"))]
        Endpoint::Https { .. } => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("this client is built without TLS, which {endpoint} needs"),
        )
        .with_hint("connect to a service on this machine: loopback:/run/vss/loopback")),
    }
}

pub(super) async fn dial(
    endpoint: &Endpoint,
    transport: &tonic::transport::Endpoint,
) -> Result<Channel, Error> {
    let connect = async {
        match endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let path = path.clone();
                let connector = tower::service_fn(move |_| unix(path.clone()));
                transport.connect_with_connector(connector).await
            }
            Endpoint::Loopback(path) => {
                let path = path.clone();
                let connector = tower::service_fn(move |_| loopback::connect(path.clone()));
                transport.connect_with_connector(connector).await
            }
            Endpoint::Https { .. } => transport.connect().await,
        }
    };
    match tokio::time::timeout(CONNECT_LIMIT, connect).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(local(&error).unwrap_or_else(|| lost(endpoint, causes(&error)))),
        Err(_) => Err(lost(endpoint, "no answer within 5 seconds".to_owned())),
    }
}

#[cfg(unix)]
async fn unix(path: PathBuf) -> std::io::Result<TokioIo<UnixStream>> {
    UnixStream::connect(path).await.map(TokioIo::new)
}

/// The error of this side's own connector in the causes of another, if one is there.
pub(super) fn local(error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut cause = error.source();
    while let Some(one) = cause {
        if let Some(own) = one.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        cause = one.source();
    }
    None
}

/// What the innermost causes say; the outer ones are no more than "transport error".
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(one) = cause {
        let words = one.to_string();
        if !words.is_empty() && !text.ends_with(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        cause = one.source();
    }
    if text.is_empty() {
        error.to_string()
    } else {
        text
    }
}

/// The error for a service that cannot be reached, or was lost.
pub(super) fn lost(endpoint: &Endpoint, cause: String) -> Error {
    let hint = match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(_) => "is vssd running? systemctl status vssd",
        Endpoint::Loopback(_) => {
            "is vssd running, with [loopback] in its settings? systemctl status vssd"
        }
        Endpoint::Https { .. } => {
            "is vssd running there, and is its certificate from the given CA? systemctl status vssd"
        }
    };
    Error::new(
        ErrorKind::Unexpected,
        format!("no connection to the service at {endpoint}"),
    )
    .with_hint(hint)
    .with_source(ConnectionLost::new(cause))
}
