//! Booting, ending, and what is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use vss_lab::{Exit, MachineError, Setup};

use crate::support::{boot, lab, processes, wait_until};

#[test]
fn a_machine_boots_and_says_so() {
    if !lab("a_machine_boots_and_says_so") {
        return;
    }
    let mut machine = boot(
        Setup::default(),
        "echo kernel $(uname -r); echo lab $VSS_LAB",
    )
    .unwrap();
    let mut heard = Vec::new();
    let exit = machine.wait(|line| heard.push(line.to_owned())).unwrap();
    assert_eq!(exit, Exit { status: 0 });
    let host = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("kernel ") && heard[0] != format!("kernel {}", host.trim()));
    assert_eq!(heard[1], "lab 1");
}

#[test]
fn the_exit_status_of_the_command_comes_back() {
    if !lab("the_exit_status_of_the_command_comes_back") {
        return;
    }
    let mut machine = boot(Setup::default(), "exit 7").unwrap();
    assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 7 });
    let mut machine = boot(Setup::default(), "kill -KILL $$").unwrap();
    assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 137 });
}

#[test]
fn a_panic_of_the_kernel_is_an_error() {
    if !lab("a_panic_of_the_kernel_is_an_error") {
        return;
    }
    let mut machine = boot(Setup::default(), "echo c >/proc/sysrq-trigger; echo alive").unwrap();
    let error = machine.wait(|_| ()).unwrap_err();
    assert!(matches!(error, MachineError::Died(..)), "{error}");
}

#[test]
fn a_machine_that_takes_too_long_is_ended() {
    if !lab("a_machine_that_takes_too_long_is_ended") {
        return;
    }
    let setup = Setup::default().limit(std::time::Duration::from_secs(6));
    let init = Path::new(crate::support::INIT);
    let mut machine = setup.boot(init, ["/bin/sleep", "600"]).unwrap();
    let error = machine.wait(|_| ()).unwrap_err();
    assert!(matches!(error, MachineError::TimedOut(..)), "{error}");
}

#[test]
fn two_machines_run_side_by_side() {
    if !lab("two_machines_run_side_by_side") {
        return;
    }
    let script = "echo $NAME >/tmp/name; echo ready; sleep 1; echo name $(cat /tmp/name)";
    let mut machines = ["one", "two"].map(|name| {
        let machine = boot(Setup::default().env("NAME", name), script).unwrap();
        (name, machine)
    });
    // Both are up before either is done.
    for (name, machine) in &mut machines {
        machine.wait_for("ready").unwrap();
        assert_eq!(machine.wait_for("name ").unwrap(), *name);
        assert_eq!(machine.wait(|_| ()).unwrap(), Exit { status: 0 });
    }
}

/// A machine started by the program `vss-lab`, with temporary files in a folder of its own.
struct Run {
    program: Child,
    folder: tempfile::TempDir,
}

impl Run {
    fn start(script: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vss-lab-it-")
            .tempdir()
            .unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_vss-lab"))
            .args(["--limit", "120", "/bin/sh", "-c", script])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { program, folder }
    }

    /// Waits until the command in the machine has spoken.
    fn heard(&mut self) {
        use std::io::Read;
        let mut byte = [0];
        let output = self.program.stdout.as_mut().unwrap();
        output.read_exact(&mut byte).unwrap();
    }

    /// Processes that name this folder: kernel and guard.
    fn processes(&self) -> Vec<String> {
        processes(&self.folder.path().display().to_string())
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn nothing_is_left_of_a_machine_that_ended() {
    if !lab("nothing_is_left_of_a_machine_that_ended") {
        return;
    }
    for (script, status) in [("echo done", 0), ("echo done; exit 3", 3)] {
        let mut run = Run::start(script);
        run.heard();
        assert_eq!(run.program.wait().unwrap().code(), Some(status));
        assert_eq!(run.processes(), Vec::<String>::new());
        assert_eq!(run.files(), Vec::<PathBuf>::new());
    }
}

#[test]
fn nothing_is_left_when_the_one_who_booted_it_is_killed() {
    if !lab("nothing_is_left_when_the_one_who_booted_it_is_killed") {
        return;
    }
    let mut run = Run::start("echo up; sleep 600");
    run.heard();
    // The control: there is something that could be left.
    assert!(run.processes().iter().any(|words| words.contains("linux")));
    assert!(!run.files().is_empty());
    run.program.kill().unwrap();
    run.program.wait().unwrap();
    wait_until("the machine to be gone", || {
        run.processes().is_empty() && run.files().is_empty()
    });
}
