//! The rows of the catalogue, and the questions asked of them.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;
use vss_model::SetId;

/// Where a LUN stands in its life; the diagram is in the module `catalogue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// A LUN of a person's is being made or adopted.
    Creating,
    /// A copy is being made; its image is partial, or not yet known to be complete.
    Splitting,
    /// There.
    Ready,
    /// On its way out.
    Deleting,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Splitting => "splitting",
            Self::Ready => "ready",
            Self::Deleting => "deleting",
        }
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        [Self::Creating, Self::Splitting, Self::Ready, Self::Deleting]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// Where a copy comes from, as it was when the copy was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The shadow copy set.
    pub(crate) set: SetId,
    /// The original's GUID.
    pub(crate) guid: Uuid,
    /// The original's name.
    pub(crate) name: String,
}

/// One LUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LunRow {
    /// Its GUID, from which all its inquiry data follow.
    pub(crate) guid: Uuid,
    /// Its name, and that of its image and link.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) state: State,
    /// Size in bytes when it was made.
    pub(crate) size_bytes: u64,
    /// Logical sector size in bytes.
    pub(crate) sector_size: u32,
    /// Whether the host is to see it.
    pub(crate) presented: bool,
    /// Whether the image is a link to a file outside the array.
    pub(crate) linked: bool,
    /// Where it comes from, if it is a copy.
    pub(crate) origin: Option<Origin>,
    /// Whether it is a loop device when it is presented.
    pub(crate) attached: bool,
}

/// The columns in the order of [`from_row`].
const COLUMNS: &str = "guid, name, state, size_bytes, sector_size, presented, linked, set_id, \
                       original_guid, original_name, attached";
/// The same of layout 1, which only readers meet.
const COLUMNS_1: &str = "guid, name, state, size_bytes, sector_size, presented, linked, set_id, \
                         original_guid, original_name, 0";

/// A GUID as the catalogue keeps it: lower case, hyphens.
struct Guid(Uuid);

impl FromSql for Guid {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::try_parse(value.as_str()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<LunRow> {
    let set: Option<Guid> = row.get(7)?;
    let guid: Option<Guid> = row.get(8)?;
    let name: Option<String> = row.get(9)?;
    let size: i64 = row.get(3)?;
    let origin = match (set, guid, name) {
        (Some(set), Some(guid), Some(name)) => Some(Origin {
            set: SetId::from_uuid(set.0),
            guid: guid.0,
            name,
        }),
        _ => None,
    };
    Ok(LunRow {
        guid: row.get::<_, Guid>(0)?.0,
        name: row.get(1)?,
        state: row.get(2)?,
        size_bytes: size
            .try_into()
            .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(3, size))?,
        sector_size: row.get(4)?,
        presented: row.get(5)?,
        linked: row.get(6)?,
        origin,
        attached: row.get(10)?,
    })
}

fn select(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<LunRow>> {
    let layout: i32 = connection
        .prepare_cached("PRAGMA user_version")?
        .query_row([], |row| row.get(0))?;
    let columns = if layout < 2 { COLUMNS_1 } else { COLUMNS };
    connection
        .prepare_cached(&format!(
            "SELECT {columns} FROM lun WHERE {condition} ORDER BY name"
        ))?
        .query_map(parameters, from_row)?
        .collect()
}

/// All rows in whichever state, by name.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<LunRow>> {
    select(connection, "TRUE", [])
}

/// The LUNs that are there, by name.
pub(crate) fn ready(connection: &Connection) -> rusqlite::Result<Vec<LunRow>> {
    select(connection, "state = 'ready'", [])
}

/// The LUNs that the host is to see, by name.
pub(crate) fn presented(connection: &Connection) -> rusqlite::Result<Vec<LunRow>> {
    select(connection, "presented = 1 AND state = 'ready'", [])
}

/// The rows of a set, in whichever state.
pub(crate) fn of_set(connection: &Connection, set: SetId) -> rusqlite::Result<Vec<LunRow>> {
    select(connection, "set_id = ?1", [set.to_string()])
}

/// The row with a GUID, in whichever state.
pub(crate) fn by_guid(connection: &Connection, guid: Uuid) -> rusqlite::Result<Option<LunRow>> {
    Ok(select(connection, "guid = ?1", [guid.to_string()])?.pop())
}

/// The row with a name, in whichever state.
pub(crate) fn by_name(connection: &Connection, name: &str) -> rusqlite::Result<Option<LunRow>> {
    Ok(select(connection, "name = ?1", [name])?.pop())
}

/// The set that was committed last, if any ever was.
pub(crate) fn last_set(connection: &Connection) -> rusqlite::Result<Option<SetId>> {
    connection
        .query_row("SELECT set_id FROM last_set", [], |row| {
            row.get::<_, Guid>(0)
        })
        .optional()
        .map(|set| set.map(|guid| SetId::from_uuid(guid.0)))
}

/// Remembers the set that was committed last.
pub(crate) fn set_last_set(connection: &Connection, set: SetId) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT OR REPLACE INTO last_set (only_row, set_id) VALUES (1, ?1)",
            [set.to_string()],
        )
        .map(drop)
}

/// Adds a row.
pub(crate) fn insert(connection: &Connection, lun: &LunRow) -> rusqlite::Result<()> {
    let origin = lun.origin.as_ref();
    let size = i64::try_from(lun.size_bytes)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(&format!(
            "INSERT INTO lun ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?
        .execute(params![
            lun.guid.to_string(),
            lun.name,
            lun.state,
            size,
            lun.sector_size,
            lun.presented,
            lun.linked,
            origin.map(|origin| origin.set.to_string()),
            origin.map(|origin| origin.guid.to_string()),
            origin.map(|origin| origin.name.as_str()),
            lun.attached,
        ])
        .map(drop)
}

/// Moves a LUN on in its life.
pub(crate) fn set_state(connection: &Connection, guid: Uuid, state: State) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE lun SET state = ?2 WHERE guid = ?1")?
        .execute(params![guid.to_string(), state])
        .map(drop)
}

/// Says whether the host is to see a LUN.
pub(crate) fn set_presented(
    connection: &Connection,
    guid: Uuid,
    presented: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE lun SET presented = ?2 WHERE guid = ?1")?
        .execute(params![guid.to_string(), presented])
        .map(drop)
}

/// Says whether a LUN is a loop device when it is presented.
pub(crate) fn set_attached(
    connection: &Connection,
    guid: Uuid,
    attached: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE lun SET attached = ?2 WHERE guid = ?1")?
        .execute(params![guid.to_string(), attached])
        .map(drop)
}

/// Forgets a LUN.
pub(crate) fn delete(connection: &Connection, guid: Uuid) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM lun WHERE guid = ?1")?
        .execute([guid.to_string()])
        .map(drop)
}
