//! A host whose disks are scripted and whose writes can be made to fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use disk_identity::{DiskRead, DiskWrite};
use host_view::{DevNo, HostView, Roots};
use uuid::Uuid;
use vss_coordinator::{
    AtRest, Disk, Freezing, Ground, Hold, HoldState, Host, HostDisk, LinuxHost, Quiet, Released,
};
use vss_model::{Error, ErrorKind, SnapshotId, Timestamp};

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
    /// Where it reads its devices and mounts; the real host's if there is none.
    pub(crate) roots: Mutex<Option<Roots>>,
    /// Files that it shows as block devices.
    pub(crate) numbers: Mutex<Vec<(PathBuf, DevNo)>>,
    /// How file systems and devices come to rest; really, if there is none.
    pub(crate) rest: Mutex<Option<Arc<Script>>>,
    /// Copies that are mounted.
    pub(crate) mounted: Mutex<Vec<SnapshotId>>,
    /// Pretends that somebody has files of copies open.
    pub(crate) files_open: AtomicBool,
    /// How often the host has been started anew.
    pub(crate) boots: AtomicU64,
    /// Seconds that the clock is ahead of the real one.
    pub(crate) ahead: AtomicU64,
}

/// How file systems and devices come to rest, and what was done about it.
#[derive(Default)]
pub(crate) struct Script {
    /// Steps so far, of whoever writes to it.
    steps: Mutex<Vec<String>>,
    /// What becomes of each file system; frozen, where nothing is said.
    pub(crate) freezing: Mutex<Vec<Freezing>>,
    /// The step that fails.
    pub(crate) fails: Mutex<Option<&'static str>>,
    /// What was let go of too early.
    pub(crate) lost: Mutex<Vec<String>>,
    /// Runs right before the first freeze.
    pub(crate) at_freeze: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Script {
    pub(crate) fn step(&self, step: &str) {
        self.steps.lock().unwrap().push(step.to_owned());
    }

    pub(crate) fn take_steps(&self) -> Vec<String> {
        std::mem::take(&mut self.steps.lock().unwrap())
    }

    fn pass(&self, step: &str, kind: ErrorKind) -> Result<(), Error> {
        self.step(step);
        if self
            .fails
            .lock()
            .unwrap()
            .is_some_and(|fails| fails == step)
        {
            return Err(Error::new(kind, format!("injected failure of {step}")));
        }
        Ok(())
    }
}

/// A rest by script; its end is a step too, asked for or not.
struct Scripted {
    script: Arc<Script>,
    file_systems: usize,
    asked: bool,
}

impl AtRest for Scripted {
    fn flush(&mut self) -> Result<(), Error> {
        self.script.pass("flush", ErrorKind::FlushWritesTimeout)
    }

    fn freeze(&mut self) -> Result<Vec<Freezing>, Error> {
        if let Some(hook) = self.script.at_freeze.lock().unwrap().take() {
            hook();
        }
        self.script.pass("freeze", ErrorKind::HoldWritesTimeout)?;
        let mut freezing = self.script.freezing.lock().unwrap().clone();
        freezing.resize(self.file_systems, Freezing::Frozen);
        Ok(freezing)
    }

    fn suspend(&mut self) -> Result<(), Error> {
        self.script.pass("suspend", ErrorKind::HoldWritesTimeout)
    }

    fn release(mut self: Box<Self>) -> Result<Released, Error> {
        self.asked = true;
        self.script.pass("release", ErrorKind::HoldWritesTimeout)?;
        Ok(Released {
            frozen: Duration::from_millis(3),
            suspended: Duration::ZERO,
            lost: self.script.lost.lock().unwrap().clone(),
            resumed: Vec::new(),
        })
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if !self.asked {
            self.script.step("dropped");
        }
    }
}

/// Counts writes and syncs of disks, and fails the one that it is told to.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) done: AtomicU64,
    /// 1 for the next one; 0 for none.
    fail: AtomicU64,
    /// Every write from the failing one on fails.
    for_good: AtomicBool,
    /// The one that fails ends the operation where it is, as a crash does.
    deadly: AtomicBool,
}

impl Writes {
    pub(crate) fn fail_nth(&self, nth: u64, for_good: bool) {
        self.for_good.store(for_good, Ordering::SeqCst);
        self.fail.store(nth, Ordering::SeqCst);
    }

    pub(crate) fn die_at_nth(&self, nth: u64) {
        self.deadly.store(true, Ordering::SeqCst);
        self.fail_nth(nth, false);
    }

    fn pass(&self) -> io::Result<()> {
        self.done.fetch_add(1, Ordering::SeqCst);
        // Disks are written side by side: each write takes its number in one step.
        let for_good = self.for_good.load(Ordering::SeqCst);
        let left = self
            .fail
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                0 => None,
                1 if for_good => Some(1),
                _ => Some(left - 1),
            });
        if left != Ok(1) {
            return Ok(());
        }
        assert!(
            !self.deadly.swap(false, Ordering::SeqCst),
            "injected end of an operation"
        );
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

    fn open_for_update(&self, device: &Path, quiet: &Quiet) -> io::Result<Disk> {
        Ok(Box::new(FailingDisk {
            disk: self.real.open_for_update(device, quiet)?,
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
        match &*self.roots.lock().unwrap() {
            Some(roots) => HostView::read(roots).map_err(io::Error::other),
            None => self.real.view(),
        }
    }

    fn device_number(&self, path: &Path) -> Option<DevNo> {
        let numbers = self.numbers.lock().unwrap();
        let scripted = numbers.iter().find(|(file, _)| file == path);
        scripted.map_or_else(
            || self.real.device_number(path),
            |(_, number)| Some(*number),
        )
    }

    fn rest(&self, ground: &Ground) -> Result<Box<dyn AtRest>, Error> {
        match &*self.rest.lock().unwrap() {
            Some(script) => {
                script.pass("get ready", ErrorKind::HoldWritesTimeout)?;
                Ok(Box::new(Scripted {
                    script: Arc::clone(script),
                    file_systems: ground.file_systems.len(),
                    asked: false,
                }))
            }
            None => self.real.rest(ground),
        }
    }

    fn let_go(&self, ground: &Ground) -> Vec<String> {
        if let Some(script) = &*self.rest.lock().unwrap() {
            script.step("let go");
        }
        self.let_go.lock().unwrap().push(ground.clone());
        Vec::new()
    }

    fn name_copy(&self, _copy: SnapshotId, _device: Option<&Path>) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn mount_copy(&self, copy: SnapshotId, device: &Path) -> io::Result<PathBuf> {
        self.mounted.lock().unwrap().push(copy);
        Ok(device.with_extension("files"))
    }

    fn unmount_copy(&self, copy: SnapshotId) -> io::Result<()> {
        if self.files_open.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        self.mounted.lock().unwrap().retain(|one| *one != copy);
        Ok(())
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
