//! Device numbers.

use std::fmt;
use std::str::FromStr;

/// The number of a block device, or of a file system that has none (`st_dev`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DevNo {
    /// The driver's number.
    pub major: u32,
    /// The device's number within its driver.
    pub minor: u32,
}

impl DevNo {
    /// The device number of two parts.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// From a `dev_t`, such as `st_dev` and `st_rdev`.
    #[must_use]
    pub fn from_raw(raw: u64) -> Self {
        Self::new(rustix::fs::major(raw), rustix::fs::minor(raw))
    }

    /// As a `dev_t`.
    #[must_use]
    pub fn to_raw(self) -> u64 {
        rustix::fs::makedev(self.major, self.minor)
    }
}

impl fmt::Display for DevNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// A text that is no device number `MAJOR:MINOR`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no device number; one looks like 8:1")]
pub struct InvalidDevNo(String);

impl FromStr for DevNo {
    type Err = InvalidDevNo;

    fn from_str(text: &str) -> Result<Self, InvalidDevNo> {
        text.split_once(':')
            .and_then(|(major, minor)| Some(Self::new(major.parse().ok()?, minor.parse().ok()?)))
            .ok_or_else(|| InvalidDevNo(text.into()))
    }
}
