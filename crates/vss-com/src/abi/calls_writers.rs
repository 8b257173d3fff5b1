//! Methods about writers: their metadata, their status, their components in the document.

use vss_model::{
    ComponentType, Error, FileRestoreStatus, RollForwardType, WriterId, WriterInstanceId,
};
use windows_sys::core::GUID;

use super::answer::{Answer, OK, invalid};
use super::backup_components::{AsyncPlace, BackupComponents};
use super::calls_backup::begin;
use super::examine::ExamineWriterMetadata;
use super::log;
use super::memory::{Out, bstr, guid, needed_wide, pointer, put, uuid, wide};
use super::object::Object;
use super::writer_components::WriterComponents;
use crate::document::{FileDescriptor, RestoreSubcomponent};
use crate::requester::ComponentKey;

/// A component as callers name it: writer, type, logical path, name.
///
/// # Safety
/// The strings are null or end with a zero.
unsafe fn key(
    writer: &GUID,
    kind: i32,
    path: *const u16,
    name: *const u16,
) -> Result<ComponentKey, Error> {
    // SAFETY: passed on.
    let (path, name) = unsafe { (wide(path)?, needed_wide(name)?) };
    Ok(ComponentKey {
        writer: WriterId::from_uuid(uuid(writer)),
        instance: None,
        kind: ComponentType::from_value(kind).ok_or_else(|| invalid("no VSS_COMPONENT_TYPE"))?,
        path,
        name,
    })
}

impl ComponentKey {
    /// With the instance of the writer; the null GUID is any.
    fn of_instance(self, instance: &GUID) -> Self {
        let id = WriterInstanceId::from_uuid(uuid(instance));
        Self {
            instance: (!id.is_null()).then_some(id),
            ..self
        }
    }
}

// Writers and their metadata.
impl BackupComponents {
    pub(super) unsafe fn gather_writer_metadata(&self, place: AsyncPlace) -> Answer {
        log::once("GatherWriterMetadata: writers");
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.gather_writer_metadata()) }
    }

    pub(super) unsafe fn get_writer_metadata_count(&self, count: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(count) }?;
        place.put(self.0.writer_metadata_count()?);
        OK
    }

    pub(super) unsafe fn get_writer_metadata(
        &self,
        writer: u32,
        instance: *mut GUID,
        object: *mut *mut Object<ExamineWriterMetadata>,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (instance, object) = unsafe { (Out::needed(instance)?, pointer(object)?) };
        let metadata = self.0.writer_metadata(writer)?;
        instance.put(guid(metadata.instance_id.as_uuid()));
        object.put(Object::create(ExamineWriterMetadata::new(metadata)));
        OK
    }

    pub(super) unsafe fn get_writer_metadata_ex(
        &self,
        writer: u32,
        instance: *mut GUID,
        object: *mut *mut Object<ExamineWriterMetadata>,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        unsafe { self.get_writer_metadata(writer, instance, object) }
    }

    pub(super) unsafe fn free_writer_metadata(&self) -> Answer {
        self.0.free_writer_metadata()?;
        OK
    }

    pub(super) unsafe fn gather_writer_status(&self, place: AsyncPlace) -> Answer {
        log::once("GatherWriterStatus: writers");
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.gather_writer_status()) }
    }

    pub(super) unsafe fn get_writer_status_count(&self, count: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(count) }?;
        place.put(self.0.writer_status_count()?);
        OK
    }

    pub(super) unsafe fn free_writer_status(&self) -> Answer {
        self.0.free_writer_status()?;
        OK
    }

    pub(super) unsafe fn get_writer_status(
        &self,
        writer: u32,
        instance: *mut GUID,
        id: *mut GUID,
        name: *mut *mut u16,
        state: *mut i32,
        failure: *mut i32,
    ) -> Answer {
        let nothing = std::ptr::null_mut;
        // SAFETY: the caller vouches for the places.
        unsafe {
            self.get_writer_status_ex(
                writer,
                instance,
                id,
                name,
                state,
                failure,
                nothing(),
                std::ptr::null_mut(),
            )
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the interface has them")]
    pub(super) unsafe fn get_writer_status_ex(
        &self,
        writer: u32,
        instance: *mut GUID,
        id: *mut GUID,
        name: *mut *mut u16,
        state: *mut i32,
        failure: *mut i32,
        application: *mut i32,
        message: *mut *mut u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (instance, id, name, state, failure, application, message) = unsafe {
            (
                Out::needed(instance)?,
                Out::needed(id)?,
                pointer(name)?,
                Out::needed(state)?,
                Out::needed(failure)?,
                Out::optional(application),
                Out::optional(message),
            )
        };
        put(message.as_ref(), std::ptr::null_mut());
        let status = self.0.writer_status(writer)?;
        name.put(bstr(&status.name)?);
        instance.put(guid(status.instance.as_uuid()));
        id.put(guid(status.writer.as_uuid()));
        state.put(status.state.value());
        failure.put(status.failure.0.cast_signed());
        put(application.as_ref(), 0);
        OK
    }

    pub(super) unsafe fn get_writer_components_count(&self, count: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(count) }?;
        place.put(self.0.writer_components_count()?);
        OK
    }

    pub(super) unsafe fn get_writer_components(
        &self,
        writer: u32,
        object: *mut *mut WriterComponents,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { pointer(object) }?;
        place.put(WriterComponents::create(self.0.writer_components(writer)?));
        OK
    }
}

// Components in the document.
#[allow(clippy::too_many_arguments, reason = "the interface has them")]
impl BackupComponents {
    pub(super) unsafe fn add_component(
        &self,
        instance: GUID,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?.of_instance(&instance);
        self.0.add_component(&key)?;
        OK
    }

