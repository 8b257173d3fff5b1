//! What is on record of the instant of a set, apart from what every listing shows.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vss_model::{Error, SetId, SnapshotId};

use super::document::{self, Sealed};
use super::failed;

/// What version 3 of the tables added.
pub(super) const TABLE: &str = "
CREATE TABLE instant(
    set_id BLOB NOT NULL PRIMARY KEY REFERENCES shadow_set(set_id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
";

/// The instant of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Instant {
    /// For how long file systems were frozen, in microseconds.
    pub(crate) freeze_micros: u64,
    /// How long `CommitSnapshots` took, in microseconds.
    pub(crate) copy_micros: u64,
    /// The run of the host's kernel in which the set was made; copies that are not persistent end with
    /// it. Nil where that is not known.
    pub(crate) boot: Uuid,
    /// Copies whose volume is a partition of their LUN, with its number.
    pub(crate) partitions: BTreeMap<SnapshotId, u32>,
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    set: SetId,
    document: &Sealed,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO instant(set_id, version, crc, document) VALUES (?1, ?2, ?3, ?4)",
        params![set.as_uuid(), document.version, document.crc, document.text],
    )?;
    Ok(())
}

pub(super) fn seal(instant: &Instant) -> Result<Sealed, Error> {
    document::seal(instant)
}

/// The instant of a set; the default for sets of earlier versions.
pub(super) fn read(connection: &Connection, path: &Path, set: SetId) -> Result<Instant, Error> {
    if !has_table(connection).map_err(failed(path, "read the instant"))? {
        return Ok(Instant::default());
    }
    let sealed = connection
        .prepare_cached("SELECT version, crc, document FROM instant WHERE set_id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([set.as_uuid()], |row| Sealed::from_row(row, 0))
                .optional()
        })
        .map_err(failed(path, "read the instant"))?;
    match sealed {
        Some(sealed) => sealed.open("record of an instant"),
        None => Ok(Instant::default()),
    }
}

/// False for a catalogue of an earlier version that nobody has opened for changes since.
fn has_table(connection: &Connection) -> rusqlite::Result<bool> {
    let found = connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'instant'")?
        .query_row([], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}
