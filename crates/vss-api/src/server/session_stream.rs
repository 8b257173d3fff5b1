//! The stream that a session lives as long as.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;
use tonic::Status;

use crate::server::serving::Serving;
use crate::server::sessions::SessionGuard;
use crate::v1;

/// Tells the session's id, then nothing until its end: the session was released, the server stops, or
/// nobody reads any more and this is dropped.
pub(crate) struct SessionStream {
    first: Option<v1::SessionEvent>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    guard: Option<SessionGuard>,
}

impl SessionStream {
    pub(crate) fn new(guard: SessionGuard, serving: &Serving) -> Self {
        let opened = v1::SessionOpened {
            session_id: guard.id().to_string(),
        };
        let (released, stopped) = (guard.released(), serving.stopped());
        Self {
            first: Some(v1::SessionEvent {
                event: Some(v1::session_event::Event::Opened(opened)),
            }),
            ended: Box::pin(async move {
                tokio::select! {
                    () = released => {}
                    () = stopped => {}
                }
            }),
            guard: Some(guard),
        }
    }
}

impl Stream for SessionStream {
    type Item = Result<v1::SessionEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = self.first.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        if self.guard.is_some() {
            if self.ended.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.guard = None;
        }
        Poll::Ready(None)
    }
}
