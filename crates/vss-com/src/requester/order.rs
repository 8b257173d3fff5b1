//! The order of calls: what a requester object may be asked next (spec: requester §4).
//!
//! Pure: where the object stands and which call comes, in; allowed or `VSS_E_BAD_STATE`, out. What the
//! arguments must be is checked before (spec: requester §2); what the service itself knows better, such
//! as that one set is created at a time, is left to it.

use vss_model::{Context, Error, ErrorKind, SnapshotAttributes};

/// What the object was initialised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing yet.
    Fresh,
    /// `InitializeForBackup`.
    Backup,
    /// `InitializeForRestore`.
    Restore,
}

/// How far the set of this object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetStep {
    /// None was begun.
    None,
    /// `StartSnapshotSet`.
    Open,
    /// `DoSnapshotSet` was called; how it ended, its operation tells.
    Done,
    /// `AbortBackup`.
    Aborted,
}

/// Calls, those with the same rules as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `InitializeForBackup`, `InitializeForRestore`.
    Initialize,
    /// `SetContext`.
    SetContext,
    /// `SetBackupState`.
    SetBackupState,
    /// `SetRestoreState`.
    SetRestoreState,
    /// `GatherWriterMetadata`.
    GatherWriterMetadata,
    /// `GetWriterMetadataCount`, `GetWriterMetadata(Ex)`, `FreeWriterMetadata`.
    UseWriterMetadata,
    /// `AddComponent`, `SetBackupOptions`, `SetPreviousBackupStamp`.
    EditForBackup,
    /// `SetBackupSucceeded`.
    SetBackupSucceeded,
    /// `SetSelectedForRestore(Ex)` and all other edits for a restore.
    EditForRestore,
    /// `PrepareForBackup`.
    PrepareForBackup,
    /// `GatherWriterStatus`, and what the whole of an initialised object allows.
    Any,
    /// `GetWriterStatusCount`, `GetWriterStatus(Ex)`.
    UseWriterStatus,
    /// `StartSnapshotSet`.
    StartSnapshotSet,
    /// `AddToSnapshotSet`.
    AddToSnapshotSet,
    /// `DoSnapshotSet`.
    DoSnapshotSet,
    /// `BackupComplete`.
    BackupComplete,
    /// `AbortBackup`, `Query`, `BreakSnapshotSetEx` and all else that needs `InitializeForBackup` only.
    AnyForBackup,
    /// `ImportSnapshots`.
    ImportSnapshots,
    /// `PreRestore`.
    PreRestore,
    /// `PostRestore`.
    PostRestore,
    /// `AddSnapshotToRecoverySet`, `RecoverSet`.
    AnyForRestore,
}

/// Where a requester object stands.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) mode: Mode,
    pub(crate) context: Option<Context>,
    /// `SetBackupState` was called.
    pub(crate) has_backup_state: bool,
    /// A document was loaded.
    pub(crate) has_document: bool,
    /// `GatherWriterMetadata` was called.
    pub(crate) gathered: bool,
    /// `FreeWriterMetadata` was called.
    pub(crate) freed: bool,
    /// `GatherWriterStatus` was called, and `FreeWriterStatus` not since.
    pub(crate) has_status: bool,
    /// `PrepareForBackup` was called.
    pub(crate) prepared: bool,
    pub(crate) set: SetStep,
    /// The creation runs.
    pub(crate) creating: bool,
    /// `BackupComplete` was called.
    pub(crate) completed: bool,
    /// `PreRestore` was called.
    pub(crate) pre_restored: bool,
    /// `PostRestore` was called.
    pub(crate) post_restored: bool,
}

impl Order {
    /// A new object.
    pub(crate) const fn new() -> Self {
        Self {
            mode: Mode::Fresh,
            context: None,
            has_backup_state: false,
            has_document: false,
            gathered: false,
            freed: false,
            has_status: false,
            prepared: false,
            set: SetStep::None,
            creating: false,
            completed: false,
            pre_restored: false,
            post_restored: false,
        }
    }

    /// The context in force; that of an object without one is `VSS_CTX_BACKUP`.
    pub(crate) fn context(&self) -> Context {
        self.context.unwrap_or(Context::BACKUP)
    }

    /// Whether writers take part.
    pub(crate) fn has_writers(&self) -> bool {
        self.context() != Context::ALL
            && !self
                .context()
                .attributes()
                .contains(SnapshotAttributes::NO_WRITERS)
    }

    /// Whether a call may come now.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE`, with what is missing.
    pub(crate) fn allow(&self, call: Call) -> Result<(), Error> {
        self.objection(call).map_or(Ok(()), |why| {
            Err(Error::new(ErrorKind::BadState, format!("{call:?}: {why}")))
        })
    }

