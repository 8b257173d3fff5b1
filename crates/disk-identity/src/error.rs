//! What can go wrong, and what was merely noticed.

use std::fmt;
use std::io;

use serde::Serialize;

use crate::identity::TableKind;
use crate::patch::TableCopy;
use crate::units::{Lba, SectorSize};

/// Why a copy of a GPT cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CopyFault {
    /// The header would lie outside the disk.
    #[error("{0} is not on the disk")]
    OutsideDisk(Lba),
    /// The system could not read it.
    #[error("{0} cannot be read")]
    Unreadable(Lba),
    /// The bytes were not among those observed.
    #[error("{0} was not read")]
    NotObserved(Lba),
    /// No `EFI PART`.
    #[error("no signature at {0}")]
    NoSignature(Lba),
    /// Header size below 92 or above the sector size, in bytes.
    #[error("header size of {0} bytes")]
    HeaderSize(u32),
    /// The header's checksum does not match.
    #[error("header checksum is {stored:08x}, should be {computed:08x}")]
    HeaderChecksum {
        /// What the header says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The header says that it belongs elsewhere.
    #[error("header at {at} says that it belongs at {says}")]
    Misplaced {
        /// Where it stands.
        at: Lba,
        /// Where it says it should stand.
        says: Lba,
    },
    /// First and last usable sector make no range on this disk, or the header lies inside it.
    #[error("usable range {first} to {last} is not possible")]
    UsableRange {
        /// First usable sector.
        first: Lba,
        /// Last usable sector.
        last: Lba,
    },
    /// Entry size which is not 128 times a power of two, or more than 4096, in bytes.
    #[error("entry size of {0} bytes")]
    EntrySize(u32),
    /// No entries, or more than 4 MiB of them.
    #[error("{0} entries")]
    EntryCount(u32),
    /// The header would lie off the disk, among the usable sectors or over the other copy.
    #[error("a header at {0} is not possible")]
    HeaderPlace(Lba),
    /// The array of entries does not lie on the disk, or lies over the header or the MBR.
    #[error("array of entries at {0} is not possible")]
    ArrayPlace(Lba),
    /// The checksum of the array does not match.
    #[error("checksum of the entries is {stored:08x}, should be {computed:08x}")]
    ArrayChecksum {
        /// What the header says.
        stored: u32,
        /// What the bytes of the array give.
        computed: u32,
    },
    /// The backup shares sectors with the primary, so it is no spare.
    #[error("it shares sectors with the other copy")]
    Shared,
}

/// Something odd that does not keep the disk from being understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// One of the two copies of a GPT cannot be used; the next change rebuilds it.
    #[error("{copy} is not valid: {fault}")]
    OneValidCopy {
        /// The bad copy.
        copy: TableCopy,
        /// What is wrong with it.
        fault: CopyFault,
    },
    /// Both copies of a GPT are valid but differ; the primary counts.
    #[error("the two copies of the GPT disagree")]
    CopiesDisagree,
    /// Entries that only the backup has, by number; they are never changed.
    #[error("only the backup GPT has partitions {0:?}")]
    OnlyInBackup(Vec<u32>),
    /// Entries that only the primary has, by number.
    #[error("only the primary GPT has partitions {0:?}")]
    OnlyInPrimary(Vec<u32>),
    /// The backup is not at the end of the disk: the disk has grown.
    #[error("the backup GPT is at {at}, the disk ends at {end}")]
    BackupNotAtEnd {
        /// Where the backup's header is.
        at: Lba,
        /// The last sector.
        end: Lba,
    },
    /// The backup is not where the primary says.
    #[error("the backup GPT is at {at}, the primary looks for it at {expected}")]
    BackupMoved {
        /// Where the backup's header is.
        at: Lba,
        /// Where the primary says it is.
        expected: Lba,
    },
    /// There is a third GPT at the end of the disk; it is never changed.
    #[error("another GPT stands at {0}; it is left alone")]
    ThirdCopy(Lba),
    /// A GPT without an MBR which announces it does not count.
    #[error("there is a GPT, but no MBR entry announces it; it is ignored")]
    Unannounced,
    /// The chain of logical partitions could not be followed to its end.
    #[error("the chain of logical partitions breaks at {at}: {fault}")]
    LogicalChain {
        /// The extended boot record at fault.
        at: Lba,
        /// What is wrong with it.
        fault: ChainFault,
    },
    /// Bytes after the last whole sector, which no table can name.
    #[error("{0} bytes after the last whole sector are ignored")]
    PartialSector(u64),
}

/// Why the chain of logical partitions ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainFault {
    /// It leads off the disk.
    OutsideDisk,
    /// The record cannot be read.
    Unreadable,
    /// The record does not end in 0x55AA.
    NoSignature,
    /// It leads back to a record seen before.
    Loop,
    /// It is longer than 256 records.
    TooLong,
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutsideDisk => "outside the disk",
            Self::Unreadable => "cannot be read",
            Self::NoSignature => "no signature",
            Self::Loop => "loop",
            Self::TooLong => "too long",
        })
    }
}

