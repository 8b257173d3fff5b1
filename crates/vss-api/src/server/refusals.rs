//! Counts refused calls and has them written down, without a way to flood disk, log or memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use vss_model::Timestamp;
use vss_service::{Refusal, Served};

/// All methods that there are.
const METHODS: &[&str] = &include!(concat!(env!("OUT_DIR"), "/methods.rs"));
/// The one name of all others.
const UNKNOWN: &str = "unknown method";
/// What who was not let in had called.
pub(crate) const CONNECTION: &str = "connection";
/// Callers and methods that are told apart between two writes.
const MOST: usize = 1024;
/// The caller of what is beyond that.
const OTHERS: &str = "other callers";
/// Pause between two writes.
const PAUSE: Duration = Duration::from_secs(1);

/// The name under which a call to this path is counted.
pub(crate) fn method_name(path: &str) -> &'static str {
    let name = path.strip_prefix('/').unwrap_or(path);
    METHODS
        .iter()
        .copied()
        .find(|method| *method == name)
        .unwrap_or(UNKNOWN)
}

#[derive(Default)]
struct Waiting {
    by_call: HashMap<(String, &'static str), Refusal>,
    /// True while a task writes: the others need only leave their refusals here.
    writing: bool,
}

/// Refused calls.
pub(crate) struct Refusals {
    service: Arc<dyn Served>,
    waiting: Mutex<Waiting>,
}

impl Refusals {
    pub(crate) fn new(service: Arc<dyn Served>) -> Self {
        Self {
            service,
            waiting: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a refused call. The first one is written at once, what follows once in a while.
    pub(crate) fn note(self: &Arc<Self>, caller: &str, method: &'static str) {
        let now = Timestamp::from_system_time(SystemTime::now());
        let mut waiting = self.lock();
        let mut key = (caller.to_owned(), method);
        if waiting.by_call.len() >= MOST && !waiting.by_call.contains_key(&key) {
            key.0 = OTHERS.to_owned();
        }
        match waiting.by_call.entry(key) {
            Entry::Occupied(mut refusal) => {
                let refusal = refusal.get_mut();
                refusal.last = now;
                refusal.count = refusal.count.saturating_add(1);
            }
            Entry::Vacant(free) => {
                let refusal = Refusal {
                    caller: free.key().0.clone(),
                    method: method.to_owned(),
                    first: now,
                    last: now,
                    count: 1,
                };
                free.insert(refusal);
            }
        }
        if !waiting.writing {
            waiting.writing = true;
            let this = Arc::clone(self);
            tokio::spawn(async move { this.write_until_none().await });
        }
    }

    async fn write_until_none(&self) {
        loop {
            self.flush().await;
            sleep(PAUSE).await;
            let mut waiting = self.lock();
            if waiting.by_call.is_empty() {
                waiting.writing = false;
                return;
            }
        }
    }

    /// Writes what there is.
    pub(crate) async fn flush(&self) {
        let refusals: Vec<Refusal> = self.lock().by_call.drain().map(|(_, one)| one).collect();
        if refusals.is_empty() {
            return;
        }
        for refusal in &refusals {
            tracing::warn!(
                caller = refusal.caller,
                method = refusal.method,
                count = refusal.count,
                "call refused: no backup privilege"
            );
        }
        let service = Arc::clone(&self.service);
        let written = tokio::task::spawn_blocking(move || service.record_refusals(&refusals)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(
                    error = error.chain(),
                    "refused calls could not be written down"
                );
            }
            Err(error) => {
                tracing::error!(error = %error, "refused calls could not be written down");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN, method_name};

    #[test]
    fn only_methods_that_there_are_have_names() {
        let known = "openvss.v1.Catalogue/ListSets";
        assert_eq!(method_name("/openvss.v1.Catalogue/ListSets"), known);
        for other in ["", "/", "/openvss.v1.Catalogue/Nothing", "/x/ListSets"] {
            assert_eq!(method_name(other), UNKNOWN);
        }
    }
}
