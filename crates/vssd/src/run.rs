//! The life of the daemon: settings, log, engine and its recovery, sockets, service, stop.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use vss_api::server::{Limits, Server};
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_model::{Error, ErrorKind, ResultCode};
use vss_service::{AuditRecord, Served};

use crate::access::Access;
use crate::config::Config;
use crate::listen::{Doorkeeper, Incoming, Loopback, Sockets, Table, bind_tcp};
use crate::metrics::{self, Metrics};
use crate::notify::Notify;
use crate::stop::{self, Signals};
use crate::{logging, names, tls};

/// Threads for what does not wait; the work itself is done on threads of its own.
const MOST_THREADS: usize = 4;
/// Connections that are let in and wait to be served.
const WAITING: usize = 64;
/// Files that the process may have open beside one for each connection.
const OTHER_FILES: u64 = 512;

/// Runs the daemon until it is told to stop. What keeps it from serving is logged.
///
/// # Errors
/// The log could not begin.
pub(crate) fn run(config: &Config) -> Result<ExitCode, Error> {
    logging::begin(&config.log)?;
    Ok(served(config).unwrap_or_else(|error| {
        let hint = error.hint().unwrap_or("none");
        tracing::error!(code = %error.code(), hint, "{}", error.chain());
        ExitCode::FAILURE
    }))
}

fn served(config: &Config) -> Result<ExitCode, Error> {
    tracing::info!("vssd {} begins", env!("CARGO_PKG_VERSION"));
    let notify = Notify::from_environment();
    // All that can be wrong with the settings comes before the work of recovery.
    let access = access(config);
    let tls = tls(config)?;
    raise_file_limit(config);
    notify.status("Looking for what an earlier run left");
    let engine =
        Embedded::open(StatePaths::new(&config.state))?.with_volume_names(config.volume_names()?);
    for record in engine.recovered() {
        tell_recovered(record);
    }
    for message in engine.told() {
        tracing::warn!("{message}");
    }
    let service: Arc<dyn Served> = Arc::new(engine);
    let runtime = runtime()?;
    // Nobody can connect before this line.
    let sockets = Sockets::open(config)?;
    let metrics = config
        .metrics
        .listen
        .map(|address| bind_tcp(address, "metrics.listen"))
        .transpose()?;
    let loopback = config
        .loopback
        .listen
        .map(|address| Loopback::open(address, &config.loopback.file, access.group()))
        .transpose()?;
    let daemon = Daemon {
        config,
        notify,
        service,
        access,
        tls,
        sockets,
        loopback,
        metrics,
    };
    let outcome = runtime.block_on(daemon.serve());
    // What is still running then is safe to be cut off, and was told of.
    runtime.shutdown_background();
    outcome
}

/// All that is needed to serve.
struct Daemon<'a> {
    config: &'a Config,
    notify: Notify,
    service: Arc<dyn Served>,
    access: Access,
    tls: Option<TlsAcceptor>,
    sockets: Sockets,
    loopback: Option<Loopback>,
    metrics: Option<std::net::TcpListener>,
}

