//! Where `vss watch` shows what it sees: bars on a terminal, lines elsewhere, objects for scripts.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::SystemTime;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vss_model::{OperationId, Timestamp};
use vss_service::OperationState;

use crate::failure::Failure;
use crate::output::{Paint, StateJson, plain, print_json};
use crate::progress::{self, PARTS, name, standing};

/// Parts in which lines tell the progress of a copy.
const STEPS: u64 = 10;

/// What was shown of an operation.
#[derive(Debug)]
struct Shown {
    /// A bar, where there are bars.
    bar: Option<ProgressBar>,
    /// What the last line said.
    last: Option<(String, u64)>,
    version: u64,
}

/// Shows states.
#[derive(Debug)]
pub(super) struct Screen {
    json: bool,
    bars: Option<MultiProgress>,
    shown: HashMap<OperationId, Shown>,
}

impl Screen {
    /// Bars where somebody looks.
    pub(super) fn new(json: bool) -> Self {
        let terminal = !json && std::io::stdout().is_terminal();
        Self {
            json,
            bars: terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout())),
            shown: HashMap::new(),
        }
    }

    /// Shows a state, unless it was shown already.
    pub(super) fn show(&mut self, state: &OperationState) -> Result<(), Failure> {
        let bars = &self.bars;
        let shown = self.shown.entry(state.operation).or_insert_with(|| Shown {
            bar: bars
                .as_ref()
                .filter(|_| state.is_pending())
                .map(|bars| progress::styled(bars.add(ProgressBar::new(PARTS)), &name(state))),
            last: None,
            version: 0,
        });
        let news = shown.last.is_none() || state.version > shown.version || !state.is_pending();
        if self.json && news {
            shown.last = Some((String::new(), 0));
            print_json(&StateJson::from(state))?;
        } else if !self.json {
            let step = progress::position(state) * STEPS / PARTS;
            let changed = shown.change(state, step);
            match (&shown.bar, changed) {
                (Some(bar), _) if state.is_pending() => progress::draw(bar, state),
                (_, Some(text)) => {
                    if let Some(bar) = shown.bar.take() {
                        bar.finish_and_clear();
                    }
                    self.say(&text)?;
                }
                _ => {}
            }
        }
        if let Some(shown) = self.shown.get_mut(&state.operation) {
            shown.version = state.version;
        }
        if !state.is_pending() {
            self.shown.remove(&state.operation);
        }
        Ok(())
    }

    /// Says a line, with the time; nothing to scripts.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let now = Timestamp::from_system_time(SystemTime::now());
        let line = format!("{now}  {text}");
        match &self.bars {
            Some(bars) => bars.println(line)?,
            None => {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()?;
            }
        }
        Ok(())
    }

    /// Notices, while nothing happens, that nobody reads any more.
    ///
    /// # Errors
    /// [`Failure::Closed`].
    pub(super) fn poll(&self) -> Result<(), Failure> {
        let out = std::io::stdout();
        let mut fds = [PollFd::new(&out, PollFlags::empty())];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match poll(&mut fds, Some(&at_once)) {
            Ok(1..) if fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR)) => {
                Err(Failure::Closed)
            }
            _ => Ok(()),
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn close(&mut self) {
        for shown in self.shown.values() {
            if let Some(bar) = &shown.bar {
                bar.finish_and_clear();
            }
        }
        self.shown.clear();
    }
}

impl Shown {
    /// The line that tells the state, if it tells something new.
    fn change(&mut self, state: &OperationState, step: u64) -> Option<String> {
        let text = standing(state);
        // Of a copy, every byte would be news.
        let told = if progress::is_copying(state) {
            let flags = (state.cancel_requested, state.past_no_return);
            let index = state.copying.as_ref().map(|copy| copy.index);
            (format!("{index:?} {flags:?}"), step)
        } else {
            (text.clone(), 0)
        };
        if self.last.as_ref() == Some(&told) {
            return None;
        }
        self.last = Some(told);
        let text = format!("{}: {}", name(state), plain(&text));
        let paint = Paint::stdout();
        Some(match state.code {
            vss_model::ResultCode::VSS_S_ASYNC_PENDING => text,
            vss_model::ResultCode::VSS_S_ASYNC_FINISHED => paint.green(&text),
            _ => format!("{}; see vss show {}", paint.red(&text), state.operation),
        })
    }
}
