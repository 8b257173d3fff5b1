//! The catalogue: sets, copies, LUN records, the journal of intents and the audit records.
//!
//! One SQLite database, in WAL mode with full synchronisation: a transaction that has returned is
//! durable, and readers never wait for a writer.
//!
//! ```text
//!  shadow_set 1 ── n shadow_copy        what queries read, a row a copy
//!      │
//!      ├──── n lun                      who each LUN was and became, with the import's undo image
//!      └──── 1 instant                  how the set was taken
//!  journal                              intents: a row from the point of no return to the end
//!  audit                                one record for each finished operation
//! ```
//!
//! Every stored document is JSON with a version and a CRC-32 beside it.

mod document;
mod instant;
mod query;
mod schema;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};
use vss_model::{Error, ErrorKind, OperationId, ProviderId, SetId, SnapshotId, Timestamp};
use vss_service::{AuditRecord, CopyRecord, LunRecord, Refusal, SetRecord};

use crate::intent::Intent;

pub(crate) use instant::Instant;
pub use query::CatalogueReader;

/// The catalogue, open for changes. One for a state folder.
#[derive(Debug)]
pub(crate) struct Catalogue {
    connection: Connection,
    path: PathBuf,
}

/// An intent as the journal holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JournalEntry {
    pub(crate) operation: OperationId,
    pub(crate) set: SetId,
    pub(crate) started: Timestamp,
    pub(crate) intent: Intent,
}

/// Turns an SQLite failure into an error that names the step and the file.
fn failed(path: &Path, step: &str) -> impl FnOnce(rusqlite::Error) -> Error + use<> {
    let message = format!("could not {step} in the catalogue {}", path.display());
    move |error| {
        let kind = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => ErrorKind::InsufficientStorage,
            Some(rusqlite::ErrorCode::OutOfMemory) => ErrorKind::OutOfMemory,
            Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly) => {
                ErrorKind::AccessDenied
            }
            _ => ErrorKind::Unexpected,
        };
        // As text: the error of the library repeats its own cause.
        Error::new(kind, message).with_source(error.to_string())
    }
}

