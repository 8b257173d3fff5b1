//! Copying one image: by shared extents where the file system can, else by its data extents.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek};
use rustix::io::Errno;

/// How much is copied between two words of progress, in bytes.
const STRIDE: u64 = 16 << 20;

/// The buffer where the kernel cannot copy between the files, in bytes.
const BUFFER: usize = 1 << 20;

/// Ways to copy a range, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `copy_file_range`.
    Kernel,
    /// Reading and writing.
    Buffer,
}

/// Makes `target`, an empty file, share all extents of `source` (`FICLONE`); false where that
/// cannot be done.
///
/// # Errors
/// It could be done, but failed.
pub(crate) fn clone(source: &File, target: &File) -> io::Result<bool> {
    match ioctl_ficlone(target, source) {
        Ok(()) => Ok(true),
        Err(
            Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::TXTBSY,
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes `target`, an empty file, equal to `source`, with holes where the source has them.
///
/// `progress` is told the bytes dealt with so far, of the size of the source. Nothing is synced.
///
/// # Errors
/// Reading or writing failed, the source shrank meanwhile, or `progress` gave an error.
pub(crate) fn copy(
    source: &File,
    target: &File,
    progress: &mut dyn FnMut(u64, u64) -> io::Result<()>,
) -> io::Result<()> {
    let size = source.metadata()?.len();
    if clone(source, target)? {
        if target.metadata()?.len() != size {
            return Err(shrank());
        }
        return progress(size, size);
    }
    copy_extents(source, target, size, Way::Kernel, progress)
}

fn shrank() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the size of the image changed while it was copied",
    )
}

fn copy_extents(
    source: &File,
    target: &File,
    size: u64,
    mut way: Way,
    progress: &mut dyn FnMut(u64, u64) -> io::Result<()>,
) -> io::Result<()> {
    target.set_len(size)?;
    let mut buffer = Vec::new();
    let mut at = 0;
    while let Some((start, end)) = next_data(source, at, size)? {
        at = start;
        while at < end {
            let wanted = (end - at).min(STRIDE);
            let copied = match way {
                Way::Kernel => match by_kernel(source, target, at, wanted)? {
                    Some(copied) => copied,
                    None => {
                        way = Way::Buffer;
                        continue;
                    }
                },
                Way::Buffer => {
                    buffer.resize(BUFFER, 0);
                    by_buffer(source, target, at, wanted, &mut buffer)?
                }
            };
            if copied == 0 {
                return Err(shrank());
            }
            at += copied;
            progress(at, size)?;
        }
    }
    progress(size, size)
}

/// The first range at or after `at` that holds data; `None` when the rest is a hole. A file system
/// that knows no holes has data everywhere.
fn next_data(source: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if at >= size {
        return Ok(None);
    }
    let start = match seek(source, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Some((at, size))),
        Err(error) => return Err(error.into()),
    };
    let end = seek(source, SeekFrom::Hole(start))?.min(size);
    Ok((start < size).then_some((start, end)))
}

/// Lets the kernel copy; `None` where it cannot do so between these files.
fn by_kernel(source: &File, target: &File, at: u64, length: u64) -> io::Result<Option<u64>> {
    let (mut from, mut to) = (at, at);
    let length = usize::try_from(length).unwrap_or(BUFFER);
    loop {
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), length) {
            Ok(copied) => return Ok(Some(copied as u64)),
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Copies through memory, at most one buffer; 0 at the end of the source.
fn by_buffer(
    source: &File,
    target: &File,
    at: u64,
    length: u64,
    buffer: &mut [u8],
) -> io::Result<u64> {
    let length = usize::try_from(length).unwrap_or(BUFFER).min(buffer.len());
    let part = buffer.get_mut(..length).unwrap_or_default();
    let read = loop {
        match source.read_at(part, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    target.write_all_at(part.get(..read).unwrap_or_default(), at)?;
    Ok(read as u64)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::{Way, clone, copy, copy_extents};

    const MIB: u64 = 1 << 20;

    /// 40 MiB with data at both ends of a few ranges, and a hole at the end.
    fn sparse() -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(40 * MIB).unwrap();
        for (at, byte) in [(0, 1), (MIB + 511, 2), (17 * MIB, 3), (30 * MIB, 4)] {
            file.write_all_at(&vec![byte; 100_000], at).unwrap();
        }
        file
    }

    fn bytes(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn every_way_copies_all_and_keeps_holes() {
        let source = sparse();
        let expected = bytes(&source);
        let allocated = |file: &File| {
            file.sync_all().unwrap();
            file.metadata().unwrap().blocks() * 512
        };
        for way in [Way::Kernel, Way::Buffer] {
            let target = tempfile::tempfile().unwrap();
            let mut told = Vec::new();
            copy_extents(&source, &target, 40 * MIB, way, &mut |done, total| {
                told.push((done, total));
                Ok(())
            })
            .unwrap();
            assert!(bytes(&target) == expected, "{way:?}");
            assert!(allocated(&target) <= allocated(&source) + MIB, "{way:?}");
            assert!(told.is_sorted(), "{way:?}");
            assert_eq!(told.last(), Some(&(40 * MIB, 40 * MIB)));
        }
        let target = tempfile::tempfile().unwrap();
        copy(&source, &target, &mut |_, _| Ok(())).unwrap();
        assert!(bytes(&target) == expected);
    }

    #[test]
    fn an_empty_hole_is_copied_too() {
        let source = tempfile::tempfile().unwrap();
        source.set_len(5 * MIB).unwrap();
        let target = tempfile::tempfile().unwrap();
        copy_extents(&source, &target, 5 * MIB, Way::Kernel, &mut |_, _| Ok(())).unwrap();
        assert_eq!(target.metadata().unwrap().len(), 5 * MIB);
    }

    #[test]
    fn a_source_that_shrinks_is_noticed() {
        let source = tempfile::tempfile().unwrap();
        source.write_all_at(&[1; 4096], 0).unwrap();
        let target = tempfile::tempfile().unwrap();
        // As if it had been longer when its size was asked for.
        for way in [Way::Kernel, Way::Buffer] {
            let mut buffer = vec![0; 512];
            let copied = match way {
                Way::Kernel => super::by_kernel(&source, &target, 4096, 512).unwrap(),
                Way::Buffer => super::by_buffer(&source, &target, 4096, 512, &mut buffer)
                    .map(Some)
                    .unwrap(),
            };
            assert_eq!(copied, Some(0), "{way:?}");
        }
    }

    #[test]
    fn what_cannot_be_cloned_is_no_error() {
        let source = File::open("/proc/self/status").unwrap();
        let target = tempfile::tempfile().unwrap();
        assert!(!clone(&source, &target).unwrap());
    }
}
