//! Running `crash-driver` under the shim.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::PoisonError;

use crate::service::{Command, OPEN};
use crate::{Outcome, fail};

/// The signal that the shim kills with.
const SIGKILL: i32 = 9;

/// What the shim does besides letting calls through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Watch,
    /// Records every change.
    Record(PathBuf),
    /// Kills right before or right after the call of this number.
    Kill(u32, Side),
    /// Lets calls fail.
    Fail(Fault),
}

/// Which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it.
    Before,
    /// After it.
    After,
}

/// A failure of input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of the call, within the class.
    pub call: u32,
    /// The error number.
    pub errno: i32,
    /// Once, or how else.
    pub lasts: Lasts,
    /// Whose calls.
    pub class: Class,
}

/// How long a failure lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// One call.
    Once,
    /// From then on.
    Forever,
    /// A write of several sectors comes to some of them, and the next call fails.
    Short,
}

/// Whose calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Images, partial ones too.
    Images,
    /// The two catalogues.
    Catalogues,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// True if the shim killed it.
    pub killed: bool,
    /// The line that it printed, as JSON; null if it printed none.
    pub line: serde_json::Value,
}

impl Run {
    /// True if it reported success.
    #[must_use]
    pub fn reported_success(&self) -> bool {
        self.line.get("ok").is_some()
    }
}

/// The shim and the driver.
#[derive(Debug, Clone)]
pub struct Rig {
    driver: PathBuf,
    shim: PathBuf,
}

impl Rig {
    /// Builds the shim in a folder, unless it is there, with the C compiler (`cc`).
    ///
    /// # Errors
    /// There is no compiler, or it refuses.
    pub fn new(driver: &str, folder: &str) -> Outcome<Self> {
        let source = include_str!("../shim/shim.c");
        let folder = Path::new(folder);
        let shim = folder.join(format!(
            "shim-{:08x}.so",
            crc32fast::hash(source.as_bytes())
        ));
        if !shim.exists() {
            // Under a name of its own first: tests in other processes build it too.
            let fresh = tempfile::Builder::new()
                .suffix(".so")
                .tempfile_in(folder)?
                .into_temp_path();
            let alone = OPEN.write().unwrap_or_else(PoisonError::into_inner);
            let mut compiler = Process::new("cc")
                .args(["-shared", "-fPIC", "-O1", "-Wall", "-x", "c", "-", "-o"])
                .arg(&fresh)
                .stdin(Stdio::piped())
                .spawn()?;
            drop(alone);
            if let Some(mut stdin) = compiler.stdin.take() {
                stdin.write_all(source.as_bytes())?;
            }
            if !compiler.wait()?.success() {
                return fail("cc does not compile the shim");
            }
            fresh.persist(&shim)?;
        }
        Ok(Self {
            driver: PathBuf::from(driver),
            shim,
        })
    }

    /// Runs one command to its end.
    ///
    /// # Errors
    /// It could not be run, or died of something that was not asked for.
    pub fn run(&self, state: &Path, command: &Command, mode: &Mode) -> Outcome<Run> {
        let mut process = Process::new(&self.driver);
        process
            .arg(state)
            .args(command.words())
            .env("LD_PRELOAD", &self.shim)
            .env("VSS_LAB_ROOT", state)
            .stdin(Stdio::null());
        match mode {
            Mode::Watch => {}
            Mode::Record(log) => {
                let _ = fs::remove_file(log);
                process.env("VSS_LAB_LOG", log);
            }
            Mode::Kill(call, side) => {
                let side = match side {
                    Side::Before => "before",
                    Side::After => "after",
                };
                process.env("VSS_LAB_KILL", format!("{call}:{side}"));
            }
            Mode::Fail(fault) => {
                let lasts = match fault.lasts {
                    Lasts::Once => "once",
                    Lasts::Forever => "from",
                    Lasts::Short => "short",
                };
                let class = match fault.class {
                    Class::Images => "i",
                    Class::Catalogues => "c",
                };
                process.env(
                    "VSS_LAB_FAIL",
                    format!("{}:{}:{lasts}:{class}", fault.call, fault.errno),
                );
            }
        }
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = {
            let _alone = OPEN.write().unwrap_or_else(PoisonError::into_inner);
            process.spawn()?
        };
        let output = child.wait_with_output()?;
        let line = String::from_utf8_lossy(&output.stdout);
        let killed = output.status.signal() == Some(SIGKILL);
        if !killed && output.status.code().is_none_or(|code| code > 1) {
            return fail(format!(
                "crash-driver {} died: {}; {}",
                command.words().join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(Run {
            killed,
            line: if line.ends_with('\n') {
                serde_json::from_str(line.trim_end())?
            } else {
                serde_json::Value::Null
            },
        })
    }
}
