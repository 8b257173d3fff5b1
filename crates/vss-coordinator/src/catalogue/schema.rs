//! Tables of the catalogue and the rows in them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, Transaction, params};
use vss_model::{Context, Error, ErrorKind, SetId, SnapshotId, Timestamp};
use vss_service::{AuditRecord, Consistency, CopyRecord, LunRecord, Refusal, SetRecord, SetState};

use super::document::Sealed;
use super::instant;
use super::{JournalEntry, failed};

/// "vssc": tells our database from others.
const APPLICATION_ID: i32 = 0x7673_7363;
/// Version of the tables. Version 1 had no refusals, version 2 no instants.
const SCHEMA_VERSION: i32 = 3;
const FIRST_VERSION: i32 = 1;
/// Only checkpoints and schema changes of another process can make us wait at all.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE shadow_set(
    set_id BLOB NOT NULL PRIMARY KEY,
    context INTEGER NOT NULL,
    state INTEGER NOT NULL,
    consistency INTEGER NOT NULL,
    created INTEGER NOT NULL,
    held_micros INTEGER NOT NULL
) STRICT;
CREATE TABLE shadow_copy(
    snapshot_id BLOB NOT NULL PRIMARY KEY,
    set_id BLOB NOT NULL REFERENCES shadow_set(set_id),
    ordinal INTEGER NOT NULL,
    snapshots_count INTEGER NOT NULL,
    device TEXT NOT NULL,
    original_volume TEXT NOT NULL,
    originating_machine TEXT NOT NULL,
    service_machine TEXT NOT NULL,
    exposed_name TEXT,
    exposed_path TEXT,
    provider_id BLOB NOT NULL,
    attributes INTEGER NOT NULL,
    created INTEGER NOT NULL,
    status INTEGER NOT NULL,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX shadow_copy_set ON shadow_copy(set_id, ordinal);
CREATE TABLE lun(
    set_id BLOB NOT NULL REFERENCES shadow_set(set_id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE(set_id, name)
) STRICT;
CREATE INDEX lun_name ON lun(name);
CREATE TABLE journal(
    operation_id BLOB NOT NULL UNIQUE,
    set_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    started INTEGER NOT NULL,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE TABLE audit(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id BLOB NOT NULL UNIQUE,
    set_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    started INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    code INTEGER NOT NULL,
    version INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX audit_set ON audit(set_id);
";

/// What version 2 added.
const REFUSALS: &str = "
CREATE TABLE refusal(
    caller TEXT NOT NULL,
    method TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY(caller, method)
) STRICT;
";

/// Most rows of refusals; the oldest ones make room.
const MOST_REFUSALS: i64 = 10_000;

/// Opens for changes and makes the tables in a new database.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let mut connection = Connection::open(path).map_err(failed(path, "open the database"))?;
    configure(&connection, path)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed(path, "switch to write-ahead logging"))?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed(path, "switch to full synchronisation"))?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(failed(path, "switch foreign keys on"))?;
    let found = version(&connection, path)?;
    if found < SCHEMA_VERSION {
        let transaction = connection
            .transaction()
            .map_err(failed(path, "make the tables"))?;
        let steps = [(1, TABLES), (2, REFUSALS), (3, instant::TABLE)];
        steps
            .iter()
            .filter(|(version, _)| found < *version)
            .try_for_each(|(_, tables)| transaction.execute_batch(tables))
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
            .and_then(|()| transaction.commit())
            .map_err(failed(path, "make the tables"))?;
    }
    Ok(connection)
}

/// Opens for reading only; `None` when there is no catalogue yet.
pub(super) fn open_reader(path: &Path) -> Result<Option<Connection>, Error> {
    if !path.try_exists().unwrap_or(true) {
        return Ok(None);
    }
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed(path, "open the database"))?;
    configure(&connection, path)?;
    if version(&connection, path)? == 0 {
        return Ok(None);
    }
    Ok(Some(connection))
}

fn configure(connection: &Connection, path: &Path) -> Result<(), Error> {
    connection
        .busy_timeout(BUSY_LIMIT)
        .map_err(failed(path, "set the time limit"))
}

/// The version of the tables, 0 for an empty database; refuses what is not ours or too new.
fn version(connection: &Connection, path: &Path) -> Result<i32, Error> {
    let number = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(failed(path, "read the version"))
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    match (application, version) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, FIRST_VERSION..=SCHEMA_VERSION) => Ok(version),
        (APPLICATION_ID, newer) => Err(Error::new(
            ErrorKind::NotSupported,
            format!(
                "the catalogue {} has version {newer}; this program knows {SCHEMA_VERSION}",
                path.display()
            ),
        )
        .with_hint("use the newer openvss that wrote it")),
        _ => Err(Error::new(
            ErrorKind::Unexpected,
            format!("{} is a database of another program", path.display()),
        )
        .with_hint("name another state folder with --state")),
    }
}

const fn consistency_number(consistency: Consistency) -> i64 {
    match consistency {
        Consistency::Torn => 0,
        Consistency::Crash => 1,
        Consistency::FileSystem => 2,
        Consistency::Application => 3,
    }
}

/// Anything unknown reads as the weakest promise.
pub(super) const fn consistency(number: i64) -> Consistency {
    match number {
        1 => Consistency::Crash,
        2 => Consistency::FileSystem,
        3 => Consistency::Application,
        _ => Consistency::Torn,
    }
}

const fn state_number(state: SetState) -> i64 {
    match state {
        SetState::Transported => 0,
        SetState::Created => 1,
    }
}

/// State number of sets that requesters see.
pub(super) const VISIBLE: i64 = state_number(SetState::Created);

