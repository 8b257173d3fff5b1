//! Recording of calls and injection of faults, for any provider.

use std::fmt;
use std::panic;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use vss_model::{
    HardwareOptions, LunInformation, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};

use crate::codes::Method;
use crate::error::{ProviderError, ProviderResult};
use crate::hardware::Access;

/// Numbers calls in the order in which they began, across all recorders of the process, so that the
/// order between two providers can be told.
static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// One call of a provider method. Fields that the method does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Grows from call to call, over all recorders of the process.
    pub sequence: u64,
    /// The calling thread.
    pub thread: ThreadId,
    /// The method.
    pub method: Method,
    /// The set.
    pub set: Option<SetId>,
    /// The copy.
    pub snapshot: Option<SnapshotId>,
    /// Context of the copy.
    pub context: Option<SnapshotAttributes>,
    /// Flags of `OnLunStateChange`.
    pub flags: Option<HardwareOptions>,
    /// Devices, as given.
    pub devices: Vec<PathBuf>,
    /// LUNs of copies, as given; the LUN of `FillInLunInfo` and `OnLunEmpty` stands here.
    pub snapshot_luns: Vec<LunInformation>,
    /// LUNs of originals, as given.
    pub original_luns: Vec<LunInformation>,
    /// Count of `PostCommitSnapshots`.
    pub count: Option<u32>,
    /// Force of `OnUnload`.
    pub force: Option<bool>,
    /// What `SetAccess` makes of the LUNs.
    pub access: Option<Access>,
    /// Volume of a software provider's method.
    pub volume: Option<String>,
    /// The code that the caller got; `None` while the call runs and for ever if it died.
    pub outcome: Option<ResultCode>,
}

impl Call {
    /// A call by this thread, now.
    #[must_use]
    pub fn of(method: Method) -> Self {
        Self {
            sequence: 0,
            thread: thread::current().id(),
            method,
            set: None,
            snapshot: None,
            context: None,
            flags: None,
            devices: Vec::new(),
            snapshot_luns: Vec::new(),
            original_luns: Vec::new(),
            count: None,
            force: None,
            access: None,
            volume: None,
            outcome: None,
        }
    }
}

