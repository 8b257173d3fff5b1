//! Writers: their metadata, their status, their components in the document.
//!
//! The service has no writers yet, so that a gathering finds none. Documents may hold components of
//! writers all the same: those of other machines, and of later versions.

use vss_model::{
    ComponentType, Error, ErrorKind, ResultCode, WriterId, WriterInstanceId, WriterState,
};

use super::operation::Operation;
use super::order::Call;
use super::{Requester, State};
use crate::document::{DocumentComponent, WriterComponents, WriterMetadata};

/// A component, as callers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComponentKey {
    /// The class of its writer.
    pub(crate) writer: WriterId,
    /// The instance; `None` for any.
    pub(crate) instance: Option<WriterInstanceId>,
    /// Its type.
    pub(crate) kind: ComponentType,
    /// Its logical path; `None` and the empty one are the same.
    pub(crate) path: Option<String>,
    /// Its name.
    pub(crate) name: String,
}

/// How a writer stands.
#[derive(Debug, Clone)]
pub(crate) struct WriterStatus {
    /// Its instance.
    pub(crate) instance: WriterInstanceId,
    /// Its class.
    pub(crate) writer: WriterId,
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) state: WriterState,
    /// `S_OK`, or why it failed.
    pub(crate) failure: ResultCode,
}

fn no_such(what: &str, index: u32) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("there is no {what} with index {index}"),
    )
}

impl Requester {
    /// `GatherWriterMetadata`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation and the second time.
    pub(crate) fn gather_writer_metadata(&self) -> Result<Operation, Error> {
        self.begin(Call::GatherWriterMetadata)?.order.gathered = true;
        Ok(Operation::FINISHED)
    }

    /// `GetWriterMetadataCount`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a gathering.
    pub(crate) fn writer_metadata_count(&self) -> Result<u32, Error> {
        self.check(Call::UseWriterMetadata)?;
        Ok(u32::try_from(self.state().writers.len()).unwrap_or(u32::MAX))
    }

    /// `GetWriterMetadata`, `GetWriterMetadataEx`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a gathering; `VSS_E_OBJECT_NOT_FOUND` for an index out of range.
    pub(crate) fn writer_metadata(&self, index: u32) -> Result<WriterMetadata, Error> {
        self.check(Call::UseWriterMetadata)?;
        let state = self.state();
        usize::try_from(index)
            .ok()
            .and_then(|index| state.writers.get(index))
            .cloned()
            .ok_or_else(|| no_such("writer", index))
    }

    /// `FreeWriterMetadata`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a gathering.
    pub(crate) fn free_writer_metadata(&self) -> Result<(), Error> {
        self.begin(Call::UseWriterMetadata)?.order.freed = true;
        Ok(())
    }

