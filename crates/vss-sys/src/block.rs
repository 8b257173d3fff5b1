//! What a block device says of itself (`linux/fs.h`).
//!
//! Each function fails with [`io::ErrorKind::InvalidInput`] for a file that is not a block device,
//! before any request is sent to a driver.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;

use rustix::ioctl::{Getter, NoArg, Opcode, Setter, ioctl, opcode};

/// `BLKROSET`, `_IO(0x12, 93)`.
const BLKROSET: Opcode = opcode::none(0x12, 93);
/// `BLKROGET`, `_IO(0x12, 94)`.
const BLKROGET: Opcode = opcode::none(0x12, 94);
/// `BLKRRPART`, `_IO(0x12, 95)`.
const BLKRRPART: Opcode = opcode::none(0x12, 95);
/// `BLKFLSBUF`, `_IO(0x12, 97)`.
const BLKFLSBUF: Opcode = opcode::none(0x12, 97);
/// `BLKGETSIZE64`, `_IOR(0x12, 114, size_t)`; the kernel writes 64 bits whatever `size_t` is.
const BLKGETSIZE64: Opcode = opcode::read::<usize>(0x12, 114);

/// The logical sector size in bytes (`BLKSSZGET`).
///
/// # Errors
/// Not a block device, or the device could not be asked.
pub fn logical_sector_size(device: &File) -> io::Result<u32> {
    must_be_block(device)?;
    Ok(rustix::fs::ioctl_blksszget(device)?)
}

/// The size in bytes (`BLKGETSIZE64`).
///
/// # Errors
/// Not a block device, or the device could not be asked.
pub fn size_bytes(device: &File) -> io::Result<u64> {
    must_be_block(device)?;
    #[expect(unsafe_code, reason = "no safe wrapper knows BLKGETSIZE64")]
    // SAFETY: for a block device this request writes one u64 and reads nothing.
    let size = unsafe { ioctl(device, Getter::<BLKGETSIZE64, u64>::new()) }?;
    Ok(size)
}

/// Whether the kernel refuses writes to the device (`BLKROGET`).
///
/// # Errors
/// Not a block device, or the device could not be asked.
pub fn is_read_only(device: &File) -> io::Result<bool> {
    must_be_block(device)?;
    #[expect(unsafe_code, reason = "no safe wrapper knows BLKROGET")]
    // SAFETY: for a block device this request writes one int and reads nothing.
    let flag = unsafe { ioctl(device, Getter::<BLKROGET, i32>::new()) }?;
    Ok(flag != 0)
}

/// Makes the kernel refuse, or allow, writes to the device (`BLKROSET`).
///
/// Holds until the device goes away. Writes by those who opened it before are refused as well.
///
/// # Errors
/// Not a block device, no `CAP_SYS_ADMIN`, or the driver refused (a device whose medium is
/// read-only cannot be made writable).
pub fn set_read_only(device: &File, read_only: bool) -> io::Result<()> {
    must_be_block(device)?;
    #[expect(unsafe_code, reason = "no safe wrapper knows BLKROSET")]
    // SAFETY: for a block device this request reads one int through the pointer.
    unsafe { ioctl(device, Setter::<BLKROSET, i32>::new(i32::from(read_only))) }?;
    Ok(())
}

/// Writes what is buffered for the device and forgets the clean buffers (`BLKFLSBUF`), so that the
/// next read sees what others wrote.
///
/// # Errors
/// Not a block device, no `CAP_SYS_ADMIN`, or writing failed.
pub fn flush_buffers(device: &File) -> io::Result<()> {
    must_be_block(device)?;
    #[expect(unsafe_code, reason = "no safe wrapper knows BLKFLSBUF")]
    // SAFETY: for a block device this request takes no argument and touches no memory of ours.
    unsafe { ioctl(device, NoArg::<BLKFLSBUF>::new()) }?;
    Ok(())
}

/// What became of a request to read the partition table anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// The kernel has read it.
    Done,
    /// A partition is in use; the kernel keeps what it knows.
    InUse,
    /// The device has no partitions in the kernel's eyes.
    Unpartitioned,
}

/// Has the kernel read the partition table anew (`BLKRRPART`), and tell udev of what it finds.
///
/// # Errors
/// Not a block device, no `CAP_SYS_ADMIN`, or reading failed.
pub fn reread_partitions(device: &File) -> io::Result<Reread> {
    must_be_block(device)?;
    #[expect(unsafe_code, reason = "no safe wrapper knows BLKRRPART")]
    // SAFETY: for a block device this request takes no argument and touches no memory of ours.
    match unsafe { ioctl(device, NoArg::<BLKRRPART>::new()) } {
        Ok(()) => Ok(Reread::Done),
        Err(rustix::io::Errno::BUSY) => Ok(Reread::InUse),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTTY) => Ok(Reread::Unpartitioned),
        Err(error) => Err(error.into()),
    }
}

/// Request numbers mean other things to other drivers, so none is sent to what is no block device.
fn must_be_block(device: &File) -> io::Result<()> {
    if device.metadata()?.file_type().is_block_device() {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a block device",
        ))
    }
}
