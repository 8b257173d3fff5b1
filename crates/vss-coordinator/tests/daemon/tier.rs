//! How these tests reach the service: over a Unix socket.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnixListenerStream;
use vss_api::client::{Client, Endpoint};
use vss_api::server::{Accepted, Limits, Peer, Server};
use vss_coordinator::{Caller, Coordinator, StatePaths};
use vss_engine::Embedded;
use vss_model::Error;
use vss_service::{BackupComponents, Service};

pub(crate) struct Tier {
    client: Client,
    coordinator: Arc<Coordinator>,
    folder: TempDir,
    stop: watch::Sender<bool>,
    servers: Vec<tokio::task::JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl Tier {
    pub(crate) fn new(coordinator: Coordinator, paths: StatePaths) -> Self {
        let coordinator = Arc::new(coordinator);
        let service = Embedded::over(Arc::clone(&coordinator), paths, Caller::Privileged);
        let server = Arc::new(Server::new(Arc::new(service), Limits::default()));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // A socket's path must be short, so it is in a folder of its own.
        let folder = tempfile::tempdir().unwrap();
        let (stop, stopped) = watch::channel(false);
        let servers = [("allowed", true), ("refused", false)]
            .into_iter()
            .map(|(name, allowed)| {
                let path = folder.path().join(name);
                let server = Arc::clone(&server);
                let mut stopped = stopped.clone();
                let listener = {
                    let _inside = runtime.enter();
                    UnixListener::bind(path).unwrap()
                };
                let peer = Peer {
                    name: name.to_owned(),
                    allowed,
                };
                let incoming = UnixListenerStream::new(listener)
                    .map(move |io| io.map(|io| Accepted::new(io, peer.clone())));
                runtime.spawn(async move {
                    let stop = async move {
                        let _ = stopped.wait_for(|stop| *stop).await;
                    };
                    server.serve(incoming, stop).await.unwrap();
                })
            })
            .collect();
        Self {
            client: connect(&folder.path().join("allowed")),
            coordinator,
            folder,
            stop,
            servers,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn service(&self) -> &dyn Service {
        &self.client
    }

    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// A session of somebody without backup privilege.
    pub(crate) fn unprivileged(&self) -> Result<Box<dyn BackupComponents>, Error> {
        connect(&self.folder.path().join("refused")).create_backup_components()
    }
}

fn connect(socket: &Path) -> Client {
    Client::connect(&Endpoint::Unix(socket.to_owned())).unwrap()
}

impl Drop for Tier {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        for server in self.servers.drain(..) {
            let ended = runtime.block_on(server);
            // A failed test drops this too, and shall tell of its own failure.
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
        drop(runtime);
    }
}
