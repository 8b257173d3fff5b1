//! The binary interface: what callers see of the objects, and what they may rely on.

pub mod layout;
