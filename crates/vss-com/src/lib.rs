//! `vssapi.dll`: the COM interfaces of `vsbackup.h`, for programs written for Windows.

pub mod abi;
