//! What every command is given: where the state is and how to speak.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use vss_coordinator::StatePaths;
use vss_model::{Error, ErrorKind};

use crate::failure::Failure;

/// The state folder of root.
const SYSTEM_STATE: &str = "/var/lib/vss";

/// The surroundings of a command.
#[derive(Debug)]
pub(crate) struct App {
    /// Where everything is.
    pub(crate) paths: StatePaths,
    /// One JSON object instead of text.
    pub(crate) json: bool,
}

impl App {
    /// On the folder of `--state`, or the one that the environment names.
    pub(crate) fn new(state: Option<&Path>, json: bool) -> Result<Self, Failure> {
        let root = match state {
            Some(path) => path.to_owned(),
            None => default_state(|name| env::var_os(name))?,
        };
        // Paths into the folder are kept in the catalogue, so they must hold from everywhere.
        let root = std::path::absolute(&root).map_err(|error| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("{:?} cannot be a state folder", root.display()),
            )
            .with_source(error)
        })?;
        Ok(Self {
            paths: StatePaths::new(root),
            json,
        })
    }
}

/// `$VSS_STATE`; else `/var/lib/vss` for root and the XDG state folder for everybody else.
fn default_state(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(state) = set("VSS_STATE") {
        return Ok(state.into());
    }
    if rustix::process::geteuid().is_root() {
        return Ok(SYSTEM_STATE.into());
    }
    // The XDG specification has relative paths ignored.
    let absolute = |name| {
        set(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("vss"))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "there is no place for the state: neither $VSS_STATE nor $XDG_STATE_HOME nor $HOME is set",
            )
            .with_hint("name a folder with --state DIR")
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::default_state;

    #[test]
    fn the_environment_names_the_state() {
        let found = default_state(|name| (name == "VSS_STATE").then(|| "here".into()));
        assert_eq!(found.unwrap(), Path::new("here"));
        let home = default_state(|name| match name {
            "VSS_STATE" => Some("".into()),
            "XDG_STATE_HOME" => Some("relative".into()),
            _ => Some("/home/u".into()),
        });
        let expected = if rustix::process::geteuid().is_root() {
            "/var/lib/vss"
        } else {
            "/home/u/.local/state/vss"
        };
        assert_eq!(home.unwrap(), Path::new(expected));
    }
}
