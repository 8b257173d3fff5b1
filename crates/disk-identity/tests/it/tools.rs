//! Programs we did not write, as judges.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program; `None`, with a line about it, if it is not installed.
pub(crate) fn run(test: &str, program: &str, args: &[&str], input: &str) -> Option<(bool, String)> {
    let path = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.exists());
    let Some(path) = path else {
        println!("skipped: {test} (no {program})");
        return None;
    };
    let mut child = Command::new(path)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that fails early may not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), text))
}

/// Like [`run`], for calls that must succeed.
pub(crate) fn must(test: &str, program: &str, args: &[&str], input: &str) -> Option<String> {
    let (ok, text) = run(test, program, args, input)?;
    assert!(ok, "{program} {args:?}: {text}");
    Some(text)
}
