//! Units of length and place: a logical block address is not a byte offset.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The unit in which a power cut tears a write, in bytes.
///
/// A disk may accept larger sectors, but only this much is taken to reach the medium as a whole.
pub const ATOM: u64 = 512;

/// The size of a logical sector: the unit in which tables on a disk count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum SectorSize {
    /// 512 bytes.
    #[default]
    B512,
    /// 4096 bytes ("4K native").
    B4096,
}

impl SectorSize {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }

    /// The size in bytes, for slices.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }
}

impl fmt::Display for SectorSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

/// A sector size which is neither 512 nor 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("logical sectors of {0} bytes are not supported, only 512 and 4096")]
pub struct UnsupportedSectorSize(
    /// The size asked for, in bytes.
    pub u32,
);

impl TryFrom<u32> for SectorSize {
    type Error = UnsupportedSectorSize;

    fn try_from(bytes: u32) -> Result<Self, Self::Error> {
        match bytes {
            512 => Ok(Self::B512),
            4096 => Ok(Self::B4096),
            other => Err(UnsupportedSectorSize(other)),
        }
    }
}

impl From<SectorSize> for u32 {
    fn from(size: SectorSize) -> Self {
        match size {
            SectorSize::B512 => 512,
            SectorSize::B4096 => 4096,
        }
    }
}

/// A logical block address: a place on a disk, counted in logical sectors from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Lba(
    /// The number of sectors before this one.
    pub u64,
);

impl Lba {
    /// The byte offset of the sector's first byte; `None` if it does not fit 64 bits.
    #[must_use]
    pub const fn byte_offset(self, size: SectorSize) -> Option<u64> {
        self.0.checked_mul(size.bytes())
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LBA {}", self.0)
    }
}

/// How long a disk is, and in which sectors it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) sector_size: SectorSize,
    pub(crate) len_bytes: u64,
}

impl Geometry {
    /// Whole sectors on the disk; a partial last one does not count.
    pub(crate) const fn sectors(self) -> u64 {
        self.len_bytes / self.sector_size.bytes()
    }

    /// The last whole sector; `None` on a disk without one.
    pub(crate) const fn last(self) -> Option<Lba> {
        match self.sectors().checked_sub(1) {
            Some(lba) => Some(Lba(lba)),
            None => None,
        }
    }

    /// Sectors needed for `bytes`.
    pub(crate) const fn sectors_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.sector_size.bytes())
    }
}

/// A run of sectors, never empty and never past the last address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Extent {
    /// `count` sectors from `first`; `None` if there are none or they pass the last address.
    pub(crate) fn new(first: Lba, count: u64) -> Option<Self> {
        let last = first.0.checked_add(count.checked_sub(1)?)?;
        Some(Self {
            first: first.0,
            last,
        })
    }

    /// The sectors from `first` to `last` inclusive; `None` if `last` lies before `first`.
    pub(crate) fn between(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    pub(crate) const fn contains(self, lba: Lba) -> bool {
        self.first <= lba.0 && lba.0 <= self.last
    }

    pub(crate) const fn within(self, geometry: Geometry) -> bool {
        self.last < geometry.sectors()
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Lba, SectorSize};

    #[test]
    fn sizes_convert_both_ways() {
        for size in [SectorSize::B512, SectorSize::B4096] {
            assert_eq!(SectorSize::try_from(u32::from(size)), Ok(size));
            assert_eq!(u64::from(u32::from(size)), size.bytes());
        }
        for bad in [0, 1, 511, 520, 1024, 2048, 8192, u32::MAX] {
            assert!(SectorSize::try_from(bad).is_err());
        }
    }

    #[test]
    fn addresses_do_not_wrap() {
        assert_eq!(Lba(3).byte_offset(SectorSize::B4096), Some(12_288));
        assert_eq!(Lba(u64::MAX).byte_offset(SectorSize::B512), None);
        assert_eq!(Extent::new(Lba(u64::MAX), 2), None);
        assert_eq!(Extent::new(Lba(7), 0), None);
        assert!(Extent::new(Lba(u64::MAX), 1).is_some());
    }
}
