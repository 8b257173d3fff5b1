//! Connections to a daemon, and the runtime that works on them.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use vss_model::{Error, ErrorKind};

use crate::client::Endpoint;
use crate::client::dial::{causes, dial, local, lost, transport};
use crate::errors::from_details;
use crate::wire::Fault;

/// Largest answer in bytes. Records of very large sets are long.
pub(super) const ANSWER_BYTES: usize = 256 << 20;
/// Long calls on one connection. A session may have two calls on it at a time, its stream and its release;
/// every daemon allows 64.
const LONG_CALLS: usize = 24;

/// A connection for long calls. It has as many users as its token has owners besides this one.
struct Lane {
    channel: Channel,
    token: Arc<()>,
}

/// A place on a connection for long calls.
pub(super) struct Place {
    pub(super) channel: Channel,
    _token: Arc<()>,
}

/// Connections to a daemon.
pub(super) struct Link {
    endpoint: Endpoint,
    transport: tonic::transport::Endpoint,
    /// The first connection, for short calls and a few long ones.
    calls: Channel,
    /// Connections for long calls; the first is `calls`, and stays.
    lanes: Mutex<Vec<Lane>>,
    /// There until the drop.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Link {
    pub(super) fn connect(endpoint: &Endpoint) -> Result<Self, Error> {
        let transport = transport(endpoint)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("vss-client")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(
                    ErrorKind::OutOfMemory,
                    "the client's thread could not be started",
                )
                .with_source(error)
            })?;
        let handle = runtime.handle().clone();
        let (to, how) = (endpoint.clone(), transport.clone());
        let connected = wait_for(&handle, async move { dial(&to, &how).await });
        match connected {
            Ok(calls) => Ok(Self {
                endpoint: endpoint.clone(),
                transport,
                lanes: Mutex::new(vec![Lane {
                    channel: calls.clone(),
                    token: Arc::default(),
                }]),
                calls,
                runtime: Some(runtime),
                handle,
            }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free_place(&self) -> Option<Place> {
        let mut lanes = self.lanes();
        let users = |lane: &Lane| Arc::strong_count(&lane.token) - 1;
        let free = lanes.iter().position(|lane| users(lane) < LONG_CALLS)?;
        // Of connections that nobody uses any more, the one to be used now is enough.
        let mut index = 0..;
        lanes.retain(|lane| match index.next() {
            Some(index) => index == 0 || index == free || users(lane) > 0,
            None => true,
        });
        let lane = lanes.iter().find(|lane| users(lane) < LONG_CALLS)?;
        Some(Place {
            channel: lane.channel.clone(),
            _token: Arc::clone(&lane.token),
        })
    }

    /// A place for a long call, or for several on behalf of one session.
    pub(super) fn place(&self) -> Result<Place, Error> {
        if let Some(place) = self.free_place() {
            return Ok(place);
        }
        let (to, how) = (self.endpoint.clone(), self.transport.clone());
        let channel = self.run(async move { dial(&to, &how).await })?;
        let token = Arc::new(());
        self.lanes().push(Lane {
            channel: channel.clone(),
            token: Arc::clone(&token),
        });
        Ok(Place {
            channel,
            _token: token,
        })
    }

    /// Runs a future to its end on the runtime; the calling thread waits.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        wait_for(&self.handle, future)
    }

    /// A call that is soon answered.
    pub(super) fn short<T: Send + 'static, F>(
        &self,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        self.on(self.calls.clone(), call)
    }

    /// A call that may take any time.
    pub(super) fn long<T: Send + 'static, F>(
        &self,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        let place = self.place()?;
        self.on(place.channel.clone(), call)
    }

    /// A call on a given connection.
    pub(super) fn on<T: Send + 'static, F>(
        &self,
        channel: Channel,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>> + Send + 'static,
    {
        let call = call(channel);
        let endpoint = self.endpoint.clone();
        self.run(async move {
            match call.await {
                Ok(response) => Ok(response.into_inner()),
                Err(status) => Err(failure(&endpoint, &status)),
            }
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a task of this very runtime, which must not wait for itself.
            runtime.shutdown_background();
        }
    }
}

fn wait_for<T: Send + 'static>(
    handle: &Handle,
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    // Not `block_on`, which a caller inside another runtime could not use.
    let (sender, receiver) = mpsc::sync_channel(1);
    handle.spawn(async move {
        // The room for the answer is there: this does not block.
        let _ = sender.send(future.await);
    });
    receiver.recv().unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Unexpected,
            "the client failed in the middle of the call",
        ))
    })
}

/// The error of a call that did not succeed.
pub(super) fn failure(endpoint: &Endpoint, status: &Status) -> Error {
    if let Some(error) = from_details(status) {
        return error;
    }
    if let Some(error) = local(status) {
        return error;
    }
    let is_machinery = matches!(
        status.code(),
        Code::OutOfRange | Code::Internal | Code::Unimplemented | Code::ResourceExhausted
    );
    // What the service refuses has details, so this is this side's doing, or no openvss over there.
    if is_machinery && status.source().is_none() {
        return Error::new(
            ErrorKind::Unexpected,
            format!(
                "the answer of {endpoint} cannot be read: {}",
                status.message()
            ),
        )
        .with_hint("compare the versions of client and service");
    }
    let cause = match causes(status) {
        text if text.contains(status.message()) => text,
        text => format!("{}: {text}", status.message()),
    };
    lost(endpoint, cause)
}

/// The error for an answer with a field that cannot be what it should be.
pub(super) fn bad_answer(fault: &Fault) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("the answer of the service cannot be understood: {fault}"),
    )
    .with_hint("compare the versions of client and service: vss version, vss status")
}
