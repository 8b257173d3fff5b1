//! From `InitializeForRestore` to `PostRestore`.

use vss_model::{Error, ErrorKind, RestoreType, SnapshotId};

use super::Requester;
use super::operation::Operation;
use super::order::{Call, Mode};
use crate::document::BackupComponentsDocument;

impl Requester {
    /// `InitializeForRestore`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` the second time; `VSS_E_INVALID_XML_DOCUMENT`.
    pub(crate) fn initialize_for_restore(&self, xml: &str) -> Result<(), Error> {
        let mut state = self.begin(Call::Initialize)?;
        state.document = BackupComponentsDocument::parse(xml)?;
        state.order.mode = Mode::Restore;
        state.order.has_document = true;
        Ok(())
    }

    /// `SetRestoreState`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub(crate) fn set_restore_state(&self, kind: RestoreType) -> Result<(), Error> {
        self.begin(Call::SetRestoreState)?.document.restore_type = kind;
        Ok(())
    }

    /// `PreRestore`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub(crate) fn pre_restore(&self) -> Result<Operation, Error> {
        self.begin(Call::PreRestore)?.order.pre_restored = true;
        Ok(Operation::FINISHED)
    }

    /// `PostRestore`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub(crate) fn post_restore(&self) -> Result<Operation, Error> {
        self.begin(Call::PostRestore)?.order.post_restored = true;
        Ok(Operation::FINISHED)
    }

    /// `AddSnapshotToRecoverySet`: no provider resynchronises LUNs yet, which is "no hardware provider
    /// supports it" (spec: break §9.2).
    ///
    /// # Errors
    /// `E_INVALIDARG` for flags or a null id; `VSS_E_BAD_STATE` always else.
    pub(crate) fn add_snapshot_to_recovery_set(
        &self,
        snapshot: SnapshotId,
        flags: u32,
    ) -> Result<(), Error> {
        if snapshot.is_null() || flags != 0 {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "AddSnapshotToRecoverySet takes a copy and no flags",
            ));
        }
        self.check(Call::AnyForRestore)?;
        Err(Error::new(
            ErrorKind::BadState,
            "no provider can resynchronise LUNs",
        ))
    }

    /// `RecoverSet`: the recovery set is always empty.
    ///
    /// # Errors
    /// `E_INVALIDARG` for unknown flags; `VSS_E_BAD_STATE` always else.
    pub(crate) fn recover_set(&self, flags: u32) -> Result<Operation, Error> {
        if vss_model::RecoveryOptions::from_bits(flags).is_none() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{flags:#x} are no options of RecoverSet"),
            ));
        }
        self.check(Call::AnyForRestore)?;
        Err(Error::new(ErrorKind::BadState, "the recovery set is empty"))
    }
}
