//! A program under Wine, and what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that comes to an end.
const LONG: Duration = Duration::from_secs(120);

/// How long a line may take from a program that is over to us.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// A place that `cargo xtask com` named.
pub(crate) fn setting(name: &str) -> PathBuf {
    std::env::var_os(name).map_or_else(
        || panic!("{name} is not set: these tests are run by `cargo xtask com`"),
        PathBuf::from,
    )
}

/// A path of this side as programs under Wine say it.
pub(crate) fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
}

/// A program to be run.
pub(crate) struct Program {
    command: Command,
    name: String,
    limit: Duration,
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Report {
    /// Exit status; `None` for one that was killed.
    pub(crate) code: Option<i32>,
    /// Names of checks that were good.
    pub(crate) good: BTreeSet<String>,
    /// How many checks were good; a name may come more than once.
    pub(crate) good_count: usize,
    /// Lines of checks that failed.
    pub(crate) failed: Vec<String>,
    /// What the program told of itself, in the order in which it told it.
    pub(crate) facts: BTreeMap<String, Vec<String>>,
    /// The number of checks that it counted itself, if it came to its end.
    pub(crate) done: Option<usize>,
    /// Everything it said.
    pub(crate) said: String,
}

impl Program {
    /// One of `tests/cpp`.
    pub(crate) fn new(name: &str) -> Self {
        Self::at(&setting("VSS_COM_PROGRAMS").join(name).with_extension("exe"))
    }

    /// One of this path.
    pub(crate) fn at(path: &Path) -> Self {
        let mut command = Command::new("wine");
        command
            .arg(path)
            .env("WINEPREFIX", setting("VSS_COM_PREFIX"))
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "vssapi=n;mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("VSS_CONNECT");
        Self {
            command,
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            limit: LONG,
        }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<str>) -> Self {
        self.command.arg(argument.as_ref());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    /// How long it may say nothing.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Report {
        self.run_with(|place, _| panic!("the program waits at {place:?}"))
    }

    /// Runs it to its end. `at` is called where the program waits for the test, with the facts told
    /// so far; what it gives is the line that the program gets.
    pub(crate) fn run_with(
        mut self,
        mut at: impl FnMut(&str, &BTreeMap<String, Vec<String>>) -> String,
    ) -> Report {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = lines_of(child.stderr.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        let mut report = Report::new();
        report
            .facts
            .insert("process".to_owned(), vec![child.id().to_string()]);
        // The end of the pipe is not waited for: a process of Wine's own that began with the program, and
        // stays, may hold it.
        let mut since = Instant::now();
        loop {
            match lines.recv_timeout(AFTERWARDS) {
                Ok(line) => {
                    since = Instant::now();
                    report.line(&line);
                    if let Some(place) = line.strip_prefix("at ") {
                        let answer = at(place, &report.facts);
                        // It may have ended on the way; its status will tell.
                        let _ = writeln!(stdin, "{answer}").and_then(|()| stdin.flush());
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if child.try_wait().unwrap().is_some() {
                        break;
                    }
                    if since.elapsed() > self.limit {
                        let _ = child.kill();
                        let _ = child.wait();
                        panic!("{} hangs:\n{}", self.name, report.said);
                    }
                }
            }
        }
        // All is said; a process may still hang on its way out.
        let until = Instant::now() + self.limit;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{} does not exit:\n{}", self.name, report.said);
            }
            thread::park_timeout(Duration::from_millis(2));
        }
        report.code = child.wait().unwrap().code();
        while let Ok(line) = errors.recv_timeout(AFTERWARDS) {
            report.said.push_str(&line);
            report.said.push('\n');
        }
        report
    }
}

fn lines_of(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if send.send(line.trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
    receive
}

impl Report {
    fn new() -> Self {
        Self {
            code: None,
            good: BTreeSet::new(),
            good_count: 0,
            failed: Vec::new(),
            facts: BTreeMap::new(),
            done: None,
            said: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        self.said.push_str(line);
        self.said.push('\n');
        if let Some(name) = line.strip_prefix("ok ") {
            self.good.insert(name.to_owned());
            self.good_count += 1;
        } else if let Some(what) = line.strip_prefix("FAILED ") {
            self.failed.push(what.to_owned());
        } else if let Some((name, value)) = line
            .strip_prefix("fact ")
            .and_then(|fact| fact.split_once(' '))
        {
            self.facts
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        } else if let Some(count) = line.strip_prefix("done ") {
            self.done = count.parse().ok();
        }
    }

    /// All checks were good, the program came to its end, and there were as many as there should be.
    #[track_caller]
    pub(crate) fn good(self, checks: usize) -> Self {
        assert!(self.failed.is_empty(), "{}", self.told());
        assert_eq!(self.code, Some(0), "{}", self.told());
        assert_eq!(self.done, Some(self.good_count), "{}", self.told());
        assert_eq!(self.good_count, checks, "number of checks\n{}", self.said);
        self
    }

    /// What failed, then everything.
    fn told(&self) -> String {
        format!("failed: {:#?}\nall:\n{}", self.failed, self.said)
    }
}

/// The last value of a fact.
#[track_caller]
pub(crate) fn last<'a>(facts: &'a BTreeMap<String, Vec<String>>, name: &str) -> &'a str {
    let all = facts.get(name);
    all.and_then(|all| all.last())
        .unwrap_or_else(|| panic!("no fact {name:?} in {facts:?}"))
}
