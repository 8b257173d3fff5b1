//! The outside: booting a machine, hearing it, cutting its power.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::boot::{EXIT_MARK, JOB_VARIABLE};
use crate::guard::Guard;
use rustix::process::{Pid, Signal, kill_process_group};

/// The kernel, as Debian has it.
const KERNEL: &str = "/usr/bin/linux.uml";
/// The kernel's modules.
pub(crate) const MODULES: &str = "/usr/lib/uml/modules";
/// Where programs look for them. The guest's root is the host's and read-only: the host must have the folder,
/// which a host without modules of its own need not.
pub(crate) const MODULES_IN_GUEST: &str = "/lib/modules";
/// Memory of a machine, in MiB.
const MEMORY_MIB: u32 = 1024;
/// How long a machine may run when nobody says otherwise.
const LIMIT: Duration = Duration::from_secs(600);
/// Disks that a machine can have.
const MOST_DISKS: usize = 8;

/// Why a machine did not do what it should.
#[derive(Debug)]
#[non_exhaustive]
pub enum MachineError {
    /// The lab cannot run here; says why.
    Unavailable(String),
    /// A step outside failed.
    Io(&'static str, io::Error),
    /// The machine ended without the command having ended: its kernel died. Its last words.
    Died(ExitStatus, String),
    /// The time was over. The last words until then.
    TimedOut(Duration, String),
}

impl std::fmt::Display for MachineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the laboratory cannot run here: {why}"),
            Self::Io(step, _) => write!(f, "could not {step}"),
            Self::Died(status, words) => {
                write!(f, "the machine died ({status}); its last words:\n{words}")
            }
            Self::TimedOut(limit, words) => write!(
                f,
                "the machine was not done after {} s; its last words:\n{words}",
                limit.as_secs()
            ),
        }
    }
}

impl std::error::Error for MachineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

/// How the command in a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Exit status; 128 and the signal's number for one that was killed.
    pub status: i32,
}

/// Why the lab cannot run on this host; `None` when it can.
#[must_use]
pub fn unavailable() -> Option<String> {
    if !Path::new(KERNEL).exists() {
        return Some(format!("{KERNEL} is missing (package user-mode-linux)"));
    }
    if !Path::new(MODULES).is_dir() {
        return Some(format!("{MODULES} is missing (package user-mode-linux)"));
    }
    if !Path::new(MODULES_IN_GUEST).is_dir() {
        return Some(format!(
            "{MODULES_IN_GUEST} is missing, which a guest has its modules on: mkdir {MODULES_IN_GUEST}"
        ));
    }
    if !rustix::process::geteuid().is_root() {
        return Some("files of the guest's root belong to root".to_owned());
    }
    None
}

/// A machine to be booted.
#[derive(Debug)]
pub struct Setup {
    memory_mib: u32,
    disks: Vec<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    limit: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            memory_mib: MEMORY_MIB,
            disks: Vec::new(),
            environment: Vec::new(),
            limit: LIMIT,
        }
    }
}

impl Setup {
    /// Sets the memory, in MiB.
    #[must_use]
    pub const fn memory_mib(mut self, memory_mib: u32) -> Self {
        self.memory_mib = memory_mib;
        self
    }

    /// Adds a disk on an image file: `/dev/ubda`, then `/dev/ubdb` and so on. What reached it outlives
    /// the machine.
    #[must_use]
    pub fn disk(mut self, image: impl Into<PathBuf>) -> Self {
        self.disks.push(image.into());
        self
    }

