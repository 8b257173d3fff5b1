//! The real host.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use disk_identity::{SectorSize, observe};
use uuid::Uuid;
use vss_model::Timestamp;
use vss_sys::{Lease, LeaseError, block, break_time};

use super::{Disk, Hold, HoldState, Host, HostDisk};

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

    fn open_for_update(&self, device: &Path) -> io::Result<Disk> {
        let open = || OpenOptions::new().read(true).write(true).open(device);
        if !self.is_read_only(device)? {
            return Ok(Box::new(open()?));
        }
        if is_block_device(device)? {
            // The flag is looked at when a write arrives, so it must stay off while we write.
            let reader = File::open(device)?;
            block::set_read_only(&reader, false)?;
            return Ok(Box::new(ReadOnlyBlock {
                disk: open()?,
                flag: reader,
            }));
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
            return block::set_read_only(&file, read_only);
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
            return block::is_read_only(&File::open(device)?);
        }
        Ok(metadata.permissions().mode() & WRITE_BITS == 0)
    }

    fn disks(&self) -> io::Result<Vec<HostDisk>> {
        let entries = match fs::read_dir("/sys/class/block") {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut disks = Vec::new();
        for entry in entries {
            if let Some(disk) = host_disk(&entry?.path()) {
                disks.push(disk);
            }
        }
        disks.sort_by(|a, b| a.device.cmp(&b.device));
        Ok(disks)
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
}

/// A read-only block device while it is being updated; the flag comes back on drop.
struct ReadOnlyBlock {
    disk: File,
    flag: File,
}

impl disk_identity::DiskRead for ReadOnlyBlock {
    fn len_bytes(&self) -> io::Result<u64> {
        self.disk.len_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        disk_identity::DiskRead::read_exact_at(&self.disk, buf, offset)
    }
}

impl disk_identity::DiskWrite for ReadOnlyBlock {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        disk_identity::DiskWrite::write_all_at(&self.disk, buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        disk_identity::DiskWrite::sync(&self.disk)
    }
}

impl Drop for ReadOnlyBlock {
    fn drop(&mut self) {
        // Nothing more can be done about a failure here; the verification of the caller finds it.
        let _ = block::set_read_only(&self.flag, true);
    }
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

/// Reads who the disk of this sysfs entry is; `None` for partitions, empty and unreadable devices.
fn host_disk(sysfs: &Path) -> Option<HostDisk> {
    if sysfs.join("partition").exists() {
        return None;
    }
    let sectors: u64 = fs::read_to_string(sysfs.join("size"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    if sectors == 0 {
        return None;
    }
    let device = Path::new("/dev").join(sysfs.file_name()?);
    let file = File::open(&device).ok()?;
    let sector_size = block::logical_sector_size(&file)
        .ok()
        .and_then(|bytes| SectorSize::try_from(bytes).ok());
    let observation = observe(&file, sector_size).ok()?;
    let backing_file = fs::read_to_string(sysfs.join("loop/backing_file"))
        .ok()
        .map(|text| PathBuf::from(text.trim_end()));
    Some(HostDisk {
        device,
        backing_file,
        identity: observation.identity().clone(),
    })
}
