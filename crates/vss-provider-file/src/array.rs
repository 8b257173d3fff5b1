//! The array itself, and how its LUNs are described.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use vss_model::{LunId, LunInformation, ResultCode, SetId};
use vss_provider::failure::io_failed;
use vss_provider::{ProviderError, ProviderResult};
use vss_sys::FileLock;

use crate::catalogue::Catalogue;
use crate::folders::{Folders, remove, sync};
use crate::identity::{guid_of, information, lun_id};
use crate::name::hint;
use crate::rows::{self, LunRow, State};
use crate::sets::{ProgressFn, SetUnderWay};

/// An array of image files, and the provider of shadow copies of them.
///
/// One process at a time owns an array; any number may look at it meanwhile
/// ([`FileArray::open_read_only`]).
pub struct FileArray {
    pub(crate) folders: Folders,
    pub(crate) catalogue: Catalogue,
    /// Held while rows, files and links change together; never while an image is copied.
    changes: Mutex<()>,
    /// The sets whose creation has begun in this process.
    sets: Mutex<BTreeMap<SetId, SetUnderWay>>,
    pub(crate) progress: Mutex<Option<Arc<ProgressFn>>>,
    /// The array's folder, locked for as long as this process owns it.
    _lock: Option<FileLock>,
}

impl fmt::Debug for FileArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileArray")
            .field("array", &self.folders.array)
            .field("host", &self.folders.host)
            .finish_non_exhaustive()
    }
}

/// Where a copy comes from, as it was at the instant of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The original's name; another LUN may bear it by now.
    pub name: String,
    /// The original itself; it may be gone by now.
    pub id: LunId,
}

/// A LUN of the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lun {
    /// The name by which people call it.
    pub name: String,
    /// Its name among all LUNs.
    pub id: LunId,
    /// What inquiry says of it.
    pub information: LunInformation,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Bytes that the image takes up; 0 while the image cannot be found.
    pub allocated_bytes: u64,
    /// Logical sector size in bytes: 512 or 4096.
    pub sector_size: u32,
    /// Whether the host sees it.
    pub presented: bool,
    /// Whether the image has no write permission at all.
    pub read_only: bool,
    /// The image.
    pub image: PathBuf,
    /// Where the host sees it; `None` when it is masked.
    pub device: Option<PathBuf>,
    /// Whether it is a loop device when it is presented.
    pub attached: bool,
    /// The original, if this LUN was made as a shadow copy.
    pub copy_of: Option<Original>,
    /// The shadow copy set in which it was made. The array remembers it for good; whether the set
    /// still exists is the coordinator's knowledge.
    pub set: Option<SetId>,
    /// Whether the image is a link to a file outside the array.
    pub linked: bool,
}

