//! The failures that most providers have, in the same words and codes.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use vss_model::ResultCode;

use crate::error::ProviderError;

/// The code that a failed system call stands for.
#[must_use]
pub fn code_of(error: &io::Error) -> ResultCode {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => ResultCode::VSS_E_INSUFFICIENT_STORAGE,
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => ResultCode::E_ACCESSDENIED,
        Some(Errno::NOMEM | Errno::MFILE | Errno::NFILE) => ResultCode::E_OUTOFMEMORY,
        _ => ResultCode::VSS_E_PROVIDER_VETO,
    }
}

/// A step that failed on a path: "could not {step} {path}".
pub fn io_failed<'a>(
    step: &'a str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> ProviderError + 'a {
    move |error| {
        ProviderError::new(
            code_of(&error),
            format!("could not {step} {}", path.display()),
        )
        .with_source(error)
    }
}

/// `E_INVALIDARG` with the reason.
pub fn invalid(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ResultCode::E_INVALIDARG, message)
}

/// Narrows a failure to the codes that a phase may give; any other becomes `VSS_E_PROVIDER_VETO`
/// (spec: provider §9).
pub fn within(allowed: &'static [ResultCode]) -> impl FnOnce(ProviderError) -> ProviderError {
    move |mut error| {
        let always = [ResultCode::E_INVALIDARG, ResultCode::E_OUTOFMEMORY];
        if !allowed.contains(&error.code) && !always.contains(&error.code) {
            error.code = ResultCode::VSS_E_PROVIDER_VETO;
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustix::io::Errno;
    use vss_model::ResultCode;

    use super::{io_failed, within};

    #[test]
    fn codes_follow_the_cause_and_the_phase() {
        let full = io_failed("write", Path::new("x"))(Errno::NOSPC.into());
        assert_eq!(full.code, ResultCode::VSS_E_INSUFFICIENT_STORAGE);
        assert_eq!(full.message, "could not write x");
        let kept = within(&[ResultCode::VSS_E_INSUFFICIENT_STORAGE])(full);
        assert_eq!(kept.code, ResultCode::VSS_E_INSUFFICIENT_STORAGE);
        let narrowed = within(&[])(kept);
        assert_eq!(narrowed.code, ResultCode::VSS_E_PROVIDER_VETO);
    }
}
