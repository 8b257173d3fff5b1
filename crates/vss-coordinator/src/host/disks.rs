//! Who the disks of this host are.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use disk_identity::{SectorSize, observe};
use host_view::{DevNo, DiskKind, HostView};
use vss_sys::block;

use super::HostDisk;

/// Every distinct disk that can be read, by its device.
pub(super) fn of(view: &HostView) -> Vec<HostDisk> {
    let mut disks: Vec<HostDisk> = view
        .disks()
        .into_iter()
        .filter_map(|disk| {
            let device = view.path(disk.node)?;
            let file = File::open(&device).ok()?;
            let sector_size = block::logical_sector_size(&file)
                .ok()
                .and_then(|bytes| SectorSize::try_from(bytes).ok());
            let observation = observe(&file, sector_size).ok()?;
            Some(HostDisk {
                device,
                numbers: disk.nodes,
                backing_file: match disk.kind {
                    DiskKind::Loop { file, .. } => Some(file),
                    _ => None,
                },
                identity: observation.identity().clone(),
            })
        })
        .collect();
    disks.sort_by(|a, b| a.device.cmp(&b.device));
    disks
}

/// The partitions of a disk that the kernel knows.
pub(super) fn partitions(disk: DevNo) -> io::Result<Vec<PathBuf>> {
    let folder = PathBuf::from(format!("/sys/dev/block/{}:{}", disk.major, disk.minor));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("partition").exists()
            && let Some(name) = path.file_name()
        {
            found.push(Path::new("/dev").join(name));
        }
    }
    Ok(found)
}