impl FileArray {
    /// Opens an array for changes, and makes it if there is none.
    ///
    /// `array` holds the images and the array's own catalogue; `host` is where presented LUNs
    /// appear. Leftovers of an earlier run stay until `on_load`.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` when another process, or another `FileArray` of this one, owns the array;
    /// the folders or the catalogue cannot be used.
    pub fn open(array: &Path, host: &Path) -> ProviderResult<Self> {
        let folders = Folders::make(array, host)?;
        let file = File::open(&folders.array).map_err(io_failed("open", &folders.array))?;
        // Clearing leftovers would tear the copies of another owner away from it.
        let lock = FileLock::try_exclusive(file)
            .map_err(io_failed("lock", &folders.array))?
            .ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_BAD_STATE,
                    format!("the array {} is in use", folders.array.display()),
                )
                .with_hint("another process owns it: wait until that has ended")
            })?;
        let catalogue = Catalogue::own(&folders.catalogue())?;
        sync(&folders.array)?;
        Ok(Self::new(folders, catalogue, Some(lock)))
    }

    /// Opens an array for looking, beside an owner or alone: changes nothing and does not wait for
    /// copies under way. An array that does not exist is empty.
    ///
    /// Methods that would change something fail with `VSS_E_BAD_STATE`.
    ///
    /// # Errors
    /// The working folder, to which a relative path refers, is gone.
    pub fn open_read_only(array: &Path, host: &Path) -> ProviderResult<Self> {
        let folders = Folders::at(array, host)?;
        let catalogue = Catalogue::Reader(folders.catalogue());
        Ok(Self::new(folders, catalogue, None))
    }

    fn new(folders: Folders, catalogue: Catalogue, lock: Option<FileLock>) -> Self {
        Self {
            folders,
            catalogue,
            changes: Mutex::default(),
            sets: Mutex::default(),
            progress: Mutex::default(),
            _lock: lock,
        }
    }

    /// All LUNs, by name.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn list(&self) -> ProviderResult<Vec<Lun>> {
        let rows = self.catalogue.read("list the LUNs", rows::ready)?;
        Ok(rows.into_iter().map(|row| self.describe(row)).collect())
    }

    /// The LUN with this name.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, with near names as a hint; the catalogue cannot be read.
    pub fn get(&self, name: &str) -> ProviderResult<Lun> {
        Ok(self.describe(self.row(name)?))
    }

    /// The row of the LUN with this name.
    pub(crate) fn row(&self, name: &str) -> ProviderResult<LunRow> {
        let found = self
            .catalogue
            .read("find a LUN", |connection| rows::by_name(connection, name))?
            .filter(|row| row.state == State::Ready);
        if let Some(row) = found {
            return Ok(row);
        }
        let mut error = ProviderError::new(
            ResultCode::VSS_E_OBJECT_NOT_FOUND,
            format!("the array has no LUN {name:?}"),
        );
        let known = self.catalogue.read("list the LUNs", rows::ready)?;
        error.hint = hint(name, known.iter().map(|row| row.name.as_str()));
        Err(error)
    }

    /// The row of the LUN that `lun` describes; `None` for LUNs of others and unknown ones.
    pub(crate) fn row_of(&self, lun: &LunInformation) -> ProviderResult<Option<LunRow>> {
        guid_of(lun).map_or(Ok(None), |guid| self.row_of_guid(guid))
    }

    /// The row of the LUN with this GUID.
    pub(crate) fn row_of_guid(&self, guid: Uuid) -> ProviderResult<Option<LunRow>> {
        let row = self
            .catalogue
            .read("find a LUN", |connection| rows::by_guid(connection, guid))?;
        Ok(row.filter(|row| row.state == State::Ready))
    }

    /// The LUN whose image or device this path is; `None` for any other path.
    pub(crate) fn row_at(&self, device: &Path) -> ProviderResult<Option<LunRow>> {
        let Ok(path) = fs::canonicalize(device) else {
            return Ok(None);
        };
        let luns = self.catalogue.read("list the LUNs", rows::ready)?;
        let in_array = self.folders.name_of_image(&path);
        Ok(luns.into_iter().find(|row| {
            self.loop_device(row).as_ref() == Some(&path)
                || in_array.as_deref() == Some(&row.name)
                || row.linked
                    && fs::canonicalize(self.folders.image(&row.name))
                        .is_ok_and(|target| target == path)
        }))
    }

    /// The whole picture of a LUN, its image included.
    pub(crate) fn describe(&self, row: LunRow) -> Lun {
        let image = self.folders.image(&row.name);
        // An image that cannot be found is no reason to hide the others.
        let meta = fs::metadata(&image).ok();
        let meta = meta.as_ref();
        Lun {
            id: lun_id(row.guid),
            information: information(row.guid),
            size_bytes: meta.map_or(row.size_bytes, fs::Metadata::len),
            allocated_bytes: meta.map_or(0, allocated),
            sector_size: row.sector_size,
            presented: row.presented,
            read_only: meta.is_some_and(|meta| meta.permissions().mode() & 0o222 == 0),
            device: row.presented.then(|| self.device(&row)),
            attached: row.attached,
            set: row.origin.as_ref().map(|origin| origin.set),
            copy_of: row.origin.map(|origin| Original {
                name: origin.name,
                id: lun_id(origin.guid),
            }),
            linked: row.linked,
            name: row.name,
            image,
        }
    }

    /// Where the host sees a LUN that is presented: its loop device, else the link to its image.
    pub(crate) fn device(&self, row: &LunRow) -> PathBuf {
        self.loop_device(row)
            .unwrap_or_else(|| self.folders.device(&row.name))
    }

    /// Waits for other changes of this process to end, and keeps new ones out.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` when the array was opened for reading only.
    pub(crate) fn begin_change(&self) -> ProviderResult<MutexGuard<'_, ()>> {
        self.catalogue.must_own()?;
        Ok(self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sets under way.
    pub(crate) fn sets(&self) -> MutexGuard<'_, BTreeMap<SetId, SetUnderWay>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes LUNs with link, image and row, in whichever state they are.
    ///
    /// A mark comes first and the rows go last, so that a crash between leaves something from which
    /// `on_load` ends the work. Repeatable. The caller keeps other changes out.
    pub(crate) fn destroy(&self, doomed: &[LunRow]) -> ProviderResult<()> {
        // What somebody uses stays as it is.
        self.detach_together(doomed)?;
        let seen: Vec<&LunRow> = doomed
            .iter()
            .filter(|row| matches!(row.state, State::Ready | State::Splitting))
            .collect();
        if !seen.is_empty() {
            self.catalogue.write("mark LUNs for deletion", |rows| {
                seen.iter()
                    .try_for_each(|row| rows::set_state(rows, row.guid, State::Deleting))
            })?;
        }
        let mut hidden = false;
        for row in doomed {
            // Rows of other states have no link, and the name in the host's folder may be another's.
            if matches!(row.state, State::Ready | State::Deleting) {
                hidden |= self.folders.hide(&row.name)?;
            }
        }
        if hidden {
            sync(&self.folders.host)?;
        }
        let mut removed = false;
        for row in doomed {
            let partial = remove(&self.folders.partial(row.guid))?;
            // An image still partial has not got its name yet, so that name is not ours to remove.
            removed |= partial || remove(&self.folders.image(&row.name))?;
        }
        if removed {
            sync(&self.folders.array)?;
        }
        if doomed.is_empty() {
            return Ok(());
        }
        self.catalogue.write("forget LUNs", |rows| {
            doomed
                .iter()
                .try_for_each(|row| rows::delete(rows, row.guid))
        })
    }

    /// Makes LUNs visible to the host. Repeatable. The caller keeps other changes out.
    ///
    /// Rows first, then links: a link always belongs to a LUN that is to be seen.
    pub(crate) fn show_all(&self, luns: &[LunRow]) -> ProviderResult<()> {
        for row in luns {
            let image = self.folders.image(&row.name);
            fs::metadata(&image).map_err(io_failed("find the image", &image))?;
            self.folders.must_not_clash(&row.name)?;
        }
        let masked: Vec<&LunRow> = luns.iter().filter(|row| !row.presented).collect();
        self.set_presented(&masked, true)?;
        let mut made = Vec::new();
        let result = luns.iter().try_for_each(|row| {
            if self.folders.show(&row.name)? {
                made.push(row);
            }
            Ok(())
        });
        let result = result.and_then(|()| {
            if made.is_empty() {
                Ok(())
            } else {
                sync(&self.folders.host)
            }
        });
        let result = result.and_then(|()| {
            luns.iter()
                .filter(|row| row.attached)
                .try_for_each(|row| self.attach_now(row).map(drop))
        });
        if result.is_err() {
            // Back to where it was; should this fail too, `on_load` makes the links that the rows
            // ask for.
            for row in masked.iter().filter(|row| made.contains(row)) {
                let _ = self.detach_now(row);
                let _ = self.folders.hide(&row.name);
            }
            let _ = self.set_presented(&masked, false);
        }
        result
    }

    /// Withdraws LUNs from the host. Repeatable. The caller keeps other changes out.
    ///
    /// Links first, then rows, for the same reason.
    pub(crate) fn hide_all(&self, luns: &[LunRow]) -> ProviderResult<()> {
        self.detach_together(luns)?;
        let mut hidden = false;
        for row in luns {
            hidden |= self.folders.hide(&row.name)?;
        }
        if hidden {
            sync(&self.folders.host)?;
        }
        let presented: Vec<&LunRow> = luns.iter().filter(|row| row.presented).collect();
        self.set_presented(&presented, false)
    }

    fn set_presented(&self, luns: &[&LunRow], presented: bool) -> ProviderResult<()> {
        if luns.is_empty() {
            return Ok(());
        }
        self.catalogue.write("present or mask LUNs", |rows| {
            luns.iter()
                .try_for_each(|row| rows::set_presented(rows, row.guid, presented))
        })
    }
}

/// Bytes that a file takes up.
pub(crate) fn allocated(meta: &fs::Metadata) -> u64 {
    // POSIX counts in units of 512 bytes, whatever the block size.
    meta.blocks().saturating_mul(512)
}
