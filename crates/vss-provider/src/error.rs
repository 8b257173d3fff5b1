//! How a provider fails.

use std::error::Error as StdError;

use vss_model::ResultCode;

/// What provider methods return.
pub type ProviderResult<T> = Result<T, ProviderError>;

/// A failure of a provider method: any result code, and why.
///
/// The code is the provider's word. The coordinator decides which codes it may hand on and which
/// become `VSS_E_UNEXPECTED_PROVIDER_ERROR` (spec: provider §9).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// The result code.
    pub code: ResultCode,
    /// What happened to which thing.
    pub message: String,
    /// What a person can do next.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ProviderError {
    /// A failure with a code.
    #[must_use]
    pub fn new(code: ResultCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// `VSS_E_PROVIDER_VETO`: the provider met an error of its own.
    #[must_use]
    pub fn veto(message: impl Into<String>) -> Self {
        Self::new(ResultCode::VSS_E_PROVIDER_VETO, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what a person can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Refuses lists that should run in parallel and do not.
///
/// # Errors
/// `E_INVALIDARG`, with both lengths.
pub fn must_be_parallel(left: usize, right: usize) -> ProviderResult<()> {
    if left == right {
        return Ok(());
    }
    Err(ProviderError::new(
        ResultCode::E_INVALIDARG,
        format!("two lists that should run in parallel have {left} and {right} entries"),
    ))
}
