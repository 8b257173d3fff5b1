//! The binary interface: what callers see of the objects, and what they may rely on.
#![cfg_attr(windows, allow(unsafe_code, reason = "callers come with pointers"))]

pub mod layout;

#[cfg(windows)]
mod answer;
#[cfg(windows)]
mod async_object;
#[cfg(windows)]
mod backup_components;
#[cfg(windows)]
mod calls_backup;
#[cfg(windows)]
mod calls_snapshots;
#[cfg(windows)]
mod calls_writers;
#[cfg(windows)]
mod component;
#[cfg(windows)]
mod drives;
#[cfg(windows)]
mod enum_object;
#[cfg(windows)]
mod examine;
#[cfg(windows)]
mod exports;
#[cfg(windows)]
mod log;
#[cfg(windows)]
mod memory;
#[cfg(windows)]
mod object;
#[cfg(windows)]
mod service;
#[cfg(windows)]
mod structures;
#[cfg(windows)]
mod wm;
#[cfg(windows)]
mod writer_components;
