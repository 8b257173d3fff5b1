//! The error of the VSS interfaces: a small stable kind, what happened, and what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::result::ResultCode;

/// What went wrong, as callers match on it. The only place where result codes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller lacks backup privilege.
    AccessDenied,
    /// A parameter is not valid.
    InvalidArgument,
    /// A pointer is null, where an interface has a code of its own for it.
    NullPointer,
    /// Memory or another resource of the process ran out.
    OutOfMemory,
    /// Calls out of order, object not initialised, or the object is busy.
    BadState,
    /// The copy, set, volume or LUN does not exist.
    ObjectNotFound,
    /// Something of that name or identity is there already.
    ObjectAlreadyExists,
    /// A document is malformed or not of the schema.
    InvalidXmlDocument,
    /// The provider refused, or the copy is of a kind that cannot be broken.
    ProviderVeto,
    /// The provider gave a code that it may not give, or died.
    UnexpectedProviderError,
    /// No such provider.
    ProviderNotRegistered,
    /// The provider lacks the operation.
    LegacyProvider,
    /// No provider can copy this volume.
    VolumeNotSupported,
    /// The named provider cannot copy this volume.
    VolumeNotSupportedByProvider,
    /// The kind of copy is not to be had.
    UnsupportedContext,
    /// More volumes than a set can hold.
    MaximumNumberOfVolumesReached,
    /// More copies of the volume than the provider allows.
    MaximumNumberOfSnapshotsReached,
    /// Another creation runs on this host.
    SnapshotSetInProgress,
    /// No room for the copy.
    InsufficientStorage,
    /// Writes could not be held.
    HoldWritesTimeout,
    /// Writes could not be flushed in time.
    FlushWritesTimeout,
    /// Something else has the volume open.
    VolumeInUse,
    /// A disk did not arrive at import.
    MissingDisk,
    /// A volume did not arrive at import.
    MissingVolume,
    /// Nothing arrived at import.
    NoSnapshotsImported,
    /// Identities could not be put back without a collision.
    BreakRevertIdFailed,
    /// An identity could not be written as intended.
    CannotRevertDiskId,
    /// Volumes lie too deep in other volumes.
    NestedVolumeLimit,
    /// Not supported here.
    NotSupported,
    /// Reserved method.
    NotImplemented,
    /// An error that no rule foresees.
    Unexpected,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::AccessDenied,
        Self::InvalidArgument,
        Self::NullPointer,
        Self::OutOfMemory,
        Self::BadState,
        Self::ObjectNotFound,
        Self::ObjectAlreadyExists,
        Self::InvalidXmlDocument,
        Self::ProviderVeto,
        Self::UnexpectedProviderError,
        Self::ProviderNotRegistered,
        Self::LegacyProvider,
        Self::VolumeNotSupported,
        Self::VolumeNotSupportedByProvider,
        Self::UnsupportedContext,
        Self::MaximumNumberOfVolumesReached,
        Self::MaximumNumberOfSnapshotsReached,
        Self::SnapshotSetInProgress,
        Self::InsufficientStorage,
        Self::HoldWritesTimeout,
        Self::FlushWritesTimeout,
        Self::VolumeInUse,
        Self::MissingDisk,
        Self::MissingVolume,
        Self::NoSnapshotsImported,
        Self::BreakRevertIdFailed,
        Self::CannotRevertDiskId,
        Self::NestedVolumeLimit,
        Self::NotSupported,
        Self::NotImplemented,
        Self::Unexpected,
    ];

    /// The result code of this kind.
    #[must_use]
    pub const fn code(self) -> ResultCode {
        match self {
            Self::AccessDenied => ResultCode::E_ACCESSDENIED,
            Self::InvalidArgument => ResultCode::E_INVALIDARG,
            Self::NullPointer => ResultCode::E_POINTER,
            Self::OutOfMemory => ResultCode::E_OUTOFMEMORY,
            Self::BadState => ResultCode::VSS_E_BAD_STATE,
            Self::ObjectNotFound => ResultCode::VSS_E_OBJECT_NOT_FOUND,
            Self::ObjectAlreadyExists => ResultCode::VSS_E_OBJECT_ALREADY_EXISTS,
            Self::InvalidXmlDocument => ResultCode::VSS_E_INVALID_XML_DOCUMENT,
            Self::ProviderVeto => ResultCode::VSS_E_PROVIDER_VETO,
            Self::UnexpectedProviderError => ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR,
            Self::ProviderNotRegistered => ResultCode::VSS_E_PROVIDER_NOT_REGISTERED,
            Self::LegacyProvider => ResultCode::VSS_E_LEGACY_PROVIDER,
            Self::VolumeNotSupported => ResultCode::VSS_E_VOLUME_NOT_SUPPORTED,
            Self::VolumeNotSupportedByProvider => {
                ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER
            }
            Self::UnsupportedContext => ResultCode::VSS_E_UNSUPPORTED_CONTEXT,
            Self::MaximumNumberOfVolumesReached => {
                ResultCode::VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED
            }
            Self::MaximumNumberOfSnapshotsReached => {
                ResultCode::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED
            }
            Self::SnapshotSetInProgress => ResultCode::VSS_E_SNAPSHOT_SET_IN_PROGRESS,
            Self::InsufficientStorage => ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            Self::HoldWritesTimeout => ResultCode::VSS_E_HOLD_WRITES_TIMEOUT,
            Self::FlushWritesTimeout => ResultCode::VSS_E_FLUSH_WRITES_TIMEOUT,
            Self::VolumeInUse => ResultCode::VSS_E_VOLUME_IN_USE,
            Self::MissingDisk => ResultCode::VSS_E_MISSING_DISK,
            Self::MissingVolume => ResultCode::VSS_E_MISSING_VOLUME,
            Self::NoSnapshotsImported => ResultCode::VSS_E_NO_SNAPSHOTS_IMPORTED,
            Self::BreakRevertIdFailed => ResultCode::VSS_E_BREAK_REVERT_ID_FAILED,
            Self::CannotRevertDiskId => ResultCode::VSS_E_CANNOT_REVERT_DISKID,
            Self::NestedVolumeLimit => ResultCode::VSS_E_NESTED_VOLUME_LIMIT,
            Self::NotSupported => ResultCode::VSS_E_NOT_SUPPORTED,
            Self::NotImplemented => ResultCode::E_NOTIMPL,
            Self::Unexpected => ResultCode::VSS_E_UNEXPECTED,
        }
    }

    /// The kind with this code, if there is one.
    #[must_use]
    pub fn from_code(code: ResultCode) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// An error of the service.
///
/// `Display` says only this layer; causes are the `source` chain, and whoever prints walks it.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with what happened to which thing.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// Adds what a person can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The kind to match on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The result code.
    #[must_use]
    pub const fn code(&self) -> ResultCode {
        self.kind.code()
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The message followed by each cause, separated by `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Error, ErrorKind};
    use crate::result::ResultCode;

    #[test]
    fn kinds_and_codes_are_one_to_one() {
        let codes: HashSet<ResultCode> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert!(!kind.code().is_success());
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
    }

    #[test]
    fn causes_are_said_once() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorKind::Unexpected, "could not read LUN db").with_source(cause);
        assert_eq!(error.to_string(), "could not read LUN db");
        assert_eq!(error.chain(), "could not read LUN db: disk on fire");
    }
}
