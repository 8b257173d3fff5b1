//! The crash laboratory: proves by killing and by simulated power cuts that no crash leaves a disk
//! half changed.
//!
//! A small program over the real library ([`service`], `crash-driver`) runs one operation under a
//! shim that sees every change of its state folder ([`shim`], [`log`]). From the record, the states
//! that a power cut may leave are rebuilt, at every call ([`power`]); or the program is killed at
//! every call, or every call fails in turn. Each state is then recovered and judged ([`judge`]).

mod disks;
pub mod faults;
pub mod judge;
pub mod log;
pub mod power;
pub mod random;
pub mod scenario;
pub mod service;
pub mod shim;
pub mod sparse;
pub mod tables;
pub mod tools;
pub mod tree;
pub mod view;

use std::fmt;

/// Why an experiment failed, in words.
#[derive(Debug)]
pub struct Failure(pub String);

/// The result of an experiment.
pub type Outcome<T = ()> = Result<T, Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Any error becomes words, causes included.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// A failure in these words.
pub(crate) fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure(message.into()))
}
