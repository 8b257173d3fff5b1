//! A mapped device over a loop device, with a file system on it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;

use vss_keeper::{FileSystem, MappedDevice};
use vss_sys::dm::{Device, DeviceMapper, Target};
use vss_sys::freeze;

use crate::rig::{Writer, file_system, ran};

/// Sectors of each device.
pub(crate) const SECTORS: u64 = 65_536;

/// Resumed, thawed, unmounted, removed and detached on drop.
pub(crate) struct Mapped {
    pub(crate) mapper: DeviceMapper,
    pub(crate) device: MappedDevice,
    pub(crate) node: PathBuf,
    folder: tempfile::TempDir,
    loop_device: Option<PathBuf>,
    is_mounted: bool,
}

impl Mapped {
    /// A linear device over a new loop device, without a file system.
    pub(crate) fn bare(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        File::create(&image)
            .unwrap()
            .set_len(SECTORS * 512)
            .unwrap();
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&image)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let loop_device = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
        let mut mapped = Self::over(&loop_device, name, folder);
        mapped.loop_device = Some(loop_device);
        mapped
    }

    /// A linear device over all of another.
    pub(crate) fn on(lower: &Self, name: &str) -> Self {
        Self::over(&lower.node, name, tempfile::tempdir().unwrap())
    }

    /// A linear device with a mounted ext4.
    pub(crate) fn mounted(name: &str) -> Self {
        let mut mapped = Self::bare(name);
        mapped.mount();
        mapped
    }

    fn over(lower: &Path, name: &str, folder: tempfile::TempDir) -> Self {
        let mapper = DeviceMapper::open().unwrap();
        let device = MappedDevice {
            name: name.to_owned(),
            uuid: format!("OPENVSS-TEST-{name}"),
        };
        let (_, minor) = mapper.create(name, &device.uuid).unwrap().number;
        let table = [linear(0, SECTORS, lower)];
        mapper.load(Device::Name(name), &table, false).unwrap();
        mapper.resume(Device::Name(name)).unwrap();
        Self {
            mapper,
            device,
            node: PathBuf::from(format!("/dev/dm-{minor}")),
            folder,
            loop_device: None,
            is_mounted: false,
        }
    }

    pub(crate) fn mount(&mut self) {
        std::fs::create_dir(self.mount_point()).unwrap();
        ran(Command::new("mkfs.ext4").arg("-q").arg(&self.node)).unwrap();
        let mount_point = self.mount_point();
        ran(Command::new("mount").args([&self.node, &mount_point])).unwrap();
        self.is_mounted = true;
    }

    pub(crate) fn mount_point(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    pub(crate) fn plan_entry(&self) -> FileSystem {
        file_system(&self.mount_point(), 0)
    }

    pub(crate) fn key(&self) -> Device<'_> {
        Device::Uuid(&self.device.uuid)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.mapper.status(self.key()).unwrap().is_suspended
    }

    /// A write to the device itself, past any file system.
    pub(crate) fn write(&self) -> Writer {
        let node = self.node.clone();
        let (sender, done) = channel();
        std::thread::spawn(move || {
            let written = OpenOptions::new()
                .write(true)
                .open(node)
                .and_then(|mut device| {
                    // What a file system on it does not use.
                    device.write_all(&[0; 512])?;
                    device.sync_all()
                });
            let _ = sender.send(written);
        });
        Writer::of(done)
    }
}

/// A target that maps sectors one to one.
pub(crate) fn linear(start: u64, sectors: u64, lower: &Path) -> Target {
    Target {
        start_sector: start,
        sectors,
        kind: "linear".to_owned(),
        parameters: format!("{} {start}", lower.display()),
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let _ = self.mapper.resume(self.key());
        if self.is_mounted {
            if let Ok(folder) = File::open(self.mount_point()) {
                let _ = freeze::thaw(&folder);
            }
            let _ = Command::new("umount").arg(self.mount_point()).output();
        }
        // udev may have it open for a moment.
        let _ = Command::new("udevadm").arg("settle").output();
        let _ = self.mapper.remove(self.key());
        if let Some(device) = &self.loop_device {
            let _ = Command::new("losetup").arg("-d").arg(device).output();
        }
    }
}
