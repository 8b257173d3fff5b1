//! Writers, a process of their own so that they can be stopped and measured from outside.
//!
//! Each writes 4 KiB at a time to its file, past the page cache and synced, and a pause after. What counts is
//! the longest time from the end of one write to the end of the next.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// The hidden command.
pub(crate) const COMMAND: &str = "storage-writer";

const BLOCK: usize = 4096;
/// Blocks of a file.
const BLOCKS: u64 = 64;
/// Between two writes: the machine has one processor, which the programs that are measured need.
const PAUSE: Duration = Duration::from_millis(2);

#[repr(align(4096))]
struct Page([u8; BLOCK]);

/// What a writer does, in microseconds since the start.
#[derive(Debug, Default)]
struct Progress {
    last: AtomicU64,
    longest: AtomicU64,
}

/// The hidden command itself: answers each line that it reads. `reset` forgets what was; `report` gives the
/// longest gap of each file, in microseconds.
pub(crate) fn run(files: &[OsString]) -> Result<()> {
    let start = Instant::now();
    let mut all = Vec::new();
    for path in files {
        // The blocks are there before anything is measured.
        let mut plain = File::create(path)?;
        plain.write_all(&vec![1; BLOCK * usize::try_from(BLOCKS)?])?;
        plain.sync_all()?;
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_DIRECT | libc::O_DSYNC)
            .open(path)?;
        let progress = Arc::new(Progress::default());
        all.push(Arc::clone(&progress));
        thread::spawn(move || {
            if let Err(error) = keep_writing(&file, &progress, start) {
                eprintln!("a writer ends: {error}");
                std::process::exit(1);
            }
        });
    }
    for line in std::io::stdin().lock().lines() {
        let now = micros(start);
        match line?.as_str() {
            "reset" => {
                for progress in &all {
                    progress.longest.store(0, Ordering::SeqCst);
                }
                println!("[]");
            }
            _ => {
                let longest: Vec<u64> = all
                    .iter()
                    .map(|progress| {
                        let open = now.saturating_sub(progress.last.load(Ordering::SeqCst));
                        progress.longest.load(Ordering::SeqCst).max(open)
                    })
                    .collect();
                println!("{}", serde_json::to_string(&longest)?);
            }
        }
    }
    Ok(())
}

fn keep_writing(file: &File, progress: &Progress, start: Instant) -> std::io::Result<()> {
    let mut page = Page([0; BLOCK]);
    for number in 0_u64.. {
        if let Some(first) = page.0.first_mut() {
            *first = u8::try_from(number % 251).unwrap_or_default();
        }
        let offset = number % BLOCKS * 4096;
        file.write_all_at(&page.0, offset)?;
        let now = micros(start);
        let last = progress.last.swap(now, Ordering::SeqCst);
        if last != 0 {
            progress.longest.fetch_max(now - last, Ordering::SeqCst);
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The writers at work; they end when this goes.
pub(crate) struct Writers {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Writers {
    /// Starts one for each file.
    pub(crate) fn start(files: &[PathBuf]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take().ok_or("the writers do not listen")?;
        let from = child.stdout.take().ok_or("the writers say nothing")?;
        let mut writers = Self {
            child,
            to,
            from: BufReader::new(from),
        };
        writers.ask("reset")?;
        Ok(writers)
    }

    fn ask(&mut self, what: &str) -> Result<Vec<u64>> {
        writeln!(self.to, "{what}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// The longest gap in the writes of any file while `work` is done.
    pub(crate) fn held<T>(
        &mut self,
        work: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<(Duration, T)> {
        self.ask("reset")?;
        let value = work(self)?;
        let gaps = self.ask("report")?;
        let longest = gaps.into_iter().max().unwrap_or_default();
        Ok((Duration::from_micros(longest), value))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(pid).ok_or("the writers have no number")?;
        kill_process(pid, signal)?;
        Ok(())
    }

    /// `kill -STOP`.
    pub(crate) fn stop(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// `kill -CONT`.
    pub(crate) fn go_on(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
