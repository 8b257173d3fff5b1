//! The statuses of refused calls, within what headers hold.

use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};
use vss_model::{Error, ErrorKind};

use crate::errors::{RpcStatus, TYPE_URL};
use crate::v1;
use crate::wire::Wire as _;

/// Bytes of a message in a status. Together with hint and causes it stays within 5 KiB, in base64
/// within 7, under the 8 KiB of headers that the strictest usual client takes.
const MESSAGE_BYTES: usize = 1792;
const HINT_BYTES: usize = 1024;
const CAUSES_BYTES: usize = 1792;
/// Bytes of `grpc-message`, which repeats the message for tools that know nothing else. It grows
/// threefold when it is escaped.
const PLAIN_BYTES: usize = 200;

fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
        text.truncate(end);
        text.push('…');
    }
}

fn bounded(mut error: v1::VssError) -> v1::VssError {
    cut(&mut error.message, MESSAGE_BYTES);
    cut(&mut error.hint, HINT_BYTES);
    let mut left = CAUSES_BYTES;
    error.causes.retain_mut(|cause| {
        let fits = left > '…'.len_utf8();
        if fits {
            cut(cause, left);
            // A cause costs a tag and a length besides its text.
            left = left.saturating_sub(cause.len() + 3);
        }
        fits
    });
    error
}

const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::AccessDenied => Code::PermissionDenied,
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::ObjectNotFound | ErrorKind::ProviderNotRegistered => Code::NotFound,
        ErrorKind::ObjectAlreadyExists => Code::AlreadyExists,
        ErrorKind::BadState
        | ErrorKind::SnapshotSetInProgress
        | ErrorKind::VolumeInUse
        | ErrorKind::BreakRevertIdFailed => Code::FailedPrecondition,
        ErrorKind::OutOfMemory
        | ErrorKind::InsufficientStorage
        | ErrorKind::MaximumNumberOfVolumesReached
        | ErrorKind::MaximumNumberOfSnapshotsReached => Code::ResourceExhausted,
        ErrorKind::NotSupported
        | ErrorKind::NotImplemented
        | ErrorKind::LegacyProvider
        | ErrorKind::VolumeNotSupported
        | ErrorKind::VolumeNotSupportedByProvider
        | ErrorKind::UnsupportedContext
        | ErrorKind::NestedVolumeLimit => Code::Unimplemented,
        ErrorKind::ProviderVeto | ErrorKind::HoldWritesTimeout | ErrorKind::FlushWritesTimeout => {
            Code::Aborted
        }
        _ => Code::Internal,
    }
}

/// The status of a call that ended with an error.
pub(crate) fn to_status(error: &Error) -> Status {
    let code = code(error.kind());
    let details = bounded(error.to_wire());
    let mut plain = details.message.clone();
    cut(&mut plain, PLAIN_BYTES);
    let frame = RpcStatus {
        code: code.into(),
        message: plain.clone(),
        details: vec![Any {
            type_url: TYPE_URL.to_owned(),
            value: details.encode_to_vec(),
        }],
    };
    Status::with_details(code, plain, frame.encode_to_vec().into())
}

/// The error for a request that the gRPC machinery refused by itself, without a word of the service.
pub(crate) fn of_machinery(code: Code, message: &str) -> Error {
    match code {
        Code::OutOfRange | Code::ResourceExhausted => Error::new(
            ErrorKind::InvalidArgument,
            format!("the message is too large: {message}"),
        ),
        Code::Unimplemented => Error::new(
            ErrorKind::NotImplemented,
            format!("the service does not know this method: {message}"),
        )
        .with_hint("compare the versions of client and service"),
        _ => Error::new(
            ErrorKind::InvalidArgument,
            format!("the message cannot be read: {message}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use vss_model::{Error, ErrorKind};

    use super::to_status;
    use crate::errors::from_details;

    #[test]
    fn every_kind_comes_back() {
        for kind in ErrorKind::ALL {
            let cause = std::io::Error::other("disk on fire");
            let error = Error::new(*kind, "could not read LUN db")
                .with_hint("look for smoke")
                .with_source(cause);
            let back = from_details(&to_status(&error)).unwrap();
            assert_eq!(back.kind(), *kind);
            assert_eq!(back.message(), error.message());
            assert_eq!(back.hint(), error.hint());
            assert_eq!(back.chain(), error.chain());
        }
    }

    #[test]
    fn long_texts_are_cut_to_what_headers_hold() {
        let mut error =
            Error::new(ErrorKind::Unexpected, "é".repeat(100_000)).with_hint("ü".repeat(100_000));
        for _ in 0..10 {
            let text = "ö".repeat(300);
            error = error.with_source(
                Error::new(ErrorKind::Unexpected, text)
                    .with_source(Error::new(ErrorKind::Unexpected, "ä".repeat(10_000))),
            );
        }
        let status = to_status(&error);
        assert!(
            status.details().len() < 5 << 10,
            "{}",
            status.details().len()
        );
        assert!(status.message().len() <= 200);
        let back = from_details(&status).unwrap();
        assert!(back.message().ends_with('…') && back.message().starts_with("éé"));
        assert!(back.chain().contains("ööö"));
    }
}
