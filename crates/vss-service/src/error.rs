//! Errors that only callers of a distant service meet.

use std::error::Error as StdError;
use std::fmt;

use vss_model::Error;

/// The connection to the service broke, or none was to be had: whether the call took place is not
/// known. A repeat with the same operation id finds the first call, if it came through.
#[derive(Debug)]
pub struct ConnectionLost {
    what: String,
}

impl ConnectionLost {
    /// With what is known of the cause.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl fmt::Display for ConnectionLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for ConnectionLost {}

/// True when an error says that the service could not be reached, or was lost on the way.
#[must_use]
pub fn is_connection_lost(error: &Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(one) = cause {
        if one.is::<ConnectionLost>() {
            return true;
        }
        cause = one.source();
    }
    false
}
