//! Requester sessions: who owns them, and that they are released once, on a thread that may block.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use vss_model::{Error, ErrorKind, SessionId};
use vss_service::BackupComponents;

use crate::server::serving::Busy;

/// What a session holds. It is dropped in this order: the release first, which may take its time, then
/// what tells others that it is complete.
struct Parts {
    components: Box<dyn BackupComponents>,
    _seat: Seat,
    _busy: Busy,
    released: watch::Sender<()>,
}

/// An open session. Wherever it is dropped, its release runs on a thread that may block.
pub(crate) struct Session {
    /// There until the drop.
    parts: Option<Parts>,
    runtime: Handle,
}

impl Session {
    pub(crate) fn new(components: Box<dyn BackupComponents>, seat: Seat, busy: Busy) -> Self {
        Self {
            parts: Some(Parts {
                components,
                _seat: seat,
                _busy: busy,
                released: watch::Sender::new(()),
            }),
            runtime: Handle::current(),
        }
    }

    fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("only the drop takes the parts")
    }

    pub(crate) fn components(&self) -> &dyn BackupComponents {
        &*self.parts().components
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let parts = self.parts.take();
        self.runtime.spawn_blocking(move || drop(parts));
    }
}

struct Open {
    owner: String,
    session: Arc<Session>,
}

#[derive(Default)]
struct State {
    open: HashMap<SessionId, Open>,
    seats: usize,
    seats_of: HashMap<String, usize>,
}

/// All open sessions.
pub(crate) struct Sessions {
    state: Mutex<State>,
    most: usize,
    most_per_caller: usize,
}

impl Sessions {
    pub(crate) fn new(most: usize, most_per_caller: usize) -> Self {
        Self {
            state: Mutex::default(),
            most,
            most_per_caller,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions that have a seat: open, being opened or being released.
    pub(crate) fn count(&self) -> usize {
        self.lock().seats
    }

    /// A seat for a session to be.
    pub(crate) fn seat(self: &Arc<Self>, owner: &str) -> Result<Seat, Error> {
        let mut state = self.lock();
        let of_owner = state.seats_of.get(owner).copied().unwrap_or_default();
        let full = |whose: String, setting: &str| {
            Err(Error::new(
                ErrorKind::OutOfMemory,
                format!("too many open sessions {whose}"),
            )
            .with_hint(format!(
                "release sessions that are not needed, or raise limits.{setting} in vssd.toml"
            )))
        };
        if state.seats >= self.most {
            return full(format!("in all: {}", state.seats), "sessions");
        }
        if of_owner >= self.most_per_caller {
            return full(format!("of {owner}: {of_owner}"), "sessions_per_caller");
        }
        state.seats += 1;
        *state.seats_of.entry(owner.to_owned()).or_default() += 1;
        Ok(Seat {
            sessions: Arc::clone(self),
            owner: owner.to_owned(),
        })
    }

    /// Makes a session known under its id, and gives the guard that releases it.
    pub(crate) fn open(
        self: &Arc<Self>,
        owner: &str,
        session: Session,
    ) -> Result<SessionGuard, Error> {
        let id = session.components().session_id();
        let released = session.parts().released.subscribe();
        let mut state = self.lock();
        if state.open.contains_key(&id) {
            drop(state);
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!("session {id} exists twice"),
            ));
        }
        let open = Open {
            owner: owner.to_owned(),
            session: Arc::new(session),
        };
        state.open.insert(id, open);
        Ok(SessionGuard {
            id,
            released,
            sessions: Arc::clone(self),
        })
    }

    /// A session of this caller. That of another caller is as unknown as one that never was.
    pub(crate) fn get(&self, owner: &str, id: SessionId) -> Result<Arc<Session>, Error> {
        self.lock()
            .open
            .get(&id)
            .filter(|open| open.owner == owner)
            .map(|open| Arc::clone(&open.session))
            .ok_or_else(|| unknown(id))
    }

    /// Releases a session of this caller, and gives what tells when that is complete. Calls on it that
    /// run are waited for.
    pub(crate) fn release(&self, owner: &str, id: SessionId) -> Result<watch::Receiver<()>, Error> {
        let session = self.get(owner, id)?;
        let released = session.parts().released.subscribe();
        let open = self.lock().open.remove(&id);
        drop(open);
        Ok(released)
    }
}

fn unknown(id: SessionId) -> Error {
    Error::new(ErrorKind::BadState, format!("there is no session {id}")).with_hint(
        "a session ends with its stream, with the connection and with the service: open a new one",
    )
}

/// Room for a session among those that the limits allow.
pub(crate) struct Seat {
    sessions: Arc<Sessions>,
    owner: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.sessions.lock();
        state.seats = state.seats.saturating_sub(1);
        if let Some(seats) = state.seats_of.get_mut(&self.owner) {
            *seats = seats.saturating_sub(1);
            if *seats == 0 {
                state.seats_of.remove(&self.owner);
            }
        }
    }
}

/// Holds a session open. Its drop releases the session, if nobody else has.
pub(crate) struct SessionGuard {
    id: SessionId,
    released: watch::Receiver<()>,
    sessions: Arc<Sessions>,
}

impl SessionGuard {
    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    /// Resolves when the session has been released by somebody.
    pub(crate) fn released(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut released = self.released.clone();
        async move {
            // Nothing is ever sent: the error is the end of the session.
            while released.changed().await.is_ok() {}
        }
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let open = self.sessions.lock().open.remove(&self.id);
        drop(open);
    }
}
