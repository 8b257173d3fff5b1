//! What went wrong, in words: callers get numbers only.
//!
//! Lines go to the debugger (`OutputDebugString`), and with `VSS_LOG=stderr` to standard error.

use std::collections::BTreeSet;
use std::env;
use std::sync::{Mutex, OnceLock, PoisonError};

use vss_model::Error;
use windows_sys::Win32::System::Diagnostics::Debug::OutputDebugStringW;

/// One line.
pub(super) fn line(text: &str) {
    static STDERR: OnceLock<bool> = OnceLock::new();
    let text = format!("vssapi: {text}");
    if *STDERR.get_or_init(|| env::var_os("VSS_LOG").is_some_and(|value| value == "stderr")) {
        eprintln!("{text}");
    }
    let wide: Vec<u16> = text.encode_utf16().chain([u16::from(b'\n'), 0]).collect();
    // SAFETY: the text ends with a zero and lives until the call returns.
    unsafe { OutputDebugStringW(wide.as_ptr()) };
}

/// A call that failed.
pub(super) fn failure(method: &str, error: &Error) {
    let hint = error
        .hint()
        .map(|hint| format!(" ({hint})"))
        .unwrap_or_default();
    line(&format!(
        "{method}: {}: {}{hint}",
        error.code(),
        error.chain()
    ));
}

/// Says once in the life of the process that something cannot be done yet.
pub(super) fn once(what: &'static str) {
    static TOLD: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    if TOLD
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(what)
    {
        line(&format!("{what}: not done by this version of openvss"));
    }
}
