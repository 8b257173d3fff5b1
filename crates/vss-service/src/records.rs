//! Sets, copies and LUNs, as the catalogue keeps them and as listings show them.

use std::fmt;
use std::path::PathBuf;

use disk_identity::{Identity, Patch};
use serde::{Deserialize, Serialize};
use vss_model::{
    Context, LunInformation, ProviderId, SetId, SnapshotAttributes, SnapshotId, SnapshotProperties,
    SnapshotState, Timestamp,
};

/// How far the copies of a set hang together in time.
///
/// Told as it is: a set that was not taken at one instant is `Torn` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// The applications took part.
    Application,
    /// The file systems were frozen.
    FileSystem,
    /// As after a power failure, all copies at one instant.
    Crash,
    /// Not taken at one instant, or somebody may have written meanwhile.
    Torn,
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::FileSystem => "file-system",
            Self::Crash => "crash",
            Self::Torn => "torn",
        })
    }
}

/// Where a set stands, as far as it is in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetState {
    /// Imported and complete: requesters see it.
    Created,
    /// Transportable and not imported here: requesters do not see it.
    Transported,
}

/// A shadow copy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecord {
    /// Its id.
    pub set_id: SetId,
    /// The context it was made in.
    pub context: Context,
    /// Where it stands.
    pub state: SetState,
    /// What its copies are worth together.
    pub consistency: Consistency,
    /// When it was taken.
    pub created: Timestamp,
    /// For how long file systems were frozen, in microseconds: from the first to be frozen to the last
    /// to be thawed. 0 when there were none.
    pub freeze_micros: u64,
    /// For how long writes of the originals were held, in microseconds.
    pub held_micros: u64,
    /// How long it took to take the copies meanwhile (`CommitSnapshots`), in microseconds.
    pub copy_micros: u64,
    /// Its copies, in the order of `AddToSnapshotSet`. Deleted ones are gone from here.
    pub copies: Vec<CopyRecord>,
    /// The LUNs that carry them, each once.
    pub luns: Vec<LunRecord>,
}

/// One shadow copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRecord {
    /// What queries give out.
    pub properties: SnapshotProperties,
    /// Names of the copies' LUNs that carry this volume; keys into [`SetRecord::luns`].
    pub luns: Vec<String>,
}

impl CopyRecord {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SnapshotId {
        self.properties.snapshot_id
    }
}

/// A LUN that carries copies of a set, and all that a break must know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LunRecord {
    /// Name of the copy's LUN, unique in the set.
    pub name: String,
    /// Name of the original LUN.
    pub original_name: String,
    /// The provider of both.
    pub provider_id: ProviderId,
    /// The original, as recorded at `BeginPrepareSnapshot`.
    pub original: LunInformation,
    /// The copy, as `GetTargetLuns` gave it.
    pub snapshot: LunInformation,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// Where the copy could be opened when it was imported.
    pub device: PathBuf,
    /// Who the original was at the instant, partition GUIDs and attributes included.
    pub original_identity: Identity,
    /// Who the copy became at import.
    pub import_identity: Identity,
    /// True when the import gave fresh identifiers.
    pub identity_changed: bool,
    /// What the import wrote; its inverse gives the table of the instant back, byte for byte.
    pub import_patch: Patch,
}

impl SetRecord {
    /// The LUNs of one copy.
    pub fn luns_of<'a>(&'a self, copy: &'a CopyRecord) -> impl Iterator<Item = &'a LunRecord> + 'a {
        copy.luns
            .iter()
            .filter_map(|name| self.luns.iter().find(|lun| lun.name == *name))
    }
}

/// What a listing says of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetSummary {
    /// Its id.
    pub set_id: SetId,
    /// The context it was made in.
    pub context: Context,
    /// What its copies are worth together.
    pub consistency: Consistency,
    /// When it was taken.
    pub created: Timestamp,
    /// For how long writes were held, in microseconds.
    pub held_micros: u64,
}

/// What a listing says of a copy: less than [`SnapshotProperties`], for listings of very many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySummary {
    /// Its id.
    pub id: SnapshotId,
    /// Its set.
    pub set_id: SetId,
    /// The volume that it is a copy of.
    pub original: String,
    /// Where it can be opened.
    pub device: String,
    /// Its provider.
    pub provider_id: ProviderId,
    /// Its attributes.
    pub attributes: SnapshotAttributes,
    /// Where it stands.
    pub status: SnapshotState,
}
