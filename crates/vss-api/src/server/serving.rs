//! One run of a server: whether it shall stop, and what it still has to do.

use std::sync::Arc;

use tokio::sync::watch;

/// One run of a server.
pub(crate) struct Serving {
    stop: watch::Receiver<bool>,
    busy: watch::Sender<usize>,
}

/// Stops a run; its drop does too, so that a run that is given up ends its streams.
pub(crate) struct Stopping(watch::Sender<bool>);

impl Stopping {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Serving {
    pub(crate) fn new() -> (Arc<Self>, Stopping) {
        let (sender, stop) = watch::channel(false);
        let busy = watch::Sender::new(0);
        (Arc::new(Self { stop, busy }), Stopping(sender))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }

    /// Resolves when the run shall stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.clone();
        async move {
            // An error says that nobody is left to stop the run, which is the same.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    /// Notes something that must be over before the run is.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|busy| *busy += 1);
        Busy(Arc::clone(self))
    }

    /// Resolves when everything that was begun is over.
    pub(crate) async fn idle(&self) {
        // The sender is a field of this: it cannot be gone.
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }
}

/// Something that must be over before the run is: it is over with the drop.
pub(crate) struct Busy(Arc<Serving>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0
            .busy
            .send_modify(|busy| *busy = busy.saturating_sub(1));
    }
}
