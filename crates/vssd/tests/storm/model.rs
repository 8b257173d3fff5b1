//! What the clients know to have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use vss_model::{OperationId, ResultCode, SetId};
use vss_service::OperationKind;

/// Longer than any start takes.
const LONG: Duration = Duration::from_secs(120);

/// How an operation ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// The call failed: nothing began.
    Refused(ResultCode),
    /// It began and ended so.
    Ended(ResultCode),
}

impl End {
    pub(crate) fn is_finished(self) -> bool {
        self == Self::Ended(ResultCode::VSS_S_ASYNC_FINISHED)
    }
}

/// An operation that a client began, or tried to.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) kind: OperationKind,
    /// Its set; null for a creation that made none.
    pub(crate) set: SetId,
    /// For a creation: its copies end with their session.
    pub(crate) auto_release: bool,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) operations: Vec<Operation>,
    /// Sets that may still be there; what clients choose from.
    pub(crate) sets: Vec<SetId>,
    /// LUNs of broken sets.
    pub(crate) disks: Vec<String>,
    /// LUNs that clients deleted.
    pub(crate) deleted: BTreeSet<String>,
    /// Operations that began and ended.
    pub(crate) ended: usize,
    pub(crate) queries: u64,
    pub(crate) lost: u64,
}

impl Model {
    pub(crate) fn count(&self, which: impl Fn(End) -> bool) -> usize {
        self.operations.iter().filter(|one| which(one.end)).count()
    }

    pub(crate) fn is_finished(&self, id: OperationId) -> bool {
        self.operations
            .iter()
            .any(|one| one.id == id && one.end.is_finished())
    }

    pub(crate) fn figures(&self) -> String {
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for one in &self.operations {
            let end = match one.end {
                End::Refused(code) => format!("{} refused {code}", one.kind.name()),
                End::Ended(code) => format!("{} {code}", one.kind.name()),
            };
            *ends.entry(end).or_default() += 1;
        }
        let mut lines = vec![format!(
            "{} operations, {} queries, {} answers lost",
            self.operations.len(),
            self.queries,
            self.lost
        )];
        lines.extend(
            ends.iter()
                .map(|(end, count)| format!("  {count:>6} {end}")),
        );
        lines.join("\n")
    }
}

/// Counts the starts of the daemon, so that clients who lost it can wait for the next.
#[derive(Default)]
pub(crate) struct Gate {
    starts: Mutex<u64>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn starts(&self) -> u64 {
        *self.starts.lock().unwrap()
    }

    pub(crate) fn open_next(&self) {
        *self.starts.lock().unwrap() += 1;
        self.opened.notify_all();
    }

    /// Waits for a start after the `seen` one.
    pub(crate) fn wait_for_next(&self, seen: u64) {
        let starts = self.starts.lock().unwrap();
        let (starts, _) = self
            .opened
            .wait_timeout_while(starts, LONG, |starts| *starts <= seen)
            .unwrap();
        assert!(
            *starts > seen,
            "a connection was lost, and no daemon was killed"
        );
    }
}

/// What clients and the one who kills share.
pub(crate) struct Shared {
    pub(crate) socket: PathBuf,
    pub(crate) volumes: usize,
    pub(crate) gate: Gate,
    model: Mutex<Model>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Shared {
    pub(crate) fn new(socket: PathBuf, volumes: usize) -> Self {
        Self {
            socket,
            volumes,
            gate: Gate::default(),
            model: Mutex::default(),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub(crate) fn note(&self, operation: Operation) {
        let mut model = self.model();
        model.ended += usize::from(matches!(operation.end, End::Ended(_)));
        model.operations.push(operation);
        drop(model);
        self.changed.notify_all();
    }

    /// Waits until this many more operations have begun and ended.
    pub(crate) fn wait_for_operations(&self, more: usize, until: Instant) {
        let model = self.model();
        let wanted = model.ended + more;
        let left = until.saturating_duration_since(Instant::now());
        drop(
            self.changed
                .wait_timeout_while(model, left, |model| model.ended < wanted)
                .unwrap(),
        );
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(crate) fn into_model(self: Arc<Self>) -> Model {
        self.model().clone()
    }
}
