//! Failures of the providers of this crate.

use vss_model::ResultCode;
use vss_provider::ProviderError;
use vss_sys::dm::DmError;

use crate::program::ProgramError;

/// A failure of LVM itself; `step` completes "could not …".
pub(crate) fn lvm_failed(step: &str) -> impl FnOnce(ProgramError) -> ProviderError + use<'_> {
    move |error| {
        let missing = matches!(error, ProgramError::NotInstalled { .. });
        let failure = ProviderError::veto(format!("could not {step}")).with_source(error);
        if missing {
            failure.with_hint("install LVM: apt-get install lvm2")
        } else {
            failure
        }
    }
}

/// A failure of the device mapper; `step` completes "could not …".
pub(crate) fn mapper_failed(step: &str) -> impl FnOnce(DmError) -> ProviderError + use<'_> {
    move |error| ProviderError::veto(format!("could not {step}")).with_source(error)
}

pub(crate) fn not_found(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ResultCode::VSS_E_OBJECT_NOT_FOUND, message)
}
