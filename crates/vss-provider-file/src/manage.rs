//! What an administrator does with an array: making, taking in, showing, hiding and deleting LUNs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use uuid::Uuid;
use vss_model::ResultCode;
use vss_provider::failure::{invalid, io_failed};
use vss_provider::{ProviderError, ProviderResult};

use crate::array::{FileArray, Lun};
use crate::folders::{exists, remove, rename, sync};
use crate::name;
use crate::rows::{self, LunRow, State};

/// How a file becomes a LUN of the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adopt {
    /// The file moves into the array, which must be on its file system.
    Move,
    /// The file stays; the array has a link to it. Deleting the LUN leaves the file.
    Link,
}

/// What a request changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It did what was asked.
    Changed,
    /// It was so before.
    AlreadySo,
}

/// What starts the GPT header, in the second sector of a disk.
const GPT_SIGNATURE: &[u8; 8] = b"EFI PART";

impl FileArray {
    /// Makes an empty LUN, which takes up no space until it is written.
    ///
    /// # Errors
    /// - `E_INVALIDARG`: the name, size or sector size cannot be, or the file system holds no file
    ///   of that size;
    /// - `VSS_E_OBJECT_ALREADY_EXISTS`: the name is taken in the array or the host's folder;
    /// - `VSS_E_INSUFFICIENT_STORAGE`.
    pub fn create(
        &self,
        name: &str,
        size_bytes: u64,
        sector_size: u32,
        present: bool,
    ) -> ProviderResult<Lun> {
        name::check(name)?;
        check_sector_size(sector_size)?;
        check_size(&format!("LUN {name}"), size_bytes, sector_size)?;
        let _change = self.begin_change()?;
        self.must_be_vacant(name)?;
        let row = new_row(name, size_bytes, sector_size, present, false);
        let partial = self.folders.partial(row.guid);
        let file = self.folders.create_partial(row.guid)?;
        let made = file
            .set_len(size_bytes)
            .map_err(
                |error| match error.raw_os_error().map(Errno::from_raw_os_error) {
                    Some(Errno::FBIG | Errno::INVAL) => invalid(format!(
                        "the file system of {} holds no file of {size_bytes} bytes",
                        self.folders.array.display()
                    ))
                    .with_source(error),
                    _ => io_failed("size", &partial)(error),
                },
            )
            .and_then(|()| file.sync_all().map_err(io_failed("sync", &partial)));
        let result = made.and_then(|()| {
            self.establish(row, |image| {
                rename(&partial, image).map_err(io_failed("create", image))
            })
        });
        if result.is_err() {
            // Whatever this leaves, `on_load` removes.
            let _ = remove(&partial);
        }
        result
    }

    /// Makes a LUN of a file that is there.
    ///
    /// Without `sector_size`, a GPT header at byte 4096 and none at byte 512 means 4096; all else
    /// means 512.
    ///
    /// # Errors
    /// - `E_INVALIDARG`: the name cannot be; the file is no regular file, is empty, is no multiple
    ///   of the sector size, or, with [`Adopt::Move`], lies on another file system;
    /// - `VSS_E_OBJECT_NOT_FOUND`: there is no such file;
    /// - `VSS_E_OBJECT_ALREADY_EXISTS`: the name is taken, or the file is a LUN already.
    pub fn adopt(
        &self,
        name: &str,
        file: &Path,
        how: Adopt,
        sector_size: Option<u32>,
        present: bool,
    ) -> ProviderResult<Lun> {
        name::check(name)?;
        sector_size.map_or(Ok(()), check_sector_size)?;
        let _change = self.begin_change()?;
        let source = inspect(file, how)?;
        self.must_not_be_ours(file, &source)?;
        let sector_size = match sector_size {
            Some(size) => size,
            None => detect_sector_size(&source)?,
        };
        check_size(&file.display().to_string(), source.meta.len(), sector_size)?;
        let row = new_row(
            name,
            source.meta.len(),
            sector_size,
            present,
            how == Adopt::Link,
        );
        let path = source.path.as_path();
        // A file may lie in the array already, put there by hand under its final name.
        let in_place =
            how == Adopt::Move && self.folders.name_of_image(path).as_deref() == Some(name);
        if in_place {
            self.must_be_free(name)?;
        } else {
            self.must_be_vacant(name)?;
        }
        match how {
            Adopt::Move => {
                source.file.sync_all().map_err(io_failed("sync", path))?;
                self.establish(row, |image| {
                    if in_place {
                        return Ok(());
                    }
                    rename(path, image).map_err(|error| moving_failed(path, image, error))?;
                    path.parent().map_or(Ok(()), sync)
                })
            }
            Adopt::Link => self.establish(row, |image| {
                symlink(path, image).map_err(io_failed("create the link", image))
            }),
        }
    }

