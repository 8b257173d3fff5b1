//! Calls of the service, which block, on threads that may.

use tonic::Status;
use vss_model::{Error, ErrorKind};

use crate::errors::to_status;
use crate::wire::Fault;

/// Runs a call on a blocking thread. The call goes on when the caller has gone away. A panic in it is
/// the caller's error, not the server's end.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => Err(Error::new(
            ErrorKind::Unexpected,
            if error.is_panic() {
                "the service failed in the middle of the call"
            } else {
                "the service is stopping"
            },
        )
        .with_hint("look into the log of vssd: journalctl -u vssd")),
    }
}

/// The same, for a handler.
pub(crate) async fn answer<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<tonic::Response<T>, Status> {
    blocking(call)
        .await
        .map(tonic::Response::new)
        .map_err(|error| to_status(&error))
}

/// The status for a request with a field that cannot be what it should be.
pub(crate) fn bad_request(fault: &Fault) -> Status {
    to_status(&Error::new(
        ErrorKind::InvalidArgument,
        format!("bad request: {fault}"),
    ))
}
