//! Documents in the catalogue: JSON with a version and a checksum.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vss_model::{Error, ErrorKind};

/// The version that this code writes. Older ones are read as long as serde's defaults allow.
const VERSION: u32 = 1;

/// A document as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) version: u32,
    pub(super) crc: u32,
    pub(super) text: String,
}

/// Makes a document of a value.
pub(super) fn seal<T: Serialize + ?Sized>(value: &T) -> Result<Sealed, Error> {
    let text = serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Unexpected, "could not write a record as JSON").with_source(error)
    })?;
    Ok(Sealed {
        version: VERSION,
        crc: crc32fast::hash(text.as_bytes()),
        text,
    })
}

impl Sealed {
    /// Reads the columns version, crc, document from `first` on.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            version: row.get(first)?,
            crc: row.get(first + 1)?,
            text: row.get(first + 2)?,
        })
    }

    /// Checks version and checksum and reads the value.
    pub(super) fn open<T: DeserializeOwned>(&self, what: &str) -> Result<T, Error> {
        if self.version > VERSION {
            return Err(Error::new(
                ErrorKind::NotSupported,
                format!(
                    "a {what} in the catalogue has version {}; this program knows {VERSION}",
                    self.version
                ),
            )
            .with_hint("use the newer openvss that wrote it"));
        }
        if crc32fast::hash(self.text.as_bytes()) != self.crc {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!("a {what} in the catalogue has a bad checksum"),
            )
            .with_hint("restore the state folder from a backup, or keep it for a bug report"));
        }
        serde_json::from_str(&self.text).map_err(|error| {
            Error::new(
                ErrorKind::Unexpected,
                format!("a {what} in the catalogue cannot be read"),
            )
            .with_source(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use vss_model::ErrorKind;

    use super::seal;

    #[test]
    fn a_damaged_document_is_refused() {
        let good = seal(&vec![1, 2, 3]).unwrap();
        assert_eq!(good.open::<Vec<u32>>("list").unwrap(), [1, 2, 3]);
        let mut bad = good.clone();
        bad.text = bad.text.replace('2', "7");
        assert_eq!(
            bad.open::<Vec<u32>>("list").unwrap_err().kind(),
            ErrorKind::Unexpected
        );
        let mut newer = good;
        newer.version = 2;
        assert_eq!(
            newer.open::<Vec<u32>>("list").unwrap_err().kind(),
            ErrorKind::NotSupported
        );
    }
}
