//! What is known of running operations, told to everybody who waits: no wait costs a thread.
//!
//! The service tells every change of every operation. Whoever wants to wait for an operation registers
//! first and looks afterwards, so that a change in between is not missed. What is told is looked at
//! under the lock, so that an operation that is over cannot come back as one that runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};
use vss_model::{Error, ErrorKind, OperationId};
use vss_service::{OperationState, Served, VssAsync};

use crate::server::blocking::blocking;

/// Changes that a reader of all operations may be behind, before it must look again.
const BACKLOG: usize = 1024;

type Known = Option<Arc<OperationState>>;

#[derive(Default)]
struct State {
    /// Operations that run or are waited for. `None`: nobody has looked yet.
    known: HashMap<OperationId, watch::Sender<Known>>,
    /// Operations that are being started, with the number of calls that do so.
    starting: HashMap<OperationId, usize>,
}

impl State {
    /// Takes a state in, unless a later one is known. What is over is told and forgotten.
    fn take(&mut self, state: Arc<OperationState>) {
        let Some(sender) = self.known.get(&state.operation) else {
            return;
        };
        let is_later = sender
            .borrow()
            .as_ref()
            .is_none_or(|known| known.version < state.version);
        if !state.is_pending() {
            let id = state.operation;
            sender.send_replace(Some(state));
            self.known.remove(&id);
        } else if is_later {
            sender.send_replace(Some(state));
        }
    }

    fn is_running(&self, id: &OperationId) -> bool {
        self.known.get(id).is_some_and(runs)
    }

    /// Operations in work, those that are just being started included.
    fn in_work(&self) -> usize {
        let running = self.known.values().filter(|sender| runs(sender)).count();
        let starting = self.starting.keys().filter(|id| !self.is_running(id));
        running + starting.count()
    }
}

fn runs(sender: &watch::Sender<Known>) -> bool {
    sender
        .borrow()
        .as_ref()
        .is_some_and(|state| state.is_pending() && !state.cut_off)
}

/// What is known of running operations.
pub(crate) struct Hub {
    state: Mutex<State>,
    changes: broadcast::Sender<Arc<OperationState>>,
    most: usize,
}

impl Hub {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            changes: broadcast::Sender::new(BACKLOG),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the service tells.
    pub(crate) fn told(&self, operation: &dyn VssAsync) {
        let mut state = self.lock();
        let Ok(now) = operation.state() else {
            return;
        };
        let now = Arc::new(now);
        if now.is_pending() {
            state.known.entry(now.operation).or_default();
        }
        state.take(Arc::clone(&now));
        drop(state);
        // Nobody may be listening.
        let _ = self.changes.send(now);
    }

    /// All changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<OperationState>> {
        self.changes.subscribe()
    }

    /// The state of an operation, and what tells its later ones. It closes after the last state, and
    /// may close before: then this must be asked again.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    pub(crate) async fn follow(
        &self,
        service: &Arc<dyn Served>,
        id: OperationId,
    ) -> Result<(Arc<OperationState>, watch::Receiver<Known>), Error> {
        let mut states = self.lock().known.entry(id).or_default().subscribe();
        let known = states.borrow_and_update().clone();
        if let Some(state) = known {
            return Ok((state, states));
        }
        let _unless_found = Placeholder { hub: self, id };
        let service = Arc::clone(service);
        let now = blocking(move || service.operation(id)?.state()).await?;
        let now = Arc::new(now);
        self.lock().take(Arc::clone(&now));
        Ok((now, states))
    }

    /// Room for an operation that is about to be started. One that runs already has it.
    ///
    /// # Errors
    /// `E_OUTOFMEMORY` when there are too many.
    pub(crate) fn start(self: &Arc<Self>, id: OperationId) -> Result<Starting, Error> {
        let mut state = self.lock();
        if !state.is_running(&id) && !state.starting.contains_key(&id) {
            let in_work = state.in_work();
            if in_work >= self.most {
                return Err(Error::new(
                    ErrorKind::OutOfMemory,
                    format!("too many operations in work: {in_work}"),
                )
                .with_hint("wait for some of them, or raise limits.operations in vssd.toml"));
            }
        }
        *state.starting.entry(id).or_default() += 1;
        Ok(Starting {
            id,
            hub: Arc::clone(self),
        })
    }
}

/// The place of an operation that nobody has looked at yet. It is given up when the look finds nothing,
/// or when whoever looked has gone away.
struct Placeholder<'a> {
    hub: &'a Hub,
    id: OperationId,
}

impl Drop for Placeholder<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        if state
            .known
            .get(&self.id)
            .is_some_and(|known| known.borrow().is_none())
        {
            state.known.remove(&self.id);
        }
    }
}

/// Room for an operation, held while a call starts it or waits for its end.
pub(crate) struct Starting {
    id: OperationId,
    hub: Arc<Hub>,
}

impl Starting {
    /// The operation runs: from now on it is counted by what is told of it.
    pub(crate) fn started(self, operation: &dyn VssAsync) {
        let id = operation.operation();
        self.hub.lock().known.entry(id).or_default();
        let _unless_known = Placeholder { hub: &self.hub, id };
        if let Ok(state) = operation.state() {
            self.hub.lock().take(Arc::new(state));
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let mut state = self.hub.lock();
        if let Some(calls) = state.starting.get_mut(&self.id) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                state.starting.remove(&self.id);
            }
        }
    }
}