    /// Withdraws a LUN from the host.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, or the link cannot be removed.
    pub fn mask(&self, name: &str) -> ProviderResult<Change> {
        let _change = self.begin_change()?;
        let row = self.row(name)?;
        let before = row.presented;
        self.hide_all(&[row])?;
        Ok(if before {
            Change::Changed
        } else {
            Change::AlreadySo
        })
    }

    /// Shows a LUN to the host.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_OBJECT_ALREADY_EXISTS` when something of others bears its
    /// name in the host's folder; the image is missing or the link cannot be made.
    pub fn present(&self, name: &str) -> ProviderResult<Change> {
        let _change = self.begin_change()?;
        let row = self.row(name)?;
        let before = row.presented;
        self.show_all(&[row])?;
        Ok(if before {
            Change::AlreadySo
        } else {
            Change::Changed
        })
    }

    /// Deletes a LUN and its image; of a linked LUN, only the link.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, with near names as a hint; a file cannot be removed. What was begun
    /// is ended by `on_load`.
    pub fn delete(&self, name: &str) -> ProviderResult<()> {
        let _change = self.begin_change()?;
        let row = self.row(name)?;
        self.destroy(&[row])
    }

    /// Enters a new LUN: its row as `creating`, its image by `place`, then the row as `ready`.
    ///
    /// A crash leaves a `creating` row; `on_load` finishes it if the image is in place.
    fn establish(
        &self,
        mut row: LunRow,
        place: impl FnOnce(&Path) -> ProviderResult<()>,
    ) -> ProviderResult<Lun> {
        let image = self.folders.image(&row.name);
        self.catalogue
            .write("enter a LUN", |rows| rows::insert(rows, &row))?;
        if let Err(error) = place(&image) {
            let _ = self
                .catalogue
                .write("forget a LUN", |rows| rows::delete(rows, row.guid));
            return Err(error);
        }
        sync(&self.folders.array)?;
        self.catalogue.write("enter a LUN", |rows| {
            rows::set_state(rows, row.guid, State::Ready)
        })?;
        row.state = State::Ready;
        if row.presented
            && let Err(error) = self.show_all(std::slice::from_ref(&row))
        {
            self.hide_all(std::slice::from_ref(&row))?;
            return Err(error.with_hint(format!("the LUN {:?} is there, but masked", row.name)));
        }
        Ok(self.describe(row))
    }

    /// Refuses a name that a LUN bears, or something of others in the host's folder.
    fn must_be_free(&self, name: &str) -> ProviderResult<()> {
        let taken = self
            .catalogue
            .read("find a LUN", |connection| rows::by_name(connection, name))?;
        if taken.is_some() {
            return Err(already(format!("the array has a LUN {name:?} already")));
        }
        self.folders.must_not_clash(name)
    }

    /// Also refuses a name for which a file lies in the array.
    fn must_be_vacant(&self, name: &str) -> ProviderResult<()> {
        self.must_be_free(name)?;
        let image = self.folders.image(name);
        if exists(&image)? {
            return Err(
                already(format!("{} is there and is no LUN", image.display()))
                    .with_hint("adopt it, or move it away"),
            );
        }
        Ok(())
    }

    /// Refuses a file that is a LUN already, under whichever path, or belongs to the catalogue.
    fn must_not_be_ours(&self, file: &Path, source: &Source) -> ProviderResult<()> {
        let array = fs::canonicalize(&self.folders.array)
            .map_err(io_failed("resolve", &self.folders.array))?;
        if source.path.parent() == Some(&array)
            && self.folders.name_of_image(&source.path).is_none()
        {
            return Err(invalid(format!(
                "{} is the array's own file",
                file.display()
            )));
        }
        for row in self.catalogue.read("list the LUNs", rows::all)? {
            let Ok(meta) = fs::metadata(self.folders.image(&row.name)) else {
                continue;
            };
            if (meta.dev(), meta.ino()) == (source.meta.dev(), source.meta.ino()) {
                return Err(already(format!(
                    "{} is the LUN {:?} already",
                    file.display(),
                    row.name
                )));
            }
        }
        Ok(())
    }
}

