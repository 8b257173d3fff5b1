//! The two folders of an array: its images, and the paths by which the host sees them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use uuid::Uuid;
use vss_model::{ResultCode, SetId};
use vss_provider::failure::{invalid, io_failed};
use vss_provider::{ProviderError, ProviderResult};

/// What an image that is not complete yet is called, followed by the GUID of its LUN.
const PARTIAL: &str = ".partial-";

/// What the name of an image ends with.
const IMAGE: &str = ".img";

/// What stands at a LUN's path in the host's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostEntry {
    /// Nothing.
    Absent,
    /// The link that the array makes.
    Ours,
    /// Something else.
    Foreign,
}

/// The paths of an array.
///
/// `host/NAME` is a relative link to `array/NAME.img`, so both folders can move together.
#[derive(Debug)]
pub(crate) struct Folders {
    /// Images and catalogue; absolute.
    pub(crate) array: PathBuf,
    /// Links of presented LUNs; absolute.
    pub(crate) host: PathBuf,
    /// From `host` to `array`.
    to_array: PathBuf,
}

impl Folders {
    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// They cannot be made, or are one.
    pub(crate) fn make(array: &Path, host: &Path) -> ProviderResult<Self> {
        let mut folders = Self::at(array, host)?;
        for folder in [&folders.array, &folders.host] {
            if !folder.is_dir() {
                fs::create_dir_all(folder).map_err(io_failed("create the folder", folder))?;
                folder.parent().map_or(Ok(()), sync)?;
            }
        }
        let real = |path: &Path| fs::canonicalize(path).map_err(io_failed("resolve", path));
        let (real_array, real_host) = (real(&folders.array)?, real(&folders.host)?);
        if real_array == real_host {
            return Err(invalid(format!(
                "{} cannot be both the array's folder and the host's",
                real_array.display()
            )));
        }
        folders.to_array = relative(&real_host, &real_array);
        Ok(folders)
    }

    /// The same, for looking only: makes nothing.
    ///
    /// # Errors
    /// The working folder, to which a relative path refers, is gone.
    pub(crate) fn at(array: &Path, host: &Path) -> ProviderResult<Self> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(io_failed("resolve", path));
        Ok(Self {
            array: absolute(array)?,
            host: absolute(host)?,
            to_array: PathBuf::new(),
        })
    }

    /// The catalogue.
    pub(crate) fn catalogue(&self) -> PathBuf {
        self.array.join("array.db")
    }

    /// The image of a LUN.
    pub(crate) fn image(&self, name: &str) -> PathBuf {
        self.array.join(format!("{name}{IMAGE}"))
    }

    /// The image of a LUN while it is being made.
    pub(crate) fn partial(&self, guid: Uuid) -> PathBuf {
        self.array.join(format!("{PARTIAL}{guid}"))
    }

    /// The file that says that all images of a set are complete, though not durable. It goes the way
    /// of partial images.
    pub(crate) fn split_mark(&self, set: SetId) -> PathBuf {
        self.array.join(format!("{PARTIAL}set-{set}"))
    }

    /// Where the host sees a LUN.
    pub(crate) fn device(&self, name: &str) -> PathBuf {
        self.host.join(name)
    }

    /// Gives the owner of an image write permission, or takes everybody's away; durably.
    pub(crate) fn set_writable(&self, name: &str, writable: bool) -> ProviderResult<()> {
        let image = self.image(name);
        let set = || {
            let file = File::open(&image)?;
            let mode = file.metadata()?.permissions().mode();
            let wanted = if writable {
                mode | 0o200
            } else {
                mode & !0o222
            };
            if mode != wanted {
                file.set_permissions(fs::Permissions::from_mode(wanted))?;
                file.sync_all()?;
            }
            Ok(())
        };
        set().map_err(io_failed("set the permissions of", &image))
    }

    /// The name of the LUN whose image this path would be, if it lies in the array.
    ///
    /// `path` must be canonical.
    pub(crate) fn name_of_image(&self, path: &Path) -> Option<String> {
        let array = fs::canonicalize(&self.array).ok()?;
        let name = path.file_name()?.to_str()?.strip_suffix(IMAGE)?;
        (path.parent()? == array).then(|| name.to_owned())
    }

    /// Makes an empty partial image that nobody else may read.
    pub(crate) fn create_partial(&self, guid: Uuid) -> ProviderResult<File> {
        let path = self.partial(guid);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io_failed("create", &path))
    }

    /// Every partial image in the array, whoever left it.
    pub(crate) fn partials(&self) -> ProviderResult<Vec<PathBuf>> {
        let mut partials = self.entries(&self.array)?;
        partials.retain(|path| {
            path.file_name()
                .is_some_and(|name| name.as_bytes().starts_with(PARTIAL.as_bytes()))
        });
        Ok(partials)
    }

    /// Every link of ours in the host's folder, by the LUN's name.
    pub(crate) fn links(&self) -> ProviderResult<Vec<String>> {
        let mut names: Vec<String> = self
            .entries(&self.host)?
            .iter()
            .filter_map(|path| path.file_name().and_then(OsStr::to_str).map(str::to_owned))
            .collect();
        let mut failure = None;
        names.retain(|name| match self.host_entry(name) {
            Ok(entry) => entry == HostEntry::Ours,
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        });
        failure.map_or(Ok(names), Err)
    }

    fn entries(&self, folder: &Path) -> ProviderResult<Vec<PathBuf>> {
        fs::read_dir(folder)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect()
            })
            .map_err(io_failed("list", folder))
    }

    /// What the link of a LUN points to.
    fn target(&self, name: &str) -> PathBuf {
        self.to_array.join(format!("{name}{IMAGE}"))
    }

    /// What stands at a LUN's path in the host's folder.
    pub(crate) fn host_entry(&self, name: &str) -> ProviderResult<HostEntry> {
        let path = self.device(name);
        match fs::read_link(&path) {
            Ok(target) if target == self.target(name) => Ok(HostEntry::Ours),
            Ok(_) => Ok(HostEntry::Foreign),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HostEntry::Absent),
            // Not a link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(HostEntry::Foreign),
            Err(error) => Err(io_failed("look at", &path)(error)),
        }
    }

    /// Refuses a name that something of others bears in the host's folder.
    pub(crate) fn must_not_clash(&self, name: &str) -> ProviderResult<()> {
        if self.host_entry(name)? == HostEntry::Foreign {
            return Err(ProviderError::new(
                ResultCode::VSS_E_OBJECT_ALREADY_EXISTS,
                format!(
                    "{} is there and was not made by the array",
                    self.device(name).display()
                ),
            )
            .with_hint("move it away, or use another name"));
        }
        Ok(())
    }

    /// Makes the link of a LUN, if it is not there; true if it was not. The folder is not synced.
    pub(crate) fn show(&self, name: &str) -> ProviderResult<bool> {
        self.must_not_clash(name)?;
        if self.host_entry(name)? == HostEntry::Ours {
            return Ok(false);
        }
        let path = self.device(name);
        symlink(self.target(name), &path).map_err(io_failed("create the link", &path))?;
        Ok(true)
    }

    /// Removes the link of a LUN; true if it was there. The folder is not synced.
    pub(crate) fn hide(&self, name: &str) -> ProviderResult<bool> {
        if self.host_entry(name)? == HostEntry::Ours {
            remove(&self.device(name))
        } else {
            Ok(false)
        }
    }
}

