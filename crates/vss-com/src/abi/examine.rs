//! `IVssExamineWriterMetadata` to `IVssExamineWriterMetadataEx2` (spec: requester §3).

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vss_model::{Error, ErrorKind, interfaces};
use windows_sys::core::GUID;

use super::answer::{Answer, OK, invalid};
use super::log;
use super::memory::{Out, bstr, guid, pointer, read_bstr};
use super::object::{Object, class};
use super::wm::{FilePlace, WmComponent, WmFile, count, give, give_one, give_value};
use crate::document::WriterMetadata;

/// A writer's metadata.
pub(super) struct ExamineWriterMetadata(Mutex<WriterMetadata>);

class! {
    ExamineWriterMetadata as ExamineWriterMetadataTable, &[
        interfaces::EXAMINE_WRITER_METADATA,
        interfaces::EXAMINE_WRITER_METADATA_EX,
        interfaces::EXAMINE_WRITER_METADATA_EX2,
    ];
    "IVssExamineWriterMetadata::GetIdentity" get_identity(
        instance: *mut GUID, writer: *mut GUID, name: *mut *mut u16, usage: *mut i32,
        source: *mut i32
    );
    "IVssExamineWriterMetadata::GetFileCounts" get_file_counts(
        include: *mut u32, exclude: *mut u32, components: *mut u32
    );
    "IVssExamineWriterMetadata::GetIncludeFile" get_include_file(index: u32, file: FilePlace);
    "IVssExamineWriterMetadata::GetExcludeFile" get_exclude_file(index: u32, file: FilePlace);
    "IVssExamineWriterMetadata::GetComponent" get_component(
        index: u32, component: *mut *mut Object<WmComponent>
    );
    "IVssExamineWriterMetadata::GetRestoreMethod" get_restore_method(
        method: *mut i32, service: *mut *mut u16, procedure: *mut *mut u16,
        writer_restore: *mut i32, reboot: *mut u8, mappings: *mut u32
    );
    "IVssExamineWriterMetadata::GetAlternateLocationMapping" get_alternate_location_mapping(
        index: u32, file: FilePlace
    );
    "IVssExamineWriterMetadata::GetBackupSchema" get_backup_schema(mask: *mut u32);
    "IVssExamineWriterMetadata::GetDocument" get_document(document: *mut *mut c_void);
    "IVssExamineWriterMetadata::SaveAsXML" save_as_xml(xml: *mut *mut u16);
    "IVssExamineWriterMetadata::LoadFromXML" load_from_xml(xml: *const u16);
    "IVssExamineWriterMetadataEx::GetIdentityEx" get_identity_ex(
        instance: *mut GUID, writer: *mut GUID, name: *mut *mut u16,
        instance_name: *mut *mut u16, usage: *mut i32, source: *mut i32
    );
    "IVssExamineWriterMetadataEx2::GetVersion" get_version(major: *mut u32, minor: *mut u32);
    "IVssExamineWriterMetadataEx2::GetExcludeFromSnapshotCount" get_exclude_from_snapshot_count(
        files: *mut u32
    );
    "IVssExamineWriterMetadataEx2::GetExcludeFromSnapshotFile" get_exclude_from_snapshot_file(
        index: u32, file: FilePlace
    );
}

impl ExamineWriterMetadata {
    /// Of a document.
    ///
    /// # Errors
    /// `VSS_E_INVALID_XML_DOCUMENT`.
    pub(super) fn parse(xml: &str) -> Result<Self, Error> {
        Ok(Self::new(WriterMetadata::parse(xml)?))
    }

    /// Of metadata that were gathered.
    pub(super) fn new(metadata: WriterMetadata) -> Self {
        Self(Mutex::new(metadata))
    }

