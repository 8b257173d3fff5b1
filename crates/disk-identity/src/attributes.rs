//! The four attribute bits of a GPT entry which belong to the volume in the partition.
//!
//! They are bits 60 to 63 of the entry's attribute field. Microsoft defines all four for basic data
//! partitions; the Discoverable Partitions Specification gives 60 and 63 the same meaning.

/// The volume takes no writes.
pub const READ_ONLY: u64 = 1 << 60;
/// The volume is a shadow copy: filters stay away from it.
pub const SHADOW_COPY: u64 = 1 << 61;
/// The volume is unknown to the mount manager.
pub const HIDDEN: u64 = 1 << 62;
/// The volume gets no drive letter, and is not mounted, by itself.
pub const NO_DRIVE_LETTER: u64 = 1 << 63;
/// All of the above. Every other bit of the field belongs to someone else.
pub const ALL_FOUR: u64 = READ_ONLY | SHADOW_COPY | HIDDEN | NO_DRIVE_LETTER;
