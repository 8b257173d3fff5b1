//! `IVssWriterComponentsExt`: the one object with two tables of functions (spec: requester §2).
//!
//! It derives from `IVssWriterComponents`, which is no `IUnknown`, and from `IUnknown`. Callers get the
//! pointer of the first base, whose slots begin with `GetComponentCount`; `IUnknown` has the second
//! table, one pointer further on.

use std::ffi::c_void;
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use vss_model::ResultCode;
use windows_sys::core::{GUID, HRESULT};

use super::answer::{Answer, OK, answer, hresult};
use super::component::Component;
use super::memory::{Out, guid};
use super::object::{Alive, Object, hand_out};
use super::wm::{count, give_one};
use crate::document::WriterComponents as Model;

/// Table of the first base.
#[repr(C)]
struct ComponentsTable {
    get_component_count: unsafe extern "system" fn(*mut WriterComponents, *mut u32) -> HRESULT,
    get_writer_info:
        unsafe extern "system" fn(*mut WriterComponents, *mut GUID, *mut GUID) -> HRESULT,
    get_component: unsafe extern "system" fn(
        *mut WriterComponents,
        u32,
        *mut *mut Object<Component>,
    ) -> HRESULT,
}

/// The second base, as callers of `IUnknown` know the object.
#[repr(C)]
struct Unknown {
    table: &'static UnknownTable,
}

/// Table of the second base.
#[repr(C)]
struct UnknownTable {
    query_interface:
        unsafe extern "system" fn(*mut Unknown, *const GUID, *mut *mut c_void) -> HRESULT,
    add_ref: unsafe extern "system" fn(*mut Unknown) -> u32,
    release: unsafe extern "system" fn(*mut Unknown) -> u32,
}

/// A writer of the document, with its components as they were when it was asked for.
#[repr(C)]
pub(super) struct WriterComponents {
    table: &'static ComponentsTable,
    unknown: Unknown,
    references: AtomicU32,
    model: Model,
    _alive: Alive,
}

const COMPONENTS: &ComponentsTable = &ComponentsTable {
    get_component_count,
    get_writer_info,
    get_component,
};

const UNKNOWN_TABLE: &UnknownTable = &UnknownTable {
    query_interface,
    add_ref,
    release,
};

impl WriterComponents {
    /// A new object with one reference, which is the caller's.
    pub(super) fn create(model: Model) -> *mut Self {
        Box::into_raw(Box::new(Self {
            table: COMPONENTS,
            unknown: Unknown {
                table: UNKNOWN_TABLE,
            },
            references: AtomicU32::new(1),
            model,
            _alive: Alive::new(),
        }))
    }
}

/// The object whose second base this is.
///
/// # Safety
/// `unknown` is the second base of an object that is alive.
unsafe fn whole(unknown: *mut Unknown) -> *mut WriterComponents {
    // SAFETY: every `Unknown` stands in a `WriterComponents`, at this place.
    unsafe { unknown.byte_sub(offset_of!(WriterComponents, unknown)) }.cast()
}

unsafe extern "system" fn get_component_count(
    this: *mut WriterComponents,
    components: *mut u32,
) -> HRESULT {
    answer("IVssWriterComponents::GetComponentCount", || -> Answer {
        // SAFETY: callers hold a reference, and vouch for the place.
        let (model, place) = unsafe { (&(*this).model, Out::needed(components)?) };
        place.put(count(&model.components));
        OK
    })
}

unsafe extern "system" fn get_writer_info(
    this: *mut WriterComponents,
    instance: *mut GUID,
    writer: *mut GUID,
) -> HRESULT {
    answer("IVssWriterComponents::GetWriterInfo", || -> Answer {
        // SAFETY: callers hold a reference, and vouch for the places.
        let (model, instance, writer) =
            unsafe { (&(*this).model, Out::needed(instance)?, Out::needed(writer)?) };
        instance.put(guid(model.instance_id.as_uuid()));
        writer.put(guid(model.writer_id.as_uuid()));
        OK
    })
}

unsafe extern "system" fn get_component(
    this: *mut WriterComponents,
    index: u32,
    component: *mut *mut Object<Component>,
) -> HRESULT {
    answer("IVssWriterComponents::GetComponent", || {
        // SAFETY: callers hold a reference, and vouch for the place.
        unsafe {
            let all = &(*this).model.components;
            give_one(component, all, index, |one| Component(one.clone()))
        }
    })
}

unsafe extern "system" fn query_interface(
    this: *mut Unknown,
    iid: *const GUID,
    out: *mut *mut c_void,
) -> HRESULT {
    // The two interfaces have no public ids; only `IUnknown` can be asked for.
    // SAFETY: passed on.
    let code = unsafe { hand_out(this, iid, out, &[]) };
    if code == ResultCode::S_OK {
        // SAFETY: the object is alive.
        unsafe { add_ref(this) };
    }
    hresult(code)
}

unsafe extern "system" fn add_ref(this: *mut Unknown) -> u32 {
    // SAFETY: the object is alive.
    let references = unsafe { &(*whole(this)).references };
    references.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

unsafe extern "system" fn release(this: *mut Unknown) -> u32 {
    // SAFETY: the object is alive until the count is 0.
    let object = unsafe { whole(this) };
    // SAFETY: as above.
    let before = unsafe { (*object).references.fetch_sub(1, Ordering::Release) };
    if before == 1 {
        fence(Ordering::Acquire);
        // SAFETY: made by `create`, and nobody has a reference any more.
        drop(unsafe { Box::from_raw(object) });
    }
    before.wrapping_sub(1)
}
