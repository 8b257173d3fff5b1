//! What every command is given: where the service is and how to speak.

use std::env;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use vss_api::client::{Client, Endpoint};
use vss_engine::{Embedded, Offline};
use vss_model::{Error, ErrorKind, ResultCode};
use vss_service::{AuditRecord, Queries, Service, is_connection_lost};

use crate::failure::{self, Failure};
use crate::place::{self, Listening, Place, PlaceArgs, Why};

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct App {
    /// Where the service is.
    pub(crate) place: Place,
    /// Why it is there.
    pub(crate) why: Why,
    /// One JSON object instead of text.
    pub(crate) json: bool,
}

impl App {
    /// At the place that options, environment and this machine say.
    ///
    /// # Errors
    /// There is no such place.
    pub(crate) fn new(args: &PlaceArgs, json: bool) -> Result<Self, Failure> {
        let (place, why) = place::resolve(args, |name| env::var_os(name), place::listening)?;
        Ok(Self { place, why, json })
    }

    /// The service, for a command that changes something. Without a daemon this takes the state folder
    /// and says on stderr what was recovered.
    ///
    /// # Errors
    /// The daemon cannot be reached; another process holds the folder; it cannot be used.
    pub(crate) fn service(&self) -> Result<Box<dyn Service>, Failure> {
        match &self.place {
            Place::Daemon(endpoint) => Ok(Box::new(connect(endpoint)?)),
            Place::Embedded(paths) => {
                let service = Embedded::open(paths.clone())?;
                self.announce(service.recovered());
                if !self.json {
                    for message in service.told() {
                        eprintln!("note: {message}");
                    }
                }
                Ok(Box::new(service))
            }
        }
    }

    /// The service, for a command that has looked before, which said all that there is to say.
    ///
    /// # Errors
    /// As [`service`](Self::service).
    pub(crate) fn service_again(&self) -> Result<Box<dyn Service>, Failure> {
        match &self.place {
            Place::Daemon(endpoint) => Ok(Box::new(connect(endpoint)?)),
            Place::Embedded(paths) => Ok(Box::new(Embedded::open(paths.clone())?)),
        }
    }

    /// The service, for a command that only looks. Without a daemon this takes no lock and waits for
    /// nobody.
    ///
    /// # Errors
    /// The daemon cannot be reached; the catalogue cannot be read.
    pub(crate) fn queries(&self) -> Result<Box<dyn Queries>, Failure> {
        match &self.place {
            Place::Daemon(endpoint) => Ok(Box::new(connect(endpoint)?)),
            Place::Embedded(paths) => {
                let (offline, recovered) = Offline::open(paths.clone())?;
                self.announce(&recovered.records);
                for error in &recovered.failures {
                    failure::tell(self.json, error);
                }
                Ok(Box::new(offline))
            }
        }
    }

    /// Says what was recovered. Scripts find it in the history, marked as recovered.
    fn announce(&self, recovered: &[AuditRecord]) {
        if !self.json {
            for record in recovered {
                eprintln!("{}", told(record));
            }
        }
    }
}

/// Connects to a daemon.
///
/// # Errors
/// It cannot be reached; of a socket, with what is the matter with it.
pub(crate) fn connect(endpoint: &Endpoint) -> Result<Client, Error> {
    Client::connect(endpoint).map_err(|error| match endpoint {
        Endpoint::Unix(path) if is_connection_lost(&error) => explained(path, error),
        _ => error,
    })
}

/// An error of a connection with what can be seen of its socket.
fn explained(path: &Path, error: Error) -> Error {
    let shown = path.display();
    if path
        .metadata()
        .is_ok_and(|found| !found.file_type().is_socket())
    {
        return Error::new(ErrorKind::InvalidArgument, format!("{shown} is no socket"))
            .with_hint(
                "--connect and $VSS_CONNECT name a daemon's socket, as unix:/run/vss/vssd.sock",
            )
            .with_source(error);
    }
    match place::listening(path) {
        Listening::Nobody => {
            let message = format!("nobody listens on the socket {shown}");
            Error::new(error.kind(), message)
                .with_hint("vssd does not run any more; start it with systemctl start vssd")
                .with_source(error)
        }
        Listening::Closed => {
            let message = format!("this user may not use the socket {shown}");
            Error::new(ErrorKind::AccessDenied, message)
                .with_hint("be root, or a member of the group that the daemon serves")
                .with_source(error)
        }
        Listening::Yes | Listening::Absent => error,
    }
}

/// What became of an operation that was cut off.
pub(crate) fn told(record: &AuditRecord) -> String {
    let what = match record.undone {
        Some(operation) => format!("undo of operation {operation}"),
        None => format!("{} of set {}", record.kind.name(), record.set),
    };
    if record.code == ResultCode::VSS_S_ASYNC_FINISHED {
        format!("recovered: finished {what} that was cut off")
    } else {
        format!(
            "recovered: took back {what} that was cut off ({}); see vss show {}",
            record.code, record.operation
        )
    }
}
