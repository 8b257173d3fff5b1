//! The exported functions (spec: requester §15).
//!
//! Current headers make the public names inline wrappers of the `…Internal` exports; older programs ask
//! for the public names, plain or mangled as the C++ compiler of that time did it.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vss_model::{Error, ErrorKind, ResultCode};
use windows_sys::core::{BOOL, GUID, HRESULT};

use super::answer::{Answer, OK, answer, hresult};
use super::backup_components::BackupComponents;
use super::drives::System;
use super::examine::ExamineWriterMetadata;
use super::log;
use super::memory::{Out, needed_wide, pointer, read_bstr};
use super::object::{Object, alive};
use super::service::service;
use super::structures::SnapshotProp;
use crate::requester::{Requester, is_snapshotted};
use crate::volumes::Drives;

/// Exports a function under several names.
macro_rules! export {
    ($( $name:literal )+ => fn ( $( $argument:ident : $kind:ty ),* ) $( -> $result:ty )? = $body:expr;) => {
        export!(@each [$( $name )+] ( $( $argument : $kind ),* ) ( $( -> $result )? ) ( $body ));
    };
    (@each [$( $name:literal )+] $arguments:tt $result:tt $body:tt) => {
        $( export!(@one $name $arguments $result $body); )+
    };
    (@one $name:literal ( $( $argument:ident : $kind:ty ),* ) ( $( -> $result:ty )? ) ( $body:expr )) => {
        const _: () = {
            #[unsafe(export_name = $name)]
            unsafe extern "system" fn exported( $( $argument : $kind ),* ) $( -> $result )? {
                $body
            }
        };
    };
}

unsafe fn create_backup_components(place: *mut *mut Object<BackupComponents>) -> Answer {
    // SAFETY: the caller vouches for the place.
    let place = unsafe { pointer(place) }?;
    let requester = Requester::new(service()?, drives())?;
    place.put(Object::create(BackupComponents(requester)));
    OK
}

unsafe fn create_examine_writer_metadata(
    xml: *const u16,
    place: *mut *mut Object<ExamineWriterMetadata>,
) -> Answer {
    // SAFETY: the caller vouches for BSTR and place.
    let (place, xml) = unsafe { (pointer(place)?, read_bstr(xml)?) };
    let xml = xml.ok_or_else(|| super::answer::invalid("there is no document"))?;
    place.put(Object::create(ExamineWriterMetadata::parse(&xml)?));
    OK
}

unsafe fn is_volume_snapshotted(
    volume: *const u16,
    present: *mut BOOL,
    capability: *mut i32,
) -> Answer {
    // SAFETY: the caller vouches for string and places.
    let (volume, present, capability) = unsafe {
        (
            needed_wide(volume)?,
            Out::needed(present)?,
            Out::needed(capability)?,
        )
    };
    let found = is_snapshotted(&*service()?, &drives(), &volume)?;
    present.put(BOOL::from(found));
    // A copy forbids neither defragmentation nor indexing of its original.
    capability.put(0);
    OK
}

unsafe fn should_block_revert(volume: *const u16, block: *mut u8) -> Answer {
    // SAFETY: the caller vouches for string and place.
    let (_, block) = unsafe { (needed_wide(volume)?, Out::needed(block)?) };
    // No writer is registered that blocks reverts.
    block.put(0);
    OK
}

unsafe fn provider_management(place: *mut *mut c_void) -> Answer {
    // SAFETY: the caller vouches for the place.
    unsafe { pointer(place) }?;
    log::once("GetProviderMgmtInterface");
    Err(Error::new(
        ErrorKind::ObjectNotFound,
        "no provider has a management interface",
    ))
}

unsafe fn not_implemented(name: &'static str, place: *mut *mut c_void) -> Answer {
    // SAFETY: the caller vouches for the place.
    unsafe { pointer(place) }?;
    log::once(name);
    Err(Error::new(ErrorKind::NotImplemented, name))
}

unsafe fn free_snapshot_properties(prop: *mut SnapshotProp) {
    if prop.is_null() {
        return;
    }
    // SAFETY: the structure is the caller's, filled by this DLL.
    let freed = catch_unwind(AssertUnwindSafe(|| unsafe { (*prop).free() }));
    if freed.is_err() {
        log::line("VssFreeSnapshotProperties: a panic was caught");
    }
}

fn drives() -> Arc<dyn Drives> {
    Arc::new(System)
}

