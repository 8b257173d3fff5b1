//! The array's own catalogue: which LUNs there are, in SQLite.
//!
//! The catalogue is the truth; images and links are made to agree with it at `on_load`. A LUN is in
//! one of four states, and only `ready` ones are seen from outside:
//!
//! ```text
//! creating ──▶ ready ──▶ deleting ──▶ (no row)
//!                ▲
//! splitting ─────┘          on load: creating is finished if its image is in place, splitting if
//!                           its set was committed; all else is dropped
//! ```

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use vss_model::ResultCode;
use vss_provider::{ProviderError, ProviderResult};

use crate::error::catalogue_failed;

/// "oVSA" in the database header: a catalogue of an embedded array.
const APPLICATION_ID: i32 = 0x6f56_5341;

/// The layout that this code writes, and the newest that it reads.
const LAYOUT: i32 = 2;

/// How long the owner waits for a reader that stands in the way of a write.
const OWNER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a reader waits: long enough for the instants in which SQLite locks readers out (the
/// recovery of a log, the last close), which writes as such do not.
const READER_PATIENCE: Duration = Duration::from_millis(500);

/// How often a reader of a resting catalogue tries again because an owner came or went meanwhile.
const READER_ATTEMPTS: u32 = 8;

/// Layout 1.
const SCHEMA: &str = "
CREATE TABLE lun (
    guid          TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    state         TEXT NOT NULL CHECK (state IN ('creating', 'splitting', 'ready', 'deleting')),
    size_bytes    INTEGER NOT NULL CHECK (size_bytes > 0),
    sector_size   INTEGER NOT NULL CHECK (sector_size IN (512, 4096)),
    presented     INTEGER NOT NULL CHECK (presented IN (0, 1)),
    linked        INTEGER NOT NULL CHECK (linked IN (0, 1)),
    set_id        TEXT,
    original_guid TEXT,
    original_name TEXT,
    CHECK ((set_id IS NULL) = (original_guid IS NULL)),
    CHECK ((set_id IS NULL) = (original_name IS NULL))
) STRICT;
CREATE INDEX lun_of_set ON lun (set_id) WHERE set_id IS NOT NULL;
CREATE INDEX lun_presented ON lun (name) WHERE presented = 1;
CREATE TABLE last_set (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), set_id TEXT NOT NULL)
STRICT;
";

/// What layout 2 added.
const ATTACHED: &str = "
ALTER TABLE lun ADD COLUMN attached INTEGER NOT NULL DEFAULT 0 CHECK (attached IN (0, 1));
";

/// The way to the catalogue: one connection of the owner, or a path for readers beside it.
pub(crate) enum Catalogue {
    /// Held open by the one process that changes the array.
    Owner(Mutex<Connection>),
    /// Opened anew for each question; never creates a file, never changes one.
    Reader(PathBuf),
}

