//! Errors on the wire: every refused call carries a `VssError`, from which the caller's side builds
//! the same error again.

#[cfg(feature = "server")]
mod status;

use std::error::Error as StdError;
use std::fmt;

use prost::Message;
use prost_types::Any;
use tonic::Status;
use vss_model::{Error, ErrorKind, ResultCode};

#[cfg(feature = "server")]
pub(crate) use status::{of_machinery, to_status};

use crate::v1;
use crate::wire::{Fault, Wire};

const TYPE_URL: &str = "type.googleapis.com/openvss.v1.VssError";

/// `google.rpc.Status`, the frame of error details.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// A cause that was met on the other side.
#[derive(Debug)]
struct DistantCause {
    text: String,
    source: Option<Box<Self>>,
}

impl fmt::Display for DistantCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for DistantCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}

impl Wire for Error {
    type Message = v1::VssError;

    fn to_wire(&self) -> v1::VssError {
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(one) = cause {
            causes.push(one.to_string());
            cause = one.source();
        }
        v1::VssError {
            code: self.code().0,
            name: self.code().name_or_hex(),
            message: self.message().to_owned(),
            hint: self.hint().unwrap_or_default().to_owned(),
            causes,
        }
    }

    /// A code that this side does not know is `VSS_E_UNEXPECTED`: what happened is told in words.
    fn from_wire(message: v1::VssError) -> Result<Self, Fault> {
        let kind = ErrorKind::from_code(ResultCode(message.code)).unwrap_or(ErrorKind::Unexpected);
        let mut error = Self::new(kind, message.message);
        if !message.hint.is_empty() {
            error = error.with_hint(message.hint);
        }
        let innermost_first = message.causes.into_iter().rev();
        let causes = innermost_first.fold(None, |source, text| {
            Some(Box::new(DistantCause { text, source }))
        });
        Ok(match causes {
            Some(cause) => error.with_source(cause as Box<dyn StdError + Send + Sync>),
            None => error,
        })
    }
}

/// The error in a status, if its sender put one in.
pub(crate) fn from_details(status: &Status) -> Option<Error> {
    let frame = RpcStatus::decode(status.details()).ok()?;
    let details = frame.details.iter().find(|one| one.type_url == TYPE_URL)?;
    let message = v1::VssError::decode(details.value.as_slice()).ok()?;
    Error::from_wire(message).ok()
}
