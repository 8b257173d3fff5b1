//! Who a disk is: MBR signatures, GPT disk and partition GUIDs, and the four attribute bits of a
//! volume. Read, planned, changed in place and taken back, byte for byte.
//!
//! The way of a change is always the same:
//!
//! 1. [`observe`] reads the tables of a disk, once, into an [`Observation`].
//! 2. A [`Change`] says what is wanted; [`Observation::plan`] turns it into a [`Patch`], without
//!    I/O. The patch can be shown, kept in a journal, and asked for its [inverse](Patch::inverse).
//! 3. [`Patch::apply`] writes it. At every moment one copy of a GPT is valid, whatever is torn by
//!    a power cut; applying the patch again, or its inverse, ends what a crash began.
//!
//! Bytes which carry no identifier, attribute or checksum are never changed. Tables that are not
//! understood are refused by name, before anything is written.
//!
//! ```
//! use disk_identity::{Applied, Change, DiskId, MemoryDisk, observe};
//!
//! // An MBR with the signature 1234abcd and one partition of type 83.
//! let mut bytes = vec![0; 64 * 512];
//! bytes[440..444].copy_from_slice(&0x1234_abcd_u32.to_le_bytes());
//! bytes[450] = 0x83;
//! bytes[454] = 8; // first sector
//! bytes[458] = 16; // sectors
//! bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
//! let disk = MemoryDisk::new(bytes.clone());
//!
//! let seen = observe(&disk, None)?;
//! assert_eq!(seen.identity().partitions[0].id.to_string(), "1234abcd-01");
//!
//! let change = Change {
//!     disk_id: Some(DiskId::Signature(0x5678_ef01)),
//!     ..Change::default()
//! };
//! let patch = seen.plan(&change)?;
//! assert_eq!(patch.bytes_changed(), 4);
//! assert_eq!(patch.apply(&disk)?, Applied::Changed);
//! assert_eq!(patch.apply(&disk)?, Applied::AlreadySo);
//! assert_eq!(observe(&disk, None)?.identity().disk_id, change.disk_id);
//!
//! patch.inverse().apply(&disk)?;
//! assert_eq!(disk.into_bytes(), bytes);
//! # Ok::<(), disk_identity::Error>(())
//! ```

mod at;
pub mod attributes;
mod bytes;
mod capture;
mod change;
mod disk;
mod error;
mod gpt;
mod identity;
mod mbr;
mod observe;
mod patch;
mod plan;
mod units;

pub use change::{Change, PartitionChange};
pub use disk::{DiskRead, DiskWrite, MemoryDisk};
pub use error::{ChainFault, CopyFault, Error, ErrorKind, PatchFault, Warning};
pub use identity::{
    DiskId, Identifier, Identity, InvalidDiskId, PartitionId, PartitionIdentity, PartitionType,
    TableKind,
};
pub use observe::{Observation, observe};
pub use patch::{Applied, Edit, Field, Patch, PatchState, Stage, TableCopy};
pub use units::{ATOM, Lba, SectorSize, UnsupportedSectorSize};
