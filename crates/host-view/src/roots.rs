//! Where the kernel shows what it has.

use std::path::{Path, PathBuf};

/// The folders that a view is read from; tests give made-up ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// sysfs.
    pub sys: PathBuf,
    /// procfs.
    pub proc: PathBuf,
    /// Device nodes.
    pub dev: PathBuf,
    /// Run-time state, such as udev's.
    pub run: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            sys: "/sys".into(),
            proc: "/proc".into(),
            dev: "/dev".into(),
            run: "/run".into(),
        }
    }
}

impl Roots {
    /// `sys`, `proc`, `dev` and `run` in one folder.
    #[must_use]
    pub fn under(folder: &Path) -> Self {
        Self {
            sys: folder.join("sys"),
            proc: folder.join("proc"),
            dev: folder.join("dev"),
            run: folder.join("run"),
        }
    }

    /// Where a path that begins with `/dev` lies under these roots.
    pub(crate) fn in_dev(&self, path: &Path) -> Option<PathBuf> {
        Some(self.dev.join(path.strip_prefix("/dev").ok()?))
    }
}
