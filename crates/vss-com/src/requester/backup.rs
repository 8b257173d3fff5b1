//! From `InitializeForBackup` to `BackupComplete`.

use std::sync::Arc;

use vss_model::{BackupType, Context, Error, ErrorKind, ProviderId, ResultCode, SetId, SnapshotId};

use super::Requester;
use super::operation::Operation;
use super::order::{Call, Mode, SetStep};
use crate::document::BackupComponentsDocument;

impl Requester {
    /// `InitializeForBackup`; a document is loaded for `ImportSnapshots`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` the second time; `VSS_E_INVALID_XML_DOCUMENT`.
    pub(crate) fn initialize_for_backup(&self, xml: Option<&str>) -> Result<(), Error> {
        let mut state = self.begin(Call::Initialize)?;
        let document = xml.map(BackupComponentsDocument::parse).transpose()?;
        self.session.initialize_for_backup()?;
        state.order.mode = Mode::Backup;
        state.order.has_document = document.is_some();
        state.document = document.unwrap_or_default();
        Ok(())
    }

    /// `SetContext`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for an illegal value; `VSS_E_BAD_STATE` out of order.
    pub(crate) fn set_context(&self, bits: u32) -> Result<(), Error> {
        let context = Context::from_bits(bits).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, "the context is not valid").with_source(error)
        })?;
        let mut state = self.begin(Call::SetContext)?;
        self.session.set_context(bits)?;
        state.order.context = Some(context);
        state.document.context = Some(bits);
        Ok(())
    }

    /// `SetBackupState`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` after `PrepareForBackup`.
    pub(crate) fn set_backup_state(
        &self,
        select_components: bool,
        bootable_system_state: bool,
        kind: BackupType,
        partial_file_support: bool,
    ) -> Result<(), Error> {
        let mut state = self.begin(Call::SetBackupState)?;
        state.order.has_backup_state = true;
        state.document.select_components = select_components;
        state.document.bootable_system_state = bootable_system_state;
        state.document.backup_type = kind;
        state.document.partial_file_support = partial_file_support;
        Ok(())
    }

    /// `PrepareForBackup`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub(crate) fn prepare_for_backup(&self) -> Result<Operation, Error> {
        let mut state = self.begin(Call::PrepareForBackup)?;
        state.order.prepared = true;
        Ok(Operation::FINISHED)
    }

    /// `StartSnapshotSet`.
    ///
    /// # Errors
    /// `VSS_E_SNAPSHOT_SET_IN_PROGRESS`; `VSS_E_BAD_STATE` out of order.
    pub(crate) fn start_snapshot_set(&self) -> Result<SetId, Error> {
        let mut state = self.begin(Call::StartSnapshotSet)?;
        let id = self.session.start_snapshot_set()?;
        state.order.set = SetStep::Open;
        state.set = Some(id);
        Ok(id)
    }

    /// `AddToSnapshotSet`.
    ///
    /// # Errors
    /// The codes of spec requester §5; nothing is changed by a failed call.
    pub(crate) fn add_to_snapshot_set(
        &self,
        volume: &str,
        provider: ProviderId,
    ) -> Result<SnapshotId, Error> {
        let state = self.begin(Call::AddToSnapshotSet)?;
        let host = self.host_volume(volume)?;
        let id = self.session.add_to_snapshot_set(&host, provider)?;
        drop(state);
        Ok(id)
    }

    /// `DoSnapshotSet`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order. Everything else comes through the operation.
    pub(crate) fn do_snapshot_set(&self) -> Result<Operation, Error> {
        let mut state = self.begin(Call::DoSnapshotSet)?;
        let job = self.session.do_snapshot_set(None)?;
        let operation = Operation::Running(Arc::from(job));
        state.order.set = SetStep::Done;
        state.order.creating = true;
        state.creation = Some(operation.clone());
        Ok(operation)
    }

    /// `AbortBackup`: gives up a set that is not created; no effect when nothing is under way. A
    /// creation that runs is asked to stop.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn abort_backup(&self) -> Result<(), Error> {
        let mut state = self.begin(Call::AnyForBackup)?;
        if let Some(creation) = state.creation.as_ref().filter(|_| state.order.creating) {
            creation.cancel()?;
        }
        self.session.abort_backup()?;
        if state.order.set == SetStep::Open || state.order.creating {
            state.order.set = SetStep::Aborted;
        }
        Ok(())
    }

    /// `BackupComplete`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order.
    pub(crate) fn backup_complete(&self) -> Result<Operation, Error> {
        let mut state = self.begin(Call::BackupComplete)?;
        state.order.completed = true;
        Ok(Operation::FINISHED)
    }

    /// `ImportSnapshots`: no set can be imported from a document yet, which is told as it is.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a document.
    pub(crate) fn import_snapshots(&self) -> Result<Operation, Error> {
        drop(self.begin(Call::ImportSnapshots)?);
        Ok(Operation::Over(ResultCode::VSS_E_NO_SNAPSHOTS_IMPORTED))
    }
}
