//! vss-coordinator
