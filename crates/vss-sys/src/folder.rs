//! Folders that others may enter.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const OPEN: u32 = 0o755;

/// Makes a folder, and those above it, that everybody may enter; a strict umask, as a service has, does not
/// close them. Folders that are there stay as they are.
///
/// # Errors
/// As `mkdir(2)` and `chmod(2)`.
pub fn make_open_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_open_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    fs::set_permissions(folder, Permissions::from_mode(OPEN))
}
