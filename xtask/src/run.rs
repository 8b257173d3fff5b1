//! Starting programs.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, Outcome, failed};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // Cargo sets it anew for every `cargo run`, so a moved clone is no problem.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_owned)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The cargo that runs us, at the root of the repository.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// The command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command to its end, its output going where ours goes.
pub(crate) fn status(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| Failure(format!("could not start {}: {error}", typed(command))))?;
    if status.success() {
        Ok(())
    } else {
        failed(format!("{} ended with {status}", typed(command)))
    }
}

/// Runs a command and gives each line of its output to `line`, which still goes where ours goes.
pub(crate) fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Outcome {
    let words = typed(command);
    let lost = |error: io::Error| Failure(format!("could not run {words}: {error}"));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(lost)?;
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut text = Vec::new();
        while output.read_until(b'\n', &mut text).map_err(lost)? > 0 {
            // A closed terminal is no reason to stop counting.
            let _ = io::stdout()
                .write_all(&text)
                .and_then(|()| io::stdout().flush());
            line(String::from_utf8_lossy(&text).trim_end());
            text.clear();
        }
    }
    let status = child.wait().map_err(lost)?;
    if status.success() {
        Ok(())
    } else {
        failed(format!("{words} ended with {status}"))
    }
}

/// What a command prints, if it can be run and succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program is: in `PATH`, or where administrators' programs are.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// The value of `--NAME VALUE` or `--NAME=VALUE`, taken out of the arguments.
pub(crate) fn take_option(
    arguments: &mut Vec<String>,
    name: &str,
) -> Result<Option<String>, Failure> {
    let with_value = format!("{name}=");
    let Some(at) = arguments
        .iter()
        .position(|word| word == name || word.starts_with(&with_value))
    else {
        return Ok(None);
    };
    let word = arguments.remove(at);
    if let Some(value) = word.strip_prefix(&with_value) {
        return Ok(Some(value.to_owned()));
    }
    if at < arguments.len() {
        Ok(Some(arguments.remove(at)))
    } else {
        failed(format!("{name} needs a value"))
    }
}

/// Whether a flag is there; taken out of the arguments.
pub(crate) fn take_flag(arguments: &mut Vec<String>, name: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|word| word != name);
    arguments.len() < before
}

/// Complains of arguments that nobody took.
pub(crate) fn nothing_left(arguments: &[String]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(word) => failed(format!(
            "what is {word:?}? `cargo xtask` lists what there is"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{nothing_left, take_flag, take_option};

    #[test]
    fn options_are_taken() {
        let mut words = ["--a", "1", "--quick", "--b=2", "x"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(take_option(&mut words, "--a").unwrap().unwrap(), "1");
        assert_eq!(take_option(&mut words, "--b").unwrap().unwrap(), "2");
        assert!(take_option(&mut words, "--c").unwrap().is_none());
        assert!(take_flag(&mut words, "--quick") && !take_flag(&mut words, "--quick"));
        assert!(nothing_left(&words).is_err());
        assert!(take_option(&mut vec!["--a".to_owned()], "--a").is_err());
    }
}
