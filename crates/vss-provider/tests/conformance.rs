//! The fake array passes the suite, with the `Ex` interface and without.

#![expect(clippy::unwrap_used, reason = "a test's harness may panic")]

mod common;

use std::collections::HashSet;

use common::{ArrayHarness, OverArray};
use vss_provider::conformance::{self, checks};
use vss_provider::fake::{FakeProvider, SimpleArray};

impl OverArray for FakeProvider {
    fn array(&self) -> &SimpleArray {
        self.inner()
    }
}

fn fake() -> ArrayHarness<FakeProvider> {
    ArrayHarness::new(|dir| FakeProvider::new(dir).unwrap())
}

vss_provider::conformance_tests!(fake);

#[test]
fn a_legacy_provider_passes() {
    conformance::run_all(|| ArrayHarness::new(|dir| FakeProvider::new(dir).unwrap().legacy()));
}

#[test]
fn checks_have_names_of_their_own() {
    let checks = checks::<ArrayHarness<FakeProvider>>();
    let names: HashSet<&str> = checks.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), checks.len());
    assert!(checks.iter().all(|check| check.rule.contains("(spec: ")));
}

#[test]
fn an_unknown_check_is_a_failure() {
    let failure = conformance::run_named("no_such_check", fake).unwrap_err();
    assert_eq!(failure.check, "no_such_check");
}
