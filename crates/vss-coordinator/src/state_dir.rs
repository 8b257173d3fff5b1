//! The state folder: one process at a time, and the second one is told who the first is.
//!
//! ```text
//! STATE/lock           held while a process may change anything; says who holds it
//! STATE/catalogue.db   sets, copies, LUN records, journal, audit records
//! STATE/array/         the embedded array: images and its own catalogue
//! STATE/host/          the LUNs that this host can see
//! STATE/lio/           copies of LUNs of the kernel's target
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use vss_model::{Error, ErrorKind};
use vss_sys::FileLock;

/// Longest holder text that is read back, in bytes.
const HOLDER_LIMIT: u64 = 4096;

/// Where everything is in a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePaths {
    root: PathBuf,
}

impl StatePaths {
    /// Paths below `root`, which need not exist.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> PathBuf {
        self.root.join("catalogue.db")
    }

    /// The folder of the embedded array.
    #[must_use]
    pub fn array(&self) -> PathBuf {
        self.root.join("array")
    }

    /// The folder where presented LUNs appear.
    #[must_use]
    pub fn host(&self) -> PathBuf {
        self.root.join("host")
    }

    /// The records of the provider of the kernel's target.
    #[must_use]
    pub fn lio(&self) -> PathBuf {
        self.root.join("lio")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// A state folder held by this process.
#[derive(Debug)]
pub struct StateDir {
    paths: StatePaths,
    _lock: FileLock,
}

impl StateDir {
    /// Makes the folder if it is not there (mode 0700) and takes its lock, without waiting.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE`, naming the holder, when another process has it; `E_ACCESSDENIED` when this
    /// user may not use it.
    pub fn acquire(paths: StatePaths) -> Result<Self, Error> {
        let failed = |step: &'static str, error: io::Error| {
            let path = paths.root.display();
            let kind = match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    ErrorKind::AccessDenied
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    ErrorKind::InsufficientStorage
                }
                _ => ErrorKind::Unexpected,
            };
            Error::new(kind, format!("could not {step} the state folder {path}"))
                .with_hint("name a folder of your own with --state DIR or $VSS_STATE")
                .with_source(error)
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&paths.root)
            .map_err(|error| failed("make", error))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(paths.lock())
            .map_err(|error| failed("lock", error))?;
        let lock = FileLock::try_exclusive(file)
            .map_err(|error| failed("lock", error))?
            .ok_or_else(|| held(&paths))?;
        let holder = format!("{}\t{}\n", std::process::id(), command_line());
        let mut file = lock.file();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(|error| failed("lock", error))?;
        Ok(Self { paths, _lock: lock })
    }

    /// Where everything is.
    #[must_use]
    pub const fn paths(&self) -> &StatePaths {
        &self.paths
    }

    /// True when this process has backup privilege here: root, or the owner of the folder.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        let me = rustix::process::geteuid();
        me.is_root()
            || fs::metadata(&self.paths.root).is_ok_and(|metadata| metadata.uid() == me.as_raw())
    }
}

fn command_line() -> String {
    std::env::args()
        .map(|argument| argument.replace(['\t', '\n'], " "))
        .collect::<Vec<_>>()
        .join(" ")
}

fn held(paths: &StatePaths) -> Error {
    let mut holder = String::new();
    let read = File::open(paths.lock())
        .and_then(|lock| lock.take(HOLDER_LIMIT).read_to_string(&mut holder));
    let who = match (read, holder.trim_end().split_once('\t')) {
        (Ok(_), Some((pid, command))) => format!("process {pid} ({command})"),
        _ => "another process".to_owned(),
    };
    Error::new(
        ErrorKind::BadState,
        format!("the state folder {} is held by {who}", paths.root.display()),
    )
    .with_hint("wait until it has finished, or, if it is the daemon, go through it (vss --connect unix:SOCKET); listings (vss list, show, history) work meanwhile")
}

#[cfg(test)]
mod tests {
    use vss_model::ErrorKind;

    use super::{StateDir, StatePaths};

    #[test]
    fn the_second_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let paths = StatePaths::new(dir.path().join("state"));
        let first = StateDir::acquire(paths.clone()).unwrap();
        assert!(first.is_privileged());
        let error = StateDir::acquire(paths.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadState);
        let pid = format!("process {}", std::process::id());
        assert!(error.message().contains(&pid), "{error}");
        drop(first);
        StateDir::acquire(paths).unwrap();
    }
}