/// A file that is to become a LUN.
struct Source {
    path: PathBuf,
    file: File,
    meta: fs::Metadata,
}

/// Opens a file that is to become a LUN, if it is one that can.
fn inspect(file: &Path, how: Adopt) -> ProviderResult<Source> {
    let shown = file.display();
    let look = |error: io::Error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let mut failure = io_failed("look at", file)(error);
        if missing {
            failure.code = ResultCode::VSS_E_OBJECT_NOT_FOUND;
        }
        failure
    };
    let path = fs::canonicalize(file).map_err(look)?;
    let kind = fs::symlink_metadata(&path).map_err(look)?.file_type();
    if kind.is_block_device() {
        return Err(invalid(format!("{shown} is a block device"))
            .with_hint("the embedded array holds files only; copy the device into a file first"));
    }
    if !kind.is_file() {
        return Err(invalid(format!("{shown} is not a regular file")));
    }
    if how == Adopt::Move && fs::symlink_metadata(file).map_err(look)?.is_symlink() {
        return Err(
            invalid(format!("{shown} is a symbolic link and cannot be moved"))
                .with_hint(format!("name the file itself: {}", path.display())),
        );
    }
    // Only what was found to be regular is opened: opening a pipe or a device may wait or act.
    let opened = File::open(&path).map_err(io_failed("open", file))?;
    let meta = opened.metadata().map_err(look)?;
    Ok(Source {
        path,
        file: opened,
        meta,
    })
}

/// 4096 for a disk whose GPT header says so, else 512.
fn detect_sector_size(source: &Source) -> ProviderResult<u32> {
    let signature_at = |at: u64| {
        let mut found = [0; GPT_SIGNATURE.len()];
        match source.file.read_exact_at(&mut found, at) {
            Ok(()) => Ok(&found == GPT_SIGNATURE),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(io_failed("read", &source.path)(error)),
        }
    };
    Ok(if signature_at(4096)? && !signature_at(512)? {
        4096
    } else {
        512
    })
}

fn check_sector_size(sector_size: u32) -> ProviderResult<()> {
    if matches!(sector_size, 512 | 4096) {
        Ok(())
    } else {
        Err(invalid(format!(
            "a sector size of {sector_size} bytes is not possible"
        ))
        .with_hint("it is 512 or 4096"))
    }
}

fn check_size(what: &str, size_bytes: u64, sector_size: u32) -> ProviderResult<()> {
    if size_bytes == 0 {
        return Err(invalid(format!("{what} has no size")));
    }
    if !size_bytes.is_multiple_of(u64::from(sector_size)) {
        return Err(invalid(format!(
            "{what} has {size_bytes} bytes, which is no multiple of its sectors of {sector_size}"
        )));
    }
    if i64::try_from(size_bytes).is_err() {
        return Err(invalid(format!(
            "{what} would have {size_bytes} bytes, more than any file can"
        )));
    }
    Ok(())
}

fn new_row(name: &str, size_bytes: u64, sector_size: u32, presented: bool, linked: bool) -> LunRow {
    LunRow {
        guid: Uuid::new_v4(),
        name: name.to_owned(),
        state: State::Creating,
        size_bytes,
        sector_size,
        presented,
        linked,
        origin: None,
        attached: false,
    }
}

fn already(message: String) -> ProviderError {
    ProviderError::new(ResultCode::VSS_E_OBJECT_ALREADY_EXISTS, message)
}

fn moving_failed(from: &Path, to: &Path, error: io::Error) -> ProviderError {
    let elsewhere = error.raw_os_error().map(Errno::from_raw_os_error) == Some(Errno::XDEV);
    let mut failure = io_failed("move into the array", from)(error);
    if elsewhere {
        failure.code = ResultCode::E_INVALIDARG;
        failure.hint = Some(format!(
            "it is on another file system: adopt it as a link, or copy it to {} first",
            to.display()
        ));
    }
    failure
}
