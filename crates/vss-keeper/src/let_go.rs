//! Letting go in a dead keeper's place.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use vss_sys::dm::{DeviceMapper, DmError};

use crate::error::{OpenError, chain};
use crate::lock;
use crate::machine::{GRACE, Rank};
use crate::message::{End, Outcome};
use crate::plan::{FileSystem, MappedDevice};
use crate::thing::{Open, Thing, open_file_system};

/// How long letting go may take before what is left counts as stuck.
const LIMIT: Duration = Duration::from_secs(10);

/// A file system or device that a keeper may have left held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Named {
    /// A file system, perhaps frozen.
    FileSystem(FileSystem),
    /// A device, perhaps suspended.
    Device(MappedDevice),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileSystem(system) => {
                write!(f, "the file system at {}", system.mount_point.display())
            }
            Self::Device(device) => write!(f, "the device {}", device.name),
        }
    }
}

/// What was found, and done, of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The file system or device.
    pub thing: Named,
    /// What became of it.
    pub state: LeftoverState,
}

impl Leftover {
    /// Whether somebody should look after it.
    #[must_use]
    pub const fn may_be_held(&self) -> bool {
        matches!(
            self.state,
            LeftoverState::Stuck | LeftoverState::Failed { .. }
        )
    }
}

/// What became of a [`Leftover`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftoverState {
    /// It was held, and is no longer.
    Released,
    /// It was not held.
    NotHeld,
    /// It is not there: mounted nowhere, or no longer mapped.
    Gone,
    /// A keeper still holds it, or the kernel has not come back from letting go. The attempt goes on
    /// in a thread of its own.
    Stuck,
    /// Letting go failed; it may still be held.
    Failed {
        /// Why, with its causes.
        reason: String,
    },
}

/// Thaws and resumes what an earlier keeper may have left: what a journal names, at the next start.
///
/// Devices come first, then the file systems from the lowest to the topmost. A file system that is
/// no longer mounted where it was is looked for at its other mounts. A keeper that is still about to
/// die, or to let go by itself, is waited for. Safe to repeat.
///
/// The kernel does not tell whose freeze it is: one that somebody else made of the same file system
/// meanwhile is ended as well.
#[must_use]
pub fn let_go(file_systems: &[FileSystem], devices: &[MappedDevice]) -> Vec<Leftover> {
    let mut done = Vec::new();
    let mut open = Vec::new();
    let mapper = DeviceMapper::open().map(Arc::new);
    for device in devices {
        let thing = Named::Device(device.clone());
        match &mapper {
            Ok(mapper) if is_gone(mapper, device) => done.push(Leftover {
                thing,
                state: LeftoverState::Gone,
            }),
            Ok(mapper) => {
                let orphan = Orphan {
                    lock: lock::of_device(device),
                    open: Open::Device(Arc::clone(mapper), device.clone()),
                };
                open.push((Rank::Device, thing, orphan));
            }
            Err(error) => done.push(Leftover {
                thing,
                state: without_mapper(error),
            }),
        }
    }
    for system in file_systems {
        let thing = Named::FileSystem(system.clone());
        match find(system) {
            Ok(file) => {
                let orphan = Orphan {
                    lock: lock::of_file_system(system),
                    open: Open::FileSystem(Arc::new(file)),
                };
                open.push((Rank::FileSystem(system.level), thing, orphan));
            }
            Err(state) => done.push(Leftover { thing, state }),
        }
    }
    done.extend(let_go_of(open));
    done
}

/// What may be held by a keeper that is not quite dead yet.
struct Orphan {
    lock: String,
    open: Open,
}

impl Thing for Orphan {
    fn flush(&self) -> Option<String> {
        self.open.flush()
    }

    fn take(&self) -> Outcome {
        self.open.take()
    }

    fn leave(&self) -> End {
        // At once: the last thread of the keeper may wait for this very thaw.
        let early = self.open.leave();
        // And again when no thread of it can complete a freeze any more.
        let _lock = lock::wait(&self.lock);
        match (early, self.open.leave()) {
            (End::Released, End::Lost) => End::Released,
            (_, late) => late,
        }
    }
}

