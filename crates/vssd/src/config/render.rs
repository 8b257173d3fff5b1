//! The settings as text: every key with its meaning and its value.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use super::{Config, LogLevel, LogTarget};

/// What the text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The effective settings, each one set.
    Effective,
    /// A file to begin with: each one is a comment, so that a later version may change defaults.
    Template,
}

/// One key.
struct Key {
    name: Cow<'static, str>,
    about: &'static str,
    /// As TOML; `None` for one that is not set.
    value: Option<String>,
    /// What a value could look like, for a key that is not set.
    example: &'static str,
}

/// The settings as text.
pub(crate) fn render(config: &Config, style: Style) -> String {
    let mut text = String::new();
    match style {
        Style::Effective => {}
        Style::Template => text.push_str(
            "# Settings of vssd, the daemon of openvss.\n\
             #\n\
             # Each key stands here with its default, or with an example where it has none.\n\
             # vssd --check-config says whether this file is right; systemctl restart vssd makes\n\
             # changes count; vssd --print-config shows what counts then.\n\n",
        ),
    }
    for (table, keys) in tables(config) {
        if !table.is_empty() {
            let _ = writeln!(text, "[{table}]");
        }
        for (index, key) in keys.into_iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            for line in key.about.lines() {
                let _ = writeln!(text, "# {line}");
            }
            let (mark, value) = match (&key.value, style) {
                (Some(value), Style::Effective) => ("", value.as_str()),
                (Some(value), Style::Template) => ("#", value.as_str()),
                (None, _) => ("#", key.example),
            };
            let _ = writeln!(text, "{mark}{} = {value}", key.name);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn tables(config: &Config) -> Vec<(&'static str, Vec<Key>)> {
    vec![
        ("", general(config)),
        (
            "socket",
            vec![Key::set(
                "path",
                "Where everybody on this machine connects. The folder is made if it is missing. No\n\
                 effect when systemd passes the socket on (vssd.socket).",
                path(&config.socket.path),
            )],
        ),
        ("tcp", tcp(config)),
        ("loopback", loopback(config)),
        ("volumes", volumes(config)),
        ("limits", limits(config)),
        (
            "shutdown",
            vec![Key::set(
                "limit_seconds",
                "How long an orderly stop waits for running operations. What is left then is safe:\n\
                 the next start ends it. From 0 to 86400.",
                config.shutdown.limit_seconds.to_string(),
            )],
        ),
        (
            "metrics",
            vec![Key::open(
                "listen",
                "Address and port of http://ADDRESS/metrics for Prometheus; none if it is not set.\n\
                 Whoever reaches it may read it: keep it on the loopback interface.",
                config.metrics.listen.map(|it| text(&it.to_string())),
                "\"127.0.0.1:9471\"",
            )],
        ),
        ("log", log(config)),
    ]
}

fn general(config: &Config) -> Vec<Key> {
    vec![
        Key::set(
            "state",
            "Folder of the catalogue and of the embedded array. One process at a time has it.",
            path(&config.state),
        ),
        Key::set(
            "group",
            "Members of this group may do all that root may do here, which is as good as being root\n\
             for every disk of the array. A name in /etc/group, or a number. \"\": nobody but root.",
            text(&config.group),
        ),
    ]
}

fn tcp(config: &Config) -> Vec<Key> {
    let tcp = &config.tcp;
    let file = |file: &Option<std::path::PathBuf>| file.as_deref().map(path);
    let allow: Vec<_> = tcp.allow.iter().map(|name| text(name)).collect();
    vec![
        Key::open(
            "listen",
            "Address and port for other machines, always with certificates on both sides; none if\n\
             it is not set.",
            tcp.listen.map(|it| text(&it.to_string())),
            "\"0.0.0.0:9470\"",
        ),
        Key::open(
            "certificate",
            "This machine's certificate and those of its issuers (PEM).",
            file(&tcp.certificate),
            "\"/etc/vss/server.crt\"",
        ),
        Key::open(
            "key",
            "The key of that certificate (PEM); nobody but root should be able to read it.",
            file(&tcp.key),
            "\"/etc/vss/server.key\"",
        ),
        Key::open(
            "client_ca",
            "Certificates of those who issue certificates for clients (PEM).",
            file(&tcp.client_ca),
            "\"/etc/vss/clients-ca.crt\"",
        ),
        Key::open(
            "allow",
            "Names of client certificates that may do all that root may do here. A name is a DNS\n\
             name of the certificate, or the common name of one without DNS names.",
            (!allow.is_empty()).then(|| format!("[{}]", allow.join(", "))),
            "[\"backup1.example\"]",
        ),
    ]
}

fn loopback(config: &Config) -> Vec<Key> {
    vec![
        Key::open(
            "listen",
            "Loopback address and port for programs of this machine that have no Unix sockets, such as\n\
             those in Wine; port 0 is any that is free. None if it is not set.",
            config.loopback.listen.map(|it| text(&it.to_string())),
            "\"127.0.0.1:0\"",
        ),
        Key::set(
            "file",
            "Where such a program finds the address and, new at every start, the token that it needs.\n\
             Root and members of the group can read it; whoever can may do all that root may do here.",
            path(&config.loopback.file),
        ),
    ]
}

fn volumes(config: &Config) -> Vec<Key> {
    const ABOUT: &str = "What programs written for Windows call volumes of this machine. A key is a drive, a folder of a\n\
         drive ('E:\\mnt') or '\\\\?\\Volume{GUID}\\'; its value a mount point, a block device, a LUN, or a\n\
         LUN/PARTITION, as vss create takes it.";
    if config.volumes.is_empty() {
        return vec![Key::open("'E:'", ABOUT, None, "\"db/1\"")];
    }
    let abouts = std::iter::once(ABOUT).chain(std::iter::repeat(""));
    let keys = config.volumes.iter().zip(abouts);
    keys.map(|((name, volume), about)| Key {
        name: text(name).into(),
        ..Key::set("", about, text(volume))
    })
    .collect()
}

fn limits(config: &Config) -> Vec<Key> {
    let limits = &config.limits;
    let key = |name, about, value: u32| Key::set(name, about, value.to_string());
    vec![
        key(
            "connections",
            "Open connections; those who may do nothing here share half of them. From 2 to 65536.",
            limits.connections,
        ),
        key(
            "connections_per_caller",
            "Open connections of one user, certificate or, before it has shown one, address.\n\
             From 1 to 65536.",
            limits.connections_per_caller,
        ),
        key(
            "calls_per_connection",
            "Calls at a time on one connection. From 1 to 65536.",
            limits.calls_per_connection,
        ),
        key(
            "sessions",
            "Open requester sessions. From 1 to 65536.",
            limits.sessions,
        ),
        key(
            "sessions_per_caller",
            "Open requester sessions of one user or certificate. From 1 to 65536.",
            limits.sessions_per_caller,
        ),
        key(
            "operations",
            "Operations at a time. From 1 to 65536.",
            limits.operations,
        ),
        key(
            "message_bytes",
            "Size of the largest request in bytes. From 4096 to 67108864.",
            limits.message_bytes,
        ),
        key(
            "preface_seconds",
            "How long a new connection may take for its handshakes. From 1 to 3600.",
            limits.preface_seconds,
        ),
        key(
            "keepalive_seconds",
            "How often a silent client is asked whether it is there. One that has not answered\n\
             after the same time again is gone, and its sessions are released. From 1 to 3600.",
            limits.keepalive_seconds,
        ),
    ]
}

fn log(config: &Config) -> Vec<Key> {
    vec![
        Key::set(
            "target",
            "\"journald\", \"stderr\", or \"auto\": the journal where systemd has connected stderr to it.",
            text(match config.log.target {
                LogTarget::Auto => "auto",
                LogTarget::Journald => "journald",
                LogTarget::Stderr => "stderr",
            }),
        ),
        Key::set(
            "level",
            "\"error\", \"warn\", \"info\", \"debug\" or \"trace\".",
            text(match config.log.level {
                LogLevel::Error => "error",
                LogLevel::Warn => "warn",
                LogLevel::Info => "info",
                LogLevel::Debug => "debug",
                LogLevel::Trace => "trace",
            }),
        ),
    ]
}

impl Key {
    /// One that always has a value.
    const fn set(name: &'static str, about: &'static str, value: String) -> Self {
        Self::open(name, about, Some(value), "")
    }

    /// One that may have none.
    const fn open(
        name: &'static str,
        about: &'static str,
        value: Option<String>,
        example: &'static str,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            about,
            value,
            example,
        }
    }
}

fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn path(value: &Path) -> String {
    // The paths came out of TOML or of the command line; the latter are refused unless UTF-8.
    text(&value.to_string_lossy())
}
