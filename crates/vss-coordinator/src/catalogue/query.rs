//! Reading the catalogue: never waits for a running operation.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};
use vss_model::{
    Context, Error, ErrorKind, OperationId, ProviderId, ResultCode, SetId, SnapshotAttributes,
    SnapshotId, SnapshotProperties, SnapshotState, Timestamp,
};
use vss_service::{
    AuditRecord, CopySummary, Object, OperationKind, OperationState, Refusal, SetRecord, SetState,
    SetSummary,
};

use super::document::Sealed;
use super::{failed, schema};

/// Columns of a copy that queries read, in the order of [`read_properties`].
macro_rules! copy_columns {
    () => {
        "c.snapshot_id, c.set_id, c.snapshots_count, c.device, c.original_volume, \
         c.originating_machine, c.service_machine, c.exposed_name, c.exposed_path, c.provider_id, \
         c.attributes, c.created, c.status"
    };
}

/// How many they are.
pub(super) const COPY_COLUMNS: usize = 13;

/// The copies of a set, with their documents.
pub(super) const COPIES_OF_SET: &str = concat!(
    "SELECT ",
    copy_columns!(),
    ", c.version, c.crc, c.document FROM shadow_copy c WHERE c.set_id = ?1 ORDER BY c.ordinal"
);

pub(super) fn read_properties(row: &Row<'_>) -> rusqlite::Result<SnapshotProperties> {
    Ok(SnapshotProperties {
        snapshot_id: SnapshotId::from_uuid(row.get(0)?),
        snapshot_set_id: SetId::from_uuid(row.get(1)?),
        snapshots_count: row.get(2)?,
        snapshot_device_object: row.get(3)?,
        original_volume_name: row.get(4)?,
        originating_machine: row.get(5)?,
        service_machine: row.get(6)?,
        exposed_name: row.get(7)?,
        exposed_path: row.get(8)?,
        provider_id: ProviderId::from_uuid(row.get(9)?),
        snapshot_attributes: SnapshotAttributes::from_bits_truncate(row.get(10)?),
        creation_timestamp: Timestamp(row.get(11)?),
        status: SnapshotState::from_value(row.get(12)?).unwrap_or(SnapshotState::Unknown),
    })
}

/// The catalogue, open for reading; beside a running owner if need be.
#[derive(Debug)]
pub struct CatalogueReader {
    connection: Option<Connection>,
    path: PathBuf,
}

