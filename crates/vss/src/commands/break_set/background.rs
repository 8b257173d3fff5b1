//! `vss break --no-wait`: a process of its own carries the break on.
//!
//! ```text
//! vss break --no-wait ── starts ──► vss break --background     a session of its own
//!         │                              │ opens, checks, starts the break
//!         │ ◄──── one line of JSON ──────┤ then lets go of stdin, stdout and stderr
//!         ▼                              ▼
//!    says the outcome of the call     waits for the end, which the catalogue keeps
//! ```

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vss_coordinator::{AuditRecord, CatalogueReader, Job, StateDir};
use vss_model::{Error, ErrorKind, OperationId, ResultCode, SetId};

use super::{find_set, start};
use crate::app::App;
use crate::embedded::Service;
use crate::failure::Failure;
use crate::ids::IdArg;
use crate::output::{Paint, ResultJson, print_json, print_text};

/// For how long the operation is waited for to show in the catalogue, so that whoever reads its id
/// can look it up. A break that takes longer to begin is told all the same.
const SHOWING: Duration = Duration::from_secs(1);
/// How often the catalogue is looked at meanwhile.
const TICK: Duration = Duration::from_millis(2);

/// What the child tells the parent.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    recovered: Vec<String>,
    started: Option<Started>,
    error: Option<ErrorReport>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Started {
    set_id: SetId,
    operation: OperationId,
}

#[derive(Debug, Serialize, Deserialize)]
struct ErrorReport {
    code: ResultCode,
    message: String,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct PendingJson {
    set_id: SetId,
    operation: OperationId,
    result: ResultJson,
}

/// Starts the child and says how the call went.
pub(super) fn parent(app: &App, set: &IdArg, flags: u32) -> Result<(), Failure> {
    let failed = |step: &str| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not {step} the background process"),
        )
    };
    let program = std::env::current_exe().map_err(|error| failed("find").with_source(error))?;
    let mut child = Command::new(program)
        .arg("--state")
        .arg(app.paths.root())
        .args(["break", "--background", "--flags"])
        .arg(format!("{flags:#x}"))
        .arg("--")
        .arg(set.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed("start").with_source(error))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|error| failed("hear from").with_source(error))?;
    }
    let report: Report = serde_json::from_str(&line).map_err(|error| {
        failed("understand")
            .with_hint("vss history shows whether the break took place")
            .with_source(error)
    })?;
    if !app.json {
        for line in &report.recovered {
            eprintln!("{line}");
        }
    }
    if let Some(error) = report.error {
        let kind = ErrorKind::from_code(error.code).unwrap_or(ErrorKind::Unexpected);
        let told = Error::new(kind, error.message);
        return Err(match error.hint {
            Some(hint) => told.with_hint(hint).into(),
            None => told.into(),
        });
    }
    let Some(Started { set_id, operation }) = report.started else {
        return Err(failed("understand").into());
    };
    if app.json {
        return print_json(&PendingJson {
            set_id,
            operation,
            result: ResultCode::VSS_S_ASYNC_PENDING.into(),
        });
    }
    print_text(&format!(
        "the break of set {set_id} {} as operation {operation}\nhow it went: vss show {operation}\n",
        Paint::stdout().yellow("goes on in the background")
    ))
}

/// Starts the break, tells the parent, lets go of everything of it, and sees the break to its end.
pub(super) fn child(app: &App, set: &IdArg, flags: u32) -> Result<(), Failure> {
    // Fails only for the leader of a process group, which nobody has made us.
    let _ = rustix::process::setsid();
    let mut recovered = Vec::new();
    let outcome = begin(app, set, flags, &mut recovered);
    let report = Report {
        recovered,
        started: outcome.as_ref().ok().map(|(_, job)| Started {
            set_id: job.set(),
            operation: job.operation(),
        }),
        error: outcome.as_ref().err().map(|error| ErrorReport {
            code: error.code(),
            message: error.chain(),
            hint: error.hint().map(str::to_owned),
        }),
    };
    // A parent that is gone is no reason to stop.
    let told = tell(&report);
    let Ok((_service, job)) = outcome else {
        return Err(Failure::Told);
    };
    detach();
    job.wait(None);
    told
}

fn begin(
    app: &App,
    set: &IdArg,
    flags: u32,
    recovered: &mut Vec<String>,
) -> Result<(Service, Job<AuditRecord>), Error> {
    let service = Service::on(StateDir::acquire(app.paths.clone())?)?;
    *recovered = service.recovered();
    let set = find_set(app, set).map_err(|failure| match failure {
        Failure::Error(error) => Error::new(error.kind(), error.chain())
            .with_hint(error.hint().unwrap_or("vss list shows the sets")),
        _ => Error::new(ErrorKind::Unexpected, "could not read the id"),
    })?;
    let job = start(&service, set, flags)?;
    until_it_shows(app, &job)?;
    Ok((service, job))
}

/// Waits until the operation is on record, in the journal or as finished.
fn until_it_shows(app: &App, job: &Job<AuditRecord>) -> Result<(), Error> {
    let reader = CatalogueReader::open(&app.paths.catalogue())?;
    let began = Instant::now();
    while job.query_status() == ResultCode::VSS_S_ASYNC_PENDING && began.elapsed() < SHOWING {
        let unfinished = reader.unfinished()?;
        if unfinished.iter().any(|(id, ..)| *id == job.operation()) {
            break;
        }
        job.wait(Some(TICK));
    }
    Ok(())
}

fn tell(report: &Report) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, report)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}

/// Whoever waits for our output, or wants to unmount our folder, shall not wait for us.
fn detach() {
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
    let _ = std::env::set_current_dir("/");
}
