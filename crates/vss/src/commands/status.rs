//! `vss status`: where the service is, and how it is.

use std::fmt::Write as _;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;
use vss_model::{OperationId, ProviderId, ProviderType, SetId, Timestamp};
use vss_service::{FailedOperation, Status};

use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, ResultJson, StateJson, Table, plain, print_json, print_text, short};
use crate::place::{Place, SYSTEM_SOCKET, Why};
use crate::progress::{name, standing};

/// Show where the service is and how it is: providers, running operations, last errors
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {}

#[derive(Debug, Serialize)]
struct StatusJson<'a> {
    /// "daemon" or "embedded".
    place: &'static str,
    /// Where the daemon is; null without one.
    endpoint: Option<String>,
    why: String,
    /// A socket that nobody listens on.
    stale_socket: Option<&'static str>,
    version: &'a str,
    /// Of the daemon; null without one.
    pid: Option<u32>,
    started: Option<String>,
    uptime_seconds: Option<u64>,
    machine: &'a str,
    state_dir: String,
    providers: Vec<ProviderJson<'a>>,
    operations: Vec<StateJson<'a>>,
    failures: Vec<FailureJson<'a>>,
    sets: u64,
    copies: u64,
    sessions: u64,
    refused: u64,
}

#[derive(Debug, Serialize)]
struct ProviderJson<'a> {
    id: ProviderId,
    name: &'a str,
    r#type: &'static str,
    version: &'a str,
}

#[derive(Debug, Serialize)]
struct FailureJson<'a> {
    operation: OperationId,
    kind: &'static str,
    set_id: Option<SetId>,
    finished: String,
    result: ResultJson,
    error: &'a str,
}

impl<'a> From<&'a FailedOperation> for FailureJson<'a> {
    fn from(failed: &'a FailedOperation) -> Self {
        Self {
            operation: failed.operation,
            kind: failed.kind.name(),
            set_id: (!failed.set.is_null()).then_some(failed.set),
            finished: failed.finished.to_string(),
            result: failed.code.into(),
            error: &failed.error,
        }
    }
}

/// Runs the command.
pub(crate) fn run(app: &App) -> Result<(), Failure> {
    let status = app.queries()?.status()?;
    if app.json {
        print_json(&json(app, &status))
    } else {
        print_text(&text(app, &status, Paint::stdout()))
    }
}

/// Seconds since the daemon began to serve.
fn uptime(status: &Status) -> Option<u64> {
    let now = Timestamp::from_system_time(SystemTime::now()).unix_seconds();
    let since = now.saturating_sub(status.started?.unix_seconds());
    Some(u64::try_from(since).unwrap_or(0))
}

/// The daemon's place, if there is one.
fn endpoint(app: &App) -> Option<String> {
    match &app.place {
        Place::Daemon(endpoint) => Some(endpoint.to_string()),
        Place::Embedded(_) => None,
    }
}

fn json<'a>(app: &App, status: &'a Status) -> StatusJson<'a> {
    let endpoint = endpoint(app);
    StatusJson {
        place: match &app.place {
            Place::Daemon(_) => "daemon",
            Place::Embedded(_) => "embedded",
        },
        why: app.why.to_string(),
        stale_socket: (app.why == Why::Stale).then_some(SYSTEM_SOCKET),
        version: &status.version,
        pid: endpoint.is_some().then_some(status.pid),
        endpoint,
        started: status.started.map(|started| started.to_string()),
        uptime_seconds: uptime(status),
        machine: &status.machine,
        state_dir: status.state_dir.display().to_string(),
        providers: status
            .providers
            .iter()
            .map(|provider| ProviderJson {
                id: provider.provider_id,
                name: &provider.provider_name,
                r#type: type_name(provider.provider_type),
                version: &provider.provider_version,
            })
            .collect(),
        operations: status.operations.iter().map(StateJson::from).collect(),
        failures: status.failures.iter().map(FailureJson::from).collect(),
        sets: status.sets,
        copies: status.copies,
        sessions: status.sessions,
        refused: status.refused,
    }
}

const fn type_name(provider: ProviderType) -> &'static str {
    match provider {
        ProviderType::Unknown => "unknown",
        ProviderType::System => "system",
        ProviderType::Software => "software",
        ProviderType::Hardware => "hardware",
        ProviderType::FileShare => "fileshare",
    }
}

fn text(app: &App, status: &Status, paint: Paint) -> String {
    let place = match (&app.place, uptime(status)) {
        (Place::Daemon(endpoint), uptime) => {
            let up = uptime.map_or_else(String::new, |seconds| format!(", up {}", span(seconds)));
            format!(
                "daemon at {endpoint} ({})\n  process    {}{up}",
                app.why, status.pid
            )
        }
        (Place::Embedded(_), _) => {
            format!(
                "embedded, state {} ({})",
                status.state_dir.display(),
                app.why
            )
        }
    };
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", paint.bold("service"));
    let _ = writeln!(text, "  place      {place}");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<9}  {}", plain(value));
    };
    line("version", &status.version);
    line("machine", &status.machine);
    if matches!(app.place, Place::Daemon(_)) {
        line("state", &status.state_dir.display().to_string());
        line("sessions", &status.sessions.to_string());
    }
    line(
        "sets",
        &format!("{}, shadow copies {}", status.sets, status.copies),
    );
    line(
        "refused",
        &match status.refused {
            0 => "no calls".to_owned(),
            1 => "1 call; see vss history --refused".to_owned(),
            calls => format!("{calls} calls; see vss history --refused"),
        },
    );
    for provider in &status.providers {
        line(
            "provider",
            &format!(
                "{} ({}, version {})",
                provider.provider_name,
                type_name(provider.provider_type),
                provider.provider_version
            ),
        );
    }
    let _ = writeln!(text, "\n{}", paint.bold("operations"));
    if status.operations.is_empty() {
        text.push_str("  nothing is running\n");
    }
    for state in &status.operations {
        let line = format!("  {}: {}\n", name(state), plain(&standing(state)));
        text.push_str(&paint.yellow(&line));
    }
    if !status.failures.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("last errors"));
        let mut table = Table::new(&["FINISHED", "KIND", "SET", "RESULT", "MORE"]);
        for failed in &status.failures {
            table.row([
                failed.finished.to_string(),
                failed.kind.name().to_owned(),
                if failed.set.is_null() {
                    "-".to_owned()
                } else {
                    short(failed.set.as_uuid())
                },
                failed.code.name_or_hex(),
                format!("vss show {}", short(failed.operation.as_uuid())),
            ]);
        }
        text.push_str(&table.render(paint, "  "));
    }
    text
}

/// A span of time in its two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_in_words() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(61), "1 min 1 s");
        assert_eq!(span(3_600 + 120), "1 h 2 min");
        assert_eq!(span(86_400 * 3 + 3_600 * 5), "3 d 5 h");
    }
}
