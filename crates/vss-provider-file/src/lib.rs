//! vss-provider-file
