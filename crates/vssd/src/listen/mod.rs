//! From knocking to a caller: sockets, credentials, certificates, and how many may be in.

mod accept;
mod connection;
mod made;
mod rendezvous;
mod sockets;
mod table;

pub(crate) use accept::{Doorkeeper, Incoming};
pub(crate) use rendezvous::Loopback;
pub(crate) use sockets::{Sockets, bind_tcp};
pub(crate) use table::Table;
