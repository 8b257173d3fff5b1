//! The program that calls the DLL, under Wine.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;

/// `cost.exe` while it runs; killed on drop.
pub(super) struct Program {
    child: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

/// What it told of one order.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) times: Vec<Duration>,
    /// How many copies the last query found.
    pub(super) found: Option<usize>,
}

impl Program {
    /// Starts it in this Windows, with the rendezvous file of a daemon and the port of an [`Echo`].
    ///
    /// [`Echo`]: crate::echo::Echo
    pub(super) fn start(
        programs: &Path,
        prefix: &Path,
        rendezvous: &Path,
        port: u16,
    ) -> Result<Self> {
        let rendezvous = rendezvous.to_string_lossy().replace('/', "\\");
        let mut child = Command::new("wine")
            .arg(programs.join("cost.exe"))
            .arg(port.to_string())
            .env("WINEPREFIX", prefix)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "vssapi=n;mscoree,mshtml=")
            .env("VSS_CONNECT", format!("loopback:Z:{rendezvous}"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (orders, said) = child.stdin.take().zip(child.stdout.take()).ok_or("pipes")?;
        let mut program = Self {
            child,
            orders,
            said: BufReader::new(said),
        };
        program.answer()?;
        Ok(program)
    }

    /// Gives an order, and waits until it is done.
    pub(super) fn order(&mut self, order: &str) -> Result<Answer> {
        writeln!(self.orders, "{order}")?;
        self.orders.flush()?;
        self.answer()
            .map_err(|error| format!("{order}: {error}").into())
    }

    /// What is said until the program waits for the next order.
    fn answer(&mut self) -> Result<Answer> {
        let mut answer = Answer::default();
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.said.read_line(&mut line)? == 0 {
                return Err(format!("cost.exe ended, and said:\n{all}").into());
            }
            let line = line.trim_end();
            all += line;
            all.push('\n');
            if line == "at ready" {
                return Ok(answer);
            } else if let Some(times) = line.strip_prefix("fact times ") {
                for nanos in times.split_whitespace() {
                    answer.times.push(Duration::from_nanos(nanos.parse()?));
                }
            } else if let Some(found) = line.strip_prefix("fact found ") {
                answer.found = Some(found.parse()?);
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