impl Catalogue {
    /// Opens the catalogue for changes, and makes it if there is none.
    ///
    /// # Errors
    /// Not a catalogue, a newer layout, or SQLite failed.
    pub(crate) fn own(path: &Path) -> ProviderResult<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(catalogue_failed("open"))?;
        let prepare = |connection: &mut Connection| -> rusqlite::Result<()> {
            connection.busy_timeout(OWNER_PATIENCE)?;
            connection.pragma_update(None, "synchronous", "FULL")
        };
        prepare(&mut connection).map_err(catalogue_failed("open"))?;
        if !is_known(&connection, path)? {
            // WAL first: the mode is stored in the file and cannot be changed in a transaction.
            let make = |connection: &mut Connection| -> rusqlite::Result<()> {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                transaction.execute_batch(SCHEMA)?;
                transaction.execute_batch(ATTACHED)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", LAYOUT)?;
                transaction.commit()
            };
            make(&mut connection).map_err(catalogue_failed("make its tables"))?;
        } else if layout(&connection).map_err(catalogue_failed("say its layout"))? < LAYOUT {
            let migrate = |connection: &mut Connection| -> rusqlite::Result<()> {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                transaction.execute_batch(ATTACHED)?;
                transaction.pragma_update(None, "user_version", LAYOUT)?;
                transaction.commit()
            };
            migrate(&mut connection).map_err(catalogue_failed("bring its tables up to date"))?;
        }
        Ok(Self::Owner(Mutex::new(connection)))
    }

    /// Reads. `step` completes "the catalogue failed when it was to …".
    ///
    /// A reader of an array that does not exist gets the default: nothing.
    ///
    /// # Errors
    /// SQLite failed, or the file is not a catalogue that this code knows.
    pub(crate) fn read<T: Default>(
        &self,
        step: &'static str,
        question: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> ProviderResult<T> {
        match self {
            Self::Owner(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                question(&connection).map_err(catalogue_failed(step))
            }
            Self::Reader(path) => read_beside(path, step, question),
        }
    }

    /// Changes rows in one durable transaction.
    ///
    /// # Errors
    /// Opened for reading only, or SQLite failed; nothing is changed then.
    pub(crate) fn write<T>(
        &self,
        step: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> ProviderResult<T> {
        let Self::Owner(connection) = self else {
            return Err(read_only());
        };
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let run = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run(&mut connection).map_err(catalogue_failed(step))
    }

    /// Whether changes are possible.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` when the array was opened for reading only.
    pub(crate) fn must_own(&self) -> ProviderResult<()> {
        match self {
            Self::Owner(_) => Ok(()),
            Self::Reader(_) => Err(read_only()),
        }
    }
}

fn layout(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn read_only() -> ProviderError {
    ProviderError::new(
        ResultCode::VSS_E_BAD_STATE,
        "the array was opened for reading only",
    )
}

/// Asks beside a running owner, or an array at rest.
///
/// With a log (`-wal`) there, an owner runs or crashed, and SQLite's shared reading does what is
/// needed without waiting for writers. Without one, shared reading would have to *make* a log, so
/// the file is read as one that does not change; should an owner come or go meanwhile, the answer is
/// thrown away and the question asked again.
fn read_beside<T: Default>(
    path: &Path,
    step: &'static str,
    question: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> ProviderResult<T> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    let stamp = || {
        let meta = fs::metadata(path).ok()?;
        Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
    };
    let mut answer = Ok(T::default());
    for _ in 0..READER_ATTEMPTS {
        let before = stamp();
        if before.is_none_or(|(_, length, _, _)| length == 0) {
            // No array, or an owner that is just about to make it.
            return Ok(T::default());
        }
        let has_log = log.exists();
        answer = read_once(path, !has_log, step, &question);
        if has_log && answer.is_ok() || !log.exists() && stamp() == before {
            break;
        }
    }
    answer
}

fn read_once<T: Default>(
    path: &Path,
    immutable: bool,
    step: &'static str,
    question: &impl Fn(&Connection) -> rusqlite::Result<T>,
) -> ProviderResult<T> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, immutable), flags)
        .map_err(catalogue_failed("open"))?;
    connection
        .busy_timeout(READER_PATIENCE)
        .map_err(catalogue_failed("open"))?;
    if is_known(&connection, path)? {
        question(&connection).map_err(catalogue_failed(step))
    } else {
        Ok(T::default())
    }
}

/// `file:` URI of a path; every byte that is not plain is escaped.
fn uri(path: &Path, immutable: bool) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str(if immutable {
        "?mode=ro&immutable=1"
    } else {
        "?mode=ro"
    });
    uri
}

