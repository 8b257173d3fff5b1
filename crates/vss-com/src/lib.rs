//! `vssapi.dll`: the COM interfaces of `vsbackup.h`, for programs written for Windows.