impl CatalogueReader {
    /// Opens the catalogue file; a missing one reads as empty.
    ///
    /// # Errors
    /// The file is no catalogue, is too new, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            connection: schema::open_reader(path)?,
            path: path.to_owned(),
        })
    }

    /// True when there was a catalogue to open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let Some(connection) = &self.connection else {
            return Ok(Vec::new());
        };
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_map(parameters, read)?
                    .collect::<rusqlite::Result<Vec<T>>>()
            })
            .map_err(failed(&self.path, "read"))
    }

    /// The copies of a context that requesters see, oldest set first (`Query`).
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn copies(&self, context: Context) -> Result<Vec<SnapshotProperties>, Error> {
        let hidden = self.hidden_sets()?;
        // Rows stand in the order in which sets were made, so nothing is sorted or joined.
        let mut copies = self.rows(
            concat!(
                "SELECT ",
                copy_columns!(),
                " FROM shadow_copy c ORDER BY c.rowid"
            ),
            [],
            read_properties,
        )?;
        copies.retain(|copy| !hidden.contains(&copy.snapshot_set_id));
        copies.retain(|copy| context.covers(copy.snapshot_attributes));
        Ok(copies)
    }

    /// All copies that requesters see, oldest set first, as listings show them.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn copy_summaries(&self) -> Result<Vec<CopySummary>, Error> {
        let hidden = self.hidden_sets()?;
        let mut copies = self.rows(
            "SELECT snapshot_id, set_id, original_volume, device, provider_id, attributes, status
             FROM shadow_copy ORDER BY rowid",
            [],
            |row| {
                Ok(CopySummary {
                    id: SnapshotId::from_uuid(row.get(0)?),
                    set_id: SetId::from_uuid(row.get(1)?),
                    original: row.get(2)?,
                    device: row.get(3)?,
                    provider_id: ProviderId::from_uuid(row.get(4)?),
                    attributes: SnapshotAttributes::from_bits_truncate(row.get(5)?),
                    status: SnapshotState::from_value(row.get(6)?)
                        .unwrap_or(SnapshotState::Unknown),
                })
            },
        )?;
        copies.retain(|copy| !hidden.contains(&copy.set_id));
        Ok(copies)
    }

    /// Sets that requesters do not see.
    fn hidden_sets(&self) -> Result<HashSet<SetId>, Error> {
        let ids = self.rows(
            "SELECT set_id FROM shadow_set WHERE state <> ?1",
            [schema::VISIBLE],
            |row| row.get(0).map(SetId::from_uuid),
        )?;
        Ok(ids.into_iter().collect())
    }

    /// One copy (`GetSnapshotProperties`).
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn copy(&self, id: SnapshotId) -> Result<Option<SnapshotProperties>, Error> {
        Ok(self
            .rows(
                concat!(
                    "SELECT ",
                    copy_columns!(),
                    " FROM shadow_copy c JOIN shadow_set s ON s.set_id = c.set_id \
                     WHERE c.snapshot_id = ?1 AND s.state = ?2"
                ),
                rusqlite::params![id.as_uuid(), schema::VISIBLE],
                read_properties,
            )?
            .pop())
    }

    /// The sets that requesters see, oldest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn sets(&self) -> Result<Vec<SetSummary>, Error> {
        self.rows(
            "SELECT set_id, context, state, consistency, created, held_micros
             FROM shadow_set WHERE state = ?1 ORDER BY rowid",
            [schema::VISIBLE],
            |row| {
                let set = schema::read_set(row)?;
                Ok(SetSummary {
                    set_id: set.set_id,
                    context: set.context,
                    consistency: set.consistency,
                    created: set.created,
                    held_micros: set.held_micros,
                })
            },
        )
    }

    /// The audit records, newest first, at most `limit`.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        self.rows(
            "SELECT version, crc, document FROM audit ORDER BY number DESC LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| Sealed::from_row(row, 0),
        )?
        .iter()
        .map(|sealed| sealed.open("audit record"))
        .collect()
    }

    /// One set, whole, if requesters see it.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn set(&self, id: SetId) -> Result<Option<SetRecord>, Error> {
        let Some(connection) = &self.connection else {
            return Ok(None);
        };
        Ok(super::read_set(connection, &self.path, id)?
            .filter(|set| set.state == SetState::Created))
    }

    /// The record of one finished operation.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn operation(&self, id: OperationId) -> Result<Option<AuditRecord>, Error> {
        let Some(connection) = &self.connection else {
            return Ok(None);
        };
        super::read_audit(connection, &self.path, id)
    }

    /// The record of the creation of a set.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn creation(&self, set: SetId) -> Result<Option<AuditRecord>, Error> {
        self.rows(
            "SELECT version, crc, document FROM audit WHERE set_id = ?1 AND kind = 'create'",
            [set.as_uuid()],
            |row| Sealed::from_row(row, 0),
        )?
        .first()
        .map(|sealed| sealed.open("audit record"))
        .transpose()
    }

    /// Ids of all finished operations.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn operations(&self) -> Result<Vec<OperationId>, Error> {
        self.rows(
            "SELECT operation_id FROM audit ORDER BY number",
            [],
            |row| row.get(0).map(OperationId::from_uuid),
        )
    }

    /// Operations that have begun and are not finished: running ones, or, when nobody holds the state
    /// folder, ones that a crash cut off and the next start will finish or undo.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn unfinished(&self) -> Result<Vec<OperationState>, Error> {
        self.rows(
            "SELECT operation_id, set_id, kind, started FROM journal ORDER BY rowid",
            [],
            |row| {
                let kind = OperationKind::from_name(&row.get::<_, String>(2)?);
                let kind = kind.unwrap_or(OperationKind::Undo);
                Ok(OperationState {
                    operation: OperationId::from_uuid(row.get(0)?),
                    kind,
                    set: SetId::from_uuid(row.get(1)?),
                    started: Timestamp(row.get(3)?),
                    version: 0,
                    code: ResultCode::VSS_S_ASYNC_PENDING,
                    cancel_requested: false,
                    // A creation is journalled before its point of no return, all others at it.
                    past_no_return: kind != OperationKind::Create,
                    cut_off: true,
                    disks: Vec::new(),
                    copying: None,
                    error: None,
                    report: None,
                })
            },
        )
    }

    /// How many sets and copies requesters see.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn counts(&self) -> Result<(u64, u64), Error> {
        let count = |sql: &str| {
            let number = self.rows(sql, [schema::VISIBLE], |row| row.get::<_, i64>(0))?;
            Ok::<u64, Error>(number.first().map_or(0, |n| u64::try_from(*n).unwrap_or(0)))
        };
        Ok((
            count("SELECT COUNT(*) FROM shadow_set WHERE state = ?1")?,
            count(
                "SELECT COUNT(*) FROM shadow_copy c JOIN shadow_set s ON s.set_id = c.set_id
                 WHERE s.state = ?1",
            )?,
        ))
    }

    /// The last operations that failed, newest first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn failures(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        self.rows(
            "SELECT version, crc, document FROM audit WHERE code NOT IN (?1, ?2)
             ORDER BY number DESC LIMIT ?3",
            rusqlite::params![
                ResultCode::VSS_S_ASYNC_FINISHED.0,
                ResultCode::VSS_S_ASYNC_CANCELLED.0,
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            |row| Sealed::from_row(row, 0),
        )?
        .iter()
        .map(|sealed| sealed.open("audit record"))
        .collect()
    }

    /// Everything whose id begins with these hexadecimal digits: sets, copies, finished operations,
    /// and unfinished ones; at most `most` of it.
    ///
    /// # Errors
    /// `E_INVALIDARG` for anything but hexadecimal digits; the catalogue cannot be read.
    pub fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{digits:?} is not the beginning of an id"),
            )
            .with_hint("an id begins with hexadecimal digits; leave dashes and braces out"));
        }
        let most_rows = i64::try_from(most).unwrap_or(i64::MAX);
        let pattern = format!("{}%", digits.to_ascii_uppercase());
        let of = |sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<Object>| {
            self.rows(sql, rusqlite::params![pattern, most_rows], read)
        };
        let mut found = of(
            "SELECT set_id FROM shadow_set WHERE hex(set_id) LIKE ?1 AND state = 1
             ORDER BY rowid LIMIT ?2",
            |row| Ok(Object::Set(SetId::from_uuid(row.get(0)?))),
        )?;
        found.extend(of(
            "SELECT c.snapshot_id, c.set_id FROM shadow_copy c
             JOIN shadow_set s ON s.set_id = c.set_id
             WHERE hex(c.snapshot_id) LIKE ?1 AND s.state = 1 ORDER BY c.rowid LIMIT ?2",
            |row| {
                Ok(Object::Copy(
                    SnapshotId::from_uuid(row.get(0)?),
                    SetId::from_uuid(row.get(1)?),
                ))
            },
        )?);
        // What finishes between the two looks is in both, which is better than in neither.
        let unfinished = of(
            "SELECT operation_id FROM journal WHERE hex(operation_id) LIKE ?1 LIMIT ?2",
            |row| Ok(Object::Unfinished(OperationId::from_uuid(row.get(0)?))),
        )?;
        let finished = of(
            "SELECT operation_id FROM audit WHERE hex(operation_id) LIKE ?1
             ORDER BY number LIMIT ?2",
            |row| Ok(Object::Operation(OperationId::from_uuid(row.get(0)?))),
        )?;
        found.extend(unfinished.into_iter().filter(|one| {
            !finished
                .iter()
                .any(|other| matches!((one, other), (Object::Unfinished(a), Object::Operation(b)) if a == b))
        }));
        found.extend(finished);
        found.truncate(most);
        Ok(found)
    }

    /// Calls that were refused, the last ones first.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn refusals(&self, limit: usize) -> Result<Vec<Refusal>, Error> {
        if !self.has_refusals()? {
            return Ok(Vec::new());
        }
        self.rows(
            "SELECT caller, method, first, last, count FROM refusal ORDER BY last DESC LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                Ok(Refusal {
                    caller: row.get(0)?,
                    method: row.get(1)?,
                    first: Timestamp(row.get(2)?),
                    last: Timestamp(row.get(3)?),
                    count: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
                })
            },
        )
    }

    /// How many calls were refused.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn refused(&self) -> Result<u64, Error> {
        if !self.has_refusals()? {
            return Ok(0);
        }
        let sum = self.rows("SELECT COALESCE(SUM(count), 0) FROM refusal", [], |row| {
            row.get::<_, i64>(0)
        })?;
        Ok(sum.first().map_or(0, |n| u64::try_from(*n).unwrap_or(0)))
    }

    /// False for a catalogue of version 1 that nobody has opened for changes since.
    fn has_refusals(&self) -> Result<bool, Error> {
        let tables = self.rows(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'refusal'",
            [],
            |_| Ok(()),
        )?;
        Ok(!tables.is_empty())
    }
}
