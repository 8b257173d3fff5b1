//! Who is at the other end of a Unix socket, as the kernel vouches for it (`unix(7)`).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::sockopt::socket_peercred;

/// Groups that fit into the first request; more take a second one.
const FEW: usize = 32;

/// Most supplementary groups that a process can have (`NGROUPS_MAX`).
const MOST: usize = 65_536;

/// The process that connected, as it was when it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// Its process id; 0 for a process that cannot be seen from this PID namespace.
    pub pid: i32,
}

/// The credentials of the process at the other end (`SO_PEERCRED` and `SO_PEERGROUPS`).
///
/// # Errors
/// Not a connected Unix socket, or a kernel before 4.13.
pub fn peer_credentials(socket: &impl AsFd) -> io::Result<PeerCredentials> {
    let peer = socket_peercred(socket)?;
    Ok(PeerCredentials {
        uid: peer.uid.as_raw(),
        gid: peer.gid.as_raw(),
        groups: peer_groups(socket)?,
        pid: peer.pid.as_raw_pid(),
    })
}

fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; FEW];
    loop {
        let (result, bytes) = ask(socket, &mut groups);
        let count = bytes / size_of::<libc::gid_t>();
        match result {
            Ok(()) => {
                groups.truncate(count);
                return Ok(groups);
            }
            // The groups of a connection never change, so the kernel says this at most once.
            Err(error)
                if error.raw_os_error() == Some(libc::ERANGE)
                    && count > groups.len()
                    && count <= MOST =>
            {
                groups.resize(count, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One request: whether it succeeded, and how many bytes the kernel wrote or would have written.
fn ask(socket: &impl AsFd, groups: &mut [libc::gid_t]) -> (io::Result<()>, usize) {
    let room = size_of_val(groups);
    // MOST groups are far below the limit of socklen_t.
    let mut length = libc::socklen_t::try_from(room).unwrap_or(0);
    #[expect(unsafe_code, reason = "no safe wrapper knows SO_PEERGROUPS")]
    // SAFETY: the descriptor is open for the whole call; the kernel writes at most `length` bytes
    // to the slice, which is that long and holds integers of any value, and one integer to `length`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let outcome = if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    };
    (outcome, usize::try_from(length).unwrap_or(0))
}
