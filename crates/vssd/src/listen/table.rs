//! Who is in: a bounded number of connections, shared so that nobody can keep others out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// By what connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A user of this machine.
    User(u32),
    /// Whoever calls from there, and has shown neither certificate nor token yet.
    Address(IpAddr),
    /// Whoever holds the token of the rendezvous file.
    Token,
    /// The bearer of a certificate, by the name that it goes by.
    Certificate(String),
}

impl Caller {
    /// A caller from an address. One that has a 64-bit network of its own has as many addresses as it
    /// likes, so the network counts.
    pub(crate) fn from_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let mut parts = v6.segments();
                parts[4..].fill(0);
                IpAddr::V6(Ipv6Addr::from(parts))
            }
            v4 => v4,
        })
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All places are taken.
    All,
    /// All places for callers without privilege are taken.
    Unprivileged,
    /// The caller has as many as one may have.
    Caller,
}

impl Full {
    /// The setting that says how many there are.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::All => "limits.connections",
            Self::Unprivileged => "limits.connections, half of it for callers without privilege",
            Self::Caller => "limits.connections_per_caller",
        }
    }
}

/// The places of all connections.
#[derive(Debug)]
pub(crate) struct Table {
    most: usize,
    most_per_caller: usize,
    taken: Mutex<Taken>,
    turned_away: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    unprivileged: usize,
    callers: HashMap<Caller, usize>,
}

impl Table {
    /// With so many places, and so many for each caller.
    pub(crate) fn new(most: usize, most_per_caller: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_caller,
            taken: Mutex::default(),
            turned_away: AtomicU64::new(0),
        })
    }

    /// A place for a caller; those without privilege share half of all places.
    pub(crate) fn admit(self: &Arc<Self>, caller: Caller, privileged: bool) -> Result<Place, Full> {
        let mut taken = self.taken();
        let full = if taken.all >= self.most {
            Some(Full::All)
        } else if !privileged && taken.unprivileged >= self.most / 2 {
            Some(Full::Unprivileged)
        } else if taken.of(&caller) >= self.most_per_caller {
            Some(Full::Caller)
        } else {
            None
        };
        if let Some(full) = full {
            drop(taken);
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        taken.add(&caller, privileged);
        drop(taken);
        Ok(Place {
            table: Arc::clone(self),
            caller,
            privileged,
        })
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.taken().all
    }

    /// Connections for which there was no place, since the start.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn of(&self, caller: &Caller) -> usize {
        self.callers.get(caller).copied().unwrap_or(0)
    }

    fn add(&mut self, caller: &Caller, privileged: bool) {
        self.all += 1;
        self.unprivileged += usize::from(!privileged);
        *self.callers.entry(caller.clone()).or_default() += 1;
    }

    fn remove(&mut self, caller: &Caller, privileged: bool) {
        self.all -= 1;
        self.unprivileged -= usize::from(!privileged);
        if let Some(count) = self.callers.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                self.callers.remove(caller);
            }
        }
    }
}

/// The place of one connection, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<Table>,
    caller: Caller,
    privileged: bool,
}

impl Place {
    /// The same place for a caller who has said who it is.
    pub(crate) fn known_as(self, caller: Caller, privileged: bool) -> Result<Self, Full> {
        let table = Arc::clone(&self.table);
        drop(self);
        table.admit(caller, privileged)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.taken().remove(&self.caller, self.privileged);
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Full, Table};

    #[test]
    fn one_caller_cannot_take_all() {
        let table = Table::new(10, 3);
        let places: Vec<_> = (0..3)
            .map(|_| table.admit(Caller::User(0), true).unwrap())
            .collect();
        assert_eq!(
            table.admit(Caller::User(0), true).unwrap_err(),
            Full::Caller
        );
        assert!(table.admit(Caller::User(1), false).is_ok());
        drop(places);
        assert_eq!(table.open(), 0);
        assert!(table.taken().callers.is_empty());
        assert_eq!(table.turned_away(), 1);
    }

    #[test]
    fn strangers_share_half() {
        let table = Table::new(10, 3);
        let strangers: Vec<_> = (1..=5)
            .map(|uid| table.admit(Caller::User(uid), false).unwrap())
            .collect();
        assert_eq!(
            table.admit(Caller::User(9), false).unwrap_err(),
            Full::Unprivileged
        );
        let others: Vec<_> = (10..15)
            .map(|uid| table.admit(Caller::User(uid), true).unwrap())
            .collect();
        assert_eq!(table.admit(Caller::User(0), true).unwrap_err(), Full::All);
        drop((strangers, others));
        assert_eq!(table.open(), 0);
    }

    #[test]
    fn a_certificate_takes_the_place_over() {
        let table = Table::new(2, 1);
        let address = Caller::from_address("127.0.0.1".parse().unwrap());
        let place = table.admit(address.clone(), false).unwrap();
        let known = place.known_as(Caller::Certificate("a".into()), true);
        assert_eq!(table.open(), 1);
        assert!(table.admit(address, false).is_ok());
        drop(known);
        assert_eq!(table.open(), 0);
    }

    #[test]
    fn a_network_of_addresses_is_one_caller() {
        let caller = |address: &str| Caller::from_address(address.parse().unwrap());
        assert_eq!(caller("2001:db8::1"), caller("2001:db8::ffff:1"));
        assert_ne!(caller("2001:db8::1"), caller("2001:db8:0:1::1"));
        assert_eq!(caller("::ffff:127.0.0.1"), caller("127.0.0.1"));
        assert_ne!(caller("127.0.0.1"), caller("127.0.0.2"));
    }
}
