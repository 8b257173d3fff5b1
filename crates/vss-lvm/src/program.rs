//! Running an external program: absolute path, fixed arguments, no shell, a time limit.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;

/// Most bytes that are kept of what a program writes to one of its outputs.
const MOST_OUTPUT: u64 = 64 << 20;

/// A program of the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// For messages.
    pub(crate) name: &'static str,
    /// Where it may be, the first that exists counts.
    pub(crate) places: &'static [&'static str],
    /// The package that has it in Debian.
    pub(crate) package: &'static str,
}

/// Why a program did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// It is not there.
    #[error("{name} is not installed (package {package})")]
    NotInstalled {
        /// The program.
        name: &'static str,
        /// Its package.
        package: &'static str,
    },
    /// It could not be started or heard.
    #[error("could not run {command}")]
    Io {
        /// The program and its arguments.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("{command} was not done after {} s and was killed", limit.as_secs())]
    TimedOut {
        /// The program and its arguments.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// It failed.
    #[error("{command} ended with {status}: {stderr}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error.
        stderr: String,
    },
    /// What it said is not understood.
    #[error("{command} gave a report that is not understood")]
    Report {
        /// The program and its arguments.
        command: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Program {
    fn path(&self) -> Result<PathBuf, ProgramError> {
        self.places
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or(ProgramError::NotInstalled {
                name: self.name,
                package: self.package,
            })
    }

    /// Runs it to its end; gives what it wrote to its standard output.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        limit: Duration,
    ) -> Result<Vec<u8>, ProgramError> {
        self.run_with_input(arguments, String::new(), limit)
    }

    /// The same, with something to read at its standard input.
    pub(crate) fn run_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: String,
        limit: Duration,
    ) -> Result<Vec<u8>, ProgramError> {
        let path = self.path()?;
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        let command = std::iter::once(self.name.to_owned())
            .chain(
                arguments
                    .iter()
                    .map(|word| word.to_string_lossy().into_owned()),
            )
            .collect::<Vec<_>>()
            .join(" ");
        let io = |source| ProgramError::Io {
            command: command.clone(),
            source,
        };
        let mut child = Command::new(path)
            .args(&arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .stdin(if input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(io)?;
        let out = child.stdout.take().map(hear);
        let err = child.stderr.take().map(hear);
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends early and reads no more says why by its status.
            thread::spawn(move || stdin.write_all(input.as_bytes()));
        }
        let status = wait(&mut child, limit).map_err(io)?;
        // A program that it started may hold the pipes open; what is in them is read all the same.
        let stdout = out.map(|heard| heard.join().unwrap_or_default());
        let stderr = err.map(|heard| heard.join().unwrap_or_default());
        let Some(status) = status else {
            return Err(ProgramError::TimedOut { command, limit });
        };
        if status.success() {
            return Ok(stdout.unwrap_or_default());
        }
        Err(ProgramError::Failed {
            command,
            status,
            stderr: String::from_utf8_lossy(&stderr.unwrap_or_default())
                .trim()
                .lines()
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("; "),
        })
    }

    /// Runs it and reads the JSON that it reports.
    pub(crate) fn report<T: DeserializeOwned>(
        &self,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<T, ProgramError> {
        let output = self.run(arguments, limit)?;
        serde_json::from_slice(&output).map_err(|source| ProgramError::Report {
            command: format!("{} {}", self.name, arguments.join(" ")),
            source,
        })
    }
}

fn hear(output: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut heard = Vec::new();
        // What cannot be read is missing in the answer, which then is not understood.
        let _ = output.take(MOST_OUTPUT).read_to_end(&mut heard);
        heard
    })
}

/// Waits for the end; kills the whole group and gives `None` when the limit is over.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (done, over) = channel::<()>();
    let guard = thread::spawn(move || {
        let late = over
            .recv_timeout(limit)
            .is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Timeout);
        if late && let Some(group) = group {
            // Gone meanwhile is fine.
            let _ = kill_process_group(group, Signal::KILL);
        }
        late
    });
    let status = child.wait();
    drop(done);
    let late = guard.join().unwrap_or(false);
    let status = status?;
    Ok((!late || status.success()).then_some(status))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Program, ProgramError};

    const fn program(name: &'static str, places: &'static [&'static str]) -> Program {
        Program {
            name,
            places,
            package: "coreutils",
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_it_says_and_how_it_ends() {
        let printf = program("printf", &["/nowhere/printf", "/usr/bin/printf"]);
        assert_eq!(printf.run(["%s", "a b"], MINUTE).unwrap(), b"a b");
        let list: Vec<u32> = printf.report(&["[1, 2]"], MINUTE).unwrap();
        assert_eq!(list, [1, 2]);
        assert!(matches!(
            printf.report::<u32>(&["[1"], MINUTE),
            Err(ProgramError::Report { .. })
        ));
        let cat = program("cat", &["/bin/cat"]);
        let input = "a line\n".repeat(50_000);
        let copied = cat.run_with_input([""; 0], input.clone(), MINUTE).unwrap();
        assert_eq!(copied, input.as_bytes());
        assert_eq!(cat.run([""; 0], MINUTE).unwrap(), b"");
        let deaf = program("true", &["/bin/true"]);
        assert_eq!(deaf.run_with_input([""; 0], input, MINUTE).unwrap(), b"");
        let ls = program("ls", &["/bin/ls"]);
        let error = ls.run(["/no/such/folder"], MINUTE).unwrap_err().to_string();
        assert!(
            error.starts_with("ls /no/such/folder ended with exit status"),
            "{error}"
        );
        assert!(error.contains("No such file"), "{error}");
        let error = program("nothing", &["/nowhere"])
            .run([""], MINUTE)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing is not installed (package coreutils)"
        );
    }

    #[test]
    fn one_that_takes_too_long_is_killed() {
        let sleep = program("sleep", &["/bin/sleep"]);
        let start = Instant::now();
        let error = sleep.run(["600"], Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProgramError::TimedOut { .. }), "{error}");
        assert!(start.elapsed() < MINUTE);
    }

    #[test]
    fn nothing_of_our_environment_reaches_it() {
        let env = program("env", &["/usr/bin/env"]);
        let text = String::from_utf8(env.run([""; 0], MINUTE).unwrap()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
    }
}
