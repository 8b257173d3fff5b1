//! What can go wrong, for the client.

use std::io;
use std::path::PathBuf;

use vss_sys::dm::DmError;

use crate::let_go::Leftover;
use crate::message::Release;

/// Why a file system or device of a plan could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The mount point cannot be opened.
    #[error("could not open the mount point {}", path.display())]
    MountPoint {
        /// The mount point.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// Another file system is mounted there.
    #[error(
        "{} is on device {}:{}, not on {}:{}",
        path.display(), found.0, found.1, expected.0, expected.1
    )]
    OtherFileSystem {
        /// The mount point.
        path: PathBuf,
        /// Major and minor number that the plan names.
        expected: (u32, u32),
        /// Major and minor number that are there.
        found: (u32, u32),
    },
    /// The device mapper cannot be asked, or does not know the device.
    #[error("could not find the mapped device {name}")]
    Device {
        /// The device's name.
        name: String,
        /// The reason.
        #[source]
        source: DmError,
    },
}

/// The steps of a keeper's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Opening everything.
    Start,
    /// Flushing the file systems.
    Flush,
    /// Freezing the file systems.
    Freeze,
    /// Suspending the devices.
    Suspend,
    /// Letting go.
    Release,
}

impl Step {
    const fn text(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Flush => "flushing",
            Self::Freeze => "freezing",
            Self::Suspend => "suspending",
            Self::Release => "letting go",
        }
    }
}

/// Why a step with the keeper failed. Nothing is held any more, except what the error names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// There is no keeper program.
    #[error("found no keeper program at {}", list(places))]
    NoProgram {
        /// Where it was looked for.
        places: Vec<PathBuf>,
    },
    /// A file system or device of the plan is not there.
    #[error("could not prepare the freeze")]
    Open(#[source] OpenError),
    /// The keeper could not be started, or not be spoken to.
    #[error("could not start the keeper {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The keeper does not take the plan.
    #[error("the keeper refuses the plan: {reason}")]
    Refused {
        /// Its reason.
        reason: String,
    },
    /// The keeper let go of everything before the step was done.
    #[error("the keeper let go of everything while {}: {:?}{}", step.text(), release.reason, failures(release))]
    LetGo {
        /// The step.
        step: Step,
        /// Why, and what came of each file system and device.
        release: Box<Release>,
    },
    /// The keeper died, or no longer answered and was killed. The client let go in its place; what
    /// was copied under this keeper is not to be trusted.
    #[error("the keeper died while {}{}", step.text(), still_held(leftovers))]
    Died {
        /// The step.
        step: Step,
        /// What the client did about each file system and device.
        leftovers: Vec<Leftover>,
    },
}

fn list(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    places.join(", ")
}

fn failures(release: &Release) -> String {
    use crate::message::Outcome;
    let all = release.file_systems.iter().chain(&release.devices);
    let reasons = all.filter_map(|held| match &held.outcome {
        Some(Outcome::Failed { reason }) => Some(format!("; {reason}")),
        _ => None,
    });
    reasons.collect()
}

fn still_held(leftovers: &[Leftover]) -> String {
    let held = leftovers.iter().filter(|leftover| leftover.may_be_held());
    held.map(|leftover| format!("; {} may still be held", leftover.thing))
        .collect()
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
