//! The log: to the journal, with fields, or to stderr.

use std::env;
use std::io::{self, IsTerminal};
use std::panic;
use std::thread;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use vss_model::{Error, ErrorKind};

use crate::config::{Log, LogLevel, LogTarget};

/// Before names of our fields in the journal: `VSS_OPERATION=…`.
const FIELD_PREFIX: &str = "VSS";

/// Begins the log, once in a process, and has panics logged.
///
/// # Errors
/// The journal is wanted and cannot be reached.
pub(crate) fn begin(log: &Log) -> Result<(), Error> {
    let wanted = match log.target {
        LogTarget::Journald => true,
        LogTarget::Auto => leads_to_the_journal(),
        LogTarget::Stderr => false,
    };
    let journal = wanted.then(tracing_journald::layer).transpose();
    let journal = match (journal, log.target) {
        (Ok(journal), _) => journal,
        (Err(error), LogTarget::Journald) => {
            return Err(
                Error::new(ErrorKind::Unexpected, "could not reach the journal")
                    .with_hint("set log.target to \"stderr\" where systemd-journald does not run")
                    .with_source(error),
            );
        }
        // stderr reaches the journal as well, without fields.
        (Err(_), _) => None,
    };
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
    });
    let journal = journal.map(|layer| {
        layer
            .with_syslog_identifier("vssd".to_owned())
            .with_field_prefix(Some(FIELD_PREFIX.to_owned()))
    });
    Registry::default()
        .with(level(log.level))
        .with(journal)
        .with(plain)
        .try_init()
        .map_err(|error| {
            Error::new(ErrorKind::Unexpected, "could not begin the log").with_source(error)
        })?;
    log_panics();
    Ok(())
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Whether systemd has connected our stderr to the journal: the variable is inherited by children
/// whose stderr leads elsewhere, so it is compared.
fn leads_to_the_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let message = info.payload_as_str().unwrap_or("no message");
        let place = info
            .location()
            .map_or_else(|| "somewhere".to_owned(), ToString::to_string);
        tracing::error!(
            "a thread ({}) gave up at {place}: {message}",
            thread.name().unwrap_or("unnamed")
        );
    }));
}
