//! The settings of the daemon: one TOML file, every key optional.

mod check;
mod render;
mod volumes;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vss_api::loopback::RENDEZVOUS;
use vss_model::{Error, ErrorKind};
use vss_service::VolumeName;

use check::within;
pub(crate) use render::{Style, render};

/// Where the settings are when nobody names another place.
pub(crate) const DEFAULT_FILE: &str = "/etc/vss/vssd.toml";

/// Longest file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// All settings. What the keys mean is told to administrators in `render.rs`, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) state: PathBuf,
    pub(crate) group: String,
    pub(crate) socket: Socket,
    pub(crate) tcp: Tcp,
    pub(crate) loopback: Loopback,
    pub(crate) volumes: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
}

/// The Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Socket {
    pub(crate) path: PathBuf,
}

/// The TCP socket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tcp {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) allow: Vec<String>,
}

/// The TCP socket on the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Loopback {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) file: PathBuf,
}

/// What callers can use up. `check.rs` holds the ranges to those that `render.rs` tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    #[serde(deserialize_with = "within::<_, 2, 65536>")]
    pub(crate) connections: u32,
    #[serde(deserialize_with = "within::<_, 1, 65536>")]
    pub(crate) connections_per_caller: u32,
    #[serde(deserialize_with = "within::<_, 1, 65536>")]
    pub(crate) calls_per_connection: u32,
    #[serde(deserialize_with = "within::<_, 1, 65536>")]
    pub(crate) sessions: u32,
    #[serde(deserialize_with = "within::<_, 1, 65536>")]
    pub(crate) sessions_per_caller: u32,
    #[serde(deserialize_with = "within::<_, 1, 65536>")]
    pub(crate) operations: u32,
    #[serde(deserialize_with = "within::<_, 4096, 67108864>")]
    pub(crate) message_bytes: u32,
    #[serde(deserialize_with = "within::<_, 1, 3600>")]
    pub(crate) preface_seconds: u32,
    #[serde(deserialize_with = "within::<_, 1, 3600>")]
    pub(crate) keepalive_seconds: u32,
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    #[serde(deserialize_with = "within::<_, 0, 86400>")]
    pub(crate) limit_seconds: u32,
}

/// Figures for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    pub(crate) listen: Option<SocketAddr>,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) target: LogTarget,
    pub(crate) level: LogLevel,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogTarget {
    /// The journal where stderr leads there, else stderr.
    Auto,
    Journald,
    Stderr,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: "/var/lib/vss".into(),
            group: "vss".to_owned(),
            socket: Socket::default(),
            tcp: Tcp::default(),
            loopback: Loopback::default(),
            volumes: BTreeMap::new(),
            limits: Limits::default(),
            shutdown: Shutdown::default(),
            metrics: Metrics::default(),
            log: Log::default(),
        }
    }
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            path: "/run/vss/vssd.sock".into(),
        }
    }
}

impl Default for Loopback {
    fn default() -> Self {
        Self {
            listen: None,
            file: RENDEZVOUS.into(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            connections_per_caller: 512,
            calls_per_connection: 128,
            sessions: 1024,
            sessions_per_caller: 256,
            operations: 256,
            message_bytes: 1 << 20,
            preface_seconds: 10,
            keepalive_seconds: 20,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { limit_seconds: 60 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            target: LogTarget::Auto,
            level: LogLevel::Info,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// `E_INVALIDARG`, naming file and line, for what makes no sense; any kind for a file that cannot
    /// be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = read_text(path).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::NotFound => ErrorKind::ObjectNotFound,
                io::ErrorKind::PermissionDenied => ErrorKind::AccessDenied,
                io::ErrorKind::InvalidData => ErrorKind::InvalidArgument,
                _ => ErrorKind::Unexpected,
            };
            Error::new(kind, format!("could not read {}", path.display())).with_source(error)
        })?;
        Self::parse(&text, path)
    }

    /// The settings that a text stands for; `path` is what errors call it.
    ///
    /// # Errors
    /// `E_INVALIDARG`, naming file and line.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(
                || path.display().to_string(),
                |span| format!("{}:{}", path.display(), line_of(text, span.start)),
            );
            let message = error.message().trim_end().replace('\n', "; ");
            Error::new(ErrorKind::InvalidArgument, format!("{place}: {message}"))
                .with_hint("vssd --print-config shows all keys, what they mean and their values")
        })?;
        config.check().map_err(|message| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("{}: {message}", path.display()),
            )
            .with_hint("vssd --print-config shows all keys, what they mean and their values")
        })?;
        Ok(config)
    }
}

impl Config {
    /// What programs written for Windows call volumes.
    ///
    /// # Errors
    /// `E_INVALIDARG`; but settings that were read are right.
    pub(crate) fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        volumes::names(&self.volumes).map_err(|why| Error::new(ErrorKind::InvalidArgument, why))
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(LONGEST + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LONGEST {
        let message = format!("the file is longer than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}

/// The line, from 1, of a byte of a text.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes()
        .take(byte)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests;
