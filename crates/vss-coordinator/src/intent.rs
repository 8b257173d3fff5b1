//! Intents: what the journal holds of an operation from before its first effect to its end.

use std::path::PathBuf;

use disk_identity::Patch;
use serde::{Deserialize, Serialize};
use vss_model::{LunInformation, OperationId, ProviderId, SnapshotId};
use vss_service::{BreakPlan, OperationKind};

use crate::host::Ground;

/// What an operation is about to do, with all that is needed to finish or undo it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Intent {
    /// A set is being made. Cut off: the providers abort it.
    Create {
        /// Providers that take part.
        providers: Vec<ProviderId>,
        /// LUNs of copies that the providers hold for final, which abort does not take back.
        luns: Vec<EmptyLun>,
        /// Copies of software providers that they hold for final.
        software_copies: Vec<(ProviderId, SnapshotId)>,
        /// What may be frozen or suspended; let go of by the next start before anything else.
        #[serde(default)]
        ground: Ground,
    },
    /// A set is being broken. Cut off: finished, or undone if the world no longer allows it.
    Break {
        /// The plan, with redo and undo images.
        plan: Box<BreakPlan>,
    },
    /// Copies are being deleted; the ones meant are out of the catalogue already. Cut off: finished.
    Delete {
        /// LUNs without copies, to be told to their providers.
        empty_luns: Vec<EmptyLun>,
        /// Copies of software providers still to be deleted.
        software_copies: Vec<(ProviderId, SnapshotId)>,
        /// Ids of the copies that the operation takes out.
        copies: Vec<SnapshotId>,
    },
    /// Identity changes of an earlier operation are being taken back. Cut off: finished.
    Undo {
        /// The operation taken back.
        operation: OperationId,
        /// What is written to each disk.
        disks: Vec<UndoDisk>,
    },
}

impl Intent {
    /// The kind of its operation.
    pub(crate) const fn kind(&self) -> OperationKind {
        match self {
            Self::Create { .. } => OperationKind::Create,
            Self::Break { .. } => OperationKind::Break,
            Self::Delete { .. } => OperationKind::Delete,
            Self::Undo { .. } => OperationKind::Undo,
        }
    }
}

/// A LUN on which no shadow copy is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EmptyLun {
    pub(crate) name: String,
    pub(crate) provider: ProviderId,
    pub(crate) device: PathBuf,
    pub(crate) information: LunInformation,
}

/// One disk of an undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UndoDisk {
    pub(crate) lun: String,
    pub(crate) provider: ProviderId,
    pub(crate) information: LunInformation,
    pub(crate) patch: Patch,
    /// The read-only state to return to; `None` leaves it.
    pub(crate) read_only: Option<bool>,
}
