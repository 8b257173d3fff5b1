//! The SCSI disk that a LUN became on this host.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use host_view::vpd::{identifiers, serial_number};
use host_view::{DevNo, HostView};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use vss_model::LunInformation;
use vss_provider::ProviderError;
use vss_provider::failure::io_failed;

use crate::tree::{Nexus, Roots, word};

/// How long a disk may take to come or go.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks; the kernel tells udev alone.
const PAUSE: Duration = Duration::from_millis(2);

/// A SCSI disk of this host.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    /// Its folder in sysfs.
    scsi: PathBuf,
    /// Its node.
    pub(crate) device: PathBuf,
    block: PathBuf,
}

/// The disk at a place is another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistaken {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Disk {
    /// The disk at a place, once it can be opened.
    pub(crate) fn at(roots: &Roots, nexus: Nexus, number: u32) -> Option<Self> {
        let scsi = roots.scsi_device(nexus, number);
        let name = fs::read_dir(scsi.join("block"))
            .ok()?
            .next()?
            .ok()?
            .file_name();
        let device = roots.dev.join(&name);
        device.exists().then(|| Self {
            block: scsi.join("block").join(&name),
            device,
            scsi,
        })
    }

    /// Waits for a disk to come.
    pub(crate) fn wait(roots: &Roots, nexus: Nexus, number: u32) -> Option<Self> {
        let start = Instant::now();
        loop {
            let found =
                Self::at(roots, nexus, number).filter(|disk| disk.sectors().is_some_and(|n| n > 0));
            if found.is_some() || start.elapsed() > PATIENCE {
                return found;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Size in units of 512 bytes: 0 before it is known, and when there is no LUN any more.
    pub(crate) fn sectors(&self) -> Option<u64> {
        word(&self.block.join("size"))?.parse().ok()
    }

    /// Whether the pages that the kernel read when the disk came are of this LUN.
    pub(crate) fn is(&self, lun: &LunInformation) -> bool {
        let page = fs::read(self.scsi.join("vpd_pg83")).unwrap_or_default();
        let found = identifiers(&page).unwrap_or_default();
        let name = lun.identifiers.first();
        name.is_some_and(|name| found.contains(name)) && self.serial() == lun.serial_number
    }

    fn serial(&self) -> String {
        fs::read(self.scsi.join("vpd_pg80"))
            .ok()
            .and_then(|page| serial_number(&page).ok())
            .unwrap_or_default()
    }

    /// Asks the LUN anew who it is: a disk of the host outlives the mapping by which it came, and would
    /// lead to whichever LUN has the number now.
    pub(crate) fn prove(&self, lun: &LunInformation) -> Result<(), Mistaken> {
        let asked = fs::write(self.scsi.join("rescan"), "1");
        // The pages stay as they were when no LUN answers.
        let answers = self.sectors() != Some(0);
        if asked.is_ok() && answers && self.is(lun) {
            return Ok(());
        }
        let page = fs::read(self.scsi.join("vpd_pg83")).unwrap_or_default();
        let mut other = lun.clone();
        other.identifiers = identifiers(&page).unwrap_or_default();
        let name = |lun: &LunInformation| {
            lun.lun_id()
                .map_or_else(|| "a LUN without a name".to_owned(), |id| id.to_string())
        };
        Err(Mistaken {
            expected: name(lun),
            found: match asked {
                Ok(()) if !answers => "a LUN that does not answer".to_owned(),
                Ok(()) => format!("{} (serial number {:?})", name(&other), self.serial()),
                Err(error) => format!("a LUN that cannot be asked: {error}"),
            },
        })
    }

    /// Logical sector size in bytes.
    pub(crate) fn sector_size(&self) -> Option<u32> {
        word(&self.block.join("queue/logical_block_size"))?
            .parse()
            .ok()
    }

    /// Makes all that was written durable, if nobody uses the disk.
    ///
    /// # Errors
    /// Somebody does, or it could not be flushed.
    pub(crate) fn let_go(&self) -> Result<(), ProviderError> {
        let path = &self.device;
        // A mount, a mapping or a member of a RAID claims the disk, also by a partition of it.
        let claimed = rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let file = match claimed {
            Ok(file) => File::from(file),
            Err(Errno::BUSY) => {
                return Err(ProviderError::veto(format!(
                    "{} is in use by {}",
                    path.display(),
                    self.users()
                ))
                .with_hint("unmount it, and close what lies upon it"));
            }
            Err(error) => return Err(io_failed("open", path)(error.into())),
        };
        file.sync_all().map_err(io_failed("flush", path))
    }

    /// Who uses the disk, as far as that can be seen.
    fn users(&self) -> String {
        let names = || {
            let number: DevNo = word(&self.block.join("dev"))?.parse().ok()?;
            let view = HostView::read(&host_view::Roots::default()).ok()?;
            let names: Vec<String> = view
                .volumes_on(number)
                .into_iter()
                .filter(|above| above.device != number || !above.mount_points.is_empty())
                .filter_map(|above| match above.mount_points.first() {
                    Some(place) => Some(format!("the mount {}", place.display())),
                    None if view.device(above.device)?.partition.is_some() => None,
                    None => Some(view.path(above.device)?.display().to_string()),
                })
                .collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        names().unwrap_or_else(|| "another program".to_owned())
    }
}

/// Makes durable what this host wrote to a disk and the target has not seen yet.
pub(crate) fn flush(device: &Path) -> Result<(), ProviderError> {
    File::open(device)
        .and_then(|device| device.sync_all())
        .map_err(io_failed("flush", device))
}

/// Takes a disk away from the host, whatever it is, and waits until it is gone. What was written to it and is
/// not stored yet is lost: the kernel stops it first, so that nothing of that reaches another LUN.
pub(crate) fn delete(roots: &Roots, nexus: Nexus, number: u32) -> Result<(), ProviderError> {
    let scsi = roots.scsi_device(nexus, number);
    let switch = scsi.join("delete");
    match fs::write(&switch, "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_failed("delete the SCSI device by", &switch)(error))
        }
        _ => wait_gone(&scsi),
    }
}

/// Waits until a SCSI device is gone.
pub(crate) fn wait_gone(scsi: &Path) -> Result<(), ProviderError> {
    let start = Instant::now();
    while scsi.exists() {
        if start.elapsed() > PATIENCE {
            return Err(ProviderError::veto(format!(
                "the SCSI device {} does not go away",
                scsi.display()
            )));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Disk;
    use crate::identity::information;
    use crate::tree::{Inquiry, Nexus, Roots};

    const HERE: Nexus = Nexus {
        host: 0,
        channel: 0,
        id: 1,
    };

    #[test]
    fn another_lun_under_the_number_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            sys: folder.path().join("sys"),
            dev: folder.path().join("dev"),
            ..Roots::default()
        };
        let scsi = roots.scsi_device(HERE, 5);
        assert!(Disk::at(&roots, HERE, 5).is_none());
        fs::create_dir_all(scsi.join("block/sdq")).unwrap();
        fs::create_dir_all(&roots.dev).unwrap();
        assert!(Disk::at(&roots, HERE, 5).is_none(), "no node yet");
        fs::write(roots.dev.join("sdq"), "").unwrap();
        let disk = Disk::at(&roots, HERE, 5).unwrap();

        let inquiry = Inquiry {
            vendor: "LIO-ORG".into(),
            product: "FILEIO".into(),
            revision: "4.0".into(),
            company: 0x1405,
        };
        let expected = information(&inquiry, "aaaa");
        assert!(
            disk.prove(&expected)
                .unwrap_err()
                .found
                .contains("without a name")
        );
        for (serial, is_it) in [("aaaa", true), ("bbbb", false)] {
            let name = &information(&inquiry, serial).identifiers[0].bytes;
            let page = [&[0, 0x83, 0, 20, 1, 3, 0, 16], &name[..]].concat();
            fs::write(scsi.join("vpd_pg83"), page).unwrap();
            fs::write(
                scsi.join("vpd_pg80"),
                [&[0, 0x80, 0, 4], serial.as_bytes()].concat(),
            )
            .unwrap();
            assert_eq!(disk.is(&expected), is_it);
            match disk.prove(&expected) {
                Ok(()) => assert!(is_it),
                Err(mistaken) => {
                    assert!(
                        mistaken.expected.starts_with("naa.6001405aaaa"),
                        "{mistaken:?}"
                    );
                    assert!(
                        mistaken.found.starts_with("naa.6001405bbbb"),
                        "{mistaken:?}"
                    );
                }
            }
        }
    }
}
