//! How much was written to a device.

use std::io;

use crate::dev_no::DevNo;
use crate::roots::Roots;
use crate::sysfs;
use crate::view::HostView;

/// What the kernel has counted for a device since it came. Equal counts before and after, with
/// nothing in flight either time, mean that nothing was written in between.
///
/// Writes to a partition count for its disk; those to a whole disk do not count for its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteCount {
    /// Writes completed.
    pub writes: u64,
    /// Sectors of 512 bytes written.
    pub sectors_written: u64,
    /// Discards completed; 0 where the kernel does not count them.
    pub discards: u64,
    /// Sectors of 512 bytes discarded.
    pub sectors_discarded: u64,
    /// Flushes completed; they change nothing and are counted for whole disks only.
    pub flushes: u64,
    /// Writes on their way; reads too where the kernel does not tell them apart.
    pub in_flight: u64,
}

impl WriteCount {
    /// What the kernel has counted for a device by now.
    ///
    /// # Errors
    ///
    /// When the device is gone, or what the kernel says cannot be understood.
    pub fn read(roots: &Roots, device: DevNo) -> io::Result<Self> {
        let folder = roots.sys.join(format!("dev/block/{device}"));
        // Before the counts: a write that ends in between is then counted twice and not missed.
        let writing = sysfs::text(&folder.join("inflight"))
            .and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
        let path = folder.join("stat");
        let content = sysfs::bytes(&path)?;
        let counted = Self::parse(&String::from_utf8_lossy(&content)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} has no counts", path.display()),
            )
        })?;
        Ok(Self {
            in_flight: writing.unwrap_or(counted.in_flight),
            ..counted
        })
    }

    /// The numbers of a `stat` attribute; none if it does not have its form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        let later = |index: usize| numbers.get(index).copied().unwrap_or(0);
        Some(Self {
            writes: *numbers.get(4)?,
            sectors_written: *numbers.get(6)?,
            discards: later(11),
            sectors_discarded: later(13),
            flushes: later(15),
            in_flight: *numbers.get(8)?,
        })
    }

    /// True when both counts are of a device to which nothing was written or discarded in between.
    /// Writes in flight at either look count as written.
    #[must_use]
    pub const fn is_unwritten_since(&self, before: &Self) -> bool {
        // A flush without data is counted as a write, of no sectors.
        self.sectors_written == before.sectors_written
            && self.sectors_discarded == before.sectors_discarded
            && self.in_flight == 0
            && before.in_flight == 0
    }
}

impl HostView {
    /// What the kernel has counted for a device by now.
    ///
    /// # Errors
    ///
    /// When the device is gone, or what the kernel says cannot be understood.
    pub fn write_count(&self, device: DevNo) -> io::Result<WriteCount> {
        WriteCount::read(&self.roots, device)
    }
}
