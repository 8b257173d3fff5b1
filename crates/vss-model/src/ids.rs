//! Typed identifiers: a set id cannot stand where a copy id is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not a GUID, with or without braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId(String);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a GUID", self.0)
    }
}

impl std::error::Error for InvalidId {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// `GUID_NULL`.
            pub const NULL: Self = Self(Uuid::nil());

            /// Wraps a GUID.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The GUID inside.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }

            /// True for `GUID_NULL`.
            #[must_use]
            pub const fn is_null(&self) -> bool {
                self.0.is_nil()
            }
        }

        /// Lower-case, without braces.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        /// Any case, with or without braces.
        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidId(text.to_owned()))
            }
        }
    };
}

id! {
    /// Identifies a shadow copy set (`VSS_ID` of `StartSnapshotSet`).
    SetId
}
id! {
    /// Identifies one shadow copy (`VSS_ID` of `AddToSnapshotSet`).
    SnapshotId
}
id! {
    /// Identifies a provider, the same for all its versions.
    ProviderId
}
id! {
    /// Identifies one version of a provider.
    ProviderVersionId
}
id! {
    /// Identifies an operation: the job, its journal entry and its audit record.
    OperationId
}
id! {
    /// Identifies a requester session (`GetSessionId`).
    SessionId
}
id! {
    /// Identifies a COM class (`CLSID`).
    ClassId
}
id! {
    /// Identifies a writer class, the same in every process and on every machine.
    WriterId
}
id! {
    /// Identifies a running writer; new each time it starts.
    WriterInstanceId
}

impl SnapshotId {
    /// The number in the device object of a copy, `HarddiskVolumeShadowCopyN`: 31 bits of the id, so that
    /// everybody says the same without asking.
    #[must_use]
    pub const fn device_number(&self) -> u32 {
        let [a, b, c, d, ..] = *self.0.as_bytes();
        u32::from_be_bytes([a, b, c, d]) & 0x7FFF_FFFF
    }
}

#[cfg(test)]
mod tests {
    use super::SetId;

    #[test]
    fn reads_braces_and_prints_lower_case() {
        let id: SetId = "{ACFE2B3A-22C9-4EF8-BD03-2F9CA230084E}".parse().unwrap();
        assert_eq!(id.to_string(), "acfe2b3a-22c9-4ef8-bd03-2f9ca230084e");
        assert!("acfe".parse::<SetId>().is_err());
    }
}
