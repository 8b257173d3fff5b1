//! `cargo xtask com`: `vssapi.dll` and programs of another compiler that call it, under Wine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{
    cargo, find, lines, nothing_left, output, root, status, take_flag, take_option, target_dir,
};
use crate::tally::Tally;
use crate::{Failure, Outcome, failed, setup};

/// The C++ compiler, with headers and libraries of mingw-w64.
const COMPILER: &str = "x86_64-w64-mingw32-g++";

/// Debian's own toolchain, which has the sources of the standard library beside it.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
const DEBIAN_TARGET: &str = "x86_64-win7-windows-gnu";
/// The target of rustup's toolchains.
const RUSTUP_TARGET: &str = "x86_64-pc-windows-gnu";

/// Where Windows keeps what it starts when a program crashes.
const AE_DEBUG: &str = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion\AeDebug";

/// The test that mounts a file system.
const MOUNTING: &str = "files::are_those_of_the_instant";

/// How the DLL is built.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) enum Profile {
    /// As people get it.
    Dll,
    /// Soon.
    #[default]
    Test,
}

impl Profile {
    /// Its name in `Cargo.toml`, and that of its folder.
    const fn name(self) -> &'static str {
        match self {
            Self::Dll => "dll",
            Self::Test => "dll-test",
        }
    }
}

/// What of the tests is run, and how.
#[derive(Debug, Default)]
struct Run {
    profile: Profile,
    filter: Option<String>,
    /// Rounds of the test of leaks; as many as fit into half a minute when nobody says.
    rounds: Option<String>,
}

/// Builds everything and runs the tests.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let install = !take_flag(&mut arguments, "--no-setup");
    let rounds = take_option(&mut arguments, "--rounds")?;
    let mut arguments = arguments.into_iter();
    let filter = arguments.next();
    nothing_left(&arguments.collect::<Vec<_>>())?;
    if install {
        setup::prepare_com();
    }
    let mut tally = Tally::default();
    let run = Run {
        profile: Profile::Dll,
        filter,
        rounds,
    };
    let outcome = some(&run, &mut tally);
    tally.conclude(outcome)
}

/// Runs all tests.
pub(crate) fn all(tally: &mut Tally) -> Outcome {
    some(&Run::default(), tally)
}

fn some(run: &Run, tally: &mut Tally) -> Outcome {
    if let Some(why) = unavailable() {
        for test in tests()? {
            tally.skip(&format!("com/{test}"), &why);
        }
        return Ok(());
    }
    // Of the whole workspace, so that what the tests before were built with is used again.
    let mut native = cargo(["build", "--quiet", "--workspace"]);
    native.args(["--bin", "vss", "--bin", "vssd", "--bin", "vss-keeper"]);
    status(&mut native)?;
    let stage = Stage::build(run.profile)?;
    let mut test = cargo(["test", "--workspace", "--test", "wine-com"]);
    test.args(["--", "--show-output", "--test-threads=2"])
        .args(&run.filter)
        .env("LC_ALL", "C.UTF-8")
        .env("VSS_COM_PROGRAMS", stage.programs())
        .env("VSS_COM_PREFIX", stage.prefix())
        .env("VSS_COM_BIN", target_dir().join("debug"));
    if let Some(rounds) = &run.rounds {
        test.env("VSS_COM_ROUNDS", rounds);
    }
    if !has_loop_devices() {
        test.args(["--skip", MOUNTING]);
        tally.skip(MOUNTING, "needs root and loop devices");
    }
    lines(&mut test, |line| tally.line(line))
}

/// Programs with the DLL beside them, and a Windows that they run in.
pub(crate) struct Stage {
    programs: PathBuf,
    prefix: Prefix,
}

impl Stage {
    /// Builds all that is older than its sources.
    pub(crate) fn build(profile: Profile) -> Result<Self, Failure> {
        let dll = library(profile)?;
        let programs = folder().join("programs");
        compile(&programs)?;
        let beside = programs.join("vssapi.dll");
        fs::copy(&dll, &beside).map_err(|error| {
            Failure(format!(
                "could not copy {} to {}: {error}",
                dll.display(),
                beside.display()
            ))
        })?;
        let prefix = Prefix::create(folder().join("prefix"))?;
        Ok(Self { programs, prefix })
    }

    /// The folder of the programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// The folder of the Windows.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix.folder
    }
}

/// Whether a file system can be mounted from an image.
fn has_loop_devices() -> bool {
    setup::is_root()
        && fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/loop-control")
            .is_ok()
}

/// Where everything for Windows is built.
fn folder() -> PathBuf {
    target_dir().join("com")
}

/// Why nothing of this can run here.
pub(crate) fn unavailable() -> Option<String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Some("the programs are for x86-64".to_owned());
    }
    for (program, package) in [(COMPILER, "g++-mingw-w64-x86-64"), ("wine", "wine")] {
        if find(program).is_none() {
            return Some(format!("{program} is missing, package {package}"));
        }
    }
    if toolchain().is_none() {
        return Some(format!(
            "no Rust for Windows: Debian's rustc-web, cargo-web and rust-web-src, or rustup target add {RUSTUP_TARGET}"
        ));
    }
    None
}

/// The names of the tests, as their sources tell them.
fn tests() -> Result<Vec<String>, Failure> {
    let dir = root().join("crates/vss-com/tests/wine");
    let unreadable = |error| Failure(format!("could not read {}: {error}", dir.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let module = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut is_test = false;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = rest.split('(').next().unwrap_or(rest);
                names.push(format!("{module}::{name}"));
            }
            is_test = line == "#[test]" || (is_test && line.starts_with("#["));
        }
    }
    names.sort();
    Ok(names)
}

