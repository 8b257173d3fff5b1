//! COM objects: a table of functions, a count of references, and what is inside.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use uuid::{Uuid, uuid};
use vss_model::ResultCode;
use windows_sys::core::{GUID, HRESULT};

use super::answer::hresult;
use super::memory;

/// `IID_IUnknown`.
pub(super) const UNKNOWN: Uuid = uuid!("00000000-0000-0000-C000-000000000046");

/// Objects that are alive.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// What can be inside an object.
pub(super) trait Class: Send + Sync + Sized + 'static {
    /// The table of functions; its first three are those of `IUnknown`.
    type Table: Sync + 'static;
    /// The one table of the class.
    const TABLE: &'static Self::Table;
    /// The interfaces that the table serves, besides `IUnknown`.
    const INTERFACES: &'static [Uuid];
}

/// An object. Callers know it by a pointer to it.
#[repr(C)]
pub(super) struct Object<T: Class> {
    table: &'static T::Table,
    references: AtomicU32,
    inner: T,
}

impl<T: Class> Object<T> {
    /// A new object with one reference, which is the caller's.
    pub(super) fn create(inner: T) -> *mut Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Box::into_raw(Box::new(Self {
            table: T::TABLE,
            references: AtomicU32::new(1),
            inner,
        }))
    }

    /// What is inside.
    pub(super) const fn inner(&self) -> &T {
        &self.inner
    }

    /// `QueryInterface`.
    ///
    /// # Safety
    /// `this` is alive; `iid` and `out` are null or valid.
    pub(super) unsafe extern "system" fn query_interface(
        this: *mut Self,
        iid: *const GUID,
        out: *mut *mut c_void,
    ) -> HRESULT {
        if out.is_null() {
            return hresult(ResultCode::E_POINTER);
        }
        // SAFETY: not null, so the caller's to be written.
        unsafe { out.write(std::ptr::null_mut()) };
        if iid.is_null() {
            return hresult(ResultCode::E_POINTER);
        }
        // SAFETY: not null, so valid.
        let wanted = memory::uuid(unsafe { &*iid });
        if wanted != UNKNOWN && !T::INTERFACES.contains(&wanted) {
            return hresult(ResultCode::E_NOINTERFACE);
        }
        // SAFETY: the object is alive, and the place can be written.
        unsafe {
            Self::add_ref(this);
            out.write(this.cast());
        }
        hresult(ResultCode::S_OK)
    }

    /// `AddRef`: the new count, for tests only.
    ///
    /// # Safety
    /// `this` is alive.
    pub(super) unsafe extern "system" fn add_ref(this: *mut Self) -> u32 {
        // SAFETY: the object is alive.
        let references = unsafe { &(*this).references };
        references.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// `Release`: the last one ends the object.
    ///
    /// # Safety
    /// `this` is alive, and one of its references is the caller's to give up.
    pub(super) unsafe extern "system" fn release(this: *mut Self) -> u32 {
        // SAFETY: the object is alive until the count is 0.
        let before = unsafe { (*this).references.fetch_sub(1, Ordering::Release) };
        if before == 1 {
            fence(Ordering::Acquire);
            // SAFETY: made by `create`, and nobody has a reference any more.
            let object = unsafe { Box::from_raw(this) };
            // What an end does may fail, and must not cross the border either.
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)));
            if ended.is_err() {
                super::log::line("Release: a panic was caught");
            }
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
        before.wrapping_sub(1)
    }
}

/// Objects that are alive.
pub(super) fn alive() -> usize {
    ALIVE.load(Ordering::Relaxed)
}

/// Makes a type the inside of objects: its methods, in the order of their slots from 3 on.
///
/// Each method is an `unsafe fn` of the type with the same parameters that gives an `Answer`.
macro_rules! class {
    (
        $class:ident as $table:ident, $interfaces:expr;
        $( $name:literal $method:ident ( $( $argument:ident : $kind:ty ),* $(,)? ); )*
    ) => {
        /// The table of functions.
        #[repr(C)]
        pub(super) struct $table {
            query_interface: unsafe extern "system" fn(
                *mut $crate::abi::object::Object<$class>,
                *const windows_sys::core::GUID,
                *mut *mut std::ffi::c_void,
            ) -> windows_sys::core::HRESULT,
            add_ref: unsafe extern "system" fn(*mut $crate::abi::object::Object<$class>) -> u32,
            release: unsafe extern "system" fn(*mut $crate::abi::object::Object<$class>) -> u32,
            $(
                $method: unsafe extern "system" fn(
                    *mut $crate::abi::object::Object<$class>
                    $(, $kind)*
                ) -> windows_sys::core::HRESULT,
            )*
        }

        impl $crate::abi::object::Class for $class {
            type Table = $table;
            const TABLE: &'static $table = &$table {
                query_interface: $crate::abi::object::Object::<$class>::query_interface,
                add_ref: $crate::abi::object::Object::<$class>::add_ref,
                release: $crate::abi::object::Object::<$class>::release,
                $(
                    $method: {
                        unsafe extern "system" fn call(
                            this: *mut $crate::abi::object::Object<$class>
                            $(, $argument: $kind)*
                        ) -> windows_sys::core::HRESULT {
                            $crate::abi::answer::answer($name, || {
                                // SAFETY: callers hold a reference while they call, and vouch for
                                // their arguments.
                                unsafe { (*this).inner().$method($($argument),*) }
                            })
                        }
                        call
                    },
                )*
            };
            const INTERFACES: &'static [uuid::Uuid] = $interfaces;
        }
    };
}

pub(super) use class;