/// What went wrong. The text tells its own layer only; the cause is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The length of the disk could not be found out.
    #[error("the length of the disk is not known")]
    Length {
        /// Cause.
        source: io::Error,
    },
    /// Bytes could not be read.
    #[error("cannot read {len} bytes at offset {offset}")]
    Read {
        /// Place, in bytes.
        offset: u64,
        /// Length, in bytes.
        len: u64,
        /// Cause.
        source: io::Error,
    },
    /// Bytes could not be written; those before them may have been.
    #[error("cannot write {len} bytes of the {copy} at offset {offset}")]
    Write {
        /// Which copy of the table.
        copy: TableCopy,
        /// Place, in bytes.
        offset: u64,
        /// Length, in bytes.
        len: u64,
        /// Cause.
        source: io::Error,
    },
    /// Written bytes could not be made durable.
    #[error("cannot make the {copy} durable")]
    Sync {
        /// Which copy of the table.
        copy: TableCopy,
        /// Cause.
        source: io::Error,
    },
    /// The MBR announces a GPT, but neither copy of it is valid.
    #[error(
        "no valid GPT with sectors of {sector_size} bytes; primary: {primary}; backup: {backup}"
    )]
    NoValidTable {
        /// The sector size for which a table was looked for.
        sector_size: SectorSize,
        /// What is wrong with the primary.
        primary: CopyFault,
        /// What is wrong with the backup.
        backup: CopyFault,
    },
    /// A change was asked of a disk without a table.
    #[error("the disk has no partition table, so it has no identity to change")]
    NoTable,
    /// An identifier of the wrong kind for this table.
    #[error("a disk with {table} takes no {wanted}")]
    WrongKind {
        /// The disk's table.
        table: TableKind,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Two disks whose identities cannot be matched.
    #[error(
        "the identity of a disk with {to} cannot go to one with {from}, or the sector sizes differ"
    )]
    NoCounterpart {
        /// Table of the disk to change.
        from: TableKind,
        /// Table of the identity wanted.
        to: TableKind,
    },
    /// The change names a partition that is not there.
    #[error("there is no partition {index} which starts at {start}")]
    NoSuchPartition {
        /// Number.
        index: u32,
        /// Start.
        start: Lba,
    },
    /// The change names a partition twice.
    #[error("partition {index} is to be changed twice")]
    Repeated {
        /// Number.
        index: u32,
    },
    /// The change asks for a zero signature or a nil GUID.
    #[error("a zero signature or nil GUID names nothing")]
    NilId,
    /// A partition lies over the table which would have to be written.
    #[error("partition {index} lies over the {copy}")]
    PartitionOverTable {
        /// Number of the partition.
        index: u32,
        /// The copy under it.
        copy: TableCopy,
    },
    /// A bad copy would have to be rebuilt, but there is no room for it.
    #[error("there is no place to rebuild the {copy}")]
    NoPlace {
        /// The copy.
        copy: TableCopy,
        /// What is wrong with it.
        fault: CopyFault,
    },
    /// No order of writing keeps one valid copy at every moment.
    #[error("no order of writing would keep one valid copy of the GPT at every moment")]
    NoSafeOrder,
    /// More differences than a patch may have.
    #[error("the change needs more than {limit} edits")]
    TooManyEdits {
        /// The most a patch may have.
        limit: usize,
    },
    /// The disk does not hold what it should.
    #[error("the bytes at offset {offset} are not what they were when the change was planned")]
    Changed {
        /// First place that differs, in bytes.
        offset: u64,
    },
    /// A patch reaches bytes which an observation does not hold.
    #[error("the bytes at offset {offset} belong to no table on this disk")]
    NotObserved {
        /// First such place, in bytes.
        offset: u64,
    },
    /// A patch which makes no sense on this disk.
    #[error("the patch is not sane: {reason}")]
    InvalidPatch {
        /// Why.
        reason: PatchFault,
    },
}

/// Why a patch makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchFault {
    /// An edit without bytes.
    Empty,
    /// Old and new bytes of an edit differ in length.
    Lengths,
    /// An edit beyond the end of the disk.
    OutsideDisk,
    /// Two edits of the same bytes.
    Overlap,
}

impl fmt::Display for PatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an edit is empty",
            Self::Lengths => "old and new bytes of an edit differ in length",
            Self::OutsideDisk => "an edit lies outside the disk",
            Self::Overlap => "two edits overlap",
        })
    }
}

/// What to match on: small, and it stays as it is while [`Error`] grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The system failed to read, write or sync.
    Io,
    /// A table is announced but no copy of it is valid.
    NoValidTable,
    /// The change does not fit this disk.
    InvalidChange,
    /// The table cannot be written safely.
    Unsafe,
    /// The disk was changed by someone else.
    Changed,
    /// The patch is not sane.
    InvalidPatch,
}

impl Error {
    /// The kind of this error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Length { .. } | Self::Read { .. } | Self::Write { .. } | Self::Sync { .. } => {
                ErrorKind::Io
            }
            Self::NoValidTable { .. } => ErrorKind::NoValidTable,
            Self::NoTable
            | Self::WrongKind { .. }
            | Self::NoCounterpart { .. }
            | Self::NoSuchPartition { .. }
            | Self::Repeated { .. }
            | Self::NilId => ErrorKind::InvalidChange,
            Self::PartitionOverTable { .. }
            | Self::NoPlace { .. }
            | Self::NoSafeOrder
            | Self::TooManyEdits { .. } => ErrorKind::Unsafe,
            Self::Changed { .. } | Self::NotObserved { .. } => ErrorKind::Changed,
            Self::InvalidPatch { .. } => ErrorKind::InvalidPatch,
        }
    }
}
