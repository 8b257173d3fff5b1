//! `vss break --no-wait` without a daemon: a process of its own carries the break on.
//!
//! ```text
//! vss break --no-wait ── starts ──► vss break --background     a session of its own
//!         │                              │ opens, checks, starts the break
//!         │ ◄──── one line of JSON ──────┤ then lets go of stdin, stdout and stderr
//!         ▼                              ▼
//!    says the outcome of the call     waits for the end, which the catalogue keeps;
//!                                     SIGINT and SIGTERM ask the break to stop
//! ```

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vss_coordinator::{CatalogueReader, StatePaths};
use vss_engine::Embedded;
use vss_model::{Error, ErrorKind, OperationId, ResultCode, SetId};
use vss_service::VssAsync;

use super::{begun, find_set, start};
use crate::app::{App, told};
use crate::failure::Failure;
use crate::ids::IdArg;
use crate::place::Place;
use crate::work::{self, Interrupt};

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

/// Starts the child and says how the call went.
pub(super) fn parent(
    app: &App,
    paths: &StatePaths,
    set: &IdArg,
    flags: u32,
) -> Result<(), Failure> {
    let operation = OperationId::from_uuid(Uuid::new_v4());
    let failed = |step: &str| {
        Error::new(
            ErrorKind::Unexpected,
            format!("could not {step} the background process"),
        )
    };
    let program = std::env::current_exe().map_err(|error| failed("find").with_source(error))?;
    let mut child = Command::new(program)
        .arg("--state")
        .arg(paths.root())
        .args(["break", "--background", &operation.to_string(), "--flags"])
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
            .with_hint(format!(
                "vss wait {operation} finds out what became of the break"
            ))
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
    begun(app, set_id, operation)
}

/// Starts the break, tells the parent, lets go of everything of it, and sees the break to its end.
pub(super) fn child(
    app: &App,
    set: &IdArg,
    flags: u32,
    operation: OperationId,
) -> Result<(), Failure> {
    // Fails only for the leader of a process group, which nobody has made us.
    let _ = rustix::process::setsid();
    let interrupt = Interrupt::watch()?;
    let mut recovered = Vec::new();
    let outcome = begin(app, set, flags, operation, &mut recovered);
    let report = Report {
        recovered,
        started: outcome.as_ref().ok().map(|(_, running)| Started {
            set_id: running.set(),
            operation: running.operation(),
        }),
        error: outcome.as_ref().err().map(|error| ErrorReport {
            code: error.code(),
            message: error.chain(),
            hint: error.hint().map(str::to_owned),
        }),
    };
    // A parent that is gone is no reason to stop.
    let told = tell(&report);
    let Ok((_service, running)) = outcome else {
        return Err(Failure::Told);
    };
    detach();
    let mut state = running.state()?;
    while !state.is_settled() {
        if interrupt.take() {
            // Too late or not: the record says what came of it.
            running.cancel()?;
        }
        state = work::next(&*running, state.version, work::TICK)?;
    }
    told
}

fn begin(
    app: &App,
    set: &IdArg,
    flags: u32,
    operation: OperationId,
    recovered: &mut Vec<String>,
) -> Result<(Embedded, Box<dyn VssAsync>), Error> {
    let Place::Embedded(paths) = &app.place else {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "a daemon needs no background process",
        ));
    };
    let service = Embedded::open(paths.clone())?;
    *recovered = service.recovered().iter().map(told).collect();
    let set = find_set(&service, set)?;
    let running = start(&service, set, flags, operation)?;
    until_it_shows(paths, &*running)?;
    Ok((service, running))
}

/// Waits until the operation is on record, in the journal or as finished.
fn until_it_shows(paths: &StatePaths, running: &dyn VssAsync) -> Result<(), Error> {
    let reader = CatalogueReader::open(&paths.catalogue())?;
    let began = Instant::now();
    while running.state()?.is_pending() && began.elapsed() < SHOWING {
        let unfinished = reader.unfinished()?;
        if unfinished
            .iter()
            .any(|one| one.operation == running.operation())
        {
            break;
        }
        running.wait(Some(TICK))?;
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
