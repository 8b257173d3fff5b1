//! What the tests share.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use vss_lab::{Machine, MachineError, Setup};

/// The guest's first process.
pub(crate) const INIT: &str = env!("CARGO_BIN_EXE_vss-lab-init");

/// True when the lab can run; says that the test is skipped otherwise.
pub(crate) fn lab(test: &str) -> bool {
    let Some(why) = vss_lab::unavailable() else {
        return true;
    };
    println!("skipped: {test} ({why})");
    false
}

/// Boots a machine that runs a line of shell.
pub(crate) fn boot(setup: Setup, script: &str) -> Result<Machine, MachineError> {
    setup
        .limit(Duration::from_secs(120))
        .boot(Path::new(INIT), ["/bin/sh", "-c", script])
}

/// The command lines of all processes that mention this word. One that died but was not waited for has none.
pub(crate) fn processes(word: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    entries
        .filter_map(|entry| {
            let words = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            words.contains(word).then_some(words)
        })
        .collect()
}

/// Waits until a condition is true.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}
