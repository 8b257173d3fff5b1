//! Copies of images by shared extents (`FICLONE`), beside their originals.

use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ioctl_ficlone, renameat_with};
use rustix::io::Errno;
use vss_model::ResultCode;
use vss_provider::ProviderError;
use vss_provider::failure::io_failed;

use crate::records::{remove, sync};

/// The image before it is whole.
fn partial(image: &Path) -> PathBuf {
    let mut name = image.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    image.with_file_name(name)
}

fn folder(image: &Path) -> &Path {
    image.parent().unwrap_or(Path::new("/"))
}

fn open(image: &Path) -> Result<File, ProviderError> {
    File::open(image).map_err(|error| {
        let mut failed = io_failed("open the image", image)(error);
        if !image.exists() {
            failed.code = ResultCode::VSS_E_OBJECT_NOT_FOUND;
        }
        failed
    })
}

/// Whether the image can be copied in an instant: tried on a file without a name.
///
/// # Errors
/// It cannot, or its file system could not be asked.
pub(crate) fn must_share_extents(image: &Path) -> Result<(), ProviderError> {
    // The target's control file takes options that are set apart by commas.
    if image.as_os_str().as_bytes().contains(&b',') {
        return Err(ProviderError::veto(format!(
            "the image {} has a comma in its path, which the target cannot be told",
            image.display()
        )));
    }
    let source = open(image)?;
    if !source
        .metadata()
        .map_err(io_failed("look at the image", image))?
        .is_file()
    {
        return Err(
            ProviderError::veto(format!("{} is not a regular file", image.display()))
                .with_hint("a block device as a LUN belongs in an iblock backstore"),
        );
    }
    let probe = rustix::fs::open(
        folder(image),
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
    .and_then(|probe| ioctl_ficlone(probe, &source));
    match probe {
        Ok(()) => Ok(()),
        Err(
            Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS
            | Errno::ISDIR,
        ) => Err(ProviderError::veto(format!(
            "the file system of {} cannot share extents, so that the image cannot be copied in an instant",
            image.display()
        ))
        .with_hint("keep images on XFS (with reflink) or Btrfs")),
        Err(error) => Err(io_failed("try to clone the image", image)(error.into())),
    }
}

/// Makes the empty file which is to become the copy. Repeatable.
pub(crate) fn set_aside(original: &Path, image: &Path) -> Result<(), ProviderError> {
    must_share_extents(original)?;
    let mode = fs::metadata(original)
        .map_err(io_failed("look at the image", original))?
        .permissions()
        .mode();
    let path = partial(image);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode & 0o666)
        .open(&path)
        .map_err(io_failed("make", &path))?;
    Ok(())
}

/// The instant.
pub(crate) fn copy(original: &Path, image: &Path) -> Result<(), ProviderError> {
    let path = partial(image);
    let source = open(original)?;
    let target = OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(io_failed("open", &path))?;
    ioctl_ficlone(&target, &source)
        .map_err(|error| io_failed("clone the image to", &path)(error.into()))
}

/// Empties a copy that came to nothing, if it is there.
pub(crate) fn undo(image: &Path) {
    // Whatever is left is found again by the record.
    let _ = OpenOptions::new()
        .write(true)
        .open(partial(image))
        .and_then(|file| file.set_len(0));
}

/// Makes the copy durable under its name. Repeatable.
pub(crate) fn settle(image: &Path) -> Result<(), ProviderError> {
    let path = partial(image);
    if !path.exists() && image.exists() {
        return sync(folder(image));
    }
    File::open(&path)
        .and_then(|file| file.sync_all())
        .map_err(io_failed("sync", &path))?;
    renameat_with(CWD, &path, CWD, image, RenameFlags::NOREPLACE)
        .map_err(|error| io_failed("name the copy", image)(error.into()))?;
    sync(folder(image))
}

/// Removes a copy in whichever state. Repeatable.
pub(crate) fn destroy(image: &Path) -> Result<(), ProviderError> {
    let half = remove(&partial(image))?;
    let whole = remove(image)?;
    if half || whole {
        sync(folder(image))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{destroy, must_share_extents, settle};

    #[test]
    fn what_cannot_be_copied_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| must_share_extents(path).unwrap_err().message;
        assert!(refused(&folder.path().join("none")).contains("none"));
        assert!(refused(folder.path()).contains("not a regular file"));
        assert!(refused(Path::new("/a,b")).contains("comma"));
    }

    #[test]
    fn a_copy_gets_its_name_once_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("x.img");
        fs::write(folder.path().join("x.img.partial"), "copy").unwrap();
        settle(&image).unwrap();
        settle(&image).unwrap();
        assert_eq!(fs::read(&image).unwrap(), b"copy");
        fs::write(folder.path().join("x.img.partial"), "other").unwrap();
        // What bears the name already is not written over.
        assert!(settle(&image).is_err());
        assert_eq!(fs::read(&image).unwrap(), b"copy");
        destroy(&image).unwrap();
        destroy(&image).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
