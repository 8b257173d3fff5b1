//! Taking times and making them comparable.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;

/// Times of one thing, round by round.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn at(&self, quarter: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get(last * quarter / 4).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.at(2)
    }

    /// The time that this many of a thousand do not exceed.
    pub(crate) fn per_mille(&self, share: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * share).div_ceil(1000).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    /// How often one of these goes into one of `other`.
    pub(crate) fn speed_over(&self, other: Duration) -> f64 {
        ratio(other, self.median())
    }

    /// The median, and the shortest and the longest.
    pub(crate) fn with_range(&self) -> String {
        if self.0.len() < 2 {
            return words(self.median());
        }
        format!(
            "{} ({} – {})",
            words(self.median()),
            words(self.at(0)),
            words(self.at(4))
        )
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "rounds": self.0.len(),
            "median_ms": millis(self.median()),
            "quartiles_ms": [millis(self.at(1)), millis(self.at(3))],
            "range_ms": [millis(self.at(0)), millis(self.at(4))],
        })
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

pub(crate) fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// Runs `work` once everything that was written before is on the disk, so that it pays for nothing
/// but itself; gives its time.
pub(crate) fn timed<T>(place: &Path, work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    settle(place)?;
    let start = Instant::now();
    let value = work()?;
    Ok((start.elapsed(), value))
}

/// Writes back all that the file system of `place` still holds in memory.
pub(crate) fn settle(place: &Path) -> Result<()> {
    rustix::fs::syncfs(File::open(place)?)?;
    Ok(())
}

/// A time as people read it.
pub(crate) fn words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 10.0 {
        format!("{seconds:.1} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 0.01 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Times;

    #[test]
    fn shares_are_ranks() {
        let times: Times = (1..=1000).rev().map(Duration::from_micros).collect();
        for (share, micros) in [(500, 500), (990, 990), (999, 999), (1000, 1000)] {
            assert_eq!(times.per_mille(share), Duration::from_micros(micros));
        }
        let two: Times = [7, 5].into_iter().map(Duration::from_micros).collect();
        assert_eq!(two.per_mille(500), Duration::from_micros(5));
        assert_eq!(two.per_mille(501), Duration::from_micros(7));
        assert_eq!(Times::default().per_mille(999), Duration::ZERO);
    }
}
