//! Handles of operations.

use std::sync::Arc;
use std::time::Duration;

use vss_model::{Error, OperationId, SetId};
use vss_service::{CancelAnswer, OperationState, VssAsync};

use crate::client::dial::lost;
use crate::client::link::{Link, bad_answer};
use crate::client::queries::{message, operations};
use crate::v1;
use crate::wire::Wire;

/// A handle of an operation. It is no more than its id: it outlives connections and daemons.
pub(super) struct Operation {
    link: Arc<Link>,
    id: OperationId,
    set: SetId,
}

impl Operation {
    pub(super) const fn new(link: Arc<Link>, id: OperationId, set: SetId) -> Self {
        Self { link, id, set }
    }

    pub(super) fn look(link: &Link, id: OperationId) -> Result<OperationState, Error> {
        let request = v1::GetOperationRequest {
            operation_id: id.to_string(),
        };
        let answer =
            link.short(|channel| async move { operations(channel).get_operation(request).await })?;
        message(answer.state, "state")
    }

    /// Waits for a later state, or without `seen` for the end.
    fn wait_for(
        &self,
        seen: Option<u64>,
        limit: Option<Duration>,
    ) -> Result<OperationState, Error> {
        let request = v1::WaitRequest {
            operation_id: self.id.to_string(),
            limit_ms: limit.map(whole_millis),
            after_version: seen,
        };
        let answer = self
            .link
            .long(|channel| async move { operations(channel).wait(request).await })?;
        let state: OperationState = message(answer.state, "state")?;
        let is_wanted = state.is_settled() || seen.is_some_and(|seen| state.version > seen);
        if answer.stopping && !is_wanted {
            return Err(lost(
                self.link.endpoint(),
                "the service is stopping".to_owned(),
            ));
        }
        Ok(state)
    }
}

/// Rounded up: a wait is not shorter than was asked for.
fn whole_millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl VssAsync for Operation {
    fn operation(&self) -> OperationId {
        self.id
    }

    fn set(&self) -> SetId {
        self.set
    }

    fn state(&self) -> Result<OperationState, Error> {
        Self::look(&self.link, self.id)
    }

    fn next(&self, seen: u64, limit: Option<Duration>) -> Result<OperationState, Error> {
        self.wait_for(Some(seen), limit)
    }

    fn wait(&self, limit: Option<Duration>) -> Result<(), Error> {
        self.wait_for(None, limit).map(|_| ())
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        let request = v1::CancelOperationRequest {
            operation_id: self.id.to_string(),
        };
        let answer = self
            .link
            .short(|channel| async move { operations(channel).cancel_operation(request).await })?;
        CancelAnswer::from_wire(answer).map_err(|fault| bad_answer(&fault))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::whole_millis;

    #[test]
    fn limits_are_rounded_up() {
        for (nanos, millis) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)] {
            assert_eq!(whole_millis(Duration::from_nanos(nanos)), millis);
        }
        assert_eq!(whole_millis(Duration::MAX), u64::MAX);
    }
}