impl Catalogue {
    /// Opens the catalogue, making it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let connection = schema::open(path)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    fn failed(&self, step: &str) -> impl FnOnce(rusqlite::Error) -> Error + use<> {
        failed(&self.path, step)
    }

    /// Runs `work` in one durable transaction.
    fn transaction<T>(
        &mut self,
        step: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed(&path, step))?;
        let value = work(&transaction).map_err(failed(&path, step))?;
        transaction.commit().map_err(failed(&path, step))?;
        Ok(value)
    }

    /// Records an intent before anything is done about it.
    pub(crate) fn begin(&mut self, entry: &JournalEntry) -> Result<(), Error> {
        let document = document::seal(&entry.intent)?;
        self.transaction("record the intent", |transaction| {
            schema::put_intent(transaction, entry, &document)?;
            Ok(())
        })
    }

    /// Publishes a new set: its record is there, its intent is gone, the audit record is written.
    pub(crate) fn publish_set(
        &mut self,
        set: &SetRecord,
        instant: &Instant,
        audit: &AuditRecord,
    ) -> Result<(), Error> {
        let sealed_instant = instant::seal(instant)?;
        let luns = set
            .luns
            .iter()
            .map(document::seal)
            .collect::<Result<Vec<_>, _>>()?;
        let copies = set
            .copies
            .iter()
            .map(|copy| document::seal(&copy.luns))
            .collect::<Result<Vec<_>, _>>()?;
        let sealed_audit = document::seal(audit)?;
        self.transaction("record the set", |transaction| {
            schema::insert_set(transaction, set)?;
            instant::insert(transaction, set.set_id, &sealed_instant)?;
            for (ordinal, (copy, luns)) in set.copies.iter().zip(&copies).enumerate() {
                schema::insert_copy(transaction, set, ordinal, copy, luns)?;
            }
            for (lun, document) in set.luns.iter().zip(&luns) {
                schema::insert_lun(transaction, set.set_id, lun, document)?;
            }
            schema::finish(transaction, audit, &sealed_audit)
        })
    }

    /// Finishes an operation: the copies in `gone` and the LUNs without copies leave the catalogue,
    /// the intent goes, the audit record is written; all or nothing.
    pub(crate) fn finish(
        &mut self,
        set: SetId,
        gone: &[SnapshotId],
        audit: &AuditRecord,
    ) -> Result<(), Error> {
        let sealed = document::seal(audit)?;
        self.transaction("finish the operation", |transaction| {
            schema::remove_copies(transaction, set, gone)?;
            schema::finish(transaction, audit, &sealed)
        })
    }

    /// Takes copies out of the catalogue while their intent stays in the journal, replaced by `entry`.
    /// `over` is the record of an operation on them that ends with it.
    pub(crate) fn forget_copies(
        &mut self,
        gone: &[SnapshotId],
        entry: &JournalEntry,
        over: Option<&AuditRecord>,
    ) -> Result<(), Error> {
        let document = document::seal(&entry.intent)?;
        let over = over
            .map(|audit| Ok::<_, Error>((audit, document::seal(audit)?)))
            .transpose()?;
        self.transaction("take copies out", |transaction| {
            schema::remove_copies(transaction, entry.set, gone)?;
            schema::put_intent(transaction, entry, &document)?;
            if let Some((audit, sealed)) = &over {
                schema::finish(transaction, audit, sealed)?;
            }
            Ok(())
        })
    }

    /// Writes down calls that were refused.
    pub(crate) fn record_refusals(&mut self, refusals: &[Refusal]) -> Result<(), Error> {
        self.transaction("record refused calls", |transaction| {
            schema::add_refusals(transaction, refusals)
        })
    }

    /// Every intent that is not finished, oldest first.
    pub(crate) fn journal(&self) -> Result<Vec<JournalEntry>, Error> {
        let mut statement = self
            .connection
            .prepare(
                "SELECT operation_id, set_id, started, version, crc, document
                 FROM journal ORDER BY rowid",
            )
            .map_err(self.failed("read the journal"))?;
        let rows = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, uuid::Uuid>(0)?,
                    row.get::<_, uuid::Uuid>(1)?,
                    row.get::<_, i64>(2)?,
                    document::Sealed::from_row(row, 3)?,
                ))
            })
            .map_err(self.failed("read the journal"))?;
        rows.map(|row| {
            let (operation, set, started, sealed) = row.map_err(self.failed("read the journal"))?;
            Ok(JournalEntry {
                operation: OperationId::from_uuid(operation),
                set: SetId::from_uuid(set),
                started: Timestamp(started),
                intent: sealed.open("journal entry")?,
            })
        })
        .collect()
    }

    /// The record of a set, whole.
    pub(crate) fn set(&self, id: SetId) -> Result<Option<SetRecord>, Error> {
        read_set(&self.connection, &self.path, id)
    }

    /// How a set was taken.
    pub(crate) fn instant(&self, id: SetId) -> Result<Instant, Error> {
        instant::read(&self.connection, &self.path, id)
    }

    /// The copies of a set that requesters see, with their providers; `None` for an unknown set.
    pub(crate) fn providers_of(
        &self,
        id: SetId,
    ) -> Result<Option<Vec<(SnapshotId, ProviderId)>>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT c.snapshot_id, c.provider_id FROM shadow_set s
                 JOIN shadow_copy c ON c.set_id = s.set_id
                 WHERE s.set_id = ?1 AND s.state = ?2 ORDER BY c.ordinal",
            )
            .map_err(self.failed("look for the set"))?;
        let copies = statement
            .query_map(rusqlite::params![id.as_uuid(), schema::VISIBLE], |row| {
                Ok((
                    SnapshotId::from_uuid(row.get(0)?),
                    ProviderId::from_uuid(row.get(1)?),
                ))
            })
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .map_err(self.failed("look for the set"))?;
        Ok((!copies.is_empty()).then_some(copies))
    }

    /// The set that a copy belongs to.
    pub(crate) fn set_of_copy(&self, copy: SnapshotId) -> Result<Option<SetId>, Error> {
        self.connection
            .query_row(
                "SELECT set_id FROM shadow_copy WHERE snapshot_id = ?1",
                [copy.as_uuid()],
                |row| row.get::<_, uuid::Uuid>(0),
            )
            .optional()
            .map(|id| id.map(SetId::from_uuid))
            .map_err(self.failed("look for the copy"))
    }

    /// Every set in the catalogue, in every state.
    pub(crate) fn set_ids(&self) -> Result<Vec<SetId>, Error> {
        let mut statement = self
            .connection
            .prepare("SELECT set_id FROM shadow_set ORDER BY created, rowid")
            .map_err(self.failed("list the sets"))?;
        let rows = statement
            .query_map([], |row| row.get::<_, uuid::Uuid>(0))
            .map_err(self.failed("list the sets"))?;
        rows.map(|row| {
            row.map(SetId::from_uuid)
                .map_err(self.failed("list the sets"))
        })
        .collect()
    }

    /// Every set with a copy whose device object lies in this folder.
    pub(crate) fn sets_named_in(&self, folder: &str) -> Result<Vec<SetId>, Error> {
        let mut statement = self
            .connection
            .prepare(
                "SELECT DISTINCT set_id FROM shadow_copy
                 WHERE substr(device, 1, length(?1)) = ?1 ORDER BY rowid",
            )
            .map_err(self.failed("list the sets"))?;
        statement
            .query_map([folder], |row| row.get(0).map(SetId::from_uuid))
            .and_then(Iterator::collect)
            .map_err(self.failed("list the sets"))
    }

    /// The set that a copy's LUN belongs to.
    pub(crate) fn set_of_lun(&self, name: &str) -> Result<Option<SetId>, Error> {
        self.connection
            .query_row("SELECT set_id FROM lun WHERE name = ?1", [name], |row| {
                row.get::<_, uuid::Uuid>(0)
            })
            .optional()
            .map(|id| id.map(SetId::from_uuid))
            .map_err(self.failed("look for the LUN"))
    }

    /// One audit record.
    pub(crate) fn audit(&self, operation: OperationId) -> Result<Option<AuditRecord>, Error> {
        read_audit(&self.connection, &self.path, operation)
    }
}

