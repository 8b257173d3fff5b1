//! How the embedded array words the failures of its catalogue.

use vss_model::ResultCode;
use vss_provider::ProviderError;

/// A step on the catalogue that failed.
pub(crate) fn catalogue_failed(
    step: &'static str,
) -> impl FnOnce(rusqlite::Error) -> ProviderError {
    move |error| {
        let code = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            Some(
                rusqlite::ErrorCode::ReadOnly
                | rusqlite::ErrorCode::PermissionDenied
                | rusqlite::ErrorCode::CannotOpen,
            ) => ResultCode::E_ACCESSDENIED,
            _ => ResultCode::VSS_E_PROVIDER_VETO,
        };
        ProviderError::new(
            code,
            format!("the array's catalogue failed when it was to {step}"),
        )
        .with_source(error)
    }
}