    fn metadata(&self) -> MutexGuard<'_, WriterMetadata> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    unsafe fn get_identity(
        &self,
        instance: *mut GUID,
        writer: *mut GUID,
        name: *mut *mut u16,
        usage: *mut i32,
        source: *mut i32,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (instance, writer, name, usage, source) = unsafe {
            (
                Out::needed(instance)?,
                Out::needed(writer)?,
                pointer(name)?,
                Out::needed(usage)?,
                Out::needed(source)?,
            )
        };
        let metadata = self.metadata();
        name.put(bstr(&metadata.writer_name)?);
        instance.put(guid(metadata.instance_id.as_uuid()));
        writer.put(guid(metadata.writer_id.as_uuid()));
        usage.put(metadata.usage.value());
        source.put(metadata.source.value());
        OK
    }

    unsafe fn get_identity_ex(
        &self,
        instance: *mut GUID,
        writer: *mut GUID,
        name: *mut *mut u16,
        instance_name: *mut *mut u16,
        usage: *mut i32,
        source: *mut i32,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { pointer(instance_name) }?;
        // SAFETY: as above.
        unsafe { self.get_identity(instance, writer, name, usage, source) }?;
        if let Some(text) = &self.metadata().instance_name {
            place.put(bstr(text)?);
        }
        OK
    }

    unsafe fn get_file_counts(
        &self,
        include: *mut u32,
        exclude: *mut u32,
        components: *mut u32,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (include, exclude, components) = unsafe {
            (
                Out::needed(include)?,
                Out::needed(exclude)?,
                Out::needed(components)?,
            )
        };
        let metadata = self.metadata();
        // Include files are obsolete (spec: requester §3).
        include.put(0);
        exclude.put(count(&metadata.exclude_files));
        components.put(count(&metadata.components));
        OK
    }

    unsafe fn get_include_file(&self, index: u32, file: FilePlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, &[], index, |one: &WmFile| WmFile(one.0.clone())) }
    }

    unsafe fn get_exclude_file(&self, index: u32, file: FilePlace) -> Answer {
        let metadata = self.metadata();
        // SAFETY: the caller vouches for the place.
        unsafe {
            give_one(file, &metadata.exclude_files, index, |one| {
                WmFile(one.clone())
            })
        }
    }

    unsafe fn get_component(&self, index: u32, component: *mut *mut Object<WmComponent>) -> Answer {
        let all = &self.metadata().components;
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(component, all, index, |one| WmComponent(one.clone())) }
    }

    unsafe fn get_restore_method(
        &self,
        method: *mut i32,
        service: *mut *mut u16,
        procedure: *mut *mut u16,
        writer_restore: *mut i32,
        reboot: *mut u8,
        mappings: *mut u32,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (method, service, procedure, writer_restore, reboot, mappings) = unsafe {
            (
                Out::needed(method)?,
                pointer(service)?,
                pointer(procedure)?,
                Out::needed(writer_restore)?,
                Out::needed(reboot)?,
                Out::needed(mappings)?,
            )
        };
        let metadata = self.metadata();
        let Some(restore) = &metadata.restore_method else {
            method.put(0);
            writer_restore.put(0);
            reboot.put(0);
            mappings.put(0);
            return Ok(vss_model::ResultCode::S_FALSE);
        };
        if let Some(text) = &restore.service {
            service.put(bstr(text)?);
        }
        if let Some(text) = &restore.user_procedure {
            procedure.put(bstr(text)?);
        }
        method.put(restore.method.value());
        writer_restore.put(restore.writer_restore.value());
        reboot.put(restore.reboot_required.into());
        mappings.put(count(&restore.mappings));
        OK
    }

    unsafe fn get_alternate_location_mapping(&self, index: u32, file: FilePlace) -> Answer {
        let metadata = self.metadata();
        let mappings = metadata
            .restore_method
            .as_ref()
            .map_or(&[][..], |restore| &restore.mappings);
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, mappings, index, |one| WmFile(one.clone())) }
    }

    unsafe fn get_backup_schema(&self, mask: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(mask, self.metadata().backup_schema) }
    }

    unsafe fn get_document(&self, document: *mut *mut c_void) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { pointer(document) }?;
        log::once("IVssExamineWriterMetadata::GetDocument");
        Err(Error::new(
            ErrorKind::NotImplemented,
            "the document is not to be had as a DOM tree; use SaveAsXML",
        ))
    }

    unsafe fn save_as_xml(&self, xml: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give(xml, &self.metadata().to_xml()) }
    }

    unsafe fn load_from_xml(&self, xml: *const u16) -> Answer {
        // SAFETY: the caller vouches for the BSTR.
        let xml = unsafe { read_bstr(xml) }?.ok_or_else(|| invalid("there is no document"))?;
        *self.metadata() = WriterMetadata::parse(&xml)?;
        OK
    }

    unsafe fn get_version(&self, major: *mut u32, minor: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (major, minor) = unsafe { (Out::needed(major)?, Out::needed(minor)?) };
        let metadata = self.metadata();
        major.put(metadata.version_major);
        minor.put(metadata.version_minor);
        OK
    }

    unsafe fn get_exclude_from_snapshot_count(&self, files: *mut u32) -> Answer {
        let total = count(&self.metadata().exclude_from_snapshot_files);
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(files, total) }
    }

    unsafe fn get_exclude_from_snapshot_file(&self, index: u32, file: FilePlace) -> Answer {
        let all = &self.metadata().exclude_from_snapshot_files;
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, all, index, |one| WmFile(one.clone())) }
    }
}