pub(super) fn insert_set(transaction: &Transaction<'_>, set: &SetRecord) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO shadow_set(set_id, context, state, consistency, created, held_micros)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            set.set_id.as_uuid(),
            set.context.bits(),
            state_number(set.state),
            consistency_number(set.consistency),
            set.created.0,
            i64::try_from(set.held_micros).unwrap_or(i64::MAX),
        ])?;
    Ok(())
}

pub(super) fn read_set(row: &Row<'_>) -> rusqlite::Result<SetRecord> {
    Ok(SetRecord {
        set_id: SetId::from_uuid(row.get(0)?),
        context: Context::from_bits(row.get(1)?).unwrap_or(Context::BACKUP),
        state: if row.get::<_, i64>(2)? == VISIBLE {
            SetState::Created
        } else {
            SetState::Transported
        },
        consistency: consistency(row.get(3)?),
        created: Timestamp(row.get(4)?),
        freeze_micros: 0,
        held_micros: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
        copy_micros: 0,
        copies: Vec::new(),
        luns: Vec::new(),
    })
}

pub(super) fn insert_copy(
    transaction: &Transaction<'_>,
    set: &SetRecord,
    ordinal: usize,
    copy: &CopyRecord,
    luns: &Sealed,
) -> rusqlite::Result<()> {
    let p = &copy.properties;
    transaction
        .prepare_cached(
            "INSERT INTO shadow_copy(snapshot_id, set_id, ordinal, snapshots_count, device,
                 original_volume, originating_machine, service_machine, exposed_name, exposed_path,
                 provider_id, attributes, created, status, version, crc, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            p.snapshot_id.as_uuid(),
            set.set_id.as_uuid(),
            i64::try_from(ordinal).unwrap_or(i64::MAX),
            p.snapshots_count,
            p.snapshot_device_object,
            p.original_volume_name,
            p.originating_machine,
            p.service_machine,
            p.exposed_name,
            p.exposed_path,
            p.provider_id.as_uuid(),
            p.snapshot_attributes.bits(),
            p.creation_timestamp.0,
            p.status.value(),
            luns.version,
            luns.crc,
            luns.text,
        ])?;
    Ok(())
}

pub(super) fn insert_lun(
    transaction: &Transaction<'_>,
    set: SetId,
    lun: &LunRecord,
    document: &Sealed,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO lun(set_id, name, version, crc, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            set.as_uuid(),
            lun.name,
            document.version,
            document.crc,
            document.text
        ])?;
    Ok(())
}

/// Takes copies out; LUNs that no copy of the set names any more go with them, and the set goes with
/// its last copy.
pub(super) fn remove_copies(
    transaction: &Transaction<'_>,
    set: SetId,
    gone: &[SnapshotId],
) -> rusqlite::Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut delete = transaction
        .prepare_cached("DELETE FROM shadow_copy WHERE set_id = ?1 AND snapshot_id = ?2")?;
    for copy in gone {
        delete.execute(params![set.as_uuid(), copy.as_uuid()])?;
    }
    transaction.execute(
        "DELETE FROM lun WHERE set_id = ?1 AND NOT EXISTS (
             SELECT 1 FROM shadow_copy c, json_each(c.document) name
             WHERE c.set_id = lun.set_id AND name.value = lun.name)",
        [set.as_uuid()],
    )?;
    transaction.execute(
        "DELETE FROM shadow_set WHERE set_id = ?1
         AND NOT EXISTS (SELECT 1 FROM shadow_copy c WHERE c.set_id = shadow_set.set_id)",
        [set.as_uuid()],
    )?;
    Ok(())
}

/// Writes an intent, over an earlier one of the same operation.
pub(super) fn put_intent(
    transaction: &Transaction<'_>,
    entry: &JournalEntry,
    document: &Sealed,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO journal(operation_id, set_id, kind, started, version, crc, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT(operation_id) DO UPDATE
             SET version = excluded.version, crc = excluded.crc, document = excluded.document",
        params![
            entry.operation.as_uuid(),
            entry.set.as_uuid(),
            entry.intent.kind().name(),
            entry.started.0,
            document.version,
            document.crc,
            document.text
        ],
    )?;
    Ok(())
}

/// Removes the intent and writes the audit record.
pub(super) fn finish(
    transaction: &Transaction<'_>,
    audit: &AuditRecord,
    document: &Sealed,
) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM journal WHERE operation_id = ?1",
        [audit.operation.as_uuid()],
    )?;
    transaction.execute(
        "INSERT INTO audit(operation_id, set_id, kind, started, finished, code, version, crc, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            audit.operation.as_uuid(),
            audit.set.as_uuid(),
            audit.kind.name(),
            audit.started.0,
            audit.finished.0,
            audit.code.0,
            document.version,
            document.crc,
            document.text
        ],
    )?;
    Ok(())
}

/// Adds refused calls to what is on record of the same caller and method.
pub(super) fn add_refusals(
    transaction: &Transaction<'_>,
    refusals: &[Refusal],
) -> rusqlite::Result<()> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO refusal(caller, method, first, last, count) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(caller, method) DO UPDATE
         SET last = MAX(last, excluded.last), count = count + excluded.count",
    )?;
    for refusal in refusals {
        add.execute(params![
            refusal.caller,
            refusal.method,
            refusal.first.0,
            refusal.last.0,
            i64::try_from(refusal.count).unwrap_or(i64::MAX)
        ])?;
    }
    transaction.execute(
        "DELETE FROM refusal WHERE rowid NOT IN (
             SELECT rowid FROM refusal ORDER BY last DESC LIMIT ?1)",
        [MOST_REFUSALS],
    )?;
    Ok(())
}
