//! Block device requests against a loop device; needs root and losetup.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use vss_sys::block;

/// A loop device over a temporary file, detached on drop.
struct LoopDevice {
    device: PathBuf,
    backing: tempfile::TempPath,
}

impl LoopDevice {
    fn attach(size: u64, sector_size: u32, test: &str) -> Option<Self> {
        let file = tempfile::Builder::new()
            .prefix("openvss-sys-test-")
            .tempfile()
            .unwrap();
        file.as_file().set_len(size).unwrap();
        let backing = file.into_temp_path();
        let output = Command::new("losetup")
            .args(["--find", "--show", "--sector-size"])
            .arg(sector_size.to_string())
            .arg(&backing)
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Self {
                device: String::from_utf8(output.stdout).unwrap().trim().into(),
                backing,
            }),
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr);
                println!("skipped: {test} ({})", reason.trim());
                None
            }
            Err(error) => {
                println!("skipped: {test} (losetup: {error})");
                None
            }
        }
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup")
            .arg("--detach")
            .arg(&self.device)
            .status();
    }
}

#[test]
fn loop_sizes_are_told() {
    for sector_size in [512, 4096] {
        let Some(disk) = LoopDevice::attach(3 << 20, sector_size, "loop_sizes_are_told") else {
            return;
        };
        let file = File::open(&disk.device).unwrap();
        assert_eq!(block::logical_sector_size(&file).unwrap(), sector_size);
        assert_eq!(block::size_bytes(&file).unwrap(), 3 << 20);
    }
}

#[test]
fn loop_read_only_is_set_and_cleared() {
    let Some(disk) = LoopDevice::attach(1 << 20, 512, "loop_read_only_is_set_and_cleared") else {
        return;
    };
    let file = File::open(&disk.device).unwrap();
    assert!(!block::is_read_only(&file).unwrap());
    block::set_read_only(&file, true).unwrap();
    assert!(block::is_read_only(&file).unwrap());
    // Whether an open for writing or only the write fails differs between kernels.
    if let Ok(writer) = OpenOptions::new().write(true).open(&disk.device) {
        let written = writer.write_all_at(&[1; 512], 0);
        assert!(written.is_err() || writer.sync_all().is_err());
    }
    block::set_read_only(&file, true).unwrap();
    block::set_read_only(&file, false).unwrap();
    assert!(!block::is_read_only(&file).unwrap());
    let writer = OpenOptions::new().write(true).open(&disk.device).unwrap();
    writer.write_all_at(&[1; 512], 0).unwrap();
    writer.sync_all().unwrap();
}

#[test]
fn loop_buffers_are_flushed_to_thebacking_file() {
    let test = "loop_buffers_are_flushed_to_thebacking_file";
    let Some(disk) = LoopDevice::attach(1 << 20, 512, test) else {
        return;
    };
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&disk.device)
        .unwrap();
    device.write_all_at(&[0xA5; 512], 4096).unwrap();
    block::flush_buffers(&device).unwrap();
    let mut sector = [0; 512];
    File::open(&disk.backing)
        .unwrap()
        .read_exact_at(&mut sector, 4096)
        .unwrap();
    assert_eq!(sector, [0xA5; 512]);
}

#[test]
fn what_is_no_block_device_is_refused() {
    for path in ["/dev/null", "/proc/self/exe"] {
        let file = File::open(path).unwrap();
        let errors = [
            block::logical_sector_size(&file).map(drop).unwrap_err(),
            block::size_bytes(&file).map(drop).unwrap_err(),
            block::is_read_only(&file).map(drop).unwrap_err(),
            block::set_read_only(&file, true).unwrap_err(),
            block::flush_buffers(&file).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{path}");
        }
    }
}
