//! Freezing and thawing a mounted file system (`FIFREEZE`, `FITHAW` of `linux/fs.h`).
//!
//! A freeze writes what is dirty, then makes every writer of the file system wait until the thaw.
//! The kernel forgets nobody's freeze: it outlives the process and the descriptor that made it, and
//! does not say who made it. Whoever freezes must therefore see to the thaw.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::ioctl::{NoArg, Opcode, ioctl, opcode};

/// `FIFREEZE`, `_IOWR('X', 119, int)`; the argument is not looked at.
const FIFREEZE: Opcode = opcode::read_write::<i32>(b'X', 119);
/// `FITHAW`, `_IOWR('X', 120, int)`; the argument is not looked at.
const FITHAW: Opcode = opcode::read_write::<i32>(b'X', 120);

/// Why a file system was not frozen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// Somebody has frozen it already, or is about to. That freeze is not ours to end.
    #[error("the file system is frozen already")]
    AlreadyFrozen,
    /// The file system cannot be frozen (tmpfs, proc, most network file systems).
    #[error("the file system cannot be frozen")]
    NotSupported,
    /// This process lacks `CAP_SYS_ADMIN` over the file system.
    #[error("freezing needs CAP_SYS_ADMIN")]
    NotPermitted,
    /// Any other failure. The file system is not frozen.
    #[error("could not freeze the file system")]
    Io(#[source] io::Error),
}

/// Why a file system was not thawed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThawError {
    /// It is not frozen: somebody else thawed it, or a freeze has not come to its end yet.
    #[error("the file system is not frozen")]
    NotFrozen,
    /// The file system cannot be frozen, thus not thawed.
    #[error("the file system cannot be frozen or thawed")]
    NotSupported,
    /// This process lacks `CAP_SYS_ADMIN` over the file system.
    #[error("thawing needs CAP_SYS_ADMIN")]
    NotPermitted,
    /// Any other failure. The file system may still be frozen.
    #[error("could not thaw the file system")]
    Io(#[source] io::Error),
}

/// Freezes the file system that holds `file`: any open file of it, best the mount point's folder.
///
/// Returns once everything dirty is written and every later writer waits. That takes as long as the
/// storage takes, and for ever when the storage does not answer; no signal ends the wait.
///
/// # Errors
/// [`FreezeError`]; the file system is then not frozen by this call.
pub fn freeze(file: &File) -> Result<(), FreezeError> {
    #[expect(unsafe_code, reason = "no safe wrapper knows FIFREEZE")]
    // SAFETY: the virtual file system handles this request for every file before any driver could
    // see it; it ignores the argument and touches no memory of this process.
    let result = unsafe { ioctl(file, NoArg::<FIFREEZE>::new()) };
    result.map_err(|errno| match errno {
        Errno::BUSY => FreezeError::AlreadyFrozen,
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => FreezeError::NotSupported,
        Errno::PERM => FreezeError::NotPermitted,
        other => FreezeError::Io(other.into()),
    })
}

/// Thaws the file system that holds `file`; its writers go on.
///
/// # Errors
/// [`ThawError`]; [`ThawError::NotFrozen`] where there was nothing to do.
pub fn thaw(file: &File) -> Result<(), ThawError> {
    #[expect(unsafe_code, reason = "no safe wrapper knows FITHAW")]
    // SAFETY: as for FIFREEZE, the virtual file system handles this request for every file before
    // any driver could see it; it ignores the argument and touches no memory of this process.
    let result = unsafe { ioctl(file, NoArg::<FITHAW>::new()) };
    result.map_err(|errno| match errno {
        Errno::INVAL => ThawError::NotFrozen,
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => ThawError::NotSupported,
        Errno::PERM => ThawError::NotPermitted,
        other => ThawError::Io(other.into()),
    })
}
