//! The tool that administrators use today: one sgdisk process for each disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use disk_identity::{DiskId, observe};
use uuid::Uuid;

use crate::Result;
use crate::measure::{Times, settle, timed};

/// Disks on which sgdisk is measured; it takes a second and more for each.
pub(crate) const SAMPLE: usize = 8;

/// Where sgdisk is, if it is installed.
pub(crate) fn find() -> Option<PathBuf> {
    ["/usr/sbin/sgdisk", "/sbin/sgdisk", "/usr/bin/sgdisk"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

/// Gives disk images new GUIDs with sgdisk, one process for each; times by disk.
pub(crate) fn measure(sgdisk: &Path, images: &[PathBuf]) -> Result<Times> {
    let mut times = Vec::new();
    for image in images {
        times.push(change(sgdisk, image)?);
    }
    Ok(times.into_iter().collect())
}

fn change(sgdisk: &Path, image: &Path) -> Result<Duration> {
    let [disk, one, two] = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let folder = image.parent().ok_or("an image without a folder")?;
    settle(folder)?;
    let (time, output) = timed(folder, || {
        Ok(Command::new(sgdisk)
            .arg("-U")
            .arg(disk.to_string())
            .arg("-u")
            .arg(format!("1:{one}"))
            .arg("-u")
            .arg(format!("2:{two}"))
            .arg(image)
            .output()?)
    })?;
    let seen = observe(&File::open(image)?, None)?;
    let identity = seen.identity();
    let partitions: Vec<_> = identity.partitions.iter().map(|part| part.id).collect();
    if !output.status.success()
        || identity.disk_id != Some(DiskId::Guid(disk))
        || partitions.len() != 2
    {
        return Err(format!(
            "sgdisk did not change {}: {}",
            image.display(),
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(time)
}

/// Has sgdisk check a table of ours; says what it thinks.
pub(crate) fn verify(sgdisk: &Path, image: &Path) -> Result<()> {
    let output = Command::new(sgdisk).arg("-v").arg(image).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && text.contains("No problems found") {
        return Ok(());
    }
    let size = fs::metadata(image)?.len();
    Err(format!("sgdisk does not like a table for {size} bytes: {text}").into())
}
