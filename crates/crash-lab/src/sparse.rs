//! File contents as pages, of which zero ones are not kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// Bytes in a page.
pub const PAGE: usize = 4096;

/// What a power cut never tears, in bytes.
pub const SECTOR: usize = 512;

#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE],
    crc: u32,
}

/// The contents of a file. Clones share their pages.
#[derive(Debug, Clone, Default)]
pub struct Sparse {
    len: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

/// By contents; the checksums make it cheap.
impl PartialEq for Sparse {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.pages.len() == other.pages.len()
            && self.pages.iter().zip(&other.pages).all(|(a, b)| {
                a.0 == b.0
                    && (Arc::ptr_eq(a.1, b.1) || (a.1.crc == b.1.crc && a.1.bytes == b.1.bytes))
            })
    }
}

impl Sparse {
    /// Reads a file, its holes as such.
    ///
    /// # Errors
    /// As `pread(2)`.
    pub fn read(file: &File) -> io::Result<Self> {
        let mut sparse = Self {
            len: file.metadata()?.len(),
            pages: BTreeMap::new(),
        };
        let mut at = 0;
        while at < sparse.len {
            let start = match seek(file, SeekFrom::Data(at)) {
                Ok(start) => start,
                Err(Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let end = seek(file, SeekFrom::Hole(start))?.min(sparse.len);
            at = start / PAGE as u64 * PAGE as u64;
            while at < end {
                let mut bytes = [0; PAGE];
                let room = usize::try_from((sparse.len - at).min(PAGE as u64)).unwrap_or(PAGE);
                file.read_exact_at(bytes.get_mut(..room).unwrap_or_default(), at)?;
                sparse.put(at / PAGE as u64, bytes);
                at += PAGE as u64;
            }
        }
        Ok(sparse)
    }

    /// Writes the contents to an empty file.
    ///
    /// # Errors
    /// As `pwrite(2)`.
    pub fn store(&self, file: &File) -> io::Result<()> {
        file.set_len(self.len)?;
        for (number, page) in &self.pages {
            let at = number * PAGE as u64;
            let room =
                usize::try_from(self.len.saturating_sub(at).min(PAGE as u64)).unwrap_or(PAGE);
            file.write_all_at(page.bytes.get(..room).unwrap_or_default(), at)?;
        }
        Ok(())
    }

    fn put(&mut self, number: u64, bytes: [u8; PAGE]) {
        if bytes == [0; PAGE] {
            self.pages.remove(&number);
        } else {
            let crc = crc32fast::hash(&bytes);
            self.pages.insert(number, Arc::new(Page { bytes, crc }));
        }
    }

    /// Bytes in the file.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True for an empty file.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes bytes, and makes the file longer if need be.
    pub fn write(&mut self, mut offset: u64, mut data: &[u8]) {
        self.len = self.len.max(offset + data.len() as u64);
        while !data.is_empty() {
            let number = offset / PAGE as u64;
            let start = usize::try_from(offset % PAGE as u64).unwrap_or(0);
            let (now, later) = data.split_at(data.len().min(PAGE - start));
            let mut bytes = self.pages.get(&number).map_or([0; PAGE], |page| page.bytes);
            if let Some(slot) = bytes.get_mut(start..start + now.len()) {
                slot.copy_from_slice(now);
            }
            self.put(number, bytes);
            offset += now.len() as u64;
            data = later;
        }
    }

    /// Sets the length; what is cut off reads as zero if the file grows again.
    pub fn truncate(&mut self, len: u64) {
        if len < self.len {
            let tail = usize::try_from(len % PAGE as u64).unwrap_or(0);
            let number = len / PAGE as u64;
            self.pages.split_off(&(number + u64::from(tail > 0)));
            if let Some(page) = self.pages.get(&number).cloned() {
                let mut bytes = page.bytes;
                bytes.get_mut(tail..).unwrap_or_default().fill(0);
                self.put(number, bytes);
            }
        }
        self.len = len;
    }

    /// The bytes of a range; zeros beyond the end.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len);
        let mut at = offset;
        while out.len() < len {
            let start = usize::try_from(at % PAGE as u64).unwrap_or(0);
            let take = (PAGE - start).min(len - out.len());
            match self.pages.get(&(at / PAGE as u64)) {
                Some(page) => {
                    out.extend_from_slice(page.bytes.get(start..start + take).unwrap_or_default())
                }
                None => out.resize(out.len() + take, 0),
            }
            at += take as u64;
        }
        out
    }

    /// The first byte at which two contents differ.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        let pages = self.pages.keys().chain(other.pages.keys());
        let mut numbers: Vec<u64> = pages.copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let at = number * PAGE as u64;
            let (a, b) = (self.bytes(at, PAGE), other.bytes(at, PAGE));
            if let Some(within) = a.iter().zip(&b).position(|(a, b)| a != b) {
                return Some(at + within as u64);
            }
        }
        (self.len != other.len).then(|| self.len.min(other.len))
    }

    /// Numbers that tell contents apart.
    pub fn fingerprint(&self) -> impl Iterator<Item = u64> + '_ {
        let pages = self
            .pages
            .iter()
            .flat_map(|(number, page)| [*number, u64::from(page.crc)]);
        std::iter::once(self.len).chain(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::Sparse;

    #[test]
    fn a_cut_off_tail_is_forgotten() {
        let mut file = Sparse::default();
        file.write(4000, &[7; 300]);
        assert_eq!(file.len(), 4300);
        file.truncate(4100);
        file.truncate(9000);
        let mut expected = vec![0; 9000];
        expected[4000..4100].fill(7);
        assert_eq!(file.bytes(0, 9000), expected);
        let mut other = Sparse::default();
        other.write(0, &expected);
        assert_eq!(file.first_difference(&other), None);
        other.write(4099, &[8]);
        assert_eq!(file.first_difference(&other), Some(4099));
        assert_ne!(file, other);
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        let mut sparse = Sparse::default();
        sparse.write(100_000, b"something");
        sparse.truncate(1 << 20);
        let file = tempfile::tempfile().unwrap();
        sparse.store(&file).unwrap();
        assert_eq!(Sparse::read(&file).unwrap(), sparse);
    }
}
