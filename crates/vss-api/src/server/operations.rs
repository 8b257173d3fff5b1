//! The service `Operations`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vss_model::{Error, OperationId};
use vss_service::OperationState;

use crate::errors::to_status;
use crate::server::blocking::{answer, bad_request, blocking};
use crate::server::{Handlers, Shared};
use crate::v1;
use crate::v1::operations_server::Operations;
use crate::wire::{Wire, id, list_to};

/// Changes that are kept for a reader who is slow; for all operations, the next ones wait.
const AHEAD: usize = 16;

type Changes = mpsc::Sender<Result<v1::WatchResponse, Status>>;

#[tonic::async_trait]
impl Operations for Handlers {
    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn list_operations(
        &self,
        _: Request<v1::ListOperationsRequest>,
    ) -> Result<Response<v1::ListOperationsResponse>, Status> {
        let service = Arc::clone(&self.shared.service);
        answer(move || {
            Ok(v1::ListOperationsResponse {
                operations: list_to(&service.operations()?),
            })
        })
        .await
    }

    async fn get_operation(
        &self,
        request: Request<v1::GetOperationRequest>,
    ) -> Result<Response<v1::GetOperationResponse>, Status> {
        let id = operation_id(&request.get_ref().operation_id)?;
        let service = Arc::clone(&self.shared.service);
        answer(move || {
            Ok(v1::GetOperationResponse {
                state: Some(service.operation(id)?.state()?.to_wire()),
            })
        })
        .await
    }

    async fn wait(
        &self,
        request: Request<v1::WaitRequest>,
    ) -> Result<Response<v1::WaitResponse>, Status> {
        let request = request.into_inner();
        let id = operation_id(&request.operation_id)?;
        let limit = request.limit_ms.map(Duration::from_millis);
        let waited = self.wait_for(id, request.after_version, limit).await;
        let (state, stopping) = waited.map_err(|error| to_status(&error))?;
        Ok(Response::new(v1::WaitResponse {
            state: Some(state.to_wire()),
            stopping,
        }))
    }

    async fn cancel_operation(
        &self,
        request: Request<v1::CancelOperationRequest>,
    ) -> Result<Response<v1::CancelOperationResponse>, Status> {
        let id = operation_id(&request.get_ref().operation_id)?;
        let service = Arc::clone(&self.shared.service);
        answer(move || Ok(service.operation(id)?.cancel()?.to_wire())).await
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let text = &request.get_ref().operation_id;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let handlers = self.clone();
        if text.is_empty() {
            let changes = self.shared.hub.changes();
            let first = present(&self.shared).await;
            let first = first.map_err(|error| to_status(&error))?;
            tokio::spawn(async move {
                tokio::select! {
                    () = tell_all(&handlers.shared, changes, first, &sender) => {}
                    () = handlers.serving.stopped() => {}
                    () = sender.closed() => {}
                }
            });
        } else {
            let id = operation_id(text)?;
            // An unknown id is refused at once, not in the stream.
            let found = self.shared.hub.follow(&self.shared.service, id).await;
            found.map_err(|error| to_status(&error))?;
            tokio::spawn(async move {
                tokio::select! {
                    () = handlers.tell_one(id, &sender) => {}
                    () = sender.closed() => {}
                }
            });
        }
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn operation_id(text: &str) -> Result<OperationId, Status> {
    id(text, "operation_id").map_err(|fault| bad_request(&fault))
}

async fn present(shared: &Shared) -> Result<Vec<OperationState>, Error> {
    let service = Arc::clone(&shared.service);
    blocking(move || service.operations()).await
}

async fn tell(sender: &Changes, state: &OperationState) -> bool {
    let change = v1::WatchResponse {
        state: Some(state.to_wire()),
    };
    sender.send(Ok(change)).await.is_ok()
}

impl Handlers {
    /// Waits for a state above `after`, or for the end; until the limit, or until the server stops,
    /// which the answer's second part says.
    async fn wait_for(
        &self,
        id: OperationId,
        after: Option<u64>,
        limit: Option<Duration>,
    ) -> Result<(Arc<OperationState>, bool), Error> {
        // A limit beyond what the clock can hold is none.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let over = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let stopped = self.serving.stopped();
        tokio::pin!(over, stopped);
        let is_wanted = |state: &OperationState| {
            state.is_settled() || after.is_some_and(|seen| state.version > seen)
        };
        loop {
            let (mut now, mut states) = self.shared.hub.follow(&self.shared.service, id).await?;
            loop {
                if is_wanted(&now) {
                    return Ok((now, false));
                }
                if self.serving.is_stopping() {
                    return Ok((now, true));
                }
                tokio::select! {
                    biased;
                    changed = states.changed() => {
                        let is_open = changed.is_ok();
                        if let Some(state) = states.borrow_and_update().clone() {
                            now = state;
                        }
                        if !is_open && !is_wanted(&now) {
                            break;
                        }
                    }
                    () = &mut stopped => return Ok((now, true)),
                    () = &mut over => return Ok((now, false)),
                }
            }
        }
    }

    /// Tells the states of one operation until its end.
    async fn tell_one(&self, id: OperationId, sender: &Changes) {
        let mut seen = None;
        loop {
            let limit = seen.is_none().then_some(Duration::ZERO);
            match self.wait_for(id, seen, limit).await {
                Ok((state, stopping)) => {
                    let is_new = seen.is_none_or(|seen| state.version > seen);
                    let is_over = state.is_settled();
                    if (is_new || is_over) && !tell(sender, &state).await {
                        return;
                    }
                    if is_over || stopping {
                        return;
                    }
                    seen = Some(state.version);
                }
                Err(error) => {
                    // The reader may have gone; then nobody misses the error.
                    let _ = sender.send(Err(to_status(&error))).await;
                    return;
                }
            }
        }
    }
}

/// Tells the states of all operations, for ever. A reader who falls behind is told anew how things
/// stand, the ends of operations that it has heard of included.
async fn tell_all(
    shared: &Shared,
    mut changes: broadcast::Receiver<Arc<OperationState>>,
    first: Vec<OperationState>,
    sender: &Changes,
) {
    let mut heard: HashMap<OperationId, u64> = HashMap::new();
    let mut states: Vec<Arc<OperationState>> = first.into_iter().map(Arc::new).collect();
    loop {
        for state in states.drain(..) {
            let known = heard.get(&state.operation);
            let is_new = known.is_none_or(|version| *version < state.version);
            if !is_new && state.is_pending() {
                continue;
            }
            if state.is_pending() {
                heard.insert(state.operation, state.version);
            } else {
                heard.remove(&state.operation);
            }
            if !tell(sender, &state).await {
                return;
            }
        }
        match changes.recv().await {
            Ok(state) => states.push(state),
            Err(broadcast::error::RecvError::Closed) => return,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                match missed(shared, heard.keys().copied().collect()).await {
                    Ok(missed) => states = missed.into_iter().map(Arc::new).collect(),
                    Err(error) => {
                        let _ = sender.send(Err(to_status(&error))).await;
                        return;
                    }
                }
            }
        }
    }
}

/// How things stand: the operations in work, and those of `heard` that have ended since.
async fn missed(shared: &Shared, heard: Vec<OperationId>) -> Result<Vec<OperationState>, Error> {
    let service = Arc::clone(&shared.service);
    blocking(move || {
        let mut states = service.operations()?;
        for id in heard {
            if states.iter().all(|state| state.operation != id)
                && let Ok(operation) = service.operation(id)
            {
                states.push(operation.state()?);
            }
        }
        Ok(states)
    })
    .await
}
