//! Which operations run, and which were counted, so that each end counts once.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vss_model::OperationId;

/// Ended operations that are remembered: an end that is told twice is told twice in a row, and no
/// more operations than this run at a time.
const REMEMBERED: usize = 65_536;

/// Operations by their ids.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    running: HashSet<OperationId>,
    ended: HashSet<OperationId>,
    order: VecDeque<OperationId>,
}

impl Counted {
    /// An operation runs.
    pub(super) fn began(&self, id: OperationId) {
        let mut inner = self.inner();
        // A change that is told after the end is no new begin.
        if !inner.ended.contains(&id) {
            inner.running.insert(id);
        }
    }

    /// An operation is over; true the first time.
    pub(super) fn ended(&self, id: OperationId) -> bool {
        let mut inner = self.inner();
        inner.running.remove(&id);
        if !inner.ended.insert(id) {
            return false;
        }
        inner.order.push_back(id);
        if inner.order.len() > REMEMBERED
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.ended.remove(&oldest);
        }
        true
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.inner().running.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use vss_model::OperationId;

    use super::{Counted, REMEMBERED};

    fn operation(number: u128) -> OperationId {
        OperationId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn an_end_counts_once() {
        let counted = Counted::default();
        let id = operation(1);
        counted.began(id);
        counted.began(id);
        assert_eq!(counted.running(), 1);
        assert!(counted.ended(id));
        assert!(!counted.ended(id));
        counted.began(id);
        assert_eq!(counted.running(), 0);
        // An operation so short that its end is the first that is told.
        assert!(counted.ended(operation(2)));
    }

    #[test]
    fn memory_is_bounded() {
        let counted = Counted::default();
        let more = u128::try_from(REMEMBERED).unwrap() + 10;
        for number in 0..more {
            assert!(counted.ended(operation(number)));
        }
        let inner = counted.inner();
        assert_eq!(inner.ended.len(), REMEMBERED);
        assert_eq!(inner.order.len(), REMEMBERED);
    }
}
