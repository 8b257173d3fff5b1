//! Tests that need the laboratory.