    /// `GatherWriterStatus`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn gather_writer_status(&self) -> Result<Operation, Error> {
        self.begin(Call::Any)?.order.has_status = true;
        Ok(Operation::FINISHED)
    }

    /// `GetWriterStatusCount`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a gathering.
    pub(crate) fn writer_status_count(&self) -> Result<u32, Error> {
        self.check(Call::UseWriterStatus)?;
        Ok(0)
    }

    /// `GetWriterStatus`, `GetWriterStatusEx`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` without a gathering; `VSS_E_OBJECT_NOT_FOUND` for an index out of range.
    pub(crate) fn writer_status(&self, index: u32) -> Result<WriterStatus, Error> {
        self.check(Call::UseWriterStatus)?;
        Err(no_such("status", index))
    }

    /// `FreeWriterStatus`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn free_writer_status(&self) -> Result<(), Error> {
        self.begin(Call::Any)?.order.has_status = false;
        Ok(())
    }

    /// `GetWriterComponentsCount`: writers in the document.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn writer_components_count(&self) -> Result<u32, Error> {
        self.check(Call::Any)?;
        Ok(u32::try_from(self.state().document.writers.len()).unwrap_or(u32::MAX))
    }

    /// `GetWriterComponents`: a writer of the document, as it is now.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation; `VSS_E_OBJECT_NOT_FOUND` for an index out of range.
    pub(crate) fn writer_components(&self, index: u32) -> Result<WriterComponents, Error> {
        self.check(Call::Any)?;
        let state = self.state();
        usize::try_from(index)
            .ok()
            .and_then(|index| state.document.writers.get(index))
            .cloned()
            .ok_or_else(|| no_such("writer of the document", index))
    }

    /// `SaveAsXML`: with the set that this object has created, once it is there.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation; the service cannot be reached.
    pub(crate) fn save_as_xml(&self) -> Result<String, Error> {
        let mut state = self.begin(Call::Any)?;
        if let Some(set) = state.set.filter(|_| !state.order.creating) {
            match self.service.set(set) {
                Ok(record) => state.document.describe(&record),
                // It was not created, is broken or deleted: the document tells of no set.
                Err(error) if error.kind() == ErrorKind::ObjectNotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(state.document.to_xml())
    }

    /// `AddComponent`: the writer must be one that was gathered.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order; `VSS_E_OBJECT_NOT_FOUND` for an unknown writer;
    /// `VSS_E_OBJECT_ALREADY_EXISTS`.
    pub(crate) fn add_component(&self, key: &ComponentKey) -> Result<(), Error> {
        let mut state = self.begin(Call::EditForBackup)?;
        let writer = state.writers.iter().find(|one| {
            one.writer_id == key.writer
                && key
                    .instance
                    .is_none_or(|instance| one.instance_id == instance)
        });
        let instance = writer.map(|one| one.instance_id).ok_or_else(|| {
            Error::new(
                ErrorKind::ObjectNotFound,
                format!("writer {} was not among those gathered", key.writer),
            )
        })?;
        let component = DocumentComponent::new(key.kind, key.path.clone(), key.name.clone());
        state
            .document
            .add_component(key.writer, instance, component)
    }

    /// `SetBackupSucceeded`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order; `VSS_E_OBJECT_NOT_FOUND`.
    pub(crate) fn set_backup_succeeded(
        &self,
        key: &ComponentKey,
        succeeded: bool,
    ) -> Result<(), Error> {
        let mut state = self.begin(Call::SetBackupSucceeded)?;
        state.component(key)?.backup_succeeded = succeeded;
        Ok(())
    }

    /// An edit that belongs to a backup.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order; `VSS_E_OBJECT_NOT_FOUND`.
    pub(crate) fn edit_for_backup(
        &self,
        key: &ComponentKey,
        edit: impl FnOnce(&mut DocumentComponent),
    ) -> Result<(), Error> {
        let mut state = self.begin(Call::EditForBackup)?;
        edit(state.component(key)?);
        Ok(())
    }

    /// An edit that belongs to a restore.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order; `VSS_E_OBJECT_NOT_FOUND`.
    pub(crate) fn edit_for_restore(
        &self,
        key: &ComponentKey,
        edit: impl FnOnce(&mut DocumentComponent),
    ) -> Result<(), Error> {
        let mut state = self.begin(Call::EditForRestore)?;
        edit(state.component(key)?);
        Ok(())
    }

    /// `SetRangesFilePath`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` out of order; `VSS_E_OBJECT_NOT_FOUND` for component and index.
    pub(crate) fn set_ranges_file_path(
        &self,
        key: &ComponentKey,
        index: u32,
        ranges: String,
    ) -> Result<(), Error> {
        let mut state = self.begin(Call::EditForRestore)?;
        let files = &mut state.component(key)?.partial_files;
        let file = usize::try_from(index)
            .ok()
            .and_then(|index| files.get_mut(index))
            .ok_or_else(|| no_such("partial file", index))?;
        file.ranges = Some(ranges);
        Ok(())
    }
}

impl State {
    fn component(&mut self, key: &ComponentKey) -> Result<&mut DocumentComponent, Error> {
        self.document.component_mut(
            key.writer,
            key.instance,
            key.kind,
            key.path.as_deref(),
            &key.name,
        )
    }
}
