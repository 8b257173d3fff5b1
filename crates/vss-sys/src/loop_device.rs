//! Loop devices: files as block devices (`linux/loop.h`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::block;

/// `LOOP_CTL_GET_FREE`.
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
/// `LOOP_CONFIGURE`, since Linux 5.8.
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
/// `LOOP_CLR_FD`.
const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
/// `LOOP_SET_STATUS64`.
const LOOP_SET_STATUS64: libc::Ioctl = 0x4C04;
/// `LOOP_GET_STATUS64`.
const LOOP_GET_STATUS64: libc::Ioctl = 0x4C05;

const LO_FLAGS_READ_ONLY: u32 = 1;
/// The device goes when the last one closes it.
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_PARTSCAN: u32 = 8;

/// Length of `lo_file_name` in bytes, its closing zero included.
const NAME_LEN: usize = 64;
/// How often another number is tried when somebody else was quicker.
const ATTEMPTS: u32 = 64;
/// How long the kernel may take to let go of a file.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a device may be in use before it counts as used.
const BRIEFLY: Duration = Duration::from_millis(250);
/// Between two looks; nothing tells when a loop device is free.
const PAUSE: Duration = Duration::from_millis(2);

/// `struct loop_info64`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; NAME_LEN],
    crypt_name: [u8; NAME_LEN],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

impl Info {
    const fn new(flags: u32, file_name: [u8; NAME_LEN]) -> Self {
        Self {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags,
            file_name,
            crypt_name: [0; NAME_LEN],
            encrypt_key: [0; 32],
            init: [0; 2],
        }
    }
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

/// Attaches a file as a loop device whose partitions the kernel scans; gives its path.
///
/// `block_size` is the logical sector size in bytes: a power of two from 512 to the page size.
///
/// # Errors
/// The file cannot be opened, there is no loop device to be had, or no `CAP_SYS_ADMIN`.
pub fn attach(file: &Path, block_size: u32, read_only: bool) -> io::Result<PathBuf> {
    let backing = OpenOptions::new().read(true).write(!read_only).open(file)?;
    let control = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")?;
    let mut name = [0; NAME_LEN];
    for (to, from) in name
        .iter_mut()
        .take(NAME_LEN - 1)
        .zip(file.as_os_str().as_bytes())
    {
        *to = *from;
    }
    for _ in 0..ATTEMPTS {
        let number = free_number(control.as_raw_fd())?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(device) => device,
            // Its number was taken back, or udev has not made the node yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        match configure(&device, &backing, block_size, read_only, name) {
            Ok(()) => {
                // The flag of its last user stays with the number.
                if !read_only {
                    block::set_read_only(&device, false)?;
                }
                return Ok(path);
            }
            // Somebody else was quicker.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "others took every free loop device",
    ))
}

