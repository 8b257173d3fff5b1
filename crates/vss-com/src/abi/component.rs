//! `IVssComponent` to `IVssComponentEx2`, as requesters have it: everything can be read, nothing
//! written (spec: writer §9).

use vss_model::{Error, ErrorKind, interfaces};
use windows_sys::Win32::Foundation::{FILETIME, SysFreeString};
use windows_sys::core::BOOL;

use super::answer::{Answer, OK};
use super::memory::{Out, bstr, pointer, put};
use super::object::class;
use super::wm::{
    FilePlace, WmFile, at, count, give, give_nullable, give_one, give_optional, give_value,
};
use crate::document::DocumentComponent;

/// A component of a document.
pub(super) struct Component(pub(super) DocumentComponent);

/// A place for a BSTR.
type Text = *mut *mut u16;

class! {
    Component as ComponentTable, &[
        interfaces::COMPONENT,
        interfaces::COMPONENT_EX,
        interfaces::COMPONENT_EX2,
    ];
    "IVssComponent::GetLogicalPath" get_logical_path(path: Text);
    "IVssComponent::GetComponentType" get_component_type(kind: *mut i32);
    "IVssComponent::GetComponentName" get_component_name(name: Text);
    "IVssComponent::GetBackupSucceeded" get_backup_succeeded(succeeded: *mut u8);
    "IVssComponent::GetAlternateLocationMappingCount" get_alternate_location_mapping_count(
        mappings: *mut u32
    );
    "IVssComponent::GetAlternateLocationMapping" get_alternate_location_mapping(
        index: u32, file: FilePlace
    );
    "IVssComponent::SetBackupMetadata" set_backup_metadata(data: *const u16);
    "IVssComponent::GetBackupMetadata" get_backup_metadata(data: Text);
    "IVssComponent::AddPartialFile" add_partial_file(
        path: *const u16, filename: *const u16, ranges: *const u16, metadata: *const u16
    );
    "IVssComponent::GetPartialFileCount" get_partial_file_count(files: *mut u32);
    "IVssComponent::GetPartialFile" get_partial_file(
        index: u32, path: Text, filename: Text, ranges: Text, metadata: Text
    );
    "IVssComponent::IsSelectedForRestore" is_selected_for_restore(selected: *mut u8);
    "IVssComponent::GetAdditionalRestores" get_additional_restores(additional: *mut u8);
    "IVssComponent::GetNewTargetCount" get_new_target_count(targets: *mut u32);
    "IVssComponent::GetNewTarget" get_new_target(index: u32, target: FilePlace);
    "IVssComponent::AddDirectedTarget" add_directed_target(
        source_path: *const u16, source_file: *const u16, source_ranges: *const u16,
        target_path: *const u16, target_file: *const u16, target_ranges: *const u16
    );
    "IVssComponent::GetDirectedTargetCount" get_directed_target_count(targets: *mut u32);
    "IVssComponent::GetDirectedTarget" get_directed_target(
        index: u32, source_path: Text, source_file: Text, source_ranges: Text, target_path: Text,
        target_file: Text, target_ranges: Text
    );
    "IVssComponent::SetRestoreMetadata" set_restore_metadata(data: *const u16);
    "IVssComponent::GetRestoreMetadata" get_restore_metadata(data: Text);
    "IVssComponent::SetRestoreTarget" set_restore_target(target: i32);
    "IVssComponent::GetRestoreTarget" get_restore_target(target: *mut i32);
    "IVssComponent::SetPreRestoreFailureMsg" set_pre_restore_failure_msg(message: *const u16);
    "IVssComponent::GetPreRestoreFailureMsg" get_pre_restore_failure_msg(message: Text);
    "IVssComponent::SetPostRestoreFailureMsg" set_post_restore_failure_msg(message: *const u16);
    "IVssComponent::GetPostRestoreFailureMsg" get_post_restore_failure_msg(message: Text);
    "IVssComponent::SetBackupStamp" set_backup_stamp(stamp: *const u16);
    "IVssComponent::GetBackupStamp" get_backup_stamp(stamp: Text);
    "IVssComponent::GetPreviousBackupStamp" get_previous_backup_stamp(stamp: Text);
    "IVssComponent::GetBackupOptions" get_backup_options(options: Text);
    "IVssComponent::GetRestoreOptions" get_restore_options(options: Text);
    "IVssComponent::GetRestoreSubcomponentCount" get_restore_subcomponent_count(
        subcomponents: *mut u32
    );
    "IVssComponent::GetRestoreSubcomponent" get_restore_subcomponent(
        index: u32, path: Text, name: Text, repair: *mut u8
    );
    "IVssComponent::GetFileRestoreStatus" get_file_restore_status(status: *mut i32);
    "IVssComponent::AddDifferencedFilesByLastModifyTime" add_differenced_files_by_time(
        path: *const u16, filespec: *const u16, recursive: BOOL, time: FILETIME
    );
    "IVssComponent::AddDifferencedFilesByLastModifyLSN" add_differenced_files_by_lsn(
        path: *const u16, filespec: *const u16, recursive: BOOL, lsn: *const u16
    );
    "IVssComponent::GetDifferencedFilesCount" get_differenced_files_count(files: *mut u32);
    "IVssComponent::GetDifferencedFile" get_differenced_file(
        index: u32, path: Text, filespec: Text, recursive: *mut BOOL, lsn: Text,
        time: *mut FILETIME
    );
    "IVssComponentEx::SetPrepareForBackupFailureMsg" set_prepare_for_backup_failure_msg(
        message: *const u16
    );
    "IVssComponentEx::SetPostSnapshotFailureMsg" set_post_snapshot_failure_msg(
        message: *const u16
    );
    "IVssComponentEx::GetPrepareForBackupFailureMsg" get_prepare_for_backup_failure_msg(
        message: Text
    );
    "IVssComponentEx::GetPostSnapshotFailureMsg" get_post_snapshot_failure_msg(message: Text);
    "IVssComponentEx::GetAuthoritativeRestore" get_authoritative_restore(
        authoritative: *mut u8
    );
    "IVssComponentEx::GetRollForward" get_roll_forward(kind: *mut i32, point: Text);
    "IVssComponentEx::GetRestoreName" get_restore_name(name: Text);
    "IVssComponentEx2::SetFailure" set_failure(
        failure: i32, application: i32, message: *const u16, reserved: u32
    );
    "IVssComponentEx2::GetFailure" get_failure(
        failure: *mut i32, application: *mut i32, message: Text, reserved: *mut u32
    );
}

