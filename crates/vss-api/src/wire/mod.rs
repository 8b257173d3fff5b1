//! Between messages and the plain types of the service: nothing is lost on the way.
//!
//! A [`Wire`] type has one message. Reading a message checks it; a [`Fault`] names the field that is
//! wrong, and whoever reads decides whose mistake that is.

mod disk;
mod lun;
mod operation;
mod plan;
mod report;
mod snapshot;
mod status;

pub(crate) use operation::handle;

use std::fmt;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use vss_model::{
    ClassId, OperationId, ProviderId, ProviderVersionId, SessionId, SetId, SnapshotId,
};

/// A field of a message that cannot be what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    field: String,
    reason: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }

    fn missing(field: &str) -> Self {
        Self::new(field, "is missing")
    }

    /// The same fault, seen from the message around.
    fn inside(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// `copies[2].properties.status: 77 is no known value`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for Fault {}

/// A type with a message of its own.
pub(crate) trait Wire: Sized {
    /// The message.
    type Message;

    fn to_wire(&self) -> Self::Message;

    fn from_wire(message: Self::Message) -> Result<Self, Fault>;
}

pub(crate) fn list_to<T: Wire>(list: &[T]) -> Vec<T::Message> {
    list.iter().map(T::to_wire).collect()
}

pub(crate) fn list_from<T: Wire>(list: Vec<T::Message>, field: &str) -> Result<Vec<T>, Fault> {
    list.into_iter()
        .enumerate()
        .map(|(place, one)| {
            T::from_wire(one).map_err(|fault| fault.inside(&format!("{field}[{place}]")))
        })
        .collect()
}

pub(crate) fn needed<T: Wire>(message: Option<T::Message>, field: &str) -> Result<T, Fault> {
    optional(message, field)?.ok_or_else(|| Fault::missing(field))
}

pub(crate) fn optional<T: Wire>(
    message: Option<T::Message>,
    field: &str,
) -> Result<Option<T>, Fault> {
    message
        .map(T::from_wire)
        .transpose()
        .map_err(|fault| fault.inside(field))
}

/// A GUID with a type.
pub(crate) trait WireId: Sized {
    fn of(id: Uuid) -> Self;
}

macro_rules! wire_ids {
    ($($name:ident),*) => {
        $(impl WireId for $name {
            fn of(id: Uuid) -> Self {
                Self::from_uuid(id)
            }
        })*
    };
}

wire_ids!(
    ClassId,
    OperationId,
    ProviderId,
    ProviderVersionId,
    SessionId,
    SetId,
    SnapshotId
);

impl WireId for Uuid {
    fn of(id: Uuid) -> Self {
        id
    }
}

/// An id: 36 characters, lower case, with dashes.
pub(crate) fn id<T: WireId>(text: &str, field: &str) -> Result<T, Fault> {
    let strict = |id: &Uuid| {
        let mut buffer = Uuid::encode_buffer();
        *text == *id.hyphenated().encode_lower(&mut buffer)
    };
    Uuid::try_parse(text)
        .ok()
        .filter(strict)
        .map(T::of)
        .ok_or_else(|| {
            let start: String = text.chars().take(40).collect();
            Fault::new(
                field,
                format!("{start:?} is no GUID of 36 characters in lower case"),
            )
        })
}

/// An id where nothing stands for the null one.
pub(crate) fn id_or_null<T: WireId>(text: &str, field: &str) -> Result<T, Fault> {
    if text.is_empty() {
        return Ok(T::of(Uuid::nil()));
    }
    id(text, field)
}

pub(crate) fn id_if_any<T: WireId>(text: Option<&str>, field: &str) -> Result<Option<T>, Fault> {
    text.map(|text| id(text, field)).transpose()
}

fn ids_to<T: fmt::Display>(ids: &[T]) -> Vec<String> {
    ids.iter().map(T::to_string).collect()
}

fn ids_from<T: WireId>(ids: &[String], field: &str) -> Result<Vec<T>, Fault> {
    ids.iter()
        .enumerate()
        .map(|(place, text)| id(text, &format!("{field}[{place}]")))
        .collect()
}

#[cfg(unix)]
pub(crate) fn path_to(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(unix)]
pub(crate) fn path_from(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// Elsewhere a path of the service's machine is a text to show: bytes that are no UTF-8 are replaced.
#[cfg(not(unix))]
pub(crate) fn path_to(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// As [`path_to`] says, not every path comes back as it was sent.
#[cfg(not(unix))]
pub(crate) fn path_from(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// The value of an enumeration; `None` for one that this side does not know.
fn known<T>(value: Option<T>, number: i32, field: &str) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::new(field, format!("{number} is no known value")))
}

fn byte(number: u32, field: &str) -> Result<u8, Fault> {
    u8::try_from(number).map_err(|_| Fault::new(field, format!("{number} is above 255")))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Fault, id, id_or_null};

    const TEXT: &str = "acfe2b3a-22c9-4ef8-bd03-2f9ca230084e";

    #[test]
    fn ids_are_read_strictly() {
        assert_eq!(id::<Uuid>(TEXT, "x").unwrap().to_string(), TEXT);
        for bad in [
            "",
            "acfe",
            &TEXT.to_uppercase(),
            &TEXT.replace('-', ""),
            &format!("{{{TEXT}}}"),
            &format!("urn:uuid:{TEXT}"),
            &"é".repeat(10_000),
        ] {
            let fault = id::<Uuid>(bad, "set_id").unwrap_err();
            assert_eq!(fault.field, "set_id");
            assert!(fault.reason.len() < 200);
        }
        assert_eq!(id_or_null::<Uuid>("", "x"), Ok(Uuid::nil()));
        assert!(id_or_null::<Uuid>("0", "x").is_err());
    }

    #[test]
    fn faults_say_where() {
        let fault = Fault::new("status", "77 is no known value").inside("copies[2]");
        assert_eq!(fault.to_string(), "copies[2].status: 77 is no known value");
    }
}
