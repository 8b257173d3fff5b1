//! The conformance suite of hardware providers.

use crate::harness::ThinHarness;

vss_provider::conformance_tests!(ThinHarness::new);
