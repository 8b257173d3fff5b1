//! Where the service is: a daemon that is spoken to, or the engine in this process.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use vss_api::client::{Endpoint, TlsFiles};
use vss_coordinator::StatePaths;
use vss_model::{Error, ErrorKind};

/// The socket of a daemon that is there without being named.
pub(crate) const SYSTEM_SOCKET: &str = "/run/vss/vssd.sock";
/// The state folder of root.
const SYSTEM_STATE: &str = "/var/lib/vss";

/// The options that say where the service is.
#[derive(Debug, Default, Args)]
pub(crate) struct PlaceArgs {
    /// Speak to the daemon there: unix:PATH, loopback:FILE with the file that its setting
    /// loopback.file names, or https://HOST:PORT with certificates on both sides
    /// [default: $VSS_CONNECT; where neither --state nor $VSS_STATE is given, unix:/run/vss/vssd.sock
    /// if a daemon listens on it; else no daemon is needed]
    #[arg(long, global = true, value_name = "WHERE", value_parser = where_to)]
    pub(crate) connect: Option<String>,
    /// Work without a daemon on this folder, in which openvss keeps its state [default: $VSS_STATE,
    /// else /var/lib/vss for root and $XDG_STATE_HOME/vss or ~/.local/state/vss for others]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Certificates of the authorities that may vouch for an https daemon, as PEM [default:
    /// $VSS_TLS_CA]
    #[arg(long, global = true, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Our certificate for an https daemon, as PEM [default: $VSS_TLS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The key of our certificate, as PEM [default: $VSS_TLS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

/// Refuses what is no endpoint, as wrong usage.
fn where_to(text: &str) -> Result<String, String> {
    match Endpoint::parse(text, TlsFiles::default()) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.chain()),
    }
}

/// Where the service is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The engine in this process, on a state folder.
    Embedded(StatePaths),
    /// A daemon.
    Daemon(Endpoint),
}

/// Why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// An option says so.
    Option(&'static str),
    /// The environment says so.
    Variable(&'static str),
    /// A daemon listens on its usual socket.
    Found,
    /// There is no daemon.
    NoDaemon,
    /// There is a socket, and nobody listens on it.
    Stale,
    /// There is a socket that this user may not use.
    Closed,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => f.write_str(option),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Found => f.write_str("found there"),
            Self::NoDaemon => f.write_str("no daemon is running"),
            Self::Stale => write!(f, "nobody listens on {SYSTEM_SOCKET}"),
            Self::Closed => write!(f, "{SYSTEM_SOCKET} cannot be used by this user"),
        }
    }
}

/// Whether somebody listens on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// Somebody does.
    Yes,
    /// The socket is there and nobody does.
    Nobody,
    /// It cannot be told, for want of permission.
    Closed,
    /// There is no such socket.
    Absent,
}

/// Looks whether somebody listens on a socket, without waiting for whoever it is.
pub(crate) fn listening(path: &Path) -> Listening {
    let connected = SocketAddrUnix::new(path).and_then(|address| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &address)
    });
    match connected {
        // A queue of callers that is full belongs to somebody.
        Ok(()) | Err(Errno::AGAIN) => Listening::Yes,
        Err(Errno::CONNREFUSED) => Listening::Nobody,
        Err(Errno::ACCESS | Errno::PERM) => Listening::Closed,
        Err(_) => Listening::Absent,
    }
}

/// Decides where the service is: options before the environment, both before what is found.
///
/// # Errors
/// `E_INVALIDARG` for a `$VSS_CONNECT` that names no place, and where there is no place for a state.
pub(crate) fn resolve(
    args: &PlaceArgs,
    variable: impl Fn(&str) -> Option<OsString>,
    probe: impl Fn(&Path) -> Listening,
) -> Result<(Place, Why), Error> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let file =
        |option: &Option<PathBuf>, name| option.clone().or_else(|| set(name).map(PathBuf::from));
    let daemon = |text: &str| {
        let tls = TlsFiles {
            ca: file(&args.tls_ca, "VSS_TLS_CA"),
            certificate: file(&args.tls_cert, "VSS_TLS_CERT"),
            key: file(&args.tls_key, "VSS_TLS_KEY"),
        };
        Endpoint::parse(text, tls).map(Place::Daemon)
    };
    if let Some(text) = &args.connect {
        return Ok((daemon(text)?, Why::Option("--connect")));
    }
    if let Some(state) = &args.state {
        return Ok((embedded(state)?, Why::Option("--state")));
    }
    if let Some(text) = set("VSS_CONNECT") {
        let text = text.to_str().ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "$VSS_CONNECT is no text")
                .with_hint("it is unix:PATH or https://HOST:PORT")
        })?;
        return Ok((daemon(text)?, Why::Variable("VSS_CONNECT")));
    }
    if let Some(state) = set("VSS_STATE") {
        return Ok((embedded(Path::new(&state))?, Why::Variable("VSS_STATE")));
    }
    let why = match probe(Path::new(SYSTEM_SOCKET)) {
        Listening::Yes => return Ok((daemon(&format!("unix:{SYSTEM_SOCKET}"))?, Why::Found)),
        Listening::Nobody => Why::Stale,
        Listening::Closed => Why::Closed,
        Listening::Absent => Why::NoDaemon,
    };
    Ok((embedded(&default_state(set)?)?, why))
}

