//! `IVssEnumObject` (spec: requester §10).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vss_model::{Error, ErrorKind, ResultCode, interfaces};

use super::answer::{Answer, OK};
use super::memory::Out;
use super::object::{Object, class};
use super::structures::ObjectProp;
use crate::requester::Found;

/// What a query found, one after the other.
pub(super) struct EnumObject {
    found: Arc<[Found]>,
    next: Mutex<usize>,
}

class! {
    EnumObject as EnumObjectTable, &[interfaces::ENUM_OBJECT];
    "IVssEnumObject::Next" next(wanted: u32, places: *mut ObjectProp, fetched: *mut u32);
    "IVssEnumObject::Skip" skip(count: u32);
    "IVssEnumObject::Reset" reset();
    "IVssEnumObject::Clone" clone(copy: *mut *mut Object<EnumObject>);
}

/// These methods name null pointers by a code of their own.
fn null() -> Error {
    Error::new(ErrorKind::NullPointer, "a place for a result is null")
}

impl EnumObject {
    /// All of it, from the first on.
    pub(super) fn new(found: Vec<Found>) -> Self {
        Self {
            found: found.into(),
            next: Mutex::new(0),
        }
    }

    fn place(&self) -> MutexGuard<'_, usize> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    unsafe fn next(&self, wanted: u32, places: *mut ObjectProp, fetched: *mut u32) -> Answer {
        // SAFETY: the caller vouches for the place.
        let fetched = unsafe { Out::needed(fetched) }.map_err(|_| null())?;
        fetched.put(0);
        if places.is_null() {
            return Err(null());
        }
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut next = self.place();
        let found: &[Found] = self.found.get(*next..).unwrap_or_default();
        let mut props = Vec::new();
        for one in found.iter().take(wanted) {
            match ObjectProp::new(one) {
                Ok(prop) => props.push(prop),
                Err(error) => {
                    props.iter_mut().for_each(ObjectProp::free);
                    return Err(error);
                }
            }
        }
        for (index, prop) in props.iter().enumerate() {
            // SAFETY: the caller has as many places as it says.
            unsafe { places.add(index).write(*prop) };
        }
        *next += props.len();
        fetched.put(u32::try_from(props.len()).unwrap_or(u32::MAX));
        Ok(if props.len() == wanted {
            ResultCode::S_OK
        } else {
            ResultCode::S_FALSE
        })
    }

    unsafe fn skip(&self, count: u32) -> Answer {
        let mut next = self.place();
        let left = self.found.len().saturating_sub(*next);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        *next += count.min(left);
        Ok(if count <= left {
            ResultCode::S_OK
        } else {
            ResultCode::S_FALSE
        })
    }

    unsafe fn reset(&self) -> Answer {
        *self.place() = 0;
        OK
    }

    unsafe fn clone(&self, copy: *mut *mut Object<Self>) -> Answer {
        // SAFETY: the caller vouches for the place.
        let copy = unsafe { super::memory::pointer(copy) }.map_err(|_| null())?;
        let next = *self.place();
        copy.put(Object::create(Self {
            found: Arc::clone(&self.found),
            next: Mutex::new(next),
        }));
        OK
    }
}
