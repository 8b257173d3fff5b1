//! Log lines that strangers can cause, one per second at most.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing more is said.
const PERIOD: Duration = Duration::from_secs(1);

/// Lets one occasion through per period, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// Whether to speak now; if so, how many occasions were passed over in silence since last time.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, silent) = &mut *state;
        if last.is_some_and(|last| now.saturating_duration_since(last) < PERIOD) {
            *silent = silent.saturating_add(1);
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(silent))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{PERIOD, Throttle};

    #[test]
    fn one_a_period_and_the_rest_is_counted() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass_at(start), Some(0));
        assert_eq!(throttle.pass_at(start), None);
        assert_eq!(throttle.pass_at(start + PERIOD / 2), None);
        assert_eq!(throttle.pass_at(start + PERIOD), Some(2));
        assert_eq!(throttle.pass_at(start + PERIOD * 3), Some(0));
    }
}
