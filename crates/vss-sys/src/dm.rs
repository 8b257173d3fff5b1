//! A small client of the device mapper (`linux/dm-ioctl.h`): the requests that copies and the
//! freeze need, over `/dev/mapper/control`, without any library or program.
//!
//! No request carries a udev cookie, so none waits for udev and none leaves a semaphore behind.

mod wire;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, opcode};

/// Where the device mapper takes its requests.
const CONTROL: &str = "/dev/mapper/control";

/// The version of the interface that this client speaks; minor versions only add to it.
const MAJOR: u32 = 4;

/// Size of the first buffer of a request without much payload.
const BUFFER: u32 = 4 << 10;
/// No reply grows beyond this: some ten thousand devices.
const BUFFER_LIMIT: u32 = 16 << 20;

/// Why a request to the device mapper failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DmError {
    /// The control device cannot be opened: no device mapper in this kernel, or no root.
    #[error("could not open /dev/mapper/control; is the module dm-mod loaded?")]
    Open(#[source] io::Error),
    /// The kernel speaks another interface.
    #[error("the device mapper speaks interface {major}.{minor}, not 4")]
    Version {
        /// Major number of the interface.
        major: u32,
        /// Minor number of the interface.
        minor: u32,
    },
    /// There is no such device.
    #[error("there is no mapped device {device}")]
    NotFound {
        /// The name, uuid or number that was asked for.
        device: String,
    },
    /// A name, uuid, target type, parameter or message is too long or holds a zero byte.
    #[error("{text:?} cannot be told to the device mapper")]
    BadText {
        /// The text.
        text: String,
    },
    /// Request or reply is larger than this client takes.
    #[error("a request or reply of the device mapper is too large")]
    TooLarge,
    /// The kernel's reply contradicts itself.
    #[error("a reply of the device mapper is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The kernel refused.
    #[error("the device mapper could not {request} {device}")]
    Refused {
        /// The request, as a verb.
        request: &'static str,
        /// The device it was for; empty where it was for none.
        device: String,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

/// Names one mapped device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device<'a> {
    /// By its name, as in `/dev/mapper`.
    Name(&'a str),
    /// By its uuid, which a later device of the same name does not share.
    Uuid(&'a str),
    /// By the major and minor number of its block device.
    Number(u32, u32),
}

impl fmt::Display for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Uuid(uuid) => write!(f, "{uuid}"),
            Self::Number(major, minor) => write!(f, "{major}:{minor}"),
        }
    }
}

/// A device as the list of all names it. Bytes of a name that are no UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Major and minor number of its block device.
    pub number: (u32, u32),
}

/// What the kernel says of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its uuid; empty where it was made without.
    pub uuid: String,
    /// Major and minor number of its block device.
    pub number: (u32, u32),
    /// How often it is open: mounts and devices on top of it count once each.
    pub open_count: u32,
    /// Whether it is suspended by request: I/O to it waits.
    pub is_suspended: bool,
    /// Whether the kernel suspended it for a moment on its own account, as a thin pool does with
    /// its volumes.
    pub is_internally_suspended: bool,
    /// Whether it refuses writes.
    pub is_read_only: bool,
    /// Whether it has a live table.
    pub has_live_table: bool,
    /// Whether a table is loaded that the next resume puts in place.
    pub has_inactive_table: bool,
    /// Counts the events of its targets.
    pub event_nr: u32,
}

/// One line of a table, or of a status, whose `parameters` then are the target's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// First sector of the mapped device, in units of 512 bytes.
    pub start_sector: u64,
    /// Number of sectors of 512 bytes.
    pub sectors: u64,
    /// The target type: `linear`, `thin`, `thin-pool`, …
    pub kind: String,
    /// Its parameters, in the type's own notation.
    pub parameters: String,
}

/// How a device is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suspend {
    /// Do not freeze a file system that is mounted from the device.
    pub skip_lockfs: bool,
    /// Do not wait for I/O that the target queued; only targets with a queue of their own care.
    pub no_flush: bool,
}

/// The open control device. Every request is on its own; threads may share it.
#[derive(Debug)]
pub struct DeviceMapper {
    control: File,
}