fn free_number(control: RawFd) -> io::Result<i32> {
    #[expect(unsafe_code, reason = "no safe wrapper knows LOOP_CTL_GET_FREE")]
    // SAFETY: the request takes no argument; the descriptor is open for the call.
    let number = unsafe { libc::ioctl(control, LOOP_CTL_GET_FREE) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(number)
}

fn configure(
    device: &File,
    backing: &File,
    block_size: u32,
    read_only: bool,
    file_name: [u8; NAME_LEN],
) -> io::Result<()> {
    let config = Config {
        fd: u32::try_from(backing.as_raw_fd()).map_err(io::Error::other)?,
        block_size,
        info: Info::new(
            LO_FLAGS_PARTSCAN | if read_only { LO_FLAGS_READ_ONLY } else { 0 },
            file_name,
        ),
        reserved: [0; 8],
    };
    #[expect(unsafe_code, reason = "no safe wrapper knows LOOP_CONFIGURE")]
    // SAFETY: the request reads one `struct loop_config`, which `config` is, laid out as in C.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Detaches a loop device and waits until its file is free.
///
/// # Errors
/// [`io::ErrorKind::ResourceBusy`] when somebody uses the device or a partition of it; it is then left
/// as it was.
pub fn detach(device: &Path) -> io::Result<()> {
    let open = claim(device)?;
    let busy = || io::Error::new(io::ErrorKind::ResourceBusy, "the loop device is in use");
    open.sync_all()?;
    #[expect(unsafe_code, reason = "no safe wrapper knows LOOP_CLR_FD")]
    // SAFETY: the request takes no argument; the descriptor is open for the call.
    let done = unsafe { libc::ioctl(open.as_raw_fd(), LOOP_CLR_FD) };
    if done < 0 {
        let error = io::Error::last_os_error();
        // Detached by somebody else meanwhile.
        if error.raw_os_error() == Some(libc::ENXIO) {
            return Ok(());
        }
        return Err(error);
    }
    // The kernel lets go when the last one closes it.
    drop(open);
    let end = Instant::now() + PATIENCE;
    while backing_file(device)?.is_some() {
        if Instant::now() >= end {
            // Or the kernel would take it away later, from under whoever was told that it stays.
            if keep(device)? {
                return Err(busy());
            }
            break;
        }
        thread::sleep(PAUSE);
    }
    // The next user of the number must not find it read-only. It is free, so a failure harms nobody
    // but them.
    let _ = File::open(device).and_then(|free| block::set_read_only(&free, false));
    Ok(())
}

/// Opens a device for this process alone.
fn claim(device: &Path) -> io::Result<File> {
    let end = Instant::now() + BRIEFLY;
    loop {
        let open = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_EXCL)
            .open(device);
        match open {
            // A child that has not run its program yet may still hold what its parent has closed.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// Takes back a detaching that waits for the last one to close the device; false when it came too late.
fn keep(device: &Path) -> io::Result<bool> {
    let open = File::open(device)?;
    let gone = || {
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ENXIO) {
            Ok(false)
        } else {
            Err(error)
        }
    };
    let mut info = Info::new(0, [0; NAME_LEN]);
    #[expect(unsafe_code, reason = "no safe wrapper knows LOOP_GET_STATUS64")]
    // SAFETY: the request fills one `struct loop_info64`, which `info` is, laid out as in C.
    let done = unsafe { libc::ioctl(open.as_raw_fd(), LOOP_GET_STATUS64, &raw mut info) };
    if done < 0 {
        return gone();
    }
    info.flags &= !LO_FLAGS_AUTOCLEAR;
    #[expect(unsafe_code, reason = "no safe wrapper knows LOOP_SET_STATUS64")]
    // SAFETY: the request reads one `struct loop_info64`, which `info` is, laid out as in C.
    let done = unsafe { libc::ioctl(open.as_raw_fd(), LOOP_SET_STATUS64, &raw const info) };
    if done < 0 {
        return gone();
    }
    Ok(true)
}

/// The file behind a loop device; `None` when it has none.
///
/// # Errors
/// sysfs cannot be read.
pub fn backing_file(device: &Path) -> io::Result<Option<PathBuf>> {
    let Some(name) = device.file_name() else {
        return Ok(None);
    };
    let file = Path::new("/sys/block").join(name).join("loop/backing_file");
    match fs::read(file) {
        Ok(text) => {
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            Ok(Some(PathBuf::from(std::ffi::OsStr::from_bytes(text))))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // It went between the opening and the reading.
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The loop device that is this whole file, if there is one: the first by number.
///
/// A file is told by what it is and not by its name alone. A device on a part of it, or with other
/// sectors than `block_size`, is another disk.
///
/// # Errors
/// sysfs or the file cannot be read.
pub fn find(file: &Path, block_size: u32) -> io::Result<Option<PathBuf>> {
    let wanted = identity(file)?;
    let entries = match fs::read_dir("/sys/block") {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(number) = name
            .to_str()
            .and_then(|name| name.strip_prefix("loop"))
            .and_then(|number| number.parse().ok())
        else {
            continue;
        };
        let device = Path::new("/dev").join(&name);
        // One that comes or goes just now must not hide the others.
        let Ok(Some(backing)) = backing_file(&device) else {
            continue;
        };
        let is = |attribute: &str, value: u64| {
            fs::read_to_string(entry.path().join(attribute))
                .is_ok_and(|text| text.trim().parse() == Ok(value))
        };
        // A file that was deleted or replaced is another one.
        if identity(&backing).is_ok_and(|identity| identity == wanted)
            && is("loop/offset", 0)
            && is("loop/sizelimit", 0)
            && is("queue/logical_block_size", block_size.into())
        {
            found.push((number, device));
        }
    }
    found.sort();
    Ok(found.into_iter().next().map(|(_, device)| device))
}

fn identity(file: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(file).map(|meta| (meta.dev(), meta.ino()))
}
