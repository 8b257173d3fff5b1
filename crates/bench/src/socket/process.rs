//! Processor time, and tools that look into another process for a while.

use std::fs;
use std::ops::{Add, Sub};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// Longest wait for a tool to begin or to end.
const LIMIT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(5);

/// Processor time, in the ticks of the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    user: u64,
    system: u64,
}

impl Cpu {
    /// Of a process, those of its threads that are gone included; `self` is this process.
    pub(crate) fn of(pid: &str) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name may hold anything, blanks and brackets included.
        let (_, fields) = text.rsplit_once(") ").ok_or("no process state")?;
        let number = |at: usize| -> Result<u64> {
            Ok(fields
                .split(' ')
                .nth(at)
                .ok_or("a short process state")?
                .parse()?)
        };
        Ok(Self {
            user: number(11)?,
            system: number(12)?,
        })
    }

    /// Of the whole machine, whoever used it.
    pub(crate) fn of_machine() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let fields: Vec<u64> = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()?;
        let [
            user,
            nice,
            system,
            _idle,
            _waiting,
            interrupts,
            soft,
            stolen,
            ..,
        ] = *fields
        else {
            return Err("a short machine state".into());
        };
        Ok(Self {
            user: user + nice + stolen,
            system: system + interrupts + soft,
        })
    }

    pub(crate) fn user(self) -> Duration {
        ticks(self.user)
    }

    pub(crate) fn system(self) -> Duration {
        ticks(self.system)
    }

    pub(crate) fn total(self) -> Duration {
        ticks(self.user + self.system)
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

impl Add for Cpu {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            user: self.user + other.user,
            system: self.system + other.system,
        }
    }
}

fn ticks(count: u64) -> Duration {
    let frequency = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_micros(count.saturating_mul(1_000_000) / frequency)
}

/// A tool that looks into another process until it is told to stop; killed on drop.
pub(crate) struct Onlooker(Child);

impl Onlooker {
    /// Starts it, and waits until `has_begun`.
    pub(crate) fn start(command: &mut Command, has_begun: impl Fn() -> bool) -> Result<Self> {
        let mut onlooker = Self(command.spawn()?);
        let until = Instant::now() + LIMIT;
        while !has_begun() {
            if let Some(status) = onlooker.0.try_wait()? {
                return Err(format!("it ended at once, with {status}").into());
            }
            if Instant::now() > until {
                return Err("it does not begin".into());
            }
            std::thread::park_timeout(TICK);
        }
        Ok(onlooker)
    }

    /// Has it write down what it has seen.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.0), Signal::INT)?;
        let until = Instant::now() + LIMIT;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > until {
                return Err("it does not end".into());
            }
            std::thread::park_timeout(TICK);
        }
        Ok(())
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a program is on the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
