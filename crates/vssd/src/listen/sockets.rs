//! The sockets that are listened on: passed on by systemd, or made here.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use vss_model::{Error, ErrorKind};

use super::made::Made;
use crate::config::Config;

/// Everybody may connect: refusals are the daemon's own, so that they are on record.
const SOCKET_MODE: u32 = 0o666;

/// Sockets that take connections from the moment they are made, though nobody looks at them yet.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// For local callers.
    pub(crate) unix: Vec<UnixListener>,
    /// For other machines.
    pub(crate) tcp: Option<TcpListener>,
    made: Option<Made>,
}

impl Sockets {
    /// Takes the sockets that systemd passes on, and makes those of the settings that are missing.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` when somebody listens there already; what the system says otherwise.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let (mut unix, mut tcp) = passed_on()?;
        let mut made = None;
        if unix.is_empty() {
            let (listener, file) = bind(&config.socket.path)?;
            unix.push(listener);
            made = Some(file);
        }
        match config.tcp.listen {
            Some(address) if tcp.is_none() => tcp = Some(bind_tcp(address, "tcp.listen")?),
            None if tcp.is_some() => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "a TCP socket was passed on, but tcp.listen is not set",
                )
                .with_hint(
                    "set [tcp] in the settings, or take the ListenStream of the socket unit away",
                ));
            }
            _ => {}
        }
        for listener in &unix {
            unblocking(listener.set_nonblocking(true))?;
        }
        if let Some(listener) = &tcp {
            unblocking(listener.set_nonblocking(true))?;
        }
        Ok(Self { unix, tcp, made })
    }

    /// Whether the Unix socket came from systemd.
    pub(crate) const fn were_passed_on(&self) -> bool {
        self.made.is_none()
    }
}

/// Binds a TCP socket for the setting of this name.
pub(crate) fn bind_tcp(address: SocketAddr, setting: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).map_err(|error| {
        Error::new(
            kind_of(&error),
            format!("could not listen on {address} ({setting})"),
        )
        .with_source(error)
    })
}

fn passed_on() -> Result<(Vec<UnixListener>, Option<TcpListener>), Error> {
    let failed = |error: io::Error| {
        Error::new(
            ErrorKind::InvalidArgument,
            "could not use a socket that was passed on ($LISTEN_FDS)",
        )
        .with_source(error)
    };
    let mut passed = ListenFd::from_env();
    let mut unix = Vec::new();
    let mut tcp = None;
    for index in 0..passed.len() {
        // One that turns out to be of another kind can be taken again.
        if let Ok(Some(listener)) = passed.take_unix_listener(index) {
            unix.push(listener);
        } else if let Some(listener) = passed.take_tcp_listener(index).map_err(failed)? {
            tcp = Some(listener);
        }
    }
    Ok((unix, tcp))
}

fn bind(path: &Path) -> Result<(UnixListener, Made), Error> {
    let failed = |step: &str, error: io::Error| {
        Error::new(
            kind_of(&error),
            format!("could not {step} {}", path.display()),
        )
        .with_hint("another place can be named with --socket PATH, or socket.path in the settings")
        .with_source(error)
    };
    if let Some(folder) = path.parent() {
        vss_sys::make_open_folder(folder)
            .map_err(|error| failed("make the folder of the socket", error))?;
    }
    remove_stale(path, &failed)?;
    let listener =
        UnixListener::bind(path).map_err(|error| failed("listen on the socket", error))?;
    let metadata =
        fs::symlink_metadata(path).map_err(|error| failed("look at the socket", error))?;
    let made = Made::new(path, &metadata);
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))
        .map_err(|error| failed("let everybody connect to the socket", error))?;
    Ok((listener, made))
}

/// Removes a socket file on which nobody listens: a daemon that was killed left it.
fn remove_stale(path: &Path, failed: &dyn Fn(&str, io::Error) -> Error) -> Result<(), Error> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at the socket", error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::new(
            ErrorKind::ObjectAlreadyExists,
            format!("{} is there, and is no socket", path.display()),
        )
        .with_hint("move it away, or name another place with --socket PATH"));
    }
    match knock(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!("removed {}, on which nobody listened", path.display());
            fs::remove_file(path).map_err(|error| failed("remove the old socket", error))
        }
        Err(error) => Err(failed("find out who listens on the socket", error)),
        Ok(who) => Err(Error::new(
            ErrorKind::BadState,
            format!("{who} listens on {} already", path.display()),
        )
        .with_hint("stop it, or name another place with --socket PATH")),
    }
}

/// Connects, without waiting: a daemon that hangs has a queue that is full. Gives who listens.
fn knock(path: &Path) -> io::Result<String> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) => Ok(vss_sys::peer_credentials(&socket).map_or_else(
            |_| "another process".to_owned(),
            |peer| format!("process {}", peer.pid),
        )),
        Err(rustix::io::Errno::AGAIN) => Ok("another process, which hangs,".to_owned()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn unblocking(result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| {
        Error::new(ErrorKind::Unexpected, "could not set a socket up").with_source(error)
    })
}

pub(super) fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::AccessDenied,
        io::ErrorKind::AddrInUse => ErrorKind::BadState,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput => ErrorKind::InvalidArgument,
        _ => ErrorKind::Unexpected,
    }
}