impl DeviceMapper {
    /// Opens the control device and checks that the kernel speaks interface 4.
    ///
    /// # Errors
    /// [`DmError::Open`], [`DmError::Version`].
    pub fn open() -> Result<Self, DmError> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open(CONTROL)
            .map_err(DmError::Open)?;
        let mapper = Self { control };
        let [major, minor, _] = mapper.version()?;
        if major == MAJOR {
            Ok(mapper)
        } else {
            Err(DmError::Version { major, minor })
        }
    }

    /// The kernel's version of the interface: major, minor, patch level.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn version(&self) -> Result<[u32; 3], DmError> {
        let reply = self.request(Verb::Version, &wire::Request::default(), &[], "")?;
        Ok(wire::header(&reply)?.version)
    }

    /// All mapped devices.
    ///
    /// # Errors
    /// The kernel refused, or its reply is malformed.
    pub fn devices(&self) -> Result<Vec<Listed>, DmError> {
        let reply = self.request(Verb::List, &wire::Request::default(), &[], "")?;
        let listed = wire::names(&reply)?.into_iter().map(|(dev, name)| Listed {
            name,
            number: number(dev),
        });
        Ok(listed.collect())
    }

    /// What the kernel says of a device.
    ///
    /// # Errors
    /// [`DmError::NotFound`], or the kernel refused.
    pub fn status(&self, device: Device<'_>) -> Result<Status, DmError> {
        status(&self.on(Verb::Status, device, 0, &[])?)
    }

    /// The live table of a device; empty where it has none.
    ///
    /// # Errors
    /// [`DmError::NotFound`], the kernel refused, or its reply is malformed.
    pub fn table(&self, device: Device<'_>) -> Result<Vec<Target>, DmError> {
        let flags = wire::STATUS_TABLE | wire::NO_FLUSH;
        wire::targets(&self.on(Verb::Table, device, flags, &[])?)
    }

    /// The state of each target of a device, in the notation of its type. A thin pool is not made
    /// to commit first.
    ///
    /// # Errors
    /// [`DmError::NotFound`], the kernel refused, or its reply is malformed.
    pub fn target_status(&self, device: Device<'_>) -> Result<Vec<Target>, DmError> {
        wire::targets(&self.on(Verb::Table, device, wire::NO_FLUSH, &[])?)
    }

    /// Suspends a device: waits for the I/O under way, and makes later I/O wait for the resume.
    ///
    /// A device that is suspended already stays so, without an error: ask [`Self::status`] before.
    ///
    /// # Errors
    /// [`DmError::NotFound`], or the kernel refused; the device is then not suspended.
    pub fn suspend(&self, device: Device<'_>, how: Suspend) -> Result<Status, DmError> {
        let mut flags = wire::SUSPEND;
        if how.skip_lockfs {
            flags |= wire::SKIP_LOCKFS;
        }
        if how.no_flush {
            flags |= wire::NO_FLUSH;
        }
        status(&self.on(Verb::Suspend, device, flags, &[])?)
    }

    /// Resumes a device, putting a loaded table in place. A device that is not suspended stays so,
    /// without an error.
    ///
    /// # Errors
    /// [`DmError::NotFound`], or the kernel refused; the device may still be suspended.
    pub fn resume(&self, device: Device<'_>) -> Result<Status, DmError> {
        status(&self.on(Verb::Resume, device, 0, &[])?)
    }

    /// Sends a message to the target that holds `sector`, and gives its answer if it has one.
    ///
    /// # Errors
    /// [`DmError::NotFound`], [`DmError::BadText`], or the target refused.
    pub fn message(
        &self,
        device: Device<'_>,
        sector: u64,
        message: &str,
    ) -> Result<Option<String>, DmError> {
        let payload = wire::message(sector, message)?;
        wire::answer(&self.on(Verb::Message, device, 0, &payload)?)
    }

    /// Makes a device without a table, suspended in the sense that the first resume starts it. An
    /// empty `uuid` means none.
    ///
    /// # Errors
    /// [`DmError::BadText`], or the kernel refused: name or uuid are taken.
    pub fn create(&self, name: &str, uuid: &str) -> Result<Status, DmError> {
        let head = wire::Request {
            name,
            uuid,
            ..wire::Request::default()
        };
        status(&self.request(Verb::Create, &head, &[], name)?)
    }

    /// Loads a table, which the next resume puts in place of the live one.
    ///
    /// # Errors
    /// [`DmError::NotFound`], [`DmError::BadText`], or a target refused its parameters.
    pub fn load(
        &self,
        device: Device<'_>,
        table: &[Target],
        read_only: bool,
    ) -> Result<Status, DmError> {
        let mut head = head(device);
        head.flags = if read_only { wire::READ_ONLY } else { 0 };
        head.target_count = u32::try_from(table.len()).map_err(|_| DmError::TooLarge)?;
        let payload = wire::table(table)?;
        status(&self.request(Verb::Load, &head, &payload, &device.to_string())?)
    }

    /// Removes a device that nobody has open. A suspended one with I/O waiting is not removed.
    ///
    /// # Errors
    /// [`DmError::NotFound`], or the kernel refused (it is in use).
    pub fn remove(&self, device: Device<'_>) -> Result<(), DmError> {
        self.on(Verb::Remove, device, 0, &[]).map(drop)
    }

    fn on(
        &self,
        verb: Verb,
        device: Device<'_>,
        flags: u32,
        payload: &[u8],
    ) -> Result<Vec<u8>, DmError> {
        let mut head = head(device);
        head.flags = flags;
        self.request(verb, &head, payload, &device.to_string())
    }

    /// Sends a request, with ever larger buffers while the kernel says that its reply did not fit.
    fn request(
        &self,
        verb: Verb,
        head: &wire::Request<'_>,
        payload: &[u8],
        device: &str,
    ) -> Result<Vec<u8>, DmError> {
        let least = u32::try_from(wire::HEADER + payload.len()).map_err(|_| DmError::TooLarge)?;
        let mut size = BUFFER.max(least);
        while size <= BUFFER_LIMIT {
            let mut bytes = wire::request(head, payload, size)?;
            self.send(verb, &mut bytes).map_err(|errno| match errno {
                Errno::NXIO if !device.is_empty() => DmError::NotFound {
                    device: device.to_owned(),
                },
                other => DmError::Refused {
                    request: verb.text(),
                    device: device.to_owned(),
                    source: other.into(),
                },
            })?;
            if wire::header(&bytes)?.flags & wire::BUFFER_FULL == 0 {
                return Ok(bytes);
            }
            // Lists and tables can be too long, and asking again changes nothing. The one message
            // that would lose its answer (`@stats_print_clear`) nobody sends.
            size *= 2;
        }
        Err(DmError::TooLarge)
    }

    /// `bytes` is a whole request whose `data_size` is its length, as [`wire::request`] makes it.
    fn send(&self, verb: Verb, bytes: &mut [u8]) -> Result<(), Errno> {
        let request = verb.opcode();
        #[expect(unsafe_code, reason = "no safe wrapper knows the device mapper")]
        // SAFETY: the descriptor is the device mapper's own control device. It reads and writes at
        // most the `data_size` bytes that the structure at the pointer says, which is the length of
        // the exclusively borrowed buffer, and keeps no pointer to it.
        let result =
            unsafe { libc::ioctl(self.control.as_raw_fd(), request as _, bytes.as_mut_ptr()) };
        if result == -1 {
            let error = io::Error::last_os_error();
            Err(error
                .raw_os_error()
                .map_or(Errno::IO, Errno::from_raw_os_error))
        } else {
            Ok(())
        }
    }
}

