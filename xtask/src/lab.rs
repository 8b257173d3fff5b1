//! `cargo xtask lab`: the tests that need block devices of their own, in a kernel of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::run::{cargo, nothing_left, root, status, take_flag, take_option, target_dir, typed};
use crate::tally::Tally;
use crate::{Failure, Outcome, failed, setup};

/// How many machines run at a time.
const MACHINES: usize = 2;
/// How long one may run, when nobody says: several times what it takes on a quiet host.
const LIMIT_SECONDS: &str = "900";

/// Packages whose programs the tests start.
const PROGRAMS: &[&str] = &["vss", "vssd", "vss-keeper", "vss-lab"];

/// What of a package's tests is run, and how.
#[derive(Debug, Default)]
struct Run {
    /// Tests whose names contain this.
    filter: Option<String>,
    /// Settings of long runs, `NAME=VALUE` each.
    settings: Vec<String>,
    limit_seconds: Option<String>,
}

/// Runs the tests of one package, or of all that have any, in the lab.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let install = !take_flag(&mut arguments, "--no-setup");
    let list = take_flag(&mut arguments, "--list");
    let mut run = Run {
        limit_seconds: take_option(&mut arguments, "--limit")?,
        ..Run::default()
    };
    while let Some(setting) = take_option(&mut arguments, "--env")? {
        run.settings.push(setting);
    }
    let mut arguments = arguments.into_iter();
    let package = arguments.next();
    run.filter = arguments.next();
    nothing_left(&arguments.collect::<Vec<_>>())?;
    if list {
        packages().iter().for_each(|package| println!("{package}"));
        return Ok(());
    }
    if install {
        setup::prepare_lab();
    }
    let mut tally = Tally::default();
    let outcome = some(package.as_deref(), &run, &mut tally);
    tally.conclude(outcome)
}

/// Runs all tests.
pub(crate) fn all(tally: &mut Tally) -> Outcome {
    some(None, &Run::default(), tally)
}

/// Runs the tests and counts them; what cannot run is skipped by name.
fn some(package: Option<&str>, run: &Run, tally: &mut Tally) -> Outcome {
    let mut packages = packages();
    if let Some(wanted) = package {
        packages.retain(|package| package == wanted);
        if packages.is_empty() {
            return failed(format!("package {wanted} has no tests/lab/main.rs"));
        }
    }
    if let Some(why) = unavailable() {
        for package in packages {
            tally.skip(&format!("lab/{package}"), &why);
        }
        return Ok(());
    }
    let mut build = cargo(["build", "--quiet", "--bins"]);
    for program in PROGRAMS {
        build.args(["--package", program]);
    }
    status(&mut build)?;
    let programs = packages
        .iter()
        .map(|package| Ok((package.as_str(), executable(package)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    // A machine keeps about one processor busy.
    let next = AtomicUsize::new(0);
    let seen = Mutex::new((tally, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..MACHINES.min(programs.len()) {
            scope.spawn(|| {
                while let Some((package, program)) =
                    programs.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    let (said, outcome) = machine(program, run);
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    println!("\n-- lab: {package}\n{said}");
                    said.lines().for_each(|line| seen.0.line(line));
                    if let Err(failure) = outcome {
                        println!("{failure}");
                        seen.1.push(*package);
                    }
                }
            });
        }
    });
    let (_, broken) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    if broken.is_empty() {
        Ok(())
    } else {
        failed(format!("in the lab failed: {}", broken.join(" ")))
    }
}

/// The packages with tests for the lab.
fn packages() -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join("crates")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            path.join("tests/lab/main.rs").exists().then_some(())?;
            Some(path.file_name()?.to_str()?.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// Why the lab cannot run here.
fn unavailable() -> Option<String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("User-Mode Linux is for x86-64".to_owned());
    }
    if !Path::new("/usr/bin/linux.uml").exists() {
        return Some("user-mode-linux is not installed".to_owned());
    }
    if !setup::is_root() {
        return Some("not root".to_owned());
    }
    None
}

/// Builds the tests of a package; gives their program.
fn executable(package: &str) -> Result<PathBuf, Failure> {
    let test = format!("{package}-lab");
    let mut build = cargo(["test", "--quiet", "--package", package, "--test", &test]);
    build.args(["--no-run", "--message-format", "json-render-diagnostics"]);
    let words = typed(&build);
    let output = build
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure(format!("could not start {words}: {error}")))?;
    if !output.status.success() {
        return failed(format!("{words} ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.contains(&format!("\"name\":\"{test}\"")))
        .find_map(|line| {
            let path = line.split("\"executable\":\"").nth(1)?;
            Some(PathBuf::from(path.split('"').next()?))
        })
        .ok_or_else(|| Failure(format!("{words} did not say where the program is")))
}

/// Runs a test program in a machine; gives what it said, which must not be mixed with that of another.
fn machine(program: &Path, run: &Run) -> (String, Outcome) {
    let mut machine = Command::new(target_dir().join("debug/vss-lab"));
    let limit = run.limit_seconds.as_deref().unwrap_or(LIMIT_SECONDS);
    machine.args(["--limit", limit]);
    for setting in &run.settings {
        machine.args(["--env", setting]);
    }
    machine
        .arg(program)
        .args(["--test-threads=1", "--show-output"])
        .args(&run.filter);
    let words = typed(&machine);
    match machine
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
    {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let outcome = if output.status.success() {
                Ok(())
            } else {
                failed(format!("{words} ended with {}", output.status))
            };
            (said, outcome)
        }
        Err(error) => (
            String::new(),
            failed(format!("could not start {words}: {error}")),
        ),
    }
}