    fn objection(&self, call: Call) -> Option<&'static str> {
        use Call as C;
        self.wrong_mode(call).or_else(|| match call {
            C::Initialize | C::Any | C::AnyForBackup | C::AnyForRestore | C::EditForRestore => None,
            C::SetContext if self.context.is_some() => Some("the context is set already"),
            C::SetContext if self.gathered || self.set != SetStep::None => {
                Some("the context comes before GatherWriterMetadata and StartSnapshotSet")
            }
            C::SetBackupState if self.prepared => Some("PrepareForBackup was called already"),
            C::SetRestoreState if self.pre_restored => Some("PreRestore was called already"),
            C::GatherWriterMetadata if self.gathered => Some("an object gathers once"),
            C::UseWriterMetadata if !self.gathered => Some("GatherWriterMetadata comes first"),
            C::UseWriterMetadata if self.freed => Some("the metadata were freed"),
            C::UseWriterStatus if !self.has_status => Some("GatherWriterStatus comes first"),
            C::EditForBackup => self.no_edit(),
            C::SetBackupSucceeded => self.no_verdict(),
            C::PrepareForBackup => self.no_preparation(),
            C::StartSnapshotSet if self.set != SetStep::None => Some("an object creates one set"),
            C::AddToSnapshotSet if self.set != SetStep::Open => {
                Some("StartSnapshotSet comes first")
            }
            C::DoSnapshotSet => self.no_creation(),
            C::BackupComplete => self.no_completion(),
            C::ImportSnapshots if !self.has_document => {
                Some("InitializeForBackup was not given a document")
            }
            C::PreRestore if self.pre_restored => Some("PreRestore was called already"),
            C::PostRestore if !self.pre_restored => Some("PreRestore comes first"),
            C::PostRestore if self.post_restored => Some("PostRestore was called already"),
            C::SetContext
            | C::SetBackupState
            | C::SetRestoreState
            | C::GatherWriterMetadata
            | C::UseWriterMetadata
            | C::UseWriterStatus
            | C::StartSnapshotSet
            | C::AddToSnapshotSet
            | C::ImportSnapshots
            | C::PreRestore
            | C::PostRestore => None,
        })
    }

    fn wrong_mode(&self, call: Call) -> Option<&'static str> {
        use Call as C;
        let wanted = match call {
            C::Initialize => {
                return (self.mode != Mode::Fresh).then_some("an object is initialised once");
            }
            C::Any | C::GatherWriterMetadata | C::UseWriterMetadata | C::UseWriterStatus => {
                return (self.mode == Mode::Fresh)
                    .then_some("InitializeForBackup or InitializeForRestore comes first");
            }
            C::SetRestoreState
            | C::EditForRestore
            | C::PreRestore
            | C::PostRestore
            | C::AnyForRestore => Mode::Restore,
            _ => Mode::Backup,
        };
        (self.mode != wanted).then_some(match wanted {
            Mode::Restore => "InitializeForRestore comes first",
            _ => "InitializeForBackup comes first",
        })
    }

    fn no_edit(&self) -> Option<&'static str> {
        first(&[
            (!self.has_writers(), NO_WRITERS),
            (!self.gathered, "GatherWriterMetadata comes first"),
            (self.prepared, "PrepareForBackup was called already"),
        ])
    }

    fn no_verdict(&self) -> Option<&'static str> {
        first(&[
            (!self.has_writers(), NO_WRITERS),
            (!self.prepared, "PrepareForBackup comes first"),
            (self.completed, "BackupComplete was called already"),
        ])
    }

    fn no_preparation(&self) -> Option<&'static str> {
        first(&[
            (!self.has_writers(), NO_WRITERS),
            (!self.has_backup_state, "SetBackupState comes first"),
            (!self.gathered, "GatherWriterMetadata comes first"),
            (self.prepared, "PrepareForBackup was called already"),
        ])
    }

    fn no_creation(&self) -> Option<&'static str> {
        let has_writers = self.has_writers();
        first(&[
            (self.set != SetStep::Open, "StartSnapshotSet comes first"),
            (
                has_writers && !self.gathered,
                "the context has writers: GatherWriterMetadata comes first",
            ),
            (
                has_writers && !self.prepared,
                "the context has writers: PrepareForBackup comes first",
            ),
        ])
    }

    fn no_completion(&self) -> Option<&'static str> {
        first(&[
            (!self.has_writers(), NO_WRITERS),
            (!self.prepared, "PrepareForBackup comes first"),
            (self.creating, "the creation has not ended: wait for it"),
            (self.set == SetStep::Aborted, "the backup was aborted"),
            (self.completed, "BackupComplete was called already"),
        ])
    }
}

const NO_WRITERS: &str = "the context is without writers";

/// The first reason that holds.
fn first(reasons: &[(bool, &'static str)]) -> Option<&'static str> {
    reasons
        .iter()
        .find(|(holds, _)| *holds)
        .map(|(_, why)| *why)
}

#[cfg(test)]
mod tests;
