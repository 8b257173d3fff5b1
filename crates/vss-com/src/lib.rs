//! `vssapi.dll`: the COM interfaces of `vsbackup.h`, for programs written for Windows.
//!
//! [`abi`] is what callers see: tables of functions, exported names, who owns which memory. What a
//! requester object does is in `requester`, without pointers, on a `dyn Service`; it builds and is
//! tested on every system. `document` holds the documents of backups and writers, `volumes` the names
//! of volumes.

pub mod abi;
#[cfg_attr(
    not(windows),
    allow(dead_code, unused_imports, reason = "callers come through the ABI")
)]
mod document;
#[cfg_attr(
    not(windows),
    allow(dead_code, unused_imports, reason = "callers come through the ABI")
)]
mod requester;
#[cfg_attr(
    not(windows),
    allow(dead_code, unused_imports, reason = "callers come through the ABI")
)]
mod volumes;
