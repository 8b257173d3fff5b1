//! The methods of providers, and the result codes that each of them may give (spec: provider §9).

use std::fmt;

use vss_model::ResultCode;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A method of the provider traits, for logs, recordings and the table of codes.
        ///
        /// `properties` and `ex` are left out: they answer from memory and cannot fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $variant,)*
        }

        impl Method {
            /// Every method.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the public interface, as logs show it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

methods! {
    /// `IVssProviderNotifications::OnLoad`.
    OnLoad => "OnLoad",
    /// `IVssProviderNotifications::OnUnload`.
    OnUnload => "OnUnload",
    /// `IVssHardwareSnapshotProvider::AreLunsSupported`.
    AreLunsSupported => "AreLunsSupported",
    /// `IVssHardwareSnapshotProvider::FillInLunInfo`.
    FillInLunInfo => "FillInLunInfo",
    /// `IVssHardwareSnapshotProvider::BeginPrepareSnapshot`.
    BeginPrepareSnapshot => "BeginPrepareSnapshot",
    /// `IVssProviderCreateSnapshotSet::EndPrepareSnapshots`.
    EndPrepareSnapshots => "EndPrepareSnapshots",
    /// `IVssProviderCreateSnapshotSet::PreCommitSnapshots`.
    PreCommitSnapshots => "PreCommitSnapshots",
    /// `IVssProviderCreateSnapshotSet::CommitSnapshots`.
    CommitSnapshots => "CommitSnapshots",
    /// `IVssProviderCreateSnapshotSet::PostCommitSnapshots`.
    PostCommitSnapshots => "PostCommitSnapshots",
    /// `IVssHardwareSnapshotProvider::GetTargetLuns`.
    GetTargetLuns => "GetTargetLuns",
    /// `IVssHardwareSnapshotProvider::LocateLuns`.
    LocateLuns => "LocateLuns",
    /// `IVssProviderCreateSnapshotSet::PreFinalCommitSnapshots`.
    PreFinalCommitSnapshots => "PreFinalCommitSnapshots",
    /// `IVssProviderCreateSnapshotSet::PostFinalCommitSnapshots`.
    PostFinalCommitSnapshots => "PostFinalCommitSnapshots",
    /// `IVssProviderCreateSnapshotSet::AbortSnapshots`.
    AbortSnapshots => "AbortSnapshots",
    /// `IVssHardwareSnapshotProvider::OnLunEmpty`.
    OnLunEmpty => "OnLunEmpty",
    /// `IVssHardwareSnapshotProviderEx::OnLunStateChange`.
    OnLunStateChange => "OnLunStateChange",
    /// The scan for visible LUNs; no method of the public interface.
    PresentedLuns => "PresentedLuns",
    /// The devices whose suspension holds writes; no method of the public interface.
    Suspensions => "Suspensions",
    /// The access of an ordinary disk, made durable; no method of the public interface.
    SetAccess => "SetAccess",
    /// `IVssSoftwareSnapshotProvider::IsVolumeSupported`.
    IsVolumeSupported => "IsVolumeSupported",
    /// `IVssSoftwareSnapshotProvider::BeginPrepareSnapshot`.
    BeginPrepareVolume => "BeginPrepareSnapshot",
    /// `IVssSoftwareSnapshotProvider::GetSnapshotProperties`.
    GetSnapshotProperties => "GetSnapshotProperties",
    /// `IVssSoftwareSnapshotProvider::DeleteSnapshots`.
    DeleteSnapshots => "DeleteSnapshots",
}

/// The public name.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What every method may give, followed by what some may give besides.
macro_rules! code_list {
    ($($extra:ident),*) => {
        &[
            ResultCode::S_OK,
            ResultCode::E_OUTOFMEMORY,
            ResultCode::E_INVALIDARG,
            ResultCode::VSS_E_PROVIDER_VETO,
            $(ResultCode::$extra,)*
        ]
    };
}

/// The codes that a method may give (spec: provider §9 and, for software providers, §13).
#[must_use]
pub const fn allowed_codes(method: Method) -> &'static [ResultCode] {
    match method {
        Method::OnLoad
        | Method::AreLunsSupported
        | Method::FillInLunInfo
        | Method::GetTargetLuns
        | Method::LocateLuns
        | Method::OnLunEmpty
        | Method::OnLunStateChange
        | Method::PresentedLuns
        | Method::Suspensions
        | Method::SetAccess => code_list!(),
        Method::OnUnload => code_list!(S_FALSE),
        Method::BeginPrepareSnapshot => code_list!(
            VSS_E_INSUFFICIENT_STORAGE,
            VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED,
            VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED,
            VSS_E_NESTED_VOLUME_LIMIT,
            VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
            VSS_E_UNSUPPORTED_CONTEXT,
            VSS_E_OBJECT_NOT_FOUND
        ),
        Method::EndPrepareSnapshots => {
            code_list!(VSS_E_INSUFFICIENT_STORAGE, VSS_E_OBJECT_NOT_FOUND)
        }
        // The reference lists it for EndPrepareSnapshots alone; but a copy that is written at the
        // instant can meet a full disk only then, and `DoSnapshotSet` may give this code.
        Method::CommitSnapshots | Method::PostCommitSnapshots => {
            code_list!(VSS_E_INSUFFICIENT_STORAGE, VSS_E_OBJECT_NOT_FOUND)
        }
        Method::PreCommitSnapshots
        | Method::PreFinalCommitSnapshots
        | Method::PostFinalCommitSnapshots
        | Method::AbortSnapshots => code_list!(VSS_E_OBJECT_NOT_FOUND),
        Method::IsVolumeSupported => code_list!(VSS_E_OBJECT_NOT_FOUND, VSS_E_NESTED_VOLUME_LIMIT),
        Method::BeginPrepareVolume => code_list!(
            E_ACCESSDENIED,
            VSS_E_INSUFFICIENT_STORAGE,
            VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED,
            VSS_E_OBJECT_NOT_FOUND,
            VSS_E_UNSUPPORTED_CONTEXT,
            VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
            VSS_E_UNEXPECTED
        ),
        Method::GetSnapshotProperties | Method::DeleteSnapshots => {
            code_list!(E_ACCESSDENIED, VSS_E_OBJECT_NOT_FOUND)
        }
    }
}

