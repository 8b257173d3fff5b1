//! `IVssWMComponent`, `IVssWMFiledesc` and `IVssWMDependency` (spec: requester §3).
//!
//! These interfaces have no public id: callers get them from their parents only.

use std::mem::{offset_of, size_of};
use std::ptr;

use vss_model::Error;
use windows_sys::Win32::Foundation::SysFreeString;
use windows_sys::core::GUID;

use super::answer::{Answer, OK, invalid};
use super::memory::{Out, bstr, free_task, guid, pointer, task_bytes};
use super::object::{Object, class};
use crate::document::{Dependency, FileDescriptor, MetadataComponent};

/// A place for an `IVssWMFiledesc`.
pub(super) type FilePlace = *mut *mut Object<WmFile>;

/// A file descriptor.
pub(super) struct WmFile(pub(super) FileDescriptor);

class! {
    WmFile as WmFileTable, &[];
    "IVssWMFiledesc::GetPath" get_path(path: *mut *mut u16);
    "IVssWMFiledesc::GetFilespec" get_filespec(filespec: *mut *mut u16);
    "IVssWMFiledesc::GetRecursive" get_recursive(recursive: *mut u8);
    "IVssWMFiledesc::GetAlternateLocation" get_alternate_location(location: *mut *mut u16);
    "IVssWMFiledesc::GetBackupTypeMask" get_backup_type_mask(mask: *mut u32);
}

/// Hands a string out as a BSTR.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn give(place: *mut *mut u16, text: &str) -> Answer {
    // SAFETY: passed on.
    let place = unsafe { pointer(place) }?;
    place.put(bstr(text)?);
    OK
}

/// Hands a string out, or null and `S_FALSE` where there is none (spec: writer §9).
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn give_optional(place: *mut *mut u16, text: Option<&str>) -> Answer {
    // SAFETY: passed on.
    let place = unsafe { pointer(place) }?;
    match text {
        Some(text) => {
            place.put(bstr(text)?);
            OK
        }
        None => Ok(vss_model::ResultCode::S_FALSE),
    }
}

/// Hands a string out, or null where there is none.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn give_nullable(place: *mut *mut u16, text: Option<&str>) -> Answer {
    // SAFETY: passed on.
    unsafe { give_optional(place, text) }?;
    OK
}

/// Hands a value out.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn give_value<T>(place: *mut T, value: T) -> Answer {
    // SAFETY: passed on.
    unsafe { Out::needed(place) }?.put(value);
    OK
}

/// Hands an object out, of a list by its index.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn give_one<T, C: super::object::Class>(
    place: *mut *mut Object<C>,
    list: &[T],
    index: u32,
    make: impl FnOnce(&T) -> C,
) -> Answer {
    // SAFETY: passed on.
    let place = unsafe { pointer(place) }?;
    place.put(Object::create(make(at(list, index)?)));
    OK
}

/// One of a list.
///
/// # Errors
/// `VSS_E_OBJECT_NOT_FOUND` for an index out of range.
pub(super) fn at<T>(list: &[T], index: u32) -> Result<&T, Error> {
    usize::try_from(index)
        .ok()
        .and_then(|index| list.get(index))
        .ok_or_else(|| {
            Error::new(
                vss_model::ErrorKind::ObjectNotFound,
                format!(
                    "there are {} of these, and none with index {index}",
                    list.len()
                ),
            )
        })
}

/// How many there are, as callers count.
pub(super) fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl WmFile {
    unsafe fn get_path(&self, path: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_nullable(path, self.0.path.as_deref()) }
    }

    unsafe fn get_filespec(&self, filespec: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_nullable(filespec, self.0.filespec.as_deref()) }
    }

    unsafe fn get_recursive(&self, recursive: *mut u8) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(recursive, u8::from(self.0.recursive)) }
    }

    unsafe fn get_alternate_location(&self, location: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_nullable(location, self.0.alternate_location.as_deref()) }
    }

    unsafe fn get_backup_type_mask(&self, mask: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(mask, self.0.backup_type_mask) }
    }
}

/// A dependency on a component of another writer.
pub(super) struct WmDependency(Dependency);

class! {
    WmDependency as WmDependencyTable, &[];
    "IVssWMDependency::GetWriterId" get_writer_id(writer: *mut GUID);
    "IVssWMDependency::GetLogicalPath" get_logical_path(path: *mut *mut u16);
    "IVssWMDependency::GetComponentName" get_component_name(name: *mut *mut u16);
}

impl WmDependency {
    unsafe fn get_writer_id(&self, writer: *mut GUID) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(writer, guid(self.0.writer_id.as_uuid())) }
    }

    unsafe fn get_logical_path(&self, path: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_nullable(path, self.0.logical_path.as_deref()) }
    }

    unsafe fn get_component_name(&self, name: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give(name, &self.0.component_name) }
    }
}

