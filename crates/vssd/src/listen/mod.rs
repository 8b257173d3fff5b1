//! From knocking to a caller: sockets, credentials, certificates, and how many may be in.

mod accept;
mod connection;
mod sockets;
mod table;

pub(crate) use accept::{Doorkeeper, Incoming};
pub(crate) use sockets::{Sockets, bind_tcp};
pub(crate) use table::Table;