/// The general list: codes that some method of a provider may give (spec: provider §9).
///
/// False for `S_FALSE`, `E_FAIL`, `E_UNEXPECTED`, `E_ABORT` and whatever else a provider invents.
#[must_use]
pub fn is_allowed_code(code: ResultCode) -> bool {
    matches!(
        code,
        ResultCode::S_OK
            | ResultCode::E_OUTOFMEMORY
            | ResultCode::E_INVALIDARG
            | ResultCode::E_ACCESSDENIED
            | ResultCode::VSS_E_BAD_STATE
            | ResultCode::VSS_E_OBJECT_NOT_FOUND
            | ResultCode::VSS_E_INSUFFICIENT_STORAGE
            | ResultCode::VSS_E_VOLUME_NOT_SUPPORTED
            | ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER
            | ResultCode::VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED
            | ResultCode::VSS_E_PROVIDER_VETO
            | ResultCode::VSS_E_CANNOT_REVERT_DISKID
            | ResultCode::VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED
            | ResultCode::VSS_E_NESTED_VOLUME_LIMIT
            | ResultCode::VSS_E_UNSUPPORTED_CONTEXT
            | ResultCode::VSS_E_REVERT_IN_PROGRESS
    )
}

/// True when the code may be handed on from this method; otherwise it is to be logged and becomes
/// `VSS_E_UNEXPECTED_PROVIDER_ERROR` (spec: provider §9).
///
/// Always true for `AbortSnapshots` and `OnUnload`, whose failures nobody hands on.
#[must_use]
pub fn is_allowed_from(method: Method, code: ResultCode) -> bool {
    matches!(method, Method::AbortSnapshots | Method::OnUnload)
        || allowed_codes(method).contains(&code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use vss_model::ResultCode;

    use super::{Method, allowed_codes, is_allowed_code, is_allowed_from};

    #[test]
    fn every_method_is_named_and_has_codes() {
        let methods: HashSet<Method> = Method::ALL.iter().copied().collect();
        assert_eq!(methods.len(), Method::ALL.len());
        assert_eq!(Method::OnLunStateChange.to_string(), "OnLunStateChange");
        for method in Method::ALL {
            let codes = allowed_codes(*method);
            let distinct: HashSet<ResultCode> = codes.iter().copied().collect();
            assert_eq!(distinct.len(), codes.len(), "{method}");
            assert!(is_allowed_from(*method, ResultCode::VSS_E_PROVIDER_VETO));
        }
    }

    #[test]
    fn method_lists_stay_inside_the_general_list() {
        for method in Method::ALL {
            for code in allowed_codes(*method) {
                // The two exceptions of the reference: "not now", and software's own failure.
                let special = (*method == Method::OnUnload && *code == ResultCode::S_FALSE)
                    || (*method == Method::BeginPrepareVolume
                        && *code == ResultCode::VSS_E_UNEXPECTED);
                assert!(special || is_allowed_code(*code), "{method} {code}");
            }
        }
    }

    #[test]
    fn codes_outside_the_list_are_refused() {
        for code in [
            ResultCode::S_FALSE,
            ResultCode::E_FAIL,
            ResultCode::E_UNEXPECTED,
            ResultCode::VSS_E_UNEXPECTED,
            ResultCode::VSS_E_UNEXPECTED_PROVIDER_ERROR,
            ResultCode(0x8000_4004),
            ResultCode(0xDEAD_BEEF),
        ] {
            assert!(!is_allowed_code(code), "{code}");
            assert!(!is_allowed_from(Method::CommitSnapshots, code), "{code}");
            assert!(is_allowed_from(Method::AbortSnapshots, code), "{code}");
        }
        assert!(!is_allowed_from(
            Method::OnLunStateChange,
            ResultCode::VSS_E_OBJECT_NOT_FOUND
        ));
    }
}