/// `VSS_COMPONENTINFO`.
#[repr(C)]
pub(super) struct ComponentInfo {
    kind: i32,
    logical_path: *mut u16,
    name: *mut u16,
    caption: *mut u16,
    icon: *mut u8,
    icon_length: u32,
    restore_metadata: u8,
    notify_on_backup_complete: u8,
    selectable: u8,
    selectable_for_restore: u8,
    flags: u32,
    files: u32,
    databases: u32,
    log_files: u32,
    dependencies: u32,
}

// The same figures stand in `layout`, where a C++ compiler checks them.
const _: () = {
    assert!(size_of::<ComponentInfo>() == 72);
    assert!(offset_of!(ComponentInfo, icon) == 32);
    assert!(offset_of!(ComponentInfo, selectable) == 46);
    assert!(offset_of!(ComponentInfo, flags) == 48);
    assert!(offset_of!(ComponentInfo, dependencies) == 64);
};

impl ComponentInfo {
    fn new(component: &MetadataComponent) -> Result<Self, Error> {
        let mut info = Self {
            kind: component.component_type.value(),
            logical_path: ptr::null_mut(),
            name: ptr::null_mut(),
            caption: ptr::null_mut(),
            icon: ptr::null_mut(),
            icon_length: count(&component.icon),
            restore_metadata: component.restore_metadata.into(),
            notify_on_backup_complete: component.notify_on_backup_complete.into(),
            selectable: component.selectable.into(),
            selectable_for_restore: component.selectable_for_restore.into(),
            flags: component.component_flags,
            files: count(&component.files),
            databases: count(&component.database_files),
            log_files: count(&component.database_log_files),
            dependencies: count(&component.dependencies),
        };
        let filled = info.fill(component);
        if filled.is_err() {
            info.free();
        }
        filled.map(|()| info)
    }

    fn fill(&mut self, component: &MetadataComponent) -> Result<(), Error> {
        if let Some(path) = &component.logical_path {
            self.logical_path = bstr(path)?;
        }
        self.name = bstr(&component.component_name)?;
        if let Some(caption) = &component.caption {
            self.caption = bstr(caption)?;
        }
        self.icon = task_bytes(&component.icon)?;
        Ok(())
    }

    fn free(&mut self) {
        for string in [&mut self.logical_path, &mut self.name, &mut self.caption] {
            // SAFETY: null or one of `bstr`, and forgotten at once.
            unsafe { SysFreeString(*string) };
            *string = ptr::null_mut();
        }
        // SAFETY: null or one of `task_bytes`, and forgotten at once.
        unsafe { free_task(self.icon.cast()) };
        self.icon = ptr::null_mut();
    }
}

/// A component, as its writer describes it.
pub(super) struct WmComponent(pub(super) MetadataComponent);

class! {
    WmComponent as WmComponentTable, &[];
    "IVssWMComponent::GetComponentInfo" get_component_info(info: *mut *mut ComponentInfo);
    "IVssWMComponent::FreeComponentInfo" free_component_info(info: *mut ComponentInfo);
    "IVssWMComponent::GetFile" get_file(index: u32, file: FilePlace);
    "IVssWMComponent::GetDatabaseFile" get_database_file(index: u32, file: FilePlace);
    "IVssWMComponent::GetDatabaseLogFile" get_database_log_file(index: u32, file: FilePlace);
    "IVssWMComponent::GetDependency" get_dependency(
        index: u32, dependency: *mut *mut Object<WmDependency>
    );
}

impl WmComponent {
    unsafe fn get_component_info(&self, info: *mut *mut ComponentInfo) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { pointer(info) }?;
        place.put(Box::into_raw(Box::new(ComponentInfo::new(&self.0)?)));
        OK
    }

    unsafe fn free_component_info(&self, info: *mut ComponentInfo) -> Answer {
        if info.is_null() {
            return Err(invalid("there is nothing to free"));
        }
        // SAFETY: the caller got it from `get_component_info`, and gives it back.
        unsafe { Box::from_raw(info) }.free();
        OK
    }

    unsafe fn get_file(&self, index: u32, file: FilePlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, &self.0.files, index, |one| WmFile(one.clone())) }
    }

    unsafe fn get_database_file(&self, index: u32, file: FilePlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe {
            give_one(file, &self.0.database_files, index, |one| {
                WmFile(one.clone())
            })
        }
    }

    unsafe fn get_database_log_file(&self, index: u32, file: FilePlace) -> Answer {
        let files = &self.0.database_log_files;
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, files, index, |one| WmFile(one.clone())) }
    }

    unsafe fn get_dependency(
        &self,
        index: u32,
        dependency: *mut *mut Object<WmDependency>,
    ) -> Answer {
        let all = &self.0.dependencies;
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(dependency, all, index, |one| WmDependency(one.clone())) }
    }
}
