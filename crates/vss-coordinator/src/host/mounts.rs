//! The files of copies, mounted for those who read them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, UnmountFlags};
use vss_model::SnapshotId;

use super::COPY_FILES;

fn place(copy: SnapshotId) -> PathBuf {
    let name = format!("HarddiskVolumeShadowCopy{}", copy.device_number());
    Path::new(COPY_FILES).join(name)
}

/// Whether something is mounted there: the folder then lies on another device than the one around it.
fn is_mounted(place: &Path) -> io::Result<bool> {
    let around = place.parent().unwrap_or(place);
    match (fs::metadata(place), fs::metadata(around)) {
        (Ok(inside), Ok(around)) => Ok(inside.dev() != around.dev()),
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Mounts a copy. Nothing is written for it: journals are not replayed, and a copy of a file system that was
/// frozen needs none of that.
pub(super) fn mount(copy: SnapshotId, device: &Path) -> io::Result<PathBuf> {
    let place = place(copy);
    if is_mounted(&place)? {
        return if fs::metadata(&place)?.dev() == fs::metadata(device)?.rdev() {
            Ok(place)
        } else {
            let text = format!("something else is mounted at {}", place.display());
            Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
        };
    }
    let kind = kind_of(device)?;
    let options = match kind.as_str() {
        "ext2" | "ext3" | "ext4" => c"noload",
        "xfs" => c"norecovery,nouuid",
        _ => c"",
    };
    vss_sys::make_open_folder(&place)?;
    let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
    let mounted = rustix::mount::mount(device, &place, kind.as_str(), flags, options);
    if let Err(error) = mounted {
        // An empty folder says nothing to anybody.
        let _ = fs::remove_dir(&place);
        return Err(error.into());
    }
    Ok(place)
}

/// Unmounts a copy.
pub(super) fn unmount(copy: SnapshotId) -> io::Result<()> {
    let place = place(copy);
    if is_mounted(&place)? {
        rustix::mount::unmount(&place, UnmountFlags::NOFOLLOW)?;
    }
    match fs::remove_dir(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The type of the file system on a device, as blkid knows it.
fn kind_of(device: &Path) -> io::Result<String> {
    let output = Command::new("blkid")
        .args(["-p", "-s", "TYPE", "-o", "value"])
        .arg(device)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("could not run blkid: {error}")))?;
    let kind = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if kind.is_empty() {
        let text = format!("no file system is to be seen on {}", device.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(kind)
}
