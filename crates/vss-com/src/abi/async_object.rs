//! `IVssAsync` (spec: requester §9).

use vss_model::interfaces;

use super::answer::{Answer, OK};
use super::memory::{Out, put};
use super::object::class;
use crate::requester::Operation;

/// A handle of an operation. Its release does not stop the operation.
pub(super) struct Async(pub(super) Operation);

class! {
    Async as AsyncTable, &[interfaces::ASYNC];
    "IVssAsync::Cancel" cancel();
    "IVssAsync::Wait" wait(millis: u32);
    "IVssAsync::QueryStatus" query_status(result: *mut i32, reserved: *mut i32);
}

impl Async {
    unsafe fn cancel(&self) -> Answer {
        self.0.cancel()
    }

    unsafe fn wait(&self, millis: u32) -> Answer {
        self.0.wait(millis)?;
        OK
    }

    unsafe fn query_status(&self, result: *mut i32, reserved: *mut i32) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (result, reserved) = unsafe { (Out::needed(result)?, Out::optional(reserved)) };
        let status = self.0.status()?;
        result.put(status.0.cast_signed());
        put(reserved.as_ref(), 0);
        OK
    }
}