impl Daemon<'_> {
    async fn serve(mut self) -> Result<ExitCode, Error> {
        let mut signals = Signals::new().map_err(broken)?;
        let status = format!("Serving {}", self.places());
        let server = Arc::new(Server::new(Arc::clone(&self.service), self.limits()));
        let (mut doors, incoming) = self.open_doors(&server).map_err(broken)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&server);
        let mut serving = tokio::spawn(async move {
            let stopped = async {
                // A sender that is gone means the same.
                let _ = stopped.await;
            };
            serving.serve(ReceiverStream::new(incoming), stopped).await
        });
        tracing::info!("{status}");
        self.notify.ready(&status);
        tokio::select! {
            signal = signals.stop() => tracing::info!("{signal}: stopping"),
            ended = &mut serving => return Err(ended_early(ended)),
            // They have no end of their own: one has given up, and was logged.
            _ = doors.join_next() => return Err(ended_early(Ok(Ok(())))),
        }
        self.notify.stopping("Waiting for running operations");
        doors.shutdown().await;
        drop((self.sockets, self.loopback));
        let limit = seconds(self.config.shutdown.limit_seconds);
        Ok(stop::stop(&self.service, limit, stop, serving, &mut signals).await)
    }

    /// Begins to let callers in, and to show figures.
    fn open_doors(
        &mut self,
        server: &Arc<Server>,
    ) -> io::Result<(JoinSet<()>, mpsc::Receiver<Incoming>)> {
        let limits = &self.config.limits;
        let table = Table::new(
            size(limits.connections),
            size(limits.connections_per_caller),
        );
        let mut doors = JoinSet::new();
        if let Some(listener) = self.metrics.take() {
            let sessions = Arc::clone(server);
            let sessions = Box::new(move || sessions.sessions());
            let metrics = Metrics::new(&self.service, &table, sessions);
            listener.set_nonblocking(true)?;
            doors.spawn(metrics::serve(TcpListener::from_std(listener)?, metrics));
        }
        let handshake = seconds(limits.preface_seconds);
        let keeper = Doorkeeper::new(self.access.clone(), table, handshake);
        let (out, incoming) = mpsc::channel(WAITING);
        for listener in std::mem::take(&mut self.sockets.unix) {
            let listener = UnixListener::from_std(listener)?;
            doors.spawn(Arc::clone(&keeper).local(listener, out.clone()));
        }
        if let Some(loopback) = &self.loopback {
            let listener = TcpListener::from_std(loopback.listener.try_clone()?)?;
            let rendezvous = Arc::clone(&loopback.rendezvous);
            let server = Arc::clone(server);
            doors.spawn(Arc::clone(&keeper).loopback(listener, rendezvous, server, out.clone()));
        }
        if let (Some(listener), Some(tls)) = (self.sockets.tcp.take(), self.tls.take()) {
            let listener = TcpListener::from_std(listener)?;
            doors.spawn(Arc::clone(&keeper).distant(listener, tls, out));
        }
        Ok((doors, incoming))
    }

    fn limits(&self) -> Limits {
        let limits = &self.config.limits;
        Limits {
            message_bytes: size(limits.message_bytes),
            sessions: size(limits.sessions),
            sessions_per_caller: size(limits.sessions_per_caller),
            operations: size(limits.operations),
            calls_per_connection: limits.calls_per_connection,
            preface_timeout: seconds(limits.preface_seconds),
            keepalive: seconds(limits.keepalive_seconds),
        }
    }

    /// Where it serves, in words.
    fn places(&self) -> String {
        let mut places = if self.sockets.were_passed_on() {
            "on the socket of systemd".to_owned()
        } else {
            format!("on {}", self.config.socket.path.display())
        };
        if let Some(address) = local(self.sockets.tcp.as_ref()) {
            places.push_str(&format!(", on {address} with TLS"));
        }
        if let Some(loopback) = &self.loopback
            && let Some(address) = local(Some(&loopback.listener))
        {
            places.push_str(&format!(", on {address} ({})", loopback.file().display()));
        }
        if let Some(address) = local(self.metrics.as_ref()) {
            places.push_str(&format!(", figures on http://{address}/metrics"));
        }
        places
    }
}

fn ended_early(ended: Result<io::Result<()>, JoinError>) -> Error {
    let failed = Error::new(ErrorKind::Unexpected, "could not go on serving");
    match ended {
        Ok(Ok(())) => failed,
        Ok(Err(error)) => failed.with_source(error),
        Err(error) => failed.with_source(error),
    }
}

fn local(listener: Option<&std::net::TcpListener>) -> Option<std::net::SocketAddr> {
    listener?.local_addr().ok()
}

fn access(config: &Config) -> Access {
    let group = match config.group.as_str() {
        "" => None,
        name => match names::group(name) {
            Ok(Some(gid)) => Some(gid),
            Ok(None) => {
                tracing::warn!(
                    "there is no group {name:?} (setting group): of local users only root is served"
                );
                None
            }
            Err(error) => {
                tracing::warn!("could not look up group {name:?} (setting group): {error}");
                None
            }
        },
    };
    if config.tcp.listen.is_some() && config.tcp.allow.is_empty() {
        tracing::warn!("tcp.allow is empty: every caller from another machine is refused");
    }
    Access::new(group, config.tcp.allow.iter().cloned())
}

/// What makes TLS of TCP, if the settings ask for it.
///
/// # Errors
/// A certificate or key is of no use.
pub(crate) fn tls(config: &Config) -> Result<Option<TlsAcceptor>, Error> {
    let tcp = &config.tcp;
    match (&tcp.listen, &tcp.certificate, &tcp.key, &tcp.client_ca) {
        (Some(_), Some(certificate), Some(key), Some(client_ca)) => tls::acceptor(&tls::Files {
            certificate,
            key,
            client_ca,
        })
        .map(Some),
        _ => Ok(None),
    }
}

/// Every connection takes a file, and 1024 are soon used up.
fn raise_file_limit(config: &Config) {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => now.maximum,
        Err(_) => now.current,
    };
    let wanted = u64::from(config.limits.connections) + OTHER_FILES;
    if limit.is_some_and(|limit| limit < wanted) {
        tracing::warn!(
            "this process may open {} files; limits.connections asks for {wanted}",
            limit.unwrap_or(0)
        );
    }
}

fn runtime() -> Result<Runtime, Error> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(processors.clamp(2, MOST_THREADS))
        .thread_name("vssd")
        .enable_all()
        .build()
        .map_err(broken)
}

/// What became of an operation that an earlier run did not end, in one line.
fn tell_recovered(record: &AuditRecord) {
    let what = match record.undone {
        Some(undone) => format!("undo of operation {undone}"),
        None => format!("{} of set {}", record.kind.name(), record.set),
    };
    let became = if record.code == ResultCode::VSS_S_ASYNC_FINISHED {
        "finished"
    } else {
        "took back"
    };
    tracing::warn!(
        operation = %record.operation,
        kind = record.kind.name(),
        code = %record.code,
        "recovered: {became} {what} that was cut off"
    );
}

fn broken(error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, "could not begin to serve").with_source(error)
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
