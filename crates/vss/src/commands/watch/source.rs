//! Changes of a daemon's operations, as they come.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use vss_model::{Error, ErrorKind};
use vss_service::OperationState;

use crate::app::{App, connect};
use crate::place::Place;

/// Most changes that wait to be shown; more wait at the daemon.
const QUEUE: usize = 64;

/// Changes, read by a thread of their own so that Ctrl-C is heard meanwhile.
pub(super) struct Changes(Receiver<Result<OperationState, Error>>);

impl Changes {
    /// All changes of all operations, the present states first.
    ///
    /// # Errors
    /// The daemon cannot be reached; there is none.
    pub(super) fn of_daemon(app: &App) -> Result<Self, Error> {
        let Place::Daemon(endpoint) = &app.place else {
            return Err(Error::new(ErrorKind::Unexpected, "there is no daemon"));
        };
        let watch = connect(endpoint)?.watch(None)?;
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        // It ends with the process, or with the stream.
        thread::spawn(move || {
            for change in watch {
                if sender.send(change).is_err() {
                    break;
                }
            }
        });
        Ok(Self(receiver))
    }

    /// The next change, if one comes in time; disconnected after the last.
    pub(super) fn next(
        &self,
        limit: Duration,
    ) -> Result<Result<OperationState, Error>, RecvTimeoutError> {
        self.0.recv_timeout(limit)
    }
}
