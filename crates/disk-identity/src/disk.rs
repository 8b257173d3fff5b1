//! Where bytes come from and go to: files, block devices, memory.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::at;

/// Something that can be read like a disk.
pub trait DiskRead {
    /// The length in bytes.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Fills `buf` with the bytes at `offset` (in bytes from the start).
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] past the end, or whatever the system answers.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

/// Something that can be written like a disk.
pub trait DiskWrite: DiskRead {
    /// Writes all of `buf` at `offset` (in bytes from the start). It need not be durable before
    /// [`sync`](Self::sync) returns.
    ///
    /// # Errors
    /// Whatever the system answers; then any part of `buf` may have been written.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Makes every earlier write durable.
    ///
    /// # Errors
    /// Whatever the system answers; then nothing is known about earlier writes.
    fn sync(&self) -> io::Result<()>;
}

impl DiskRead for File {
    /// Regular files are asked for their length; a block device says nothing there, so its end is
    /// looked for. The file's cursor stays where it was.
    fn len_bytes(&self) -> io::Result<u64> {
        let metadata = self.metadata()?;
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        let mut file = self;
        let before = file.stream_position()?;
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(before))?;
        Ok(end)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        at::read_exact(self, buf, offset)
    }
}

impl DiskWrite for File {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        at::write_all(self, buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A disk in memory, for tests. Its length never changes.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    bytes: Mutex<Vec<u8>>,
}

impl MemoryDisk {
    /// A disk that holds `bytes`.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Mutex::new(bytes),
        }
    }

    /// A copy of everything on the disk.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// The bytes themselves.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    // A panic elsewhere cannot leave the vector half-changed in a way that matters here.
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index range of `len` bytes at `offset`, if it fits the address space.
fn span(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(len)?)
}

impl DiskRead for MemoryDisk {
    fn len_bytes(&self) -> io::Result<u64> {
        u64::try_from(self.lock().len()).map_err(io::Error::other)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.lock();
        let from = span(offset, buf.len())
            .and_then(|span| bytes.get(span))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(from);
        Ok(())
    }
}

impl DiskWrite for MemoryDisk {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = self.lock();
        let to = span(offset, buf.len())
            .and_then(|span| bytes.get_mut(span))
            .ok_or(io::ErrorKind::StorageFull)?;
        to.copy_from_slice(buf);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DiskRead, DiskWrite, MemoryDisk};

    #[test]
    fn memory_disk_keeps_its_length() {
        let disk = MemoryDisk::new(vec![0; 16]);
        let mut buf = [0; 4];
        assert!(disk.write_all_at(&[1; 4], 12).is_ok());
        assert!(disk.read_exact_at(&mut buf, 12).is_ok());
        assert_eq!(buf, [1; 4]);
        for offset in [13, 16, u64::MAX] {
            assert!(disk.write_all_at(&[1; 4], offset).is_err());
            assert!(disk.read_exact_at(&mut buf, offset).is_err());
        }
        assert_eq!(disk.len_bytes().unwrap(), 16);
    }

    #[test]
    fn file_length_and_cursor() {
        use std::io::{Seek, SeekFrom};
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(12_345).unwrap();
        file.seek(SeekFrom::Start(7)).unwrap();
        assert_eq!(file.len_bytes().unwrap(), 12_345);
        assert_eq!(file.stream_position().unwrap(), 7);
        DiskWrite::write_all_at(&file, b"abc", 100).unwrap();
        file.sync().unwrap();
        let mut buf = [0; 3];
        DiskRead::read_exact_at(&file, &mut buf, 100).unwrap();
        assert_eq!(&buf, b"abc");
    }
}
