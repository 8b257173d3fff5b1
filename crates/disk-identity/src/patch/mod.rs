//! A change of a disk as bytes: what stands there, what shall stand there, and in which order.
//!
//! A patch is made by planning, without I/O; it can be kept in a journal, applied, applied again
//! after a crash, and taken back by its [inverse](Patch::inverse).

mod apply;
pub(crate) mod build;
mod field;
mod hex;
mod show;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use apply::{Applied, PatchState};
pub use field::Field;
pub(crate) use field::FieldMap;

use crate::error::{Error, PatchFault};
use crate::units::SectorSize;

/// A copy of a partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableCopy {
    /// The master boot record, which has no second copy.
    Mbr,
    /// The GPT at the start of the disk.
    GptPrimary,
    /// The GPT at the end of the disk.
    GptBackup,
}

impl fmt::Display for TableCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mbr => "MBR",
            Self::GptPrimary => "primary GPT",
            Self::GptBackup => "backup GPT",
        })
    }
}

/// Bytes to change at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Place, in bytes from the start of the disk.
    pub offset: u64,
    /// What stands there before.
    #[serde(with = "hex")]
    pub old: Vec<u8>,
    /// What stands there after; as long as `old`.
    #[serde(with = "hex")]
    pub new: Vec<u8>,
    /// What the bytes mean, for people.
    #[serde(default)]
    pub field: Field,
}

impl Edit {
    /// The offset after the last byte; `None` if it does not fit 64 bits.
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(u64::try_from(self.new.len()).ok()?)
    }
}

/// Edits which are written, and made durable, together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The copy of the table which they change.
    pub what: TableCopy,
    /// The edits, by ascending offset.
    pub edits: Vec<Edit>,
}

/// A change of a disk, as bytes.
///
/// Each stage is durable before the next begins. The order is such that at every moment, torn
/// writes included, one copy of a GPT is valid; that holds for the inverse too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    sector_size: SectorSize,
    stages: Vec<Stage>,
}

impl Patch {
    /// A patch of these stages, as they were read from somewhere. Nothing is checked: a patch that may
    /// come from anywhere is [checked](Self::check) when it is applied.
    #[must_use]
    pub const fn from_parts(sector_size: SectorSize, stages: Vec<Stage>) -> Self {
        Self {
            sector_size,
            stages,
        }
    }

    /// True if there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits().next().is_none()
    }

    /// The unit in which the disk is written.
    #[must_use]
    pub const fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    /// The stages in the order of writing.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// All edits in the order of writing.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.stages.iter().flat_map(|stage| &stage.edits)
    }

    /// How many bytes change.
    #[must_use]
    pub fn bytes_changed(&self) -> u64 {
        self.edits().map(|edit| edit.new.len() as u64).sum()
    }

    /// The patch that takes this one back, stage by stage in reverse.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let turned = |edit: &Edit| Edit {
            offset: edit.offset,
            old: edit.new.clone(),
            new: edit.old.clone(),
            field: edit.field,
        };
        let stages = self.stages.iter().rev().map(|stage| Stage {
            what: stage.what,
            edits: stage.edits.iter().map(turned).collect(),
        });
        Self {
            sector_size: self.sector_size,
            stages: stages.collect(),
        }
    }

    /// Checks a patch that may come from anywhere against a disk of `disk_len` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidPatch`] for edits that are empty, of unequal lengths, outside the disk, or
    /// over one another.
    pub fn check(&self, disk_len: u64) -> Result<(), Error> {
        let invalid = |reason| Err(Error::InvalidPatch { reason });
        let mut spans = Vec::new();
        for edit in self.edits() {
            if edit.new.is_empty() {
                return invalid(PatchFault::Empty);
            }
            if edit.old.len() != edit.new.len() {
                return invalid(PatchFault::Lengths);
            }
            match edit.end() {
                Some(end) if end <= disk_len => spans.push((edit.offset, end)),
                _ => return invalid(PatchFault::OutsideDisk),
            }
        }
        spans.sort_unstable();
        if spans.array_windows().any(|[one, next]| next.0 < one.1) {
            return invalid(PatchFault::Overlap);
        }
        Ok(())
    }

    /// True if [`check`](Self::check) finds nothing wrong.
    #[must_use]
    pub fn is_sane(&self, disk_len: u64) -> bool {
        self.check(disk_len).is_ok()
    }
}