export! {
    "CreateVssBackupComponentsInternal"
    "CreateVssBackupComponents"
    "?CreateVssBackupComponents@@YAJPEAPEAVIVssBackupComponents@@@Z"
    => fn(place: *mut *mut Object<BackupComponents>) -> HRESULT =
        // SAFETY: passed on.
        answer("CreateVssBackupComponents", || unsafe { create_backup_components(place) });
}

export! {
    "CreateVssExamineWriterMetadataInternal"
    "CreateVssExamineWriterMetadata"
    "?CreateVssExamineWriterMetadata@@YAJPEAGPEAPEAVIVssExamineWriterMetadata@@@Z"
    => fn(xml: *const u16, place: *mut *mut Object<ExamineWriterMetadata>) -> HRESULT =
        // SAFETY: passed on.
        answer("CreateVssExamineWriterMetadata", || unsafe {
            create_examine_writer_metadata(xml, place)
        });
}

export! {
    "IsVolumeSnapshottedInternal"
    "IsVolumeSnapshotted"
    => fn(volume: *const u16, present: *mut BOOL, capability: *mut i32) -> HRESULT =
        // SAFETY: passed on.
        answer("IsVolumeSnapshotted", || unsafe {
            is_volume_snapshotted(volume, present, capability)
        });
}

export! {
    "VssFreeSnapshotPropertiesInternal"
    "VssFreeSnapshotProperties"
    => fn(prop: *mut SnapshotProp) =
        // SAFETY: passed on.
        unsafe { free_snapshot_properties(prop) };
}

export! {
    "ShouldBlockRevertInternal"
    "ShouldBlockRevert"
    => fn(volume: *const u16, block: *mut u8) -> HRESULT =
        // SAFETY: passed on.
        answer("ShouldBlockRevert", || unsafe { should_block_revert(volume, block) });
}

export! {
    "GetProviderMgmtInterfaceInternal"
    "GetProviderMgmtInterface"
    => fn(_provider: GUID, _interface: GUID, place: *mut *mut c_void) -> HRESULT =
        // SAFETY: passed on.
        answer("GetProviderMgmtInterface", || unsafe { provider_management(place) });
}

export! {
    "CreateVssExpressWriterInternal"
    => fn(place: *mut *mut c_void) -> HRESULT =
        // SAFETY: passed on.
        answer("CreateVssExpressWriter", || unsafe {
            not_implemented("CreateVssExpressWriter", place)
        });
}

export! {
    "CreateWriter"
    "CreateWriterEx"
    => fn(_writer: *mut c_void, place: *mut *mut c_void) -> HRESULT =
        // SAFETY: passed on.
        answer("CreateWriter", || unsafe { not_implemented("CreateWriter", place) });
}

// A program with a writer of the old kind links these. Its own constructor sets the table of functions;
// there is nothing else in the object before `Initialize`, which says that writers are not served.
export! {
    "??0CVssWriter@@QEAA@XZ"
    => fn(this: *mut c_void) -> *mut c_void = this;
}

export! {
    "??1CVssWriter@@UEAA@XZ"
    => fn(_this: *mut c_void) = ();
}

export! {
    "?Initialize@CVssWriter@@QEAAJU_GUID@@PEBGW4VSS_USAGE_TYPE@@W4VSS_SOURCE_TYPE@@W4_VSS_APPLICATION_LEVEL@@KW4VSS_ALTERNATE_WRITER_STATE@@_N1@Z"
    "?Subscribe@CVssWriter@@QEAAJK@Z"
    "?Unsubscribe@CVssWriter@@QEAAJXZ"
    "?SetWriterFailure@CVssWriter@@IEAAJJ@Z"
    => fn(_this: *mut c_void) -> HRESULT = {
        log::once("CVssWriter");
        hresult(ResultCode::E_NOTIMPL)
    };
}

// The client has a thread, so that the DLL is never to be unloaded once it was used.
export! {
    "DllCanUnloadNow"
    => fn() -> HRESULT = if alive() == 0 {
        hresult(ResultCode::S_OK)
    } else {
        hresult(ResultCode::S_FALSE)
    };
}

export! {
    "DllGetClassObject"
    => fn(_class: *const GUID, _interface: *const GUID, place: *mut *mut c_void) -> HRESULT =
        answer("DllGetClassObject", || {
            // SAFETY: the caller vouches for the place.
            unsafe { pointer(place) }?;
            Ok(ResultCode::CLASS_E_CLASSNOTAVAILABLE)
        });
}
