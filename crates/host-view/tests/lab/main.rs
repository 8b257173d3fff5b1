//! Real stacks in the laboratory's kernel, each compared with what `lsblk`, `findmnt`, `lvs`, `blkid`,
//! `sg_vpd` and `sg_inq` say.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod files;
mod judges;
mod scsi;
mod stacks;