    pub(super) unsafe fn set_backup_succeeded(
        &self,
        instance: GUID,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        succeeded: u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?.of_instance(&instance);
        self.0.set_backup_succeeded(&key, succeeded != 0)?;
        OK
    }

    pub(super) unsafe fn set_backup_options(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        options: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, options) = unsafe { (key(&writer, kind, path, name)?, needed_wide(options)?) };
        self.0
            .edit_for_backup(&key, |component| component.backup_options = Some(options))?;
        OK
    }

    pub(super) unsafe fn set_previous_backup_stamp(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        stamp: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, stamp) = unsafe { (key(&writer, kind, path, name)?, needed_wide(stamp)?) };
        self.0.edit_for_backup(&key, |component| {
            component.previous_backup_stamp = Some(stamp);
        })?;
        OK
    }

    pub(super) unsafe fn set_selected_for_restore(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        selected: u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?;
        self.0.edit_for_restore(&key, |component| {
            component.selected_for_restore = selected != 0;
        })?;
        OK
    }

    pub(super) unsafe fn set_selected_for_restore_ex(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        selected: u8,
        instance: GUID,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?.of_instance(&instance);
        self.0.edit_for_restore(&key, |component| {
            component.selected_for_restore = selected != 0;
        })?;
        OK
    }

    pub(super) unsafe fn set_restore_options(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        options: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, options) = unsafe { (key(&writer, kind, path, name)?, needed_wide(options)?) };
        self.0
            .edit_for_restore(&key, |component| component.restore_options = Some(options))?;
        OK
    }

    pub(super) unsafe fn set_additional_restores(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        additional: u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?;
        self.0.edit_for_restore(&key, |component| {
            component.additional_restores = additional != 0;
        })?;
        OK
    }

    pub(super) unsafe fn add_alternative_location_mapping(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        from: *const u16,
        filespec: *const u16,
        recursive: u8,
        to: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, mapping) = unsafe {
            (
                key(&writer, kind, path, name)?,
                moved(from, filespec, recursive, to)?,
            )
        };
        self.0.edit_for_restore(&key, |component| {
            component.alternate_location_mappings.push(mapping);
        })?;
        OK
    }

    pub(super) unsafe fn add_new_target(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        from: *const u16,
        filename: *const u16,
        recursive: u8,
        to: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, target) = unsafe {
            (
                key(&writer, kind, path, name)?,
                moved(from, filename, recursive, to)?,
            )
        };
        self.0
            .edit_for_restore(&key, |component| component.new_targets.push(target))?;
        OK
    }

    pub(super) unsafe fn add_restore_subcomponent(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        sub_path: *const u16,
        sub_name: *const u16,
        repair: u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, sub_path, sub_name) = unsafe {
            (
                key(&writer, kind, path, name)?,
                wide(sub_path)?,
                needed_wide(sub_name)?,
            )
        };
        let subcomponent = RestoreSubcomponent {
            logical_path: sub_path,
            component_name: sub_name,
            repair: repair != 0,
        };
        self.0.edit_for_restore(&key, |component| {
            component.restore_subcomponents.push(subcomponent);
        })?;
        OK
    }

    pub(super) unsafe fn set_file_restore_status(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        status: i32,
    ) -> Answer {
        let status = FileRestoreStatus::from_value(status)
            .ok_or_else(|| invalid("no VSS_FILE_RESTORE_STATUS"))?;
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?;
        self.0
            .edit_for_restore(&key, |component| component.file_restore_status = status)?;
        OK
    }

    pub(super) unsafe fn set_ranges_file_path(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        index: u32,
        ranges: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, ranges) = unsafe { (key(&writer, kind, path, name)?, needed_wide(ranges)?) };
        self.0.set_ranges_file_path(&key, index, ranges)?;
        OK
    }

    pub(super) unsafe fn set_authoritative_restore(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        authoritative: u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let key = unsafe { key(&writer, kind, path, name) }?;
        self.0.edit_for_restore(&key, |component| {
            component.authoritative_restore = authoritative != 0;
        })?;
        OK
    }

    pub(super) unsafe fn set_roll_forward(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        roll: i32,
        point: *const u16,
    ) -> Answer {
        let roll =
            RollForwardType::from_value(roll).ok_or_else(|| invalid("no VSS_ROLLFORWARD_TYPE"))?;
        // SAFETY: the caller vouches for the strings.
        let (key, point) = unsafe { (key(&writer, kind, path, name)?, wide(point)?) };
        self.0.edit_for_restore(&key, |component| {
            component.roll_forward_type = roll;
            component.roll_forward_point = point;
        })?;
        OK
    }

    pub(super) unsafe fn set_restore_name(
        &self,
        writer: GUID,
        kind: i32,
        path: *const u16,
        name: *const u16,
        restore_name: *const u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the strings.
        let (key, restore_name) =
            unsafe { (key(&writer, kind, path, name)?, needed_wide(restore_name)?) };
        self.0.edit_for_restore(&key, |component| {
            component.restore_name = Some(restore_name);
        })?;
        OK
    }
}

/// Files that a restore puts elsewhere.
///
/// # Safety
/// The strings are null or end with a zero.
unsafe fn moved(
    from: *const u16,
    filespec: *const u16,
    recursive: u8,
    to: *const u16,
) -> Result<FileDescriptor, Error> {
    // SAFETY: passed on.
    let (from, filespec, to) =
        unsafe { (needed_wide(from)?, needed_wide(filespec)?, needed_wide(to)?) };
    Ok(FileDescriptor::moved(from, filespec, recursive != 0, to))
}
