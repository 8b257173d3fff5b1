//! Waiting for an operation: progress for who looks, Ctrl-C for who has seen enough.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use vss_coordinator::{AuditRecord, CancelAnswer, DiskProgress, DiskStage, Job};
use vss_model::{Error, ErrorKind, ResultCode};
use vss_provider_file::{CopyProgress, FileArray};

use crate::app::App;
use crate::failure::Failure;
use crate::size;

/// How often the progress is looked at.
const TICK: Duration = Duration::from_millis(50);
/// What ends sooner needs no progress bar.
const PATIENCE: Duration = Duration::from_millis(200);
/// Parts of a bar, so that disks and bytes can share it.
const PARTS: u64 = 1000;

/// Ctrl-C and termination, noted instead of obeyed for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    registered: Vec<SigId>,
}

impl Interrupt {
    /// From now on.
    ///
    /// # Errors
    /// The system does not let signals be handled.
    pub(crate) fn watch() -> Result<Self, Error> {
        let asked = Arc::new(AtomicBool::new(false));
        let mut registered = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            let id = signal_hook::flag::register(signal, Arc::clone(&asked)).map_err(|error| {
                Error::new(ErrorKind::Unexpected, "could not watch for Ctrl-C").with_source(error)
            })?;
            registered.push(id);
        }
        Ok(Self { asked, registered })
    }

    /// True once for each time that somebody asked.
    pub(crate) fn take(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Listens to the array's word on how far its copies are.
pub(crate) struct CopyWatch<'a> {
    array: &'a FileArray,
    latest: Arc<Mutex<Option<CopyProgress>>>,
}

impl<'a> CopyWatch<'a> {
    /// From now on, until this is dropped.
    pub(crate) fn new(array: &'a FileArray) -> Self {
        let latest = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&latest);
        array.on_progress(Some(Arc::new(move |progress: CopyProgress| {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
        })));
        Self { array, latest }
    }

    fn latest(&self) -> Option<CopyProgress> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for CopyWatch<'_> {
    fn drop(&mut self) {
        self.array.on_progress(None);
    }
}

/// Waits for the end of an operation.
///
/// # Errors
/// What the operation ended with, unless it is `VSS_S_ASYNC_FINISHED`.
pub(crate) fn wait(
    app: &App,
    job: &Job<AuditRecord>,
    what: &str,
    copies: Option<&CopyWatch<'_>>,
) -> Result<Arc<AuditRecord>, Failure> {
    let interrupt = Interrupt::watch()?;
    let began = Instant::now();
    let show = !app.json && std::io::stderr().is_terminal();
    let mut bar: Option<ProgressBar> = None;
    while job.query_status() == ResultCode::VSS_S_ASYNC_PENDING {
        job.wait(Some(TICK));
        if interrupt.take() {
            let said = stop(job, what);
            if app.json {
                continue;
            }
            match &bar {
                Some(bar) => bar.println(said),
                None => eprintln!("{said}"),
            }
        }
        if show && began.elapsed() > PATIENCE {
            draw(bar.get_or_insert_with(|| new_bar(what)), job, copies);
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    match job.query_status() {
        ResultCode::VSS_S_ASYNC_FINISHED => job.report().ok_or_else(|| {
            let message = format!("the {what} ended without a result");
            Error::new(ErrorKind::Unexpected, message).into()
        }),
        ResultCode::VSS_S_ASYNC_CANCELLED => Err(Failure::Cancelled(job.operation())),
        code => Err(match job.error() {
            Some(error) => Failure::Operation(error, job.operation()),
            None => Error::new(
                ErrorKind::Unexpected,
                format!("the {what} ended with {code}"),
            )
            .into(),
        }),
    }
}

/// Asks for the operation to be given up, and says what comes of it.
fn stop(job: &Job<AuditRecord>, what: &str) -> String {
    let late = job.is_past_no_return();
    match job.cancel() {
        CancelAnswer::Taken if late => {
            format!(
                "too late to cancel the {what}: it has begun to change disks and goes on to its end"
            )
        }
        CancelAnswer::Taken => format!("cancelling the {what}, once the step in work is done…"),
        CancelAnswer::Finished | CancelAnswer::Cancelled | CancelAnswer::Failed(_) => {
            format!("the {what} is over already")
        }
    }
}

fn new_bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3}%  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}

fn draw(bar: &ProgressBar, job: &Job<AuditRecord>, copies: Option<&CopyWatch<'_>>) {
    let disks = job.progress();
    let ended = |disk: &&DiskProgress| matches!(disk.stage, DiskStage::Done | DiskStage::Failed);
    let (done, all) = (
        disks.iter().filter(ended).count() as u64,
        disks.len() as u64,
    );
    let begun = disks.iter().any(|disk| disk.stage != DiskStage::Waiting);
    match copies.and_then(CopyWatch::latest) {
        Some(copy) if !begun => {
            let count = copy.count.max(1) as u64;
            let before = part(copy.index.saturating_sub(1) as u64, count);
            let of_this = part(copy.done_bytes, copy.total_bytes) / count;
            bar.set_position(before.saturating_add(of_this));
            bar.set_message(if copy.done_bytes < copy.total_bytes {
                format!(
                    "{} ({} of {count}): {} of {}",
                    copy.lun,
                    copy.index,
                    size::show(copy.done_bytes),
                    size::show(copy.total_bytes)
                )
            } else {
                format!(
                    "{} ({} of {count}): making it durable",
                    copy.lun, copy.index
                )
            });
        }
        _ => {
            bar.set_position(part(done, all));
            bar.set_message(format!("{done} of {all} disks"));
        }
    }
}

/// How many of [`PARTS`] `done` of `all` are.
fn part(done: u64, all: u64) -> u64 {
    let scaled = u128::from(done) * u128::from(PARTS) / u128::from(all.max(1));
    u64::try_from(scaled).unwrap_or(PARTS).min(PARTS)
}
