//! Calls that were refused.

use serde::{Deserialize, Serialize};
use vss_model::Timestamp;

/// Calls of one caller to one method that were refused with `E_ACCESSDENIED`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Who called, as far as the system vouches for it: `uid 1000 (alice)`, or the name of a
    /// certificate.
    pub caller: String,
    /// What was called, as `openvss.v1.Catalogue/ListSets`; `connection` where it did not come to that.
    pub method: String,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How many times.
    pub count: u64,
}
