//! What a method answers, and the border that no panic crosses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vss_model::{Error, ErrorKind, ResultCode};
use windows_sys::core::HRESULT;

use super::log;

/// What a method answers: a code that says success in some way, or an error.
pub(super) type Answer = Result<ResultCode, Error>;

/// `S_OK`.
pub(super) const OK: Answer = Ok(ResultCode::S_OK);

/// A code as the caller gets it.
pub(super) const fn hresult(code: ResultCode) -> HRESULT {
    code.0.cast_signed()
}

/// Makes a call and answers with its code. A panic ends here as `VSS_E_UNEXPECTED`.
pub(super) fn answer(method: &'static str, call: impl FnOnce() -> Answer) -> HRESULT {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(code)) => hresult(code),
        Ok(Err(error)) => {
            log::failure(method, &error);
            hresult(error.code())
        }
        Err(_) => {
            log::line(&format!("{method}: a panic was caught"));
            hresult(ResultCode::VSS_E_UNEXPECTED)
        }
    }
}

/// `E_INVALIDARG`, with what is wrong.
pub(super) fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, why)
}
