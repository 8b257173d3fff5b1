//! File leases (`fcntl(2)`, section *Leases*): holding the writers of a file back.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;

/// `F_SETSIG` of `asm-generic/fcntl.h`; not among the constants of the libc crate.
const F_SETSIG: libc::c_int = 10;

/// Where the kernel says how long it waits for a lease to be given back.
const BREAK_TIME: &str = "/proc/sys/fs/lease-break-time";

/// The default of [`BREAK_TIME`], for hosts that do not let us read it.
const DEFAULT_BREAK_TIME: Duration = Duration::from_secs(45);

/// Why a lease could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Somebody has the file open for writing, or mapped for shared writing.
    #[error("the file is open for writing")]
    OpenForWriting,
    /// The file belongs to another user and this process lacks `CAP_LEASE`.
    #[error("the file belongs to another user")]
    NotPermitted,
    /// The file is not a regular one, or its file system has no leases, or they are switched off.
    #[error("the file cannot be leased")]
    NotSupported,
    /// Any other failure; a descriptor that is itself open for writing among them.
    #[error("could not take the lease")]
    Io(#[source] io::Error),
}

/// A read lease on a regular file, given back on drop.
///
/// While it stands, nobody has the file open for writing, and an `open` for writing or a truncation
/// by another process waits: at most [`break_time`], after which the kernel takes the lease away.
/// Openers with `O_NONBLOCK` are turned away instead (`EWOULDBLOCK`).
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Lease {
    /// Takes a read lease (`F_SETLEASE`, `F_RDLCK`) on a file opened for reading only.
    ///
    /// A writer who knocks makes the kernel send a signal. It is set to `SIGURG`, which is ignored
    /// by default, before the lease is taken: the default, `SIGIO`, ends the process. Ask
    /// [`Lease::is_wanted`] instead of waiting for the signal.
    ///
    /// # Errors
    /// [`LeaseError`]; the file is then closed.
    pub fn hold_writes(file: File) -> Result<Self, LeaseError> {
        let flags = fcntl_getfl(&file).map_err(|error| LeaseError::Io(error.into()))?;
        if flags & OFlags::RWMODE != OFlags::RDONLY {
            // The kernel would answer EAGAIN, which reads as "somebody else writes".
            return Err(LeaseError::Io(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the descriptor is not opened for reading only",
            )));
        }
        fcntl(&file, F_SETSIG, libc::SIGURG).map_err(LeaseError::Io)?;
        fcntl(&file, libc::F_SETLEASE, libc::F_RDLCK).map_err(|error| {
            match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::AGAIN) => LeaseError::OpenForWriting,
                Some(Errno::ACCESS | Errno::PERM) => LeaseError::NotPermitted,
                Some(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => {
                    LeaseError::NotSupported
                }
                _ => LeaseError::Io(error),
            }
        })?;
        Ok(Self { file })
    }

    /// True when somebody waits to write, or has waited so long that the kernel took the lease away.
    ///
    /// # Errors
    /// The kernel could not be asked.
    pub fn is_wanted(&self) -> io::Result<bool> {
        // F_GETLEASE names the type that the lease must be lowered to; ours is F_RDLCK.
        Ok(fcntl(&self.file, libc::F_GETLEASE, 0)? != libc::F_RDLCK)
    }

    /// The leased file, for reading.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Not left to the close: the descriptor may have been duplicated by whoever holds `file()`.
        // A lease that the kernel took away already is no concern.
        let _ = fcntl(&self.file, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

/// How long the kernel waits for a lease to be given back before it takes it away; 45 s where it
/// cannot be read.
#[must_use]
pub fn break_time() -> Duration {
    std::fs::read_to_string(BREAK_TIME)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .map_or(DEFAULT_BREAK_TIME, Duration::from_secs)
}

/// The `fcntl` commands of this module, all of which take and give plain integers.
fn fcntl(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<libc::c_int> {
    #[expect(
        unsafe_code,
        reason = "no safe wrapper knows F_SETLEASE, F_GETLEASE and F_SETSIG"
    )]
    // SAFETY: the descriptor is open for the whole call; the three commands read an integer
    // argument (F_GETLEASE ignores it) and touch no memory of this process.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
