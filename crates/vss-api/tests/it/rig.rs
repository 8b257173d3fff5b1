//! A server at a socket of its own, with connections that can be cut.

use std::net::Shutdown;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_stream::wrappers::ReceiverStream;
use vss_api::client::{Client, Endpoint};
use vss_api::server::{Accepted, Limits, Peer, Server};

use crate::fake::Fake;

/// Longer than anything takes, and shorter than a person's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    pub(crate) fake: Arc<Fake>,
    pub(crate) server: Arc<Server>,
    /// Who the next connections come from.
    pub(crate) peer: Arc<Mutex<Peer>>,
    connections: Arc<Mutex<Vec<StdStream>>>,
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    served: mpsc::Receiver<()>,
    runtime: Option<Runtime>,
    _folder: TempDir,
}

pub(crate) fn peer(name: &str, allowed: bool) -> Peer {
    Peer {
        name: name.to_owned(),
        allowed,
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::start(limits, true)
    }

    /// Connections of this one cannot be cut, so that the server alone decides when they close.
    pub(crate) fn uncut(limits: Limits) -> Self {
        Self::start(limits, false)
    }

    /// Four threads may block: whatever needs one for each waiting caller gets stuck.
    fn start(limits: Limits, may_cut: bool) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(4)
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("vssd.sock");
        let fake = Fake::new();
        let server = Arc::new(Server::new(fake.clone(), limits));
        let peer = Arc::new(Mutex::new(peer("uid 0 (root)", true)));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (sender, incoming) = tokio::sync::mpsc::channel(8);
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).unwrap()
        };
        let (who, open) = (Arc::clone(&peer), Arc::clone(&connections));
        let accepting = runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = stream.into_std().unwrap();
                if may_cut {
                    open.lock().unwrap().push(stream.try_clone().unwrap());
                }
                let stream = tokio::net::UnixStream::from_std(stream).unwrap();
                let peer = who.lock().unwrap().clone();
                if sender.send(Ok(Accepted::new(stream, peer))).await.is_err() {
                    return;
                }
            }
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let (done, served) = mpsc::channel();
        let serving = Arc::clone(&server);
        runtime.spawn(async move {
            let stop = async move {
                let _ = stopped.await;
                accepting.abort();
            };
            serving
                .serve(ReceiverStream::new(incoming), stop)
                .await
                .unwrap();
            done.send(()).unwrap();
        });
        Self {
            fake,
            server,
            peer,
            connections,
            socket,
            stop: Some(stop),
            served,
            runtime: Some(runtime),
            _folder: folder,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.socket.clone())
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.endpoint()).unwrap()
    }

    pub(crate) fn client_of(&self, name: &str, allowed: bool) -> Client {
        *self.peer.lock().unwrap() = peer(name, allowed);
        self.client()
    }

    pub(crate) fn raw(&self) -> StdStream {
        StdStream::connect(&self.socket).unwrap()
    }

    /// A connection for generated clients, on a runtime of the test.
    pub(crate) async fn channel(&self) -> tonic::transport::Channel {
        let path = self.socket.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move {
                let stream = tokio::net::UnixStream::connect(path).await?;
                std::io::Result::Ok(hyper_util::rt::TokioIo::new(stream))
            }
        });
        tonic::transport::Endpoint::from_static("http://localhost")
            .connect_with_connector(connector)
            .await
            .unwrap()
    }

    /// Cuts all connections there are, as a killed client or a pulled cable would.
    pub(crate) fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            // Those that were closed before are cut already.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// True when the server has ended; waits for it no longer than `limit`.
    pub(crate) fn has_ended(&self, limit: Duration) -> bool {
        self.served.recv_timeout(limit).is_ok()
    }

    /// Ends the server as a kill would.
    pub(crate) fn kill(&mut self) {
        self.cut();
        std::fs::remove_file(&self.socket).unwrap();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.fake.let_go();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
