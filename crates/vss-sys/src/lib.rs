//! vss-sys
