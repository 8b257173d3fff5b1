//! A file system with reflinks, in an image that is mounted for as long as it is used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Size of the image; what is not written takes up no space.
const SIZE: u64 = 8 << 30;

/// A mounted file system; unmounted on drop.
pub(crate) struct Mounted {
    pub(crate) point: PathBuf,
}

impl Mounted {
    /// Makes and mounts an XFS; or says why that cannot be done here.
    pub(crate) fn xfs(place: &Path) -> Result<std::result::Result<Self, String>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Err("mounting needs root".to_owned()));
        }
        let image = place.join("xfs.img");
        File::create(&image)?.set_len(SIZE)?;
        let point = place.join("xfs");
        fs::create_dir_all(&point)?;
        let mut mkfs = Command::new("mkfs.xfs");
        mkfs.args(["-q", "-m", "reflink=1"]).arg(&image);
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "xfs", "-o", "loop"])
            .arg(&image)
            .arg(&point);
        for mut command in [mkfs, mount] {
            let name = command.get_program().display().to_string();
            match command.output() {
                Ok(output) if output.status.success() => {}
                Ok(output) => {
                    let text = String::from_utf8_lossy(&output.stderr);
                    return Ok(Err(format!("{name}: {}", text.trim())));
                }
                Err(error) => return Ok(Err(format!("{name}: {error}"))),
            }
        }
        Ok(Ok(Self { point }))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.point).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("could not unmount {}", self.point.display());
        }
    }
}
