//! COM objects: a table of functions, a count of references, and what is inside.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use uuid::{Uuid, uuid};
use vss_model::ResultCode;
use windows_sys::core::{GUID, HRESULT};

use super::answer::hresult;
use super::memory;

/// `IID_IUnknown`.
const UNKNOWN: Uuid = uuid!("00000000-0000-0000-C000-000000000046");

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
    _alive: Alive,
}

impl<T: Class> Object<T> {
    /// A new object with one reference, which is the caller's.
    pub(super) fn create(inner: T) -> *mut Self {
        Box::into_raw(Box::new(Self {
            table: T::TABLE,
            references: AtomicU32::new(1),
            inner,
            _alive: Alive::new(),
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
        // SAFETY: passed on.
        let code = unsafe { hand_out(this, iid, out, T::INTERFACES) };
        if code == ResultCode::S_OK {
            // SAFETY: the object is alive.
            unsafe { Self::add_ref(this) };
        }
        hresult(code)
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
        }
        before.wrapping_sub(1)
    }
}

/// Hands `this` out for `IUnknown` or one of these interfaces. The reference is for the caller to add.
///
/// # Safety
/// `iid` and `out` are null or valid.
pub(super) unsafe fn hand_out<T>(
    this: *mut T,
    iid: *const GUID,
    out: *mut *mut c_void,
    interfaces: &[Uuid],
) -> ResultCode {
    if out.is_null() {
        return ResultCode::E_POINTER;
    }
    // SAFETY: not null, so the caller's to be written.
    unsafe { out.write(std::ptr::null_mut()) };
    if iid.is_null() {
        return ResultCode::E_POINTER;
    }
    // SAFETY: not null, so valid.
    let wanted = memory::uuid(unsafe { &*iid });
    if wanted != UNKNOWN && !interfaces.contains(&wanted) {
        return ResultCode::E_NOINTERFACE;
    }
    // SAFETY: as above.
    unsafe { out.write(this.cast()) };
    ResultCode::S_OK
}

/// Counts an object as long as it is there.
pub(super) struct Alive(());

impl Alive {
    pub(super) fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
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