/// A door that a call runs into, so that a test can act while the call hangs.
///
/// Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    entered: bool,
    open: bool,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets through whoever waits and whoever comes later.
    pub fn open(&self) {
        lock(&self.0.0).open = true;
        self.0.1.notify_all();
    }

    /// Blocks until a call has run into the gate.
    pub fn wait_until_entered(&self) {
        let mut state = lock(&self.0.0);
        while !state.entered {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pass(&self) {
        let mut state = lock(&self.0.0);
        state.entered = true;
        self.0.1.notify_all();
        while !state.open {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What a fault does to the call that it hits.
pub enum Action {
    /// Fails with `VSS_E_PROVIDER_VETO`.
    Veto,
    /// Fails with this code, which may be one that providers must not give.
    Code(ResultCode),
    /// Blocks until the test opens the gate, then goes on.
    Hang(Gate),
    /// Unwinds with a [`ProviderDied`] payload: the provider's process died.
    Die,
    /// Runs a hook, then goes on: something happens meanwhile.
    Then(Box<dyn FnOnce() + Send>),
    /// Lets the method do its work first: the effect is there, the caller sees a failure.
    AfterEffect(Box<Self>),
}

impl Action {
    /// This action, but after the method did its work.
    #[must_use]
    pub fn after_effect(self) -> Self {
        Self::AfterEffect(Box::new(self))
    }

    fn take_place(self, method: Method) -> ProviderResult<()> {
        match self {
            Self::Veto => Err(ProviderError::veto(format!("{method}: injected veto"))),
            Self::Code(code) => Err(ProviderError::new(code, format!("{method}: injected code"))),
            Self::Hang(gate) => {
                gate.pass();
                Ok(())
            }
            // Not a panic with a message: nothing went wrong that a test's output should show.
            Self::Die => panic::resume_unwind(Box::new(ProviderDied { method })),
            Self::Then(hook) => {
                hook();
                Ok(())
            }
            Self::AfterEffect(inner) => inner.take_place(method),
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Veto => f.write_str("Veto"),
            Self::Code(code) => write!(f, "Code({code})"),
            Self::Hang(_) => f.write_str("Hang"),
            Self::Die => f.write_str("Die"),
            Self::Then(_) => f.write_str("Then"),
            Self::AfterEffect(inner) => write!(f, "AfterEffect({inner:?})"),
        }
    }
}

/// The payload of [`Action::Die`], to be found with `downcast_ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderDied {
    /// The method that ran.
    pub method: Method,
}

/// A fault that waits for its call.
#[derive(Debug)]
pub struct Fault {
    /// The method it hits.
    pub method: Method,
    /// Which call of the method, counted from the injection; 1 is the next one, and so is 0.
    pub nth: u32,
    /// What happens to the call.
    pub action: Action,
}

impl Fault {
    /// Hits the next call of a method.
    #[must_use]
    pub const fn next(method: Method, action: Action) -> Self {
        Self {
            method,
            nth: 1,
            action,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    faults: Vec<Fault>,
}

/// Keeps the calls of a provider and the faults that wait for it. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    /// An empty recorder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The calls so far, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0).calls.clone()
    }

    /// The calls of one method.
    #[must_use]
    pub fn calls_of(&self, method: Method) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.method == method);
        calls
    }

    /// The methods called so far, without the scans of [`Method::PresentedLuns`], whose number and
    /// place no rule fixes.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        lock(&self.0)
            .calls
            .iter()
            .map(|call| call.method)
            .filter(|method| *method != Method::PresentedLuns)
            .collect()
    }

    /// Forgets the calls; faults keep waiting.
    pub fn clear_calls(&self) {
        lock(&self.0).calls.clear();
    }

    /// Puts a fault in the way of a later call. Faults for one call take place in the order of their
    /// injection; the first failure ends the call.
    pub fn inject(&self, fault: Fault) {
        lock(&self.0).faults.push(fault);
    }

    /// How many faults have not taken place yet.
    #[must_use]
    pub fn pending_faults(&self) -> usize {
        lock(&self.0).faults.len()
    }

    /// Drops all faults that have not taken place yet.
    pub fn clear_faults(&self) {
        lock(&self.0).faults.clear();
    }

    /// Records a call, lets its faults take place and does the work.
    ///
    /// # Errors
    /// Those of the faults and of `work`; a fault after the effect goes before the result.
    pub fn around<T>(
        &self,
        mut call: Call,
        work: impl FnOnce() -> ProviderResult<T>,
    ) -> ProviderResult<T> {
        let method = call.method;
        // The lock is never held during an action or the work: both may hang or unwind.
        let (sequence, actions) = {
            let mut state = lock(&self.0);
            call.sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
            let sequence = call.sequence;
            state.calls.push(call);
            (sequence, state.due(method))
        };
        let (late, early): (Vec<Action>, Vec<Action>) = actions
            .into_iter()
            .partition(|action| matches!(action, Action::AfterEffect(_)));
        let result = run_all(early, method).and_then(|()| {
            let result = work();
            run_all(late, method).and(result)
        });
        let outcome = match &result {
            Ok(_) => ResultCode::S_OK,
            Err(error) => error.code,
        };
        // The record may have been cleared while the call ran.
        if let Some(call) = lock(&self.0)
            .calls
            .iter_mut()
            .find(|call| call.sequence == sequence)
        {
            call.outcome = Some(outcome);
        }
        result
    }
}

impl State {
    /// Counts a call of the method and takes out the actions whose turn it is.
    fn due(&mut self, method: Method) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut waiting = Vec::with_capacity(self.faults.len());
        for mut fault in self.faults.drain(..) {
            if fault.method != method {
                waiting.push(fault);
            } else if fault.nth <= 1 {
                actions.push(fault.action);
            } else {
                fault.nth -= 1;
                waiting.push(fault);
            }
        }
        self.faults = waiting;
        actions
    }
}

fn run_all(actions: Vec<Action>, method: Method) -> ProviderResult<()> {
    actions
        .into_iter()
        .try_for_each(|action| action.take_place(method))
}

/// A test that failed elsewhere must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
