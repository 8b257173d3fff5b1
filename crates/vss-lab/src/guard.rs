//! A process beside a machine that ends it when nobody is left who could.
//!
//! Whoever boots a machine may be killed, and then runs no more code. The guard reads from a pipe whose
//! other end only that process holds: first the number of the kernel's process group, then nothing more.
//! The end of the pipe is the machine's end, however it came.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Makes the program `vss-lab-init` a guard.
const GUARD: &str = "--guard";

/// A guard that runs.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    /// Starts the guard of the machine with this folder.
    pub(crate) fn start(init: &Path, folder: &Path) -> io::Result<Self> {
        let child = Command::new(init)
            .arg(GUARD)
            .arg(folder)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child })
    }

    /// Tells it the number of the kernel, which leads a process group: User-Mode Linux makes itself the
    /// leader of one in any case.
    pub(crate) fn watch(&mut self, kernel: u32) -> io::Result<()> {
        let pipe = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(format!("{kernel}\n").as_bytes())
    }

    /// Sends it away; it does nothing more. To be done before the kernel is waited for: afterwards the
    /// number may be another's.
    pub(crate) fn dismiss(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does a guard's work if the arguments ask for it; true when they did.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter();
    if arguments.next().as_deref() != Some(OsStr::new(GUARD)) {
        return false;
    }
    let mut said = String::new();
    let heard = io::stdin().read_to_string(&mut said);
    // A number that was cut off would be another process's.
    let kernel = said
        .strip_suffix('\n')
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > 1)
        .and_then(Pid::from_raw);
    if heard.is_ok()
        && let Some(kernel) = kernel
    {
        let _ = kill_process_group(kernel, Signal::KILL);
    }
    if let Some(folder) = arguments.next() {
        let _ = std::fs::remove_dir_all(folder);
    }
    true
}
