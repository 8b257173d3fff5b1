//! The grammar of the command line.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use vss_model::{Error, ErrorKind};

use crate::config::{Config, DEFAULT_FILE};

/// Serves shadow copies of this machine's disks to local and distant callers.
///
/// vssd holds the state folder, ends what an earlier run left half-done, and then serves the calls of
/// the shadow copy service on a Unix socket and, if the settings say so, on TCP with certificates on
/// both sides. Root, members of the group in the settings, and clients whose certificate is named
/// there may do everything; everybody else is refused, and every refusal is on record.
///
/// systemd starts it: systemctl enable --now vssd.socket vssd.service.
///
/// SIGTERM and SIGINT stop it in order: running operations finish, or stop before their point of no
/// return. A second one stops it at once; the next start then ends what is left. SIGHUP has no effect:
/// settings count from the next start.
///
/// Exit codes: 0 stopped in order, 1 failed, or operations were left when the time limit of the stop
/// was over, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "vssd", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// File with the settings [default: /etc/vss/vssd.toml; without that file, every setting has its
    /// default]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the catalogue and of the embedded array, in place of the one in the settings
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Unix socket to listen on, in place of the one in the settings
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Say whether the settings are right, and do nothing else
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the settings that count, with what they mean, and do nothing else
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) print_config: bool,
    /// Print a document for the package, and do nothing else.
    #[arg(long, value_name = "WHICH", hide = true)]
    pub(crate) document: Option<Document>,
}

/// What is made from the program for its package.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Document {
    /// The manual page vssd(8).
    Man,
    /// The file of settings that is shipped.
    Template,
}

impl Cli {
    /// The file with the settings.
    pub(crate) fn file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// The settings of the file, and those of the command line over them.
    ///
    /// # Errors
    /// As [`Config::read`]; a named file that is not there.
    pub(crate) fn settings(&self) -> Result<Config, Error> {
        let mut config = match Config::read(self.file()) {
            // A machine without the file is served with the defaults; a file that was named is wanted.
            Err(error) if error.kind() == ErrorKind::ObjectNotFound && self.config.is_none() => {
                Config::default()
            }
            read => read?,
        };
        if let Some(state) = &self.state {
            config.state = absolute(state)?;
        }
        if let Some(socket) = &self.socket {
            config.socket.path = absolute(socket)?;
        }
        Ok(config)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let wrong = || {
        Error::new(
            ErrorKind::InvalidArgument,
            format!("{:?} cannot be used as a path", path.display()),
        )
    };
    let path = std::path::absolute(path).map_err(|error| wrong().with_source(error))?;
    // The catalogue and the settings hold paths as text.
    path.to_str().ok_or_else(wrong)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
