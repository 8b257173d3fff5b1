//! Refuses peers without backup privilege, and sees to it that every refusal carries its details.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use vss_model::{Error, ErrorKind};

use crate::errors::{of_machinery, to_status};
use crate::server::Peer;
use crate::server::refusals::{Refusals, method_name};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Puts [`Access`] around the services.
#[derive(Clone)]
pub(crate) struct AccessLayer(Arc<Refusals>);

impl AccessLayer {
    pub(crate) const fn new(refusals: Arc<Refusals>) -> Self {
        Self(refusals)
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access {
            inner,
            refusals: Arc::clone(&self.0),
        }
    }
}

/// The services, for those who may call them.
#[derive(Clone)]
pub(crate) struct Access<S> {
    inner: S,
    refusals: Arc<Refusals>,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>();
        if peer.is_none_or(|peer| !peer.allowed) {
            let caller = peer.map_or("unknown caller", |peer| peer.name.as_str());
            let method = method_name(request.uri().path());
            self.refusals.note(caller, method);
            let refused = refused(caller, method).into_http();
            return Box::pin(async { Ok(refused) });
        }
        let answer = self.inner.call(request);
        Box::pin(async { answer.await.map(with_details) })
    }
}

fn refused(caller: &str, method: &str) -> Status {
    let error = Error::new(
        ErrorKind::AccessDenied,
        format!("{caller} may not call {method}: it has no backup privilege"),
    )
    .with_hint(
        "call as root, or have an administrator add the caller to the group or the certificates of \
         vssd.toml",
    );
    to_status(&error)
}

/// A refusal of the gRPC machinery itself (message too large or not readable, unknown method) gets the
/// details that all others have. Answers of the services pass as they are.
fn with_details(response: Response<Body>) -> Response<Body> {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    if status.code() == Code::Ok || !status.details().is_empty() {
        return response;
    }
    to_status(&of_machinery(status.code(), status.message())).into_http()
}