/// True for a catalogue of a layout that this code reads, false for an empty database.
fn is_known(connection: &Connection, path: &Path) -> ProviderResult<bool> {
    let number = |pragma: &str| -> rusqlite::Result<i32> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let look = || -> rusqlite::Result<(i32, i32, bool)> {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((
            number("application_id")?,
            number("user_version")?,
            tables == 0,
        ))
    };
    let (application, layout, empty) = look().map_err(|error| {
        catalogue_failed("say what it is")(error).with_hint(format!(
            "is {} a damaged or a foreign file?",
            path.display()
        ))
    })?;
    if application == 0 && layout == 0 && empty {
        return Ok(false);
    }
    if application != APPLICATION_ID {
        return Err(ProviderError::veto(format!(
            "{} is not the catalogue of an embedded array",
            path.display()
        )));
    }
    if !(1..=LAYOUT).contains(&layout) {
        return Err(ProviderError::veto(format!(
            "the catalogue {} has layout {layout}, and only layouts up to {LAYOUT} are known",
            path.display()
        ))
        .with_hint("it was written by a newer openvss: use that one"));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Catalogue, uri};

    #[test]
    fn paths_survive_as_uris() {
        assert_eq!(
            uri(Path::new("/a b/ä?#%/x.db"), true),
            "file:/a%20b/%C3%A4%3F%23%25/x.db?mode=ro&immutable=1"
        );
    }

    #[test]
    fn foreign_and_newer_catalogues_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.db");
        for (pragma, says) in [
            ("PRAGMA user_version = 3", "has layout 3"),
            ("PRAGMA application_id = 7", "not the catalogue"),
        ] {
            drop(Catalogue::own(&path).unwrap());
            rusqlite::Connection::open(&path)
                .unwrap()
                .execute_batch(pragma)
                .unwrap();
            let both = [
                Catalogue::own(&path).err().unwrap(),
                Catalogue::Reader(path.clone())
                    .read("count", |_| Ok(0))
                    .unwrap_err(),
            ];
            for error in both {
                assert!(error.message.contains(says), "{}", error.message);
                assert!(error.message.contains("array.db"), "{}", error.message);
            }
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::write(
            &path,
            "this is a letter to my aunt, not a database".repeat(20),
        )
        .unwrap();
        assert!(Catalogue::own(&path).is_err());
    }

    #[test]
    fn an_older_layout_is_read_as_it_is_and_brought_up_to_date_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(super::SCHEMA).unwrap();
        old.execute_batch(
            "INSERT INTO lun VALUES ('6b1f3c52-0d9e-4e47-9a35-c8d271f4b06e', 'db', 'ready', 512, 512,
                 1, 0, NULL, NULL, NULL);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        old.pragma_update(None, "application_id", super::APPLICATION_ID)
            .unwrap();
        drop(old);
        let reader = Catalogue::Reader(path.clone());
        let luns = |catalogue: &Catalogue| catalogue.read("list", crate::rows::ready).unwrap();
        assert_eq!(luns(&reader).len(), 1);
        let owner = Catalogue::own(&path).unwrap();
        assert_eq!(luns(&owner), luns(&reader));
        let guid = luns(&owner).first().unwrap().guid;
        owner
            .write("attach", |rows| crate::rows::set_attached(rows, guid, true))
            .unwrap();
        assert!(luns(&owner).first().unwrap().attached);
        // A second time there is nothing to do.
        drop(owner);
        assert!(
            luns(&Catalogue::own(&path).unwrap())
                .first()
                .unwrap()
                .attached
        );
    }

    #[test]
    fn readers_leave_no_files_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.db");
        let count = |c: &rusqlite::Connection| {
            c.query_row("SELECT count(*) FROM lun", [], |row| row.get::<_, i64>(0))
        };
        let files = || {
            let mut names: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let reader = Catalogue::Reader(path.clone());
        assert_eq!(reader.read("count", |_| Ok(0)).unwrap(), 0);
        assert!(files().is_empty());
        let owner = Catalogue::own(&path).unwrap();
        assert_eq!(reader.read("count", count).unwrap(), 0);
        drop(owner);
        let before = files();
        assert_eq!(before, ["array.db"]);
        assert_eq!(reader.read("count", count).unwrap(), 0);
        assert_eq!(files(), before);
        assert!(reader.write("try", |_| Ok(())).is_err());
    }
}
