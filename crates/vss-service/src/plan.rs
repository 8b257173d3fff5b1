//! What a break will do, as data.

use std::fmt;
use std::path::PathBuf;

use disk_identity::{Identity, Patch};
use serde::{Deserialize, Serialize};
use vss_model::{BreakFlags, HardwareOptions, SetId, SnapshotId};

/// A call that a provider gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The copy it is about.
    pub snapshot: SnapshotId,
    /// Exactly one flag.
    pub flag: HardwareOptions,
    /// Names of the copy's LUNs.
    pub luns: Vec<String>,
}

/// What becomes of a disk's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision", content = "reason")]
pub enum IdentityDecision {
    /// It gets its original's identity back.
    Reverted,
    /// It has its original's identity already.
    AlreadyOriginal,
    /// It keeps what it has, because it was asked to.
    Kept,
    /// It keeps what it has, because the original's identity is in use or cannot be put back; says why.
    KeptOnCollision(String),
    /// It leaves this host as it is.
    Masked,
}

impl fmt::Display for IdentityDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reverted => f.write_str("identity of the original"),
            Self::AlreadyOriginal => f.write_str("has the identity of the original already"),
            Self::Kept => f.write_str("identity kept"),
            Self::KeptOnCollision(why) => write!(f, "identity kept: {why}"),
            Self::Masked => f.write_str("masked"),
        }
    }
}

/// What a break does to one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPlan {
    /// Name of its LUN.
    pub lun: String,
    /// Where it was when this was planned.
    pub device: PathBuf,
    /// What becomes of its identity.
    pub identity: IdentityDecision,
    /// Who it is now; `None` when masking.
    pub before: Option<Identity>,
    /// Who it will be; `None` when masking.
    pub after: Option<Identity>,
    /// What is written: identity, attribute bits and checksums.
    pub patch: Patch,
    /// What is written instead if the identity must stay after all: attribute bits and checksums.
    pub fallback: Patch,
    /// Whether it refuses writes now.
    pub read_only_before: bool,
    /// Whether it will.
    pub read_only_after: bool,
}

/// All that a break does, in order; also what the journal keeps and a dry run prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakPlan {
    /// The set.
    pub set_id: SetId,
    /// The flags.
    pub flags: BreakFlags,
    /// What providers are told first, copy by copy in set order (spec: break §6.1).
    pub notices: Vec<Notice>,
    /// What is done to each disk.
    pub disks: Vec<DiskPlan>,
}