/// Lets go of what is open, rank by rank, whatever hangs.
pub(crate) fn let_go_of<T: Thing>(things: Vec<(Rank, Named, T)>) -> Vec<Leftover> {
    let ranks: BTreeSet<Rank> = things.iter().map(|(rank, ..)| *rank).collect();
    let mut ends: Vec<Option<LeftoverState>> = vec![None; things.len()];
    let (names, things): (Vec<_>, Vec<_>) = things
        .into_iter()
        .map(|(rank, name, thing)| (name, (rank, thing)))
        .unzip();
    let mut things: Vec<_> = things.into_iter().map(Some).collect();
    let (sender, receiver) = channel();
    let mut pending = 0;
    let wait = |ends: &mut Vec<Option<LeftoverState>>, pending: &mut usize, limit| {
        let until = Instant::now() + limit;
        while *pending > 0 {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((index, state)) = receiver.recv_timeout(left) else {
                break;
            };
            ends[index] = Some(state);
            *pending -= 1;
        }
    };
    for rank in ranks {
        for (index, slot) in things.iter_mut().enumerate() {
            let Some((_, thing)) = slot.take_if(|(its, _)| *its == rank) else {
                continue;
            };
            let sender = sender.clone();
            let work = move || {
                let _ = sender.send((index, state(thing.leave())));
            };
            match std::thread::Builder::new().spawn(work) {
                Ok(_) => pending += 1,
                Err(error) => {
                    ends[index] = Some(LeftoverState::Failed {
                        reason: format!("no thread: {error}"),
                    });
                }
            }
        }
        // What hangs may hang because of what is still held: on to the next rank.
        wait(&mut ends, &mut pending, GRACE);
    }
    wait(&mut ends, &mut pending, LIMIT);
    let leftovers = names.into_iter().zip(ends).map(|(thing, end)| Leftover {
        thing,
        state: end.unwrap_or(LeftoverState::Stuck),
    });
    leftovers.collect()
}

fn state(end: End) -> LeftoverState {
    match end {
        End::Released => LeftoverState::Released,
        End::Failed { reason } => LeftoverState::Failed { reason },
        End::Stuck => LeftoverState::Stuck,
        End::NotHeld | End::Lost => LeftoverState::NotHeld,
    }
}

fn is_gone(mapper: &DeviceMapper, device: &MappedDevice) -> bool {
    matches!(mapper.status(device.key()), Err(DmError::NotFound { .. }))
}

/// Without a device mapper there is no mapped device.
fn without_mapper(error: &DmError) -> LeftoverState {
    const ENODEV: i32 = 19;
    match error {
        DmError::Open(source)
            if source.kind() == io::ErrorKind::NotFound
                || source.raw_os_error() == Some(ENODEV) =>
        {
            LeftoverState::Gone
        }
        _ => LeftoverState::Failed {
            reason: chain(error),
        },
    }
}

/// Opens a file system where it was mounted, else at any other mount of it.
fn find(system: &FileSystem) -> Result<std::fs::File, LeftoverState> {
    let error = match open_file_system(system) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    let failed = |reason| LeftoverState::Failed { reason };
    let table = std::fs::read("/proc/self/mountinfo")
        .map_err(|error| failed(format!("/proc/self/mountinfo: {error}")))?;
    for mount_point in mount_points(&table, system.device) {
        let other = FileSystem {
            mount_point,
            ..system.clone()
        };
        if let Ok(file) = open_file_system(&other) {
            return Ok(file);
        }
    }
    match &error {
        OpenError::OtherFileSystem { .. } => Err(LeftoverState::Gone),
        OpenError::MountPoint { source, .. }
            if matches!(
                source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Err(LeftoverState::Gone)
        }
        _ => Err(failed(chain(&error))),
    }
}

/// The mount points of a device in a `mountinfo` table (`proc(5)`): the third and the fifth field.
fn mount_points(table: &[u8], device: (u32, u32)) -> Vec<PathBuf> {
    let number = format!("{}:{}", device.0, device.1);
    let lines = table.split(|&byte| byte == b'\n');
    let points = lines.filter_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ');
        let found = fields.nth(2)?;
        let point = fields.nth(1)?;
        (found == number.as_bytes()).then(|| PathBuf::from(OsString::from_vec(unescape(point))))
    });
    points.collect()
}

/// Undoes the octal escapes of blanks and backslashes.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| byte == b'\\');
        let value = digits.and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 8).ok()
        });
        match value {
            Some(value) => {
                plain.push(value);
                rest = &after[3..];
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 1 0:20 / /proc rw - proc proc rw\n\
        30 1 253:3 / /srv/my\\040db rw,relatime shared:1 - xfs /dev/dm-3 rw\n\
        31 1 253:3 /sub /mnt/b\\134c rw - xfs /dev/dm-3 rw\n\
        32 1 253:33 / /other rw - ext4 /dev/dm-33 rw\n\
        short 1\n";

    #[test]
    fn mounts_are_found_by_device() {
        let found = mount_points(TABLE, (253, 3));
        assert_eq!(found, ["/srv/my db", "/mnt/b\\c"].map(PathBuf::from));
        assert_eq!(mount_points(TABLE, (253, 4)), Vec::<PathBuf>::new());
        assert_eq!(unescape(b"a\\04"), b"a\\04");
        assert_eq!(unescape(b"a\\777"), b"a\\777");
    }

    #[test]
    fn what_is_not_there_is_gone() {
        let system = FileSystem {
            mount_point: PathBuf::from("/nonexistent/openvss"),
            device: (4095, 1_048_575),
            level: 0,
        };
        let elsewhere = FileSystem {
            mount_point: PathBuf::from("/"),
            ..system.clone()
        };
        for leftover in let_go(&[system, elsewhere], &[]) {
            assert_eq!(leftover.state, LeftoverState::Gone);
        }
    }
}