fn embedded(root: &Path) -> Result<Place, Error> {
    // Paths into the folder are kept in the catalogue, so they must hold from everywhere.
    std::path::absolute(root)
        .map(|root| Place::Embedded(StatePaths::new(root)))
        .map_err(|error| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("{:?} cannot be a state folder", root.display()),
            )
            .with_source(error)
        })
}

/// `/var/lib/vss` for root and the XDG state folder for everybody else.
fn default_state(set: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    if rustix::process::geteuid().is_root() {
        return Ok(SYSTEM_STATE.into());
    }
    // The XDG specification has relative paths ignored.
    let absolute = |name| {
        set(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("vss"))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "there is no place for the state: neither $VSS_STATE nor $XDG_STATE_HOME nor $HOME is set",
            )
            .with_hint("name a folder with --state DIR")
        })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::{Listening, Place, PlaceArgs, Why, listening, resolve};

    /// Where the service is, with all of `variables` set and `found` on the usual socket.
    fn place(args: &PlaceArgs, variables: &[(&str, &str)], found: Listening) -> (String, Why) {
        let variable = |name: &str| -> Option<OsString> {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.into())
        };
        let (place, why) = resolve(args, variable, |_| found).unwrap();
        let place = match place {
            Place::Embedded(paths) => paths.root().display().to_string(),
            Place::Daemon(endpoint) => endpoint.to_string(),
        };
        (place, why)
    }

    fn args(connect: Option<&str>, state: Option<&str>) -> PlaceArgs {
        PlaceArgs {
            connect: connect.map(str::to_owned),
            state: state.map(Into::into),
            ..PlaceArgs::default()
        }
    }

    #[test]
    fn options_then_environment_then_what_is_found() {
        let all = [
            ("VSS_CONNECT", "unix:/c"),
            ("VSS_STATE", "/s"),
            ("HOME", "/home/u"),
        ];
        let yes = Listening::Yes;
        let own = if rustix::process::geteuid().is_root() {
            "/var/lib/vss"
        } else {
            "/home/u/.local/state/vss"
        };
        for (args, variables, found, wanted, why) in [
            (
                args(Some("unix:/o"), None),
                &all[..],
                yes,
                "unix:/o",
                Why::Option("--connect"),
            ),
            (
                args(None, Some("/o")),
                &all[..],
                yes,
                "/o",
                Why::Option("--state"),
            ),
            (
                args(None, None),
                &all[..],
                yes,
                "unix:/c",
                Why::Variable("VSS_CONNECT"),
            ),
            (
                args(None, None),
                &all[1..],
                yes,
                "/s",
                Why::Variable("VSS_STATE"),
            ),
            (
                args(None, None),
                &all[2..],
                yes,
                "unix:/run/vss/vssd.sock",
                Why::Found,
            ),
            (
                args(None, None),
                &all[2..],
                Listening::Nobody,
                own,
                Why::Stale,
            ),
            (
                args(None, None),
                &all[2..],
                Listening::Closed,
                own,
                Why::Closed,
            ),
            (
                args(None, None),
                &all[2..],
                Listening::Absent,
                own,
                Why::NoDaemon,
            ),
        ] {
            let expected = (wanted.to_owned(), why);
            assert_eq!(place(&args, variables, found), expected);
        }
        // What is set to nothing is not set.
        let empty = [
            ("VSS_CONNECT", ""),
            ("VSS_STATE", ""),
            ("XDG_STATE_HOME", "relative"),
            ("HOME", "/home/u"),
        ];
        let found = place(&args(None, None), &empty, Listening::Absent);
        assert_eq!(found, (own.to_owned(), Why::NoDaemon));
        // A relative folder is the same from everywhere.
        let (near, _) = place(&args(None, Some("near")), &[], Listening::Absent);
        assert_eq!(
            Path::new(&near),
            std::env::current_dir().unwrap().join("near")
        );
    }

    #[test]
    fn a_socket_is_used_only_if_somebody_listens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        assert_eq!(listening(&path), Listening::Absent);
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listening(&path), Listening::Yes);
        drop(listener);
        assert_eq!(listening(&path), Listening::Nobody);
    }
}
