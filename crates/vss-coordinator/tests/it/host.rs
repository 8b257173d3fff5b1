//! A host whose disks are scripted and whose writes can be made to fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use disk_identity::{DiskRead, DiskWrite};
use host_view::{DevNo, HostView};
use uuid::Uuid;
use vss_coordinator::{AtRest, Disk, Ground, Hold, HoldState, Host, HostDisk, LinuxHost};
use vss_model::{Error, SnapshotId, Timestamp};

#[derive(Default)]
pub(crate) struct FakeHost {
    real: LinuxHost,
    pub(crate) disks: Mutex<Vec<HostDisk>>,
    pub(crate) writes: Arc<Writes>,
    /// Pretends that the originals are open for writing.
    pub(crate) busy: AtomicBool,
    ids: AtomicU64,
    /// What it was told to let go of.
    pub(crate) let_go: Mutex<Vec<Ground>>,
    /// How often the host has been started anew.
    pub(crate) boots: AtomicU64,
    /// Seconds that the clock is ahead of the real one.
    pub(crate) ahead: AtomicU64,
}

/// Counts writes and syncs of disks, and fails the one that it is told to.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) done: AtomicU64,
    /// 1 for the next one; 0 for none.
    fail: AtomicU64,
    /// Every write from the failing one on fails.
    for_good: AtomicBool,
}

impl Writes {
    pub(crate) fn fail_nth(&self, nth: u64, for_good: bool) {
        self.for_good.store(for_good, Ordering::SeqCst);
        self.fail.store(nth, Ordering::SeqCst);
    }

    fn pass(&self) -> io::Result<()> {
        self.done.fetch_add(1, Ordering::SeqCst);
        let left = self.fail.load(Ordering::SeqCst);
        if left == 0 {
            return Ok(());
        }
        if left > 1 {
            self.fail.store(left - 1, Ordering::SeqCst);
            return Ok(());
        }
        if !self.for_good.load(Ordering::SeqCst) {
            self.fail.store(0, Ordering::SeqCst);
        }
        Err(io::Error::other("injected failure of a disk"))
    }
}

struct FailingDisk {
    disk: Disk,
    writes: Arc<Writes>,
}

impl DiskRead for FailingDisk {
    fn len_bytes(&self) -> io::Result<u64> {
        self.disk.len_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.read_exact_at(buf, offset)
    }
}

impl DiskWrite for FailingDisk {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.writes.pass()?;
        self.disk.write_all_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.writes.pass()?;
        self.disk.sync()
    }
}

struct Busy(usize);

impl Hold for Busy {
    fn states(&self) -> Vec<HoldState> {
        vec![HoldState::OpenForWriting; self.0]
    }

    fn is_unbroken(&self) -> bool {
        true
    }
}

impl Host for FakeHost {
    fn now(&self) -> Timestamp {
        self.real.now()
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic() + Duration::from_secs(self.ahead.load(Ordering::SeqCst))
    }

    fn new_uuid(&self) -> Uuid {
        // Unlike each other from the first digits on, and the same in every run.
        let n = self.ids.fetch_add(1, Ordering::SeqCst) + 1;
        Uuid::from_u64_pair(
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !0xf000 | 0x4000,
            0x8000_0000_0000_0000 | n,
        )
    }

    fn machine_name(&self) -> String {
        "machine".to_owned()
    }

    fn open(&self, device: &Path) -> io::Result<Disk> {
        self.real.open(device)
    }

    fn open_for_update(&self, device: &Path) -> io::Result<Disk> {
        Ok(Box::new(FailingDisk {
            disk: self.real.open_for_update(device)?,
            writes: Arc::clone(&self.writes),
        }))
    }

    fn set_read_only(&self, device: &Path, read_only: bool) -> io::Result<()> {
        self.writes.pass()?;
        self.real.set_read_only(device, read_only)
    }

    fn is_read_only(&self, device: &Path) -> io::Result<bool> {
        self.real.is_read_only(device)
    }

    fn disks(&self) -> io::Result<Vec<HostDisk>> {
        Ok(self.disks.lock().unwrap().clone())
    }

    fn view(&self) -> io::Result<HostView> {
        self.real.view()
    }

    fn device_number(&self, path: &Path) -> Option<DevNo> {
        self.real.device_number(path)
    }

    fn rest(&self, ground: &Ground) -> Result<Box<dyn AtRest>, Error> {
        self.real.rest(ground)
    }

    fn let_go(&self, ground: &Ground) -> Vec<String> {
        self.let_go.lock().unwrap().push(ground.clone());
        Vec::new()
    }

    fn name_copy(&self, _copy: SnapshotId, _device: Option<&Path>) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn boot(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.boots.load(Ordering::SeqCst)) + 1)
    }

    fn hold_writes(&self, devices: &[PathBuf]) -> io::Result<Box<dyn Hold>> {
        if self.busy.load(Ordering::SeqCst) {
            return Ok(Box::new(Busy(devices.len())));
        }
        self.real.hold_writes(devices)
    }
}
