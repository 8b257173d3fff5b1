//! The words that the program `vss` is called with.

use std::ffi::OsString;
use std::path::Path;

use vss_model::SetId;

/// The same break as [`crate::rig::BREAK_FLAGS`].
pub(crate) fn break_set(state: &Path, set: SetId) -> Vec<OsString> {
    let set = set.to_string();
    let words = ["break", &set, "--read-write", "--revert-identity", "all"];
    with_state(state, &words)
}

/// All copies as JSON.
pub(crate) fn list(state: &Path) -> Vec<OsString> {
    with_state(state, &["list", "--json"])
}

fn with_state(state: &Path, words: &[&str]) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["--state".into(), state.into()];
    all.extend(words.iter().map(OsString::from));
    all
}