/// What only a writer may do, inside one of its events.
fn writers_only() -> Answer {
    Err(Error::new(
        ErrorKind::BadState,
        "only a writer can change its components, inside an event",
    ))
}

/// Several strings, all of them or none.
///
/// # Safety
/// Places that are not null can be written.
unsafe fn give_texts<const N: usize>(
    places: [Text; N],
    texts: impl FnOnce() -> Result<[Option<String>; N], Error>,
) -> Answer {
    let mut outs = Vec::with_capacity(N);
    for place in places {
        // SAFETY: passed on.
        outs.push(unsafe { pointer(place) }?);
    }
    let mut made = Vec::with_capacity(N);
    for text in texts()? {
        match text.as_deref().map(bstr).transpose() {
            Ok(text) => made.push(text.unwrap_or(std::ptr::null_mut())),
            Err(error) => {
                // SAFETY: just made, and given to nobody.
                made.iter().for_each(|text| unsafe { SysFreeString(*text) });
                return Err(error);
            }
        }
    }
    outs.iter().zip(made).for_each(|(out, text)| out.put(text));
    OK
}

// Getters of one value.
impl Component {
    unsafe fn get_logical_path(&self, path: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_nullable(path, self.0.logical_path.as_deref()) }
    }

    unsafe fn get_component_type(&self, kind: *mut i32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(kind, self.0.component_type.value()) }
    }

    unsafe fn get_component_name(&self, name: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give(name, &self.0.component_name) }
    }

    unsafe fn get_backup_succeeded(&self, succeeded: *mut u8) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(succeeded, self.0.backup_succeeded.into()) }
    }

    unsafe fn get_backup_metadata(&self, data: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(data, self.0.backup_metadata.as_deref()) }
    }

    unsafe fn is_selected_for_restore(&self, selected: *mut u8) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(selected, self.0.selected_for_restore.into()) }
    }

    unsafe fn get_additional_restores(&self, additional: *mut u8) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(additional, self.0.additional_restores.into()) }
    }

    unsafe fn get_restore_metadata(&self, data: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(data, self.0.restore_metadata.as_deref()) }
    }

    unsafe fn get_restore_target(&self, target: *mut i32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(target, self.0.restore_target.value()) }
    }

    unsafe fn get_pre_restore_failure_msg(&self, message: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(message, self.0.pre_restore_failure_msg.as_deref()) }
    }

    unsafe fn get_post_restore_failure_msg(&self, message: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(message, self.0.post_restore_failure_msg.as_deref()) }
    }

    unsafe fn get_backup_stamp(&self, stamp: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(stamp, self.0.backup_stamp.as_deref()) }
    }

    unsafe fn get_previous_backup_stamp(&self, stamp: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(stamp, self.0.previous_backup_stamp.as_deref()) }
    }

    unsafe fn get_backup_options(&self, options: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(options, self.0.backup_options.as_deref()) }
    }

    unsafe fn get_restore_options(&self, options: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(options, self.0.restore_options.as_deref()) }
    }

    unsafe fn get_file_restore_status(&self, status: *mut i32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(status, self.0.file_restore_status.value()) }
    }

    unsafe fn get_prepare_for_backup_failure_msg(&self, message: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(message, self.0.prepare_for_backup_failure_msg.as_deref()) }
    }

    unsafe fn get_post_snapshot_failure_msg(&self, message: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(message, self.0.post_snapshot_failure_msg.as_deref()) }
    }

    unsafe fn get_authoritative_restore(&self, authoritative: *mut u8) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(authoritative, self.0.authoritative_restore.into()) }
    }

    unsafe fn get_roll_forward(&self, kind: *mut i32, point: Text) -> Answer {
        // SAFETY: the caller vouches for the places.
        let kind = unsafe { Out::needed(kind) }?;
        kind.put(self.0.roll_forward_type.value());
        // SAFETY: as above.
        unsafe { give_nullable(point, self.0.roll_forward_point.as_deref()) }
    }

    unsafe fn get_restore_name(&self, name: Text) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_optional(name, self.0.restore_name.as_deref()) }
    }

    unsafe fn get_failure(
        &self,
        failure: *mut i32,
        application: *mut i32,
        message: Text,
        reserved: *mut u32,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (failure, application, reserved) = unsafe {
            (
                Out::needed(failure)?,
                Out::needed(application)?,
                Out::optional(reserved),
            )
        };
        let told = self.0.failure.as_ref();
        failure.put(told.map_or(0, |told| told.code.0.cast_signed()));
        application.put(told.map_or(0, |told| told.application_code.cast_signed()));
        put(reserved.as_ref(), 0);
        let text = told.and_then(|told| told.application_message.as_deref());
        // SAFETY: as above.
        unsafe { give_nullable(message, text) }
    }
}

