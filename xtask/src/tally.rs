//! Counting what tests said.
//!
//! A check that cannot run here says `skipped: NAME (REASON)`, where NAME is the test's name, or
//! `TEST/PART` when only a part of the test is left out. libtest calls a test that only says so
//! passed; here it is counted as what it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Failure, Outcome};

/// What the tests came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// How many of libtest's tests passed, by the last part of their name.
    ok: BTreeMap<String, usize>,
    failures: Vec<String>,
    skips: BTreeMap<String, BTreeSet<String>>,
    /// Ignored tests whose names were not told.
    ignored: usize,
}

impl Tally {
    /// Takes in a line that cargo's tests printed.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.ignored += count(counts, "ignored");
            return;
        }
        if let Some(skipped) = line.trim().strip_prefix("skipped: ") {
            match skipped.split_once(" (") {
                Some((name, reason)) => self.skip(name, reason.strip_suffix(')').unwrap_or(reason)),
                None => self.skip(skipped, "no reason given"),
            }
            return;
        }
        let Some((name, verdict)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        else {
            return;
        };
        if verdict == "ok" || verdict.ends_with(" ok") {
            let last = name.rsplit("::").next().unwrap_or(name);
            *self.ok.entry(last.to_owned()).or_default() += 1;
        } else if verdict == "FAILED" || verdict.ends_with(" FAILED") {
            self.failures.push(name.to_owned());
        } else if let Some(reason) = verdict.strip_prefix("ignored") {
            let reason = reason.trim_start_matches([',', ' ']);
            let reason = if reason.is_empty() { "ignored" } else { reason };
            self.skip(name, reason);
        }
    }

    /// Counts one check that could not run.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        self.skips
            .entry(name.to_owned())
            .or_default()
            .insert(reason.to_owned());
    }

    /// Counts a step that failed in another way than by failing tests.
    pub(crate) fn failed_step(&mut self, name: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
    }

    /// How many failed.
    pub(crate) const fn failed(&self) -> usize {
        self.failed
    }

    /// Tests that passed only because they did nothing.
    fn empty_passes(&self) -> usize {
        self.skips
            .keys()
            .filter(|name| self.ok.contains_key(*name))
            .count()
    }

    /// Tells everything, the count last, and gives how a chore ends whose tests these were.
    pub(crate) fn conclude(&self, outcome: Outcome) -> Outcome {
        print!("{}", self.details());
        println!("{}", self.verdict());
        outcome?;
        if self.failed() == 0 {
            Ok(())
        } else {
            // Everything is told.
            Err(Failure(String::new()))
        }
    }

    /// The failures and the skips, by name.
    pub(crate) fn details(&self) -> String {
        let mut text = String::new();
        for name in &self.failures {
            text += &format!("  FAILED   {name}\n");
        }
        for (name, reasons) in &self.skips {
            let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
            text += &format!("  skipped  {name} ({})\n", reasons.join("; "));
        }
        text
    }

    /// The last line of all.
    pub(crate) fn verdict(&self) -> String {
        // Ignored tests are among the skips by name as well, unless their line was garbled.
        let skipped = self.skips.len().max(self.ignored);
        let passed = self.passed.saturating_sub(self.empty_passes());
        format!("{passed} passed, {} failed, {skipped} skipped", self.failed)
    }
}

/// The number before a word, as in `ok. 5 passed; 0 failed; 1 ignored; ...`.
fn count(counts: &str, word: &str) -> usize {
    counts
        .split([';', '.'])
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, what)| *what == word)
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn counts_add_up_and_skips_are_no_passes() {
        let mut tally = Tally::default();
        for line in [
            "running 5 tests",
            "test gpt::reads ... ok",
            "test loop_sizes ... ok",
            "test slow ... ignored, takes an hour",
            "test src/lib.rs - (line 9) - compile ... ok",
            "test wrong ... FAILED",
            "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            tally.line(line);
        }
        for line in [
            "skipped: loop_sizes (no loop devices (in a container))",
            "skipped: loop_sizes (no loop devices (in a container))",
            "skipped: reads/btrfs (no mkfs.btrfs)",
        ] {
            tally.line(line);
        }
        tally.failed_step("clippy");
        assert_eq!(tally.verdict(), "6 passed, 2 failed, 3 skipped");
        let details = tally.details();
        for line in [
            "  FAILED   wrong\n",
            "  FAILED   clippy\n",
            "  skipped  loop_sizes (no loop devices (in a container))\n",
            "  skipped  slow (takes an hour)\n",
        ] {
            assert!(details.contains(line), "{details}");
        }
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(Tally::default().verdict(), "0 passed, 0 failed, 0 skipped");
    }
}
