//! The embedded array passes the suite that every provider passes.

mod common;

use common::harness::FileHarness;

vss_provider::conformance_tests!(FileHarness::new);