// Getters of lists.
impl Component {
    unsafe fn get_alternate_location_mapping_count(&self, mappings: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(mappings, count(&self.0.alternate_location_mappings)) }
    }

    unsafe fn get_alternate_location_mapping(&self, index: u32, file: FilePlace) -> Answer {
        let all = &self.0.alternate_location_mappings;
        // SAFETY: the caller vouches for the place.
        unsafe { give_one(file, all, index, |one| WmFile(one.clone())) }
    }

    unsafe fn get_partial_file_count(&self, files: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(files, count(&self.0.partial_files)) }
    }

    unsafe fn get_partial_file(
        &self,
        index: u32,
        path: Text,
        filename: Text,
        ranges: Text,
        metadata: Text,
    ) -> Answer {
        let texts = || {
            let file = at(&self.0.partial_files, index)?.clone();
            Ok([
                Some(file.path),
                Some(file.filename),
                file.ranges,
                file.metadata,
            ])
        };
        // SAFETY: the caller vouches for the places.
        unsafe { give_texts([path, filename, ranges, metadata], texts) }
    }

    unsafe fn get_new_target_count(&self, targets: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(targets, count(&self.0.new_targets)) }
    }

    unsafe fn get_new_target(&self, index: u32, target: FilePlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe {
            give_one(target, &self.0.new_targets, index, |one| {
                WmFile(one.clone())
            })
        }
    }

    unsafe fn get_directed_target_count(&self, targets: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(targets, count(&self.0.directed_targets)) }
    }

    #[allow(clippy::too_many_arguments, reason = "the interface has them")]
    unsafe fn get_directed_target(
        &self,
        index: u32,
        source_path: Text,
        source_file: Text,
        source_ranges: Text,
        target_path: Text,
        target_file: Text,
        target_ranges: Text,
    ) -> Answer {
        let places = [
            source_path,
            source_file,
            source_ranges,
            target_path,
            target_file,
            target_ranges,
        ];
        let texts = || {
            let one = at(&self.0.directed_targets, index)?.clone();
            Ok([
                Some(one.source_path),
                Some(one.source_filename),
                one.source_ranges,
                Some(one.destination_path),
                Some(one.destination_filename),
                one.destination_ranges,
            ])
        };
        // SAFETY: the caller vouches for the places.
        unsafe { give_texts(places, texts) }
    }

    unsafe fn get_restore_subcomponent_count(&self, subcomponents: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(subcomponents, count(&self.0.restore_subcomponents)) }
    }

    unsafe fn get_restore_subcomponent(
        &self,
        index: u32,
        path: Text,
        name: Text,
        repair: *mut u8,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        let repair = unsafe { Out::needed(repair) }?;
        let texts = || {
            let one = at(&self.0.restore_subcomponents, index)?;
            repair.put(one.repair.into());
            Ok([one.logical_path.clone(), Some(one.component_name.clone())])
        };
        // SAFETY: the caller vouches for the places.
        unsafe { give_texts([path, name], texts) }
    }

    unsafe fn get_differenced_files_count(&self, files: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { give_value(files, count(&self.0.differenced_files)) }
    }

    unsafe fn get_differenced_file(
        &self,
        index: u32,
        path: Text,
        filespec: Text,
        recursive: *mut BOOL,
        lsn: Text,
        time: *mut FILETIME,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (recursive, time) = unsafe { (Out::needed(recursive)?, Out::needed(time)?) };
        let texts = || {
            let one = at(&self.0.differenced_files, index)?;
            recursive.put(one.recursive.into());
            time.put(file_time(one.last_modify_time));
            Ok([
                Some(one.path.clone()),
                Some(one.filespec.clone()),
                one.lsn.clone(),
            ])
        };
        // SAFETY: the caller vouches for the places.
        unsafe { give_texts([path, filespec, lsn], texts) }
    }
}

