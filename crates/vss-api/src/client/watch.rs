//! States of operations as they come.

use std::fmt;
use std::sync::Arc;

use tonic::Streaming;
use vss_model::{Error, OperationId};
use vss_service::OperationState;

use crate::client::dial::lost;
use crate::client::link::{Link, Place, failure};
use crate::client::queries::{message, operations};
use crate::v1;

/// The states of one operation until its end, or of all operations. Waits for the next one; ends after
/// the last state of the one operation, or after an error.
pub struct Watch {
    link: Arc<Link>,
    /// `None` once it is over.
    stream: Option<Streaming<v1::WatchResponse>>,
    /// Whether it shall end with the first state that is none of a running operation.
    is_of_one: bool,
    _place: Place,
}

impl Watch {
    pub(super) fn open(link: &Arc<Link>, operation: Option<OperationId>) -> Result<Self, Error> {
        let request = v1::WatchRequest {
            operation_id: operation.map(|id| id.to_string()).unwrap_or_default(),
        };
        let place = link.place()?;
        let stream = link.on(place.channel.clone(), |channel| async move {
            operations(channel).watch(request).await
        })?;
        Ok(Self {
            link: Arc::clone(link),
            stream: Some(stream),
            is_of_one: operation.is_some(),
            _place: place,
        })
    }
}

impl Iterator for Watch {
    type Item = Result<OperationState, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut stream = self.stream.take()?;
        let endpoint = self.link.endpoint().clone();
        let told = self.link.run(async move {
            match stream.message().await {
                Ok(Some(change)) => Ok((change, stream)),
                Ok(None) => Err(lost(&endpoint, "the service is stopping".to_owned())),
                Err(status) => Err(failure(&endpoint, &status)),
            }
        });
        let state = told.and_then(|(change, stream)| {
            let state: OperationState = message(change.state, "state")?;
            if !state.is_settled() || !self.is_of_one {
                self.stream = Some(stream);
            }
            Ok(state)
        });
        Some(state)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("is_over", &self.stream.is_none())
            .finish_non_exhaustive()
    }
}
