//! Colour, where somebody looks and has not asked to be spared.

use std::io::{IsTerminal, stderr, stdout};

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For text on stdout.
    pub(crate) fn stdout() -> Self {
        Self(wanted() && stdout().is_terminal())
    }

    /// For text on stderr.
    pub(crate) fn stderr() -> Self {
        Self(wanted() && stderr().is_terminal())
    }

    /// Something that went well.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something to look at.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something that went wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// A heading.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Something on the side.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `NO_COLOR`, not empty, means none (no-color.org); so does a terminal that says it is dumb.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