fn file_time(units: u64) -> FILETIME {
    let [a, b, c, d, e, f, g, h] = units.to_le_bytes();
    FILETIME {
        dwLowDateTime: u32::from_le_bytes([a, b, c, d]),
        dwHighDateTime: u32::from_le_bytes([e, f, g, h]),
    }
}

/// Methods of writers: none of them is a requester's.
macro_rules! writers_only {
    ($( $method:ident ( $( $kind:ty ),* ); )*) => {
        impl Component {
            $(
                #[allow(clippy::too_many_arguments, reason = "the interface has them")]
                unsafe fn $method(&self $(, _: $kind)*) -> Answer {
                    writers_only()
                }
            )*
        }
    };
}

writers_only! {
    set_backup_metadata(*const u16);
    add_partial_file(*const u16, *const u16, *const u16, *const u16);
    add_directed_target(
        *const u16, *const u16, *const u16, *const u16, *const u16, *const u16
    );
    set_restore_metadata(*const u16);
    set_restore_target(i32);
    set_pre_restore_failure_msg(*const u16);
    set_post_restore_failure_msg(*const u16);
    set_backup_stamp(*const u16);
    add_differenced_files_by_time(*const u16, *const u16, BOOL, FILETIME);
    add_differenced_files_by_lsn(*const u16, *const u16, BOOL, *const u16);
    set_prepare_for_backup_failure_msg(*const u16);
    set_post_snapshot_failure_msg(*const u16);
    set_failure(i32, i32, *const u16, u32);
}