    /// Sets a variable for the command.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets for how long the machine may run.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Boots a machine that runs this command and then ends. `init` is the program `vss-lab-init`.
    ///
    /// # Errors
    /// [`MachineError::Unavailable`]; the kernel cannot be started.
    pub fn boot<S: Into<OsString>>(
        self,
        init: &Path,
        command: impl IntoIterator<Item = S>,
    ) -> Result<Machine, MachineError> {
        if let Some(why) = unavailable() {
            return Err(MachineError::Unavailable(why));
        }
        let io = |step| move |error| MachineError::Io(step, error);
        let folder = tempfile::Builder::new()
            .prefix("vss-lab-")
            .tempdir()
            .map_err(io("make the machine's folder"))?;
        let job = folder.path().join("job");
        fs::write(&job, self.job(command)).map_err(io("write the machine's job"))?;
        let mut guard =
            Guard::start(init, folder.path()).map_err(io("start the machine's guard"))?;
        let mut kernel = Command::new(KERNEL);
        kernel
            .arg(format!("mem={}M", self.memory_mib))
            .args([
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                "quiet",
                "loglevel=1",
            ])
            .args(["con=null", "con0=null,fd:2", "ssl=null", "ssl0=null,fd:1"])
            .arg(named("init=", init))
            .arg(named(&format!("{JOB_VARIABLE}="), &job))
            .arg(named("uml_dir=", folder.path()))
            .env_clear()
            .env("TMPDIR", folder.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // It has many processes; they end together.
            .process_group(0);
        for (index, disk) in self.disks.iter().take(MOST_DISKS).enumerate() {
            kernel.arg(named(&format!("ubd{index}="), disk));
        }
        let mut child = match kernel.spawn() {
            Ok(child) => child,
            Err(error) => {
                guard.dismiss();
                return Err(io("start the kernel")(error));
            }
        };
        if let Err(error) = guard.watch(child.id()) {
            end(&mut child, &mut guard);
            return Err(io("tell the guard of the kernel")(error));
        }
        let (sender, lines) = channel();
        for output in [
            child
                .stdout
                .take()
                .map(|out| Box::new(out) as Box<dyn Read + Send>),
            child
                .stderr
                .take()
                .map(|out| Box::new(out) as Box<dyn Read + Send>),
        ]
        .into_iter()
        .enumerate()
        .filter_map(|(index, output)| Some((index == 1, output?)))
        {
            let sender = sender.clone();
            let (kernel, output) = output;
            thread::spawn(move || hear(kernel, output, &sender));
        }
        Ok(Machine {
            child,
            guard,
            ended: false,
            lines,
            deadline: Instant::now() + self.limit,
            limit: self.limit,
            words: Vec::new(),
            exit: None,
            _folder: folder,
        })
    }

    /// What the guest's init reads: words that end with a zero byte; variables, an empty word, the command.
    fn job<S: Into<OsString>>(&self, command: impl IntoIterator<Item = S>) -> Vec<u8> {
        let mut job = Vec::new();
        for (name, value) in &self.environment {
            job.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
        }
        job.push(0);
        for word in command {
            job.extend(word.into().as_bytes());
            job.push(0);
        }
        job
    }
}

/// Ends all processes of a machine.
fn end(kernel: &mut Child, guard: &mut Guard) {
    guard.dismiss();
    if let Some(group) = i32::try_from(kernel.id()).ok().and_then(Pid::from_raw) {
        // Gone already is fine.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = kernel.wait();
}

fn named(name: &str, path: &Path) -> OsString {
    let mut word = OsString::from(name);
    word.push(path);
    word
}

/// A line that a machine said; `true` for the kernel's own.
type Line = (bool, String);

fn hear(kernel: bool, output: Box<dyn Read + Send>, to: &std::sync::mpsc::Sender<Line>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if to.send((kernel, text.to_owned())).is_err() {
            return;
        }
    }
}

/// A machine that runs. Its drop cuts its power.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    guard: Guard,
    ended: bool,
    lines: Receiver<Line>,
    deadline: Instant,
    limit: Duration,
    words: Vec<String>,
    exit: Option<Exit>,
    _folder: TempDir,
}

impl Machine {
    /// The next line that the command says; `None` once it has ended.
    ///
    /// # Errors
    /// The machine died, or its time is over.
    pub fn line(&mut self) -> Result<Option<String>, MachineError> {
        if self.exit.is_some() {
            return Ok(None);
        }
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok((kernel, line)) => {
                    if let Some(status) = line.strip_prefix(EXIT_MARK) {
                        let status = status.trim().parse().unwrap_or(-1);
                        self.exit = Some(Exit { status });
                        return Ok(None);
                    }
                    self.words.push(line.clone());
                    if !kernel {
                        return Ok(Some(line));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    return Err(MachineError::TimedOut(self.limit, self.last_words()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self
                        .child
                        .wait()
                        .map_err(|error| MachineError::Io("wait for the kernel", error))?;
                    return Err(MachineError::Died(status, self.last_words()));
                }
            }
        }
    }

    /// Hears the command until it says a line that begins so; gives the rest of that line.
    ///
    /// # Errors
    /// As [`line`](Self::line); [`MachineError::Died`] as well when the command ended before.
    pub fn wait_for(&mut self, beginning: &str) -> Result<String, MachineError> {
        while let Some(line) = self.line()? {
            if let Some(rest) = line.strip_prefix(beginning) {
                return Ok(rest.to_owned());
            }
        }
        let words = format!("{}\n(it never said {beginning:?})", self.last_words());
        self.kill();
        let status = self
            .child
            .wait()
            .map_err(|error| MachineError::Io("wait for the kernel", error))?;
        Err(MachineError::Died(status, words))
    }

    /// Hears the command to its end.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn wait(&mut self, mut heard: impl FnMut(&str)) -> Result<Exit, MachineError> {
        while let Some(line) = self.line()? {
            heard(&line);
        }
        // The kernel goes by itself now.
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            thread::yield_now();
            if self.lines.recv_timeout(Duration::from_millis(20)).is_err() {
                continue;
            }
        }
        self.kill();
        Ok(self.exit.unwrap_or(Exit { status: -1 }))
    }

    /// Cuts the power: what did not reach a disk is lost.
    pub fn kill(&mut self) {
        if !self.ended {
            end(&mut self.child, &mut self.guard);
            self.ended = true;
        }
    }

    /// The last lines that the machine said.
    #[must_use]
    pub fn last_words(&self) -> String {
        let start = self.words.len().saturating_sub(40);
        self.words.get(start..).unwrap_or_default().join("\n")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}
