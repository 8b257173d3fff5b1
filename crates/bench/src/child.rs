//! Time and memory of a whole process.
//!
//! The kernel counts the memory of a process from its fork on, so a large parent would be seen in
//! its child. Therefore a fresh `vss-bench` starts and measures it: `vss-bench child PROGRAM ARGS`.

use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Result;

/// The hidden command.
pub(crate) const COMMAND: &str = "child";

/// What a process took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    micros: u64,
    pub(crate) max_rss_kib: u64,
}

impl Usage {
    pub(crate) const fn time(&self) -> Duration {
        Duration::from_micros(self.micros)
    }
}

/// Runs a program with its output thrown away, and measures it from start to end.
pub(crate) fn measure(program: &Path, arguments: &[OsString]) -> Result<Usage> {
    let output = Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} failed", program.display()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The hidden command itself; prints a [`Usage`].
pub(crate) fn run(words: &[OsString]) -> Result<()> {
    let (program, arguments) = words.split_first().ok_or("no program")?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let status = child.wait()?;
    let micros = u64::try_from(start.elapsed().as_micros())?;
    if !status.success() {
        return Err(format!("{} ended with {status}", program.display()).into());
    }
    let usage = Usage {
        micros,
        max_rss_kib: children_max_rss_kib()?,
    };
    println!("{}", serde_json::to_string(&usage)?);
    Ok(())
}

#[expect(unsafe_code, reason = "std and rustix know no getrusage")]
fn children_max_rss_kib() -> Result<u64> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills the structure that the valid pointer leads to, and keeps nothing.
    let result = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error().into());
    }
    // SAFETY: all zeros is a valid rusage, and the call has succeeded.
    let usage = unsafe { usage.assume_init() };
    Ok(u64::try_from(usage.ru_maxrss)?)
}