/// The requests of this client.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Version,
    List,
    Create,
    Remove,
    Suspend,
    Resume,
    Status,
    Load,
    Table,
    Message,
}

impl Verb {
    /// `_IOWR(0xfd, number, struct dm_ioctl)`.
    const fn opcode(self) -> Opcode {
        let number = match self {
            Self::Version => 0,
            Self::List => 2,
            Self::Create => 3,
            Self::Remove => 4,
            // One request does both; the flag tells them apart.
            Self::Suspend | Self::Resume => 6,
            Self::Status => 7,
            Self::Load => 9,
            Self::Table => 12,
            Self::Message => 14,
        };
        opcode::read_write::<[u8; wire::HEADER]>(0xfd, number)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Version => "tell its version",
            Self::List => "list its devices",
            Self::Create => "create",
            Self::Remove => "remove",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Status => "tell the status of",
            Self::Load => "load a table for",
            Self::Table => "tell the targets of",
            Self::Message => "pass a message to",
        }
    }
}

fn head(device: Device<'_>) -> wire::Request<'_> {
    let mut head = wire::Request::default();
    match device {
        Device::Name(name) => head.name = name,
        Device::Uuid(uuid) => head.uuid = uuid,
        Device::Number(major, minor) => head.dev = rustix::fs::makedev(major, minor),
    }
    head
}

fn number(dev: u64) -> (u32, u32) {
    (rustix::fs::major(dev), rustix::fs::minor(dev))
}

fn status(reply: &[u8]) -> Result<Status, DmError> {
    let header = wire::header(reply)?;
    let has = |flag| header.flags & flag != 0;
    Ok(Status {
        number: number(header.dev),
        open_count: u32::try_from(header.open_count).unwrap_or(0),
        is_suspended: has(wire::SUSPEND),
        is_internally_suspended: has(wire::INTERNAL_SUSPEND),
        is_read_only: has(wire::READ_ONLY),
        has_live_table: has(wire::ACTIVE_PRESENT),
        has_inactive_table: has(wire::INACTIVE_PRESENT),
        event_nr: header.event_nr,
        name: header.name,
        uuid: header.uuid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_header_file() {
        // DM_VERSION, DM_DEV_SUSPEND and DM_TARGET_MSG as a C program prints them.
        assert_eq!(Verb::Version.opcode(), 0xc138_fd00);
        assert_eq!(Verb::Suspend.opcode(), 0xc138_fd06);
        assert_eq!(Verb::Message.opcode(), 0xc138_fd0e);
    }
}
