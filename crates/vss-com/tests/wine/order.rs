//! The order of calls.

use crate::place::Place;

/// Rows of the table in `order.cpp`: all slots but those of `IUnknown`.
const ROWS: usize = 65 - 3;
/// Rows of calls with an argument that can be wrong in itself.
const WITH_ARGUMENTS: usize = 51;

#[test]
fn every_method_in_every_mode() {
    let place = Place::new();
    let report = place.program("order").run();
    report.good(1 + 3 * ROWS + 3 * WITH_ARGUMENTS + 17 + 8);
    assert!(place.sets().is_empty() && place.copies().is_empty());
}
