//! The real host.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use host_view::{DevNo, HostView, Roots};
use uuid::Uuid;
use vss_model::{Error, SnapshotId, Timestamp};
use vss_sys::{Lease, LeaseError, block, break_time};

use super::{
    AtRest, COPY_NAMES, Disk, Ground, Hold, HoldState, Host, HostDisk, Quiet, disks, keeper, mounts,
};

/// Write permissions of owner, group and others.
const WRITE_BITS: u32 = 0o222;
/// Write permission of the owner.
const OWNER_WRITE: u32 = 0o200;

/// How long writers get to close their images: a process that was started meanwhile keeps the files
/// of its parent open until it runs its own program.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks at an image that is open for writing; nothing tells when it is closed.
const PAUSE: Duration = Duration::from_millis(2);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The Linux host that this process runs on.
#[derive(Debug, Default)]
pub struct LinuxHost;

impl Host for LinuxHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_system_time(SystemTime::now())
    }

    fn monotonic(&self) -> Duration {
        START.elapsed()
    }

    fn new_uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn machine_name(&self) -> String {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }

    fn open(&self, device: &Path) -> io::Result<Disk> {
        Ok(Box::new(File::open(device)?))
    }

    fn open_for_update(&self, device: &Path, quiet: &Quiet) -> io::Result<Disk> {
        let open = || OpenOptions::new().read(true).write(true).open(device);
        let read_only = self.is_read_only(device)?;
        if is_block_device(device)? {
            if read_only {
                // The flag is looked at when a write arrives, so it must stay off while we write.
                block::set_read_only(&File::open(device)?, false)?;
            }
            let disk = Block {
                disk: open()?,
                read_only,
            };
            quiet.keep(&disk.disk)?;
            return Ok(Box::new(disk));
        }
        if !read_only {
            return Ok(Box::new(open()?));
        }
        match open() {
            // Root is not bound by permissions.
            Ok(file) => return Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
        // Permissions are looked at when a file is opened, so they can be put back at once; durably,
        // or a power cut could keep the moment in which they were off.
        let mode = fs::metadata(device)?.permissions().mode();
        fs::set_permissions(device, Permissions::from_mode(mode | OWNER_WRITE))?;
        let opened = open();
        fs::set_permissions(device, Permissions::from_mode(mode))?;
        let file = opened?;
        file.sync_all()?;
        Ok(Box::new(file))
    }

    fn set_read_only(&self, device: &Path, read_only: bool) -> io::Result<()> {
        let file = File::open(device)?;
        if file.metadata()?.file_type().is_block_device() {
            return set_block_read_only(&file, read_only);
        }
        let mode = file.metadata()?.permissions().mode();
        let wanted = if read_only {
            mode & !WRITE_BITS
        } else {
            mode | OWNER_WRITE
        };
        if mode != wanted {
            file.set_permissions(Permissions::from_mode(wanted))?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn is_read_only(&self, device: &Path) -> io::Result<bool> {
        let metadata = fs::metadata(device)?;
        if metadata.file_type().is_block_device() {
            // As read-only as the least of its partitions.
            let mut all = block::is_read_only(&File::open(device)?)?;
            for partition in disks::partitions(DevNo::from_raw(metadata.rdev()))? {
                all = all && block::is_read_only(&File::open(&partition)?)?;
            }
            return Ok(all);
        }
        Ok(metadata.permissions().mode() & WRITE_BITS == 0)
    }

    fn disks(&self) -> io::Result<Vec<HostDisk>> {
        let view = HostView::read_disks(&Roots::default()).map_err(io::Error::other)?;
        Ok(disks::of(&view))
    }

    fn hold_writes(&self, devices: &[PathBuf]) -> io::Result<Box<dyn Hold>> {
        let deadline = Instant::now() + PATIENCE;
        let mut holds = Vec::with_capacity(devices.len());
        for device in devices {
            holds.push(hold(device, deadline)?);
        }
        Ok(Box::new(LeaseHold {
            holds,
            since: Instant::now(),
        }))
    }

    fn view(&self) -> io::Result<HostView> {
        HostView::read(&Roots::default()).map_err(io::Error::other)
    }

    fn device_number(&self, path: &Path) -> Option<DevNo> {
        let metadata = fs::metadata(path).ok()?;
        metadata
            .file_type()
            .is_block_device()
            .then(|| DevNo::from_raw(metadata.rdev()))
    }

    fn rest(&self, ground: &Ground) -> Result<Box<dyn AtRest>, Error> {
        keeper::rest(ground)
    }

    fn let_go(&self, ground: &Ground) -> Vec<String> {
        keeper::let_go(ground)
    }

    fn name_copy(&self, copy: SnapshotId, device: Option<&Path>) -> io::Result<Option<PathBuf>> {
        let name = Path::new(COPY_NAMES).join(copy.to_string());
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let Some(device) = device else {
            return Ok(None);
        };
        if !is_block_device(device)? {
            return Ok(None);
        }
        fs::create_dir_all(COPY_NAMES)?;
        symlink(device, &name)?;
        Ok(Some(name))
    }

    fn mount_copy(&self, copy: SnapshotId, device: &Path) -> io::Result<PathBuf> {
        mounts::mount(copy, device)
    }

    fn unmount_copy(&self, copy: SnapshotId) -> io::Result<()> {
        mounts::unmount(copy)
    }

    fn boot(&self) -> Uuid {
        static BOOT: LazyLock<Uuid> = LazyLock::new(|| {
            fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or_default()
        });
        *BOOT
    }
}

/// A block device while it is being updated. At the end the kernel reads its partition table anew, so
/// that names follow the identity; and a flag that was off for the update comes back.
struct Block {
    disk: File,
    read_only: bool,
}

impl disk_identity::DiskRead for Block {
    fn len_bytes(&self) -> io::Result<u64> {
        self.disk.len_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        disk_identity::DiskRead::read_exact_at(&self.disk, buf, offset)
    }
}

impl disk_identity::DiskWrite for Block {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        disk_identity::DiskWrite::write_all_at(&self.disk, buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        disk_identity::DiskWrite::sync(&self.disk)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // A disk in use keeps its partitions, whose numbers and places have not changed; udev finds
        // their new names when the device is closed. Nothing more can be done about a failure here,
        // and the verification of the caller finds a flag that is wrong.
        let _ = block::reread_partitions(&self.disk);
        if self.read_only {
            let _ = set_block_read_only(&self.disk, true);
        }
    }
}

/// Sets the flag of a disk and of each of its partitions, which have flags of their own.
fn set_block_read_only(disk: &File, read_only: bool) -> io::Result<()> {
    let number = DevNo::from_raw(disk.metadata()?.rdev());
    block::set_read_only(disk, read_only)?;
    for partition in disks::partitions(number)? {
        match File::open(&partition) {
            Ok(partition) => block::set_read_only(&partition, read_only)?,
            // It went away, with its table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Flushes one image and takes its lease; a writer that is about to close it is waited for.
fn hold(device: &Path, deadline: Instant) -> io::Result<Result<Lease, HoldState>> {
    loop {
        let file = File::open(device)?;
        file.sync_data()?;
        return match Lease::hold_writes(file) {
            Ok(lease) => Ok(Ok(lease)),
            Err(LeaseError::OpenForWriting) if Instant::now() < deadline => {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(LeaseError::OpenForWriting) => Ok(Err(HoldState::OpenForWriting)),
            Err(LeaseError::Io(error)) => Err(error),
            Err(_) => Ok(Err(HoldState::Unsupported)),
        };
    }
}

/// Read leases on image files.
struct LeaseHold {
    holds: Vec<Result<Lease, HoldState>>,
    since: Instant,
}

impl Hold for LeaseHold {
    fn states(&self) -> Vec<HoldState> {
        self.holds
            .iter()
            .map(|hold| match hold {
                Ok(_) => HoldState::Held,
                Err(state) => *state,
            })
            .collect()
    }

    fn is_unbroken(&self) -> bool {
        // The kernel breaks a lease by force only once its break time is over, and only when
        // somebody waits. Sooner, whoever waits is still waiting.
        if self.since.elapsed() < break_time() {
            return true;
        }
        self.holds
            .iter()
            .filter_map(|hold| hold.as_ref().ok())
            .all(|lease| matches!(lease.is_wanted(), Ok(false)))
    }
}

fn is_block_device(device: &Path) -> io::Result<bool> {
    Ok(fs::metadata(device)?.file_type().is_block_device())
}
