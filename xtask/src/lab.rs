//! `cargo xtask lab`: the tests that need block devices of their own, in a kernel of their own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::run::{
    cargo, nothing_left, output, root, status, take_flag, take_option, target_dir, typed,
};
use crate::tally::Tally;
use crate::{Failure, Outcome, failed, setup};

/// How many machines run at a time.
const MACHINES: usize = 2;
/// How long one may run, when nobody says: several times what it takes on a quiet host.
const LIMIT_SECONDS: &str = "900";

/// The parts that take longest, so that none of them begins when all others are nearly over.
const LONGEST: [(&str, &str); 3] = [
    ("vss", "kills::"),
    ("vss-engine", "checks::"),
    ("vss-lvm", "conformance::"),
];

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
    let mut jobs = Vec::new();
    for package in &packages {
        jobs.extend(jobs_of(package, run.filter.as_deref())?);
    }
    jobs.sort_by_key(|job| {
        let is_it = |(package, filter): &(&str, &str)| {
            job.package == *package && job.filter.as_deref() == Some(*filter)
        };
        LONGEST.iter().position(is_it).unwrap_or(LONGEST.len())
    });
    // A machine keeps about one processor busy.
    let next = AtomicUsize::new(0);
    let seen = Mutex::new((tally, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..MACHINES.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (said, outcome) = machine(job, run);
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    println!("\n-- lab: {}\n{said}", job.name());
                    said.lines().for_each(|line| seen.0.line(line));
                    if let Err(failure) = outcome {
                        println!("{failure}");
                        seen.1.push(job.name());
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
    if !Path::new(setup::MODULES).is_dir() {
        return Some(format!("there is no folder {}", setup::MODULES));
    }
    if !setup::is_root() {
        return Some("not root".to_owned());
    }
    None
}

/// What one machine runs: the tests of a package, or a part of them.
#[derive(Debug)]
struct Job {
    package: String,
    program: PathBuf,
    /// The tests whose names contain this.
    filter: Option<String>,
}

impl Job {
    fn name(&self) -> String {
        let filter = self.filter.as_deref().map(|filter| format!(" {filter}"));
        format!("{}{}", self.package, filter.unwrap_or_default())
    }
}

/// A machine for the tests of that name, or for each module of a package, so that machines have the same
/// amount of work.
fn jobs_of(package: &str, filter: Option<&str>) -> Result<Vec<Job>, Failure> {
    let program = executable(package)?;
    let parts = match filter {
        Some(filter) => vec![Some(filter.to_owned())],
        None => {
            let mut list = Command::new(&program);
            let list = output(list.args(["--list", "--format", "terse"]))
                .ok_or_else(|| Failure(format!("{} lists no tests", program.display())))?;
            parts(&list)
        }
    };
    if parts.is_empty() {
        return failed(format!("package {package} has no tests in tests/lab"));
    }
    let job = |filter| Job {
        package: package.to_owned(),
        program: program.clone(),
        filter,
    };
    Ok(parts.into_iter().map(job).collect())
}

/// What to ask for so that every test of a list runs once: each module by its name, or all at once where
/// modules do not tell them apart.
fn parts(list: &str) -> Vec<Option<String>> {
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let modules: BTreeSet<String> = names
        .iter()
        .map(|name| name.split_inclusive("::").next().unwrap_or(name).to_owned())
        .collect();
    let once = |name: &&str| modules.iter().filter(|part| name.contains(*part)).count() == 1;
    if names.iter().all(once) && modules.iter().all(|part| part.ends_with("::")) {
        modules.into_iter().map(Some).collect()
    } else {
        vec![None]
    }
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

/// Runs tests in a machine; gives what it said, which must not be mixed with that of another.
fn machine(job: &Job, run: &Run) -> (String, Outcome) {
    let mut machine = Command::new(target_dir().join("debug/vss-lab"));
    let limit = run.limit_seconds.as_deref().unwrap_or(LIMIT_SECONDS);
    machine.args(["--limit", limit]);
    for setting in &run.settings {
        machine.args(["--env", setting]);
    }
    machine
        .arg(&job.program)
        .args(["--test-threads=1", "--show-output"])
        .args(&job.filter);
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

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn every_test_is_asked_for_once() {
        let by_module = |list| -> Vec<String> { parts(list).into_iter().flatten().collect() };
        assert_eq!(
            by_module("a::one: test\na::b::two: test\nc::three: test\n"),
            ["a::", "c::"]
        );
        // A test beside the modules, a module that is named like the end of another, none at all.
        for list in [
            "a::one: test\ntwo: test\n",
            "kills::one: test\nskills::two: test\n",
            "a::b::one: test\nb::two: test\n",
            "a::one: benchmark\n",
        ] {
            let all = parts(list);
            let none = list.ends_with("benchmark\n");
            assert_eq!(all, if none { vec![] } else { vec![None] }, "{list}");
        }
    }
}
