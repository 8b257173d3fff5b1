//! What an `IVssAsync` stands for (spec: requester §9).

use std::sync::Arc;
use std::time::Duration;

use vss_model::{Error, ResultCode};
use vss_service::{CancelAnswer, VssAsync};

/// `INFINITE`.
const INFINITE: u32 = u32::MAX;

/// An operation that an object began.
#[derive(Clone)]
pub(crate) enum Operation {
    /// It was over when the call returned: nobody else had to do anything.
    Over(ResultCode),
    /// The service works on it.
    Running(Arc<dyn VssAsync>),
}

impl Operation {
    /// One that is done.
    pub(crate) const FINISHED: Self = Self::Over(ResultCode::VSS_S_ASYNC_FINISHED);

    /// `QueryStatus`: pending, finished, cancelled, or the failure.
    ///
    /// # Errors
    /// The service cannot be reached: how the operation stands is not known.
    pub(crate) fn status(&self) -> Result<ResultCode, Error> {
        match self {
            Self::Over(code) => Ok(*code),
            Self::Running(job) => job.query_status(),
        }
    }

    /// `Wait`: until the end, or for `millis` milliseconds; `INFINITE` (0xFFFFFFFF) has no limit. Says
    /// nothing of how it ended.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub(crate) fn wait(&self, millis: u32) -> Result<(), Error> {
        match self {
            Self::Over(_) => Ok(()),
            Self::Running(job) => {
                let limit = (millis != INFINITE).then(|| Duration::from_millis(millis.into()));
                job.wait(limit)
            }
        }
    }

    /// `Cancel`: `S_OK` when the request was taken, else how the operation had ended.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub(crate) fn cancel(&self) -> Result<ResultCode, Error> {
        match self {
            Self::Over(code) => Ok(*code),
            Self::Running(job) => Ok(match job.cancel()? {
                CancelAnswer::Taken => ResultCode::S_OK,
                CancelAnswer::Finished => ResultCode::VSS_S_ASYNC_FINISHED,
                CancelAnswer::Cancelled => ResultCode::VSS_S_ASYNC_CANCELLED,
                CancelAnswer::Failed(code) => code,
            }),
        }
    }
}