fn read_set(connection: &Connection, path: &Path, id: SetId) -> Result<Option<SetRecord>, Error> {
    let Some(mut set) = connection
        .query_row(
            "SELECT set_id, context, state, consistency, created, held_micros
             FROM shadow_set WHERE set_id = ?1",
            [id.as_uuid()],
            schema::read_set,
        )
        .optional()
        .map_err(failed(path, "read the set"))?
    else {
        return Ok(None);
    };
    let mut statement = connection
        .prepare_cached(query::COPIES_OF_SET)
        .map_err(failed(path, "read the copies"))?;
    let rows = statement
        .query_map([id.as_uuid()], |row| {
            Ok((
                query::read_properties(row)?,
                document::Sealed::from_row(row, query::COPY_COLUMNS)?,
            ))
        })
        .map_err(failed(path, "read the copies"))?;
    for row in rows {
        let (properties, luns) = row.map_err(failed(path, "read the copies"))?;
        set.copies.push(CopyRecord {
            properties,
            luns: luns.open("copy")?,
        });
    }
    let mut statement = connection
        .prepare_cached("SELECT version, crc, document FROM lun WHERE set_id = ?1 ORDER BY rowid")
        .map_err(failed(path, "read the LUN records"))?;
    let rows = statement
        .query_map([id.as_uuid()], |row| document::Sealed::from_row(row, 0))
        .map_err(failed(path, "read the LUN records"))?;
    for row in rows {
        let lun: LunRecord = row
            .map_err(failed(path, "read the LUN records"))?
            .open("LUN record")?;
        set.luns.push(lun);
    }
    let instant = instant::read(connection, path, id)?;
    set.freeze_micros = instant.freeze_micros;
    set.copy_micros = instant.copy_micros;
    Ok(Some(set))
}

fn read_audit(
    connection: &Connection,
    path: &Path,
    operation: OperationId,
) -> Result<Option<AuditRecord>, Error> {
    let sealed = connection
        .query_row(
            "SELECT version, crc, document FROM audit WHERE operation_id = ?1",
            [operation.as_uuid()],
            |row| document::Sealed::from_row(row, 0),
        )
        .optional()
        .map_err(failed(path, "read the audit record"))?;
    sealed.map(|sealed| sealed.open("audit record")).transpose()
}
