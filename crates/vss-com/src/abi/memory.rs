//! Strings and structures that change hands: who allocates, who frees (spec: requester §2, §7).

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr;
use std::slice;

use uuid::Uuid;
use vss_model::{Error, ErrorKind};
use windows_sys::Win32::Foundation::{SysAllocStringLen, SysStringLen};
use windows_sys::Win32::System::Com::{CoTaskMemAlloc, CoTaskMemFree};
use windows_sys::core::GUID;

use super::answer::invalid;

/// Longest string that is read without its length being known, in UTF-16 units. Paths of Windows have
/// 32,767; documents come as BSTRs, which know their length.
const LONGEST: usize = 1 << 20;

/// A GUID as Rust knows it.
pub(super) const fn uuid(id: &GUID) -> Uuid {
    Uuid::from_fields(id.data1, id.data2, id.data3, &id.data4)
}

/// A GUID as callers know it.
pub(super) fn guid(id: &Uuid) -> GUID {
    let (data1, data2, data3, data4) = id.as_fields();
    GUID {
        data1,
        data2,
        data3,
        data4: *data4,
    }
}

/// A place for a result: never null, and not necessarily initialised.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Takes a place, which is zero until the call has succeeded (spec: errors, rule 2). A null pointer
    /// is `E_INVALIDARG`.
    ///
    /// # Safety
    /// A place that is not null can be written.
    pub(super) unsafe fn needed(place: *mut T) -> Result<Self, Error> {
        if place.is_null() {
            Err(invalid("a place for a result is null"))
        } else {
            // SAFETY: not null, so it can be written; results are plain data, for which zero is a value.
            unsafe { place.write_bytes(0, 1) };
            Ok(Self(place))
        }
    }

    /// Takes a place that may be null, and then holds nothing.
    ///
    /// # Safety
    /// A place that is not null can be written.
    pub(super) unsafe fn optional(place: *mut T) -> Option<Self> {
        (!place.is_null()).then_some(Self(place))
    }

    /// Puts the result there.
    pub(super) fn put(&self, value: T) {
        // SAFETY: whoever made this vouched for the place.
        unsafe { self.0.write(value) };
    }
}

/// Like [`Out::needed`], for a pointer, which is null until the call has succeeded.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn pointer<T>(place: *mut *mut T) -> Result<Out<*mut T>, Error> {
    // SAFETY: passed on.
    let out = unsafe { Out::needed(place) }?;
    out.put(ptr::null_mut());
    Ok(out)
}

/// Puts a value where there is a place for it.
pub(super) fn put<T>(place: Option<&Out<T>>, value: T) {
    if let Some(place) = place {
        place.put(value);
    }
}

/// A string that ends with a zero; `None` for a null pointer.
///
/// # Safety
/// The pointer is null, or to a string that ends with a zero.
pub(super) unsafe fn wide(text: *const u16) -> Result<Option<String>, Error> {
    if text.is_null() {
        return Ok(None);
    }
    let mut length = 0;
    // SAFETY: everything up to the zero is the caller's string.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
        if length > LONGEST {
            return Err(invalid("a string has no end"));
        }
    }
    // SAFETY: as above.
    let units = unsafe { slice::from_raw_parts(text, length) };
    decode(units).map(Some)
}

/// A string that must be there.
///
/// # Safety
/// As [`wide`].
pub(super) unsafe fn needed_wide(text: *const u16) -> Result<String, Error> {
    // SAFETY: passed on.
    unsafe { wide(text) }?.ok_or_else(|| invalid("a string is null"))
}

/// A BSTR; `None` for a null pointer, which many callers use for an empty one.
///
/// # Safety
/// The pointer is null or a BSTR.
pub(super) unsafe fn read_bstr(text: *const u16) -> Result<Option<String>, Error> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller vouched for the BSTR, which knows its length.
    let units = unsafe {
        let length = usize::try_from(SysStringLen(text)).unwrap_or(0);
        slice::from_raw_parts(text, length)
    };
    decode(units).map(Some)
}

fn decode(units: &[u16]) -> Result<String, Error> {
    String::from_utf16(units)
        .map_err(|error| invalid("a string is not valid UTF-16").with_source(error))
}

/// A new BSTR, for the caller to free with `SysFreeString`.
pub(super) fn bstr(text: &str) -> Result<*mut u16, Error> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let length = u32::try_from(units.len()).map_err(|_| no_memory())?;
    // SAFETY: the units are there, as many as are said.
    let made = unsafe { SysAllocStringLen(units.as_ptr(), length) };
    if made.is_null() {
        return Err(no_memory());
    }
    Ok(made.cast_mut())
}

/// A new string for the caller to free with `CoTaskMemFree`.
pub(super) fn task_string(text: &str) -> Result<*mut u16, Error> {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    // SAFETY: any size can be asked for.
    let made: *mut u16 = unsafe { CoTaskMemAlloc(units.len() * size_of::<u16>()) }.cast();
    if made.is_null() {
        return Err(no_memory());
    }
    // SAFETY: the room is new, and long enough.
    unsafe { ptr::copy_nonoverlapping(units.as_ptr(), made, units.len()) };
    Ok(made)
}

/// New memory with these bytes, for the caller to free with `CoTaskMemFree`; null for none.
pub(super) fn task_bytes(bytes: &[u8]) -> Result<*mut u8, Error> {
    if bytes.is_empty() {
        return Ok(ptr::null_mut());
    }
    // SAFETY: any size can be asked for.
    let made: *mut u8 = unsafe { CoTaskMemAlloc(bytes.len()) }.cast();
    if made.is_null() {
        return Err(no_memory());
    }
    // SAFETY: the room is new, and long enough.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), made, bytes.len()) };
    Ok(made)
}

/// Frees what `CoTaskMemAlloc` gave; null is nothing.
///
/// # Safety
/// The memory is null, or from `CoTaskMemAlloc` and not freed yet.
pub(super) unsafe fn free_task(memory: *mut c_void) {
    // SAFETY: passed on.
    unsafe { CoTaskMemFree(memory) };
}

fn no_memory() -> Error {
    Error::new(ErrorKind::OutOfMemory, "there is no memory for a string")
}
