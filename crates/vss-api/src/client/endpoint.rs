//! Where a daemon is.

use std::fmt;
use std::path::{Path, PathBuf};

use tonic::codegen::http::Uri;
use vss_model::{Error, ErrorKind};

/// Files with which client and daemon prove who they are to each other, in PEM format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that the daemon's certificate may come from. Needed: the system's
    /// own authorities do not vouch for backup services.
    pub ca: Option<PathBuf>,
    /// The client's certificate, with the chain that leads to its authority. The daemon asks for one.
    pub certificate: Option<PathBuf>,
    /// The private key of that certificate.
    pub key: Option<PathBuf>,
}

/// Where a daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// On this machine, at this socket. Only where the system has such sockets.
    #[cfg(unix)]
    Unix(PathBuf),
    /// On this machine, over loopback TCP, found by this rendezvous file of
    /// [`loopback`](mod@crate::loopback). The file is read anew for every connection.
    Loopback(PathBuf),
    /// Anywhere, over mutual TLS. Clients that are built without the feature `tls` cannot connect there.
    Https {
        /// `https://HOST:PORT`.
        url: String,
        /// Who the two are to each other.
        tls: TlsFiles,
    },
}

impl Endpoint {
    /// Reads `unix:/run/vss/vssd.sock`, `loopback:/run/vss/loopback` or `https://HOST:PORT`. The TLS files
    /// are for the last.
    ///
    /// # Errors
    /// `E_INVALIDARG` for anything else, and for `unix:` on a system without such sockets.
    pub fn parse(text: &str, tls: TlsFiles) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} is no place of a service: {why}"),
            )
            .with_hint(
                "a place is unix:/run/vss/vssd.sock, loopback:/run/vss/loopback or https://HOST:PORT",
            ))
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return invalid("the path of a socket begins with /");
            }
            #[cfg(unix)]
            return Ok(Self::Unix(PathBuf::from(path)));
            #[cfg(not(unix))]
            return invalid("this system has no Unix sockets; use loopback:PATH");
        }
        if let Some(path) = text.strip_prefix("loopback:") {
            // On Windows with or without a drive in front.
            if !Path::new(path).has_root() {
                return invalid("the path of a rendezvous file begins at the root");
            }
            return Ok(Self::Loopback(PathBuf::from(path)));
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return invalid("it cannot be read");
        };
        if uri.scheme_str() != Some("https") {
            return invalid("it begins with none of unix:, loopback: and https:");
        }
        if uri.port_u16().is_none() || uri.host().is_none_or(str::is_empty) {
            return invalid("host or port is missing");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return invalid("nothing may follow the port");
        }
        Ok(Self::Https {
            url: text.to_owned(),
            tls,
        })
    }
}

/// As [`parse`](Endpoint::parse) reads it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Loopback(path) => write!(f, "loopback:{}", path.display()),
            Self::Https { url, .. } => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use vss_model::ErrorKind;

    use super::{Endpoint, TlsFiles};

    #[test]
    fn places_are_read_and_shown() {
        for text in [
            "unix:/run/vss/vssd.sock",
            "unix:/a b",
            "loopback:/run/vss/loopback",
            "https://h:1",
            "https://[::1]:9000",
        ] {
            let endpoint = Endpoint::parse(text, TlsFiles::default()).unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
        for text in [
            "",
            "unix:",
            "unix:x",
            "loopback:",
            "loopback:x",
            "loopback:127.0.0.1:1",
            "/run/vss.sock",
            "http://h:1",
            "https://h",
            "https://:1",
            "https://h:1/x",
            "https://h:1?x",
            "https://h:99999",
            "tcp:h:1",
        ] {
            let error = Endpoint::parse(text, TlsFiles::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
            assert!(error.hint().is_some());
        }
    }
}