/// Whether anything stands at a path, be it a dangling link.
pub(crate) fn exists(path: &Path) -> ProviderResult<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_failed("look at", path)(error)),
    }
}

/// Removes a file or link; false if it was gone.
pub(crate) fn remove(path: &Path) -> ProviderResult<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_failed("remove", path)(error)),
    }
}

/// Renames without replacing anything.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag. The array has one owner, so looking first will do.
        Err(Errno::INVAL | Errno::NOSYS) => {
            if fs::symlink_metadata(to).is_ok() {
                Err(Errno::EXIST.into())
            } else {
                fs::rename(from, to)
            }
        }
        result => Ok(result?),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> ProviderResult<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_failed("sync the folder", folder))
}

/// The way from one canonical folder to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Folders, HostEntry, relative};

    #[test]
    fn ways_between_folders() {
        for (from, to, way) in [
            ("/a/host", "/a/array", "../array"),
            ("/a/array/host", "/a/array", ".."),
            ("/a", "/a/b/c", "b/c"),
            ("/x/y", "/a/b", "../../a/b"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(way));
        }
    }

    #[test]
    fn links_are_told_from_things_of_others() {
        let top = tempfile::tempdir().unwrap();
        let folders = Folders::make(&top.path().join("a"), &top.path().join("h")).unwrap();
        assert_eq!(folders.host_entry("x").unwrap(), HostEntry::Absent);
        assert!(folders.show("x").unwrap());
        assert!(!folders.show("x").unwrap());
        assert_eq!(folders.links().unwrap(), ["x"]);
        std::fs::write(folders.device("file"), "").unwrap();
        std::os::unix::fs::symlink("elsewhere", folders.device("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(folders.host_entry(name).unwrap(), HostEntry::Foreign);
            assert!(folders.show(name).is_err());
            assert!(!folders.hide(name).unwrap());
        }
        assert_eq!(folders.links().unwrap(), ["x"]);
        assert!(folders.hide("x").unwrap());
        assert!(!folders.hide("x").unwrap());
        assert!(Folders::make(top.path(), top.path()).is_err());
    }
}