/// A Rust toolchain for Windows.
enum Toolchain {
    /// Debian's, which builds the standard library with the DLL.
    Debian,
    /// The one that runs us, with the target added.
    Rustup,
}

fn toolchain() -> Option<Toolchain> {
    let debian = [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_SOURCES];
    if debian.iter().all(|file| Path::new(file).is_file()) {
        return Some(Toolchain::Debian);
    }
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    installed
        .lines()
        .any(|line| line == RUSTUP_TARGET)
        .then_some(Toolchain::Rustup)
}

/// Builds the DLL; gives its place.
fn library(profile: Profile) -> Result<PathBuf, Failure> {
    let (mut build, target) = match toolchain() {
        Some(Toolchain::Debian) => {
            let mut build = Command::new(DEBIAN_CARGO);
            build
                .args(["build", "-Zbuild-std=std,panic_unwind"])
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", DEBIAN_RUSTC)
                .env("PATH", "/usr/bin:/bin")
                .env_remove("LD_LIBRARY_PATH")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("RUSTC_WRAPPER")
                .current_dir(root());
            (build, DEBIAN_TARGET)
        }
        Some(Toolchain::Rustup) => (cargo(["build"]), RUSTUP_TARGET),
        None => return failed("no Rust for Windows"),
    };
    build
        .args([
            "--profile",
            profile.name(),
            "--lib",
            "--package",
            "vss-com",
            "--target",
            target,
        ])
        .env("CARGO_TARGET_DIR", folder());
    status(&mut build)?;
    Ok(folder()
        .join(target)
        .join(profile.name())
        .join("vssapi.dll"))
}

/// Compiles each program that is older than its sources.
fn compile(programs: &Path) -> Outcome {
    let sources = root().join("crates/vss-com/tests/cpp");
    let lost = |error| Failure(format!("could not read {}: {error}", sources.display()));
    fs::create_dir_all(programs)
        .map_err(|error| Failure(format!("could not make {}: {error}", programs.display())))?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&sources).map_err(lost)? {
        files.push(entry.map_err(lost)?.path());
    }
    let is = |file: &Path, extension: &str| file.extension().is_some_and(|e| e == extension);
    for source in files.iter().filter(|file| is(file, "cpp")) {
        let program = programs
            .join(source.file_stem().unwrap_or_default())
            .with_extension("exe");
        let headers = files.iter().filter(|file| is(file, "h"));
        if headers.chain([source]).all(|file| is_newer(&program, file)) {
            continue;
        }
        let mut compiler = Command::new(COMPILER);
        compiler
            .args([
                "-std=gnu++17",
                "-O1",
                "-g",
                "-static",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-o",
            ])
            .args([&program, source])
            .args(["-lole32", "-loleaut32", "-luuid", "-lws2_32"]);
        status(&mut compiler)?;
    }
    Ok(())
}

fn is_newer(this: &Path, that: &Path) -> bool {
    let time = |file: &Path| file.metadata().and_then(|meta| meta.modified()).ok();
    time(this)
        .zip(time(that))
        .is_some_and(|(this, that)| this > that)
}

/// A Windows of our own; its processes end with it.
struct Prefix {
    folder: PathBuf,
}

impl Prefix {
    fn create(folder: PathBuf) -> Result<Self, Failure> {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| {
                Failure(format!("could not remove {}: {error}", folder.display()))
            })?;
        }
        fs::create_dir_all(&folder)
            .map_err(|error| Failure(format!("could not make {}: {error}", folder.display())))?;
        let prefix = Self { folder };
        // Its own processes stay until the end, and hold no pipe of a program that is tested.
        status(&mut prefix.server("--persistent"))?;
        prefix.wine(&["wineboot", "--init"])?;
        let version = ["/v", "Version", "/d", "win10", "/f"];
        prefix.wine(&[&["reg", "add", r"HKCU\Software\Wine"], &version[..]].concat())?;
        // Without a debugger: one that is started for a crash may end the program first, with status 0,
        // and a crash after the last check would count as a good end.
        let debugger = ["/v", "Debugger", "/d", "", "/f"];
        prefix.wine(&[&["reg", "add", AE_DEBUG], &debugger[..]].concat())?;
        Ok(prefix)
    }

    fn wine(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("wine");
        self.settings(command.args(arguments));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        status(command.stderr(Stdio::null()))
    }

    fn server(&self, argument: &str) -> Command {
        let program = find("wineserver").map_or_else(
            || OsString::from("/usr/lib/wine/wineserver"),
            PathBuf::into_os_string,
        );
        let mut command = Command::new(program);
        self.settings(command.arg(argument));
        command
    }

    fn settings(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.folder)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // What is left of it ends by itself, later.
        let _ = self.server("--kill").status();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{root, tests};

    #[test]
    fn tests_that_cannot_run_are_known_by_name() {
        let names = tests().unwrap();
        for name in ["gone::killed_during_a_break", "objects::exports"] {
            assert!(names.iter().any(|one| one == name), "{names:?}");
        }
        let marked: usize = fs::read_dir(root().join("crates/vss-com/tests/wine"))
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .map(|text| text.matches("#[test]\n").count())
            .sum();
        assert_eq!(names.len(), marked);
    }
}
