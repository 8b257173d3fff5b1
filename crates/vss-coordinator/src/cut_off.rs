//! The handle of an operation that was cut off and that this start could not end.

use std::sync::Arc;
use std::time::Duration;

use vss_model::{Error, OperationId, SetId};
use vss_service::{CancelAnswer, OperationKind, OperationState, VssAsync};

use crate::coordinator::Caller;
use crate::engine::{Engine, Stuck};
use crate::undo;

/// One that waits in the journal for the next start. The handle holds the service, and with it the state folder.
pub(crate) struct CutOff {
    engine: Arc<Engine>,
    stuck: Stuck,
    caller: Caller,
}

impl CutOff {
    /// The handle of this operation, if it could not be ended.
    pub(crate) fn find(
        engine: &Arc<Engine>,
        operation: OperationId,
        caller: Caller,
    ) -> Option<Self> {
        let stuck = engine.stuck();
        let stuck = stuck.into_iter().find(|one| one.operation == operation)?;
        let engine = Arc::clone(engine);
        Some(Self {
            engine,
            stuck,
            caller,
        })
    }
}

impl VssAsync for CutOff {
    fn operation(&self) -> OperationId {
        self.stuck.operation
    }

    fn set(&self) -> SetId {
        self.stuck.set
    }

    fn state(&self) -> Result<OperationState, Error> {
        let job = self.engine.find_operation(self.stuck.operation)?;
        let job = job.ok_or_else(|| Error::clone(&self.stuck.error))?;
        let mut state = job.state();
        if state.is_pending() {
            state.error = Some(Arc::clone(&self.stuck.error));
        }
        Ok(state)
    }

    fn next(&self, _: u64, _: Option<Duration>) -> Result<OperationState, Error> {
        self.state()
    }

    fn wait(&self, _: Option<Duration>) -> Result<(), Error> {
        Ok(())
    }

    fn cancel(&self) -> Result<CancelAnswer, Error> {
        self.caller.check_privilege()?;
        if let Some(answer) = CancelAnswer::of_ended(self.state()?.code) {
            return Ok(answer);
        }
        if self.stuck.kind != OperationKind::Undo {
            return Err(Error::clone(&self.stuck.error));
        }
        undo::give_up(&self.engine, &self.stuck)?;
        Ok(CancelAnswer::Taken)
    }
}
