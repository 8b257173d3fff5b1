//! Letting callers in, without one of them making the others wait.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use vss_api::loopback::{PREAMBLE_BYTES, Rendezvous, Token, denial};
use vss_api::server::{Accepted, Server};

use super::connection::Connection;
use super::table::{Caller, Full, Place, Table};
use crate::access::{self, Access};
use crate::throttle::Throttle;

/// First pause after `accept` has failed, doubled up to [`LONGEST_PAUSE`] until it works again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the server takes.
pub(crate) type Incoming = io::Result<Accepted<Connection>>;

/// Decides who comes in.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    access: Access,
    table: Arc<Table>,
    handshake: Duration,
    full: Throttle,
    broken: Throttle,
    unknown: Throttle,
}

impl Doorkeeper {
    /// With the rules, the places, and the time that a handshake may take.
    pub(crate) fn new(access: Access, table: Arc<Table>, handshake: Duration) -> Arc<Self> {
        Arc::new(Self {
            access,
            table,
            handshake,
            full: Throttle::default(),
            broken: Throttle::default(),
            unknown: Throttle::default(),
        })
    }

    /// Lets local callers in until nobody takes them any more.
    pub(crate) async fn local(
        self: Arc<Self>,
        listener: UnixListener,
        out: mpsc::Sender<Incoming>,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    pause = FIRST_PAUSE;
                    if let Some(accepted) = self.know_process(stream)
                        && out.send(Ok(accepted)).await.is_err()
                    {
                        return;
                    }
                }
                Err(error) => self.wait_after(&error, &mut pause).await,
            }
        }
    }

    /// Lets other machines in until nobody takes them any more.
    pub(crate) async fn distant(
        self: Arc<Self>,
        listener: TcpListener,
        tls: TlsAcceptor,
        out: mpsc::Sender<Incoming>,
    ) {
        let know = move |keeper: Arc<Self>, stream, address, place| {
            let tls = tls.clone();
            async move { keeper.know_certificate(stream, address, &tls, place).await }
        };
        self.over_tcp(listener, out, know).await;
    }

    /// Lets callers over loopback in until nobody takes them any more.
    pub(crate) async fn loopback(
        self: Arc<Self>,
        listener: TcpListener,
        rendezvous: Arc<Rendezvous>,
        server: Arc<Server>,
        out: mpsc::Sender<Incoming>,
    ) {
        let know = move |keeper: Arc<Self>, stream, address, place| {
            let (rendezvous, server) = (Arc::clone(&rendezvous), Arc::clone(&server));
            async move {
                let known = keeper.know_token(stream, address, &rendezvous, &server, place);
                known.await
            }
        };
        self.over_tcp(listener, out, know).await;
    }

    /// Each handshake is a task of its own; there are at most as many as there are places.
    async fn over_tcp<F>(
        self: Arc<Self>,
        listener: TcpListener,
        out: mpsc::Sender<Incoming>,
        know: impl Fn(Arc<Self>, TcpStream, SocketAddr, Place) -> F,
    ) where
        F: Future<Output = Option<Accepted<Connection>>> + Send + 'static,
    {
        let mut pause = FIRST_PAUSE;
        while !out.is_closed() {
            match listener.accept().await {
                Ok((stream, address)) => {
                    pause = FIRST_PAUSE;
                    let caller = Caller::from_address(address.ip());
                    match self.table.admit(caller, false) {
                        Ok(place) => {
                            let known = know(Arc::clone(&self), stream, address, place);
                            let out = out.clone();
                            tokio::spawn(async move {
                                tokio::select! {
                                    accepted = known => {
                                        if let Some(accepted) = accepted {
                                            // Whoever would have taken it is gone, and so is it.
                                            let _ = out.send(Ok(accepted)).await;
                                        }
                                    }
                                    () = out.closed() => {}
                                }
                            });
                        }
                        Err(full) => self.turn_away(&address.ip().to_string(), full),
                    }
                }
                Err(error) => self.wait_after(&error, &mut pause).await,
            }
        }
    }

    fn know_process(&self, stream: UnixStream) -> Option<Accepted<Connection>> {
        let process = match vss_sys::peer_credentials(&stream) {
            Ok(process) => process,
            Err(error) => {
                if let Some(silent) = self.unknown.pass() {
                    tracing::warn!(
                        silent,
                        "closed a connection from nobody knows whom: {error}"
                    );
                }
                return None;
            }
        };
        let privileged = self.access.allows(&process);
        // Before the name is looked up: who knocks without end costs little.
        match self.table.admit(Caller::User(process.uid), privileged) {
            Ok(place) => {
                let peer = self.access.user(&process);
                tracing::debug!(caller = %peer.name, pid = process.pid, "connected");
                Some(Accepted::new(Connection::unix(stream, place), peer))
            }
            Err(full) => {
                self.turn_away(&format!("uid {}", process.uid), full);
                None
            }
        }
    }

    async fn know_certificate(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        tls: &TlsAcceptor,
        place: Place,
    ) -> Option<Accepted<Connection>> {
        // Answers are small, and each of them is waited for.
        let _ = stream.set_nodelay(true);
        let stream = match timeout(self.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.refuse(address, &error);
                return None;
            }
            Err(_) => {
                self.refuse(address, &"it took too long");
                return None;
            }
        };
        let certificate = stream.get_ref().1.peer_certificates()?.first()?;
        let peer = self.access.certificate(certificate);
        let caller = Caller::Certificate(peer.name.clone());
        match place.known_as(caller, peer.allowed) {
            Ok(place) => {
                tracing::debug!(caller = %peer.name, %address, "connected");
                Some(Accepted::new(Connection::tls(stream, place), peer))
            }
            Err(full) => {
                self.turn_away(&peer.name, full);
                None
            }
        }
    }

    /// Reads the preamble and not a byte more, and answers: HTTP/2 begins right after these.
    async fn know_token(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        rendezvous: &Rendezvous,
        server: &Server,
        place: Place,
    ) -> Option<Accepted<Connection>> {
        // Answers are small, and each of them is waited for.
        let _ = stream.set_nodelay(true);
        let talk = async {
            let mut preamble = [0; PREAMBLE_BYTES];
            stream.read_exact(&mut preamble).await?;
            let Some(shown) = Token::of_preamble(&preamble) else {
                return Ok(None);
            };
            let is_right = shown.matches(rendezvous.token());
            let line = if is_right {
                rendezvous.answer()
            } else {
                denial()
            };
            stream.write_all(line.as_bytes()).await?;
            io::Result::Ok(Some(is_right))
        };
        let is_right = match timeout(self.handshake, talk).await {
            Ok(Ok(Some(is_right))) => is_right,
            Ok(Ok(None)) => {
                self.refuse_preamble(address, &"it sent something else");
                return None;
            }
            Ok(Err(error)) => {
                self.refuse_preamble(address, &error);
                return None;
            }
            Err(_) => {
                self.refuse_preamble(address, &"it took too long");
                return None;
            }
        };
        let peer = access::token(is_right);
        if !peer.allowed {
            server.turned_away(&peer);
            return None;
        }
        match place.known_as(Caller::Token, true) {
            Ok(place) => {
                tracing::debug!(caller = %peer.name, %address, "connected");
                Some(Accepted::new(Connection::tcp(stream, place), peer))
            }
            Err(full) => {
                self.turn_away(&peer.name, full);
                None
            }
        }
    }

    fn refuse_preamble(&self, address: SocketAddr, why: &dyn fmt::Display) {
        if let Some(silent) = self.unknown.pass() {
            tracing::warn!(silent, "no token line from {address}: {why}");
        }
    }

    fn refuse(&self, address: SocketAddr, why: &dyn fmt::Display) {
        if let Some(silent) = self.unknown.pass() {
            tracing::warn!(silent, "no TLS handshake with {address}: {why}");
        }
    }

    fn turn_away(&self, who: &str, full: Full) {
        if let Some(silent) = self.full.pass() {
            let setting = full.setting();
            tracing::warn!(silent, "closed a connection of {who}: no place ({setting})");
        }
    }

    /// A failed `accept` says nothing about the next one, except where resources have run out; then
    /// asking again at once would only burn the processor.
    async fn wait_after(&self, error: &io::Error, pause: &mut Duration) {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return;
        }
        if let Some(silent) = self.broken.pass() {
            tracing::error!(silent, "could not accept a connection: {error}");
        }
        sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
    }
}
