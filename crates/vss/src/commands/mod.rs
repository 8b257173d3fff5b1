//! The commands, a file for each.

pub(crate) mod break_set;
pub(crate) mod cancel;
pub(crate) mod completions;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod history;
pub(crate) mod identity;
pub(crate) mod list;
pub(crate) mod lun;
pub(crate) mod man;
pub(crate) mod reference;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod undo;
pub(crate) mod wait;
pub(crate) mod watch;
