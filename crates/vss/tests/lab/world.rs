//! The program, its answers, and what a host shows of its copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use vss_lab::guest::{in_lab, run, with_udev};

/// The program on a state folder of its own.
pub(crate) struct World {
    state: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        in_lab();
        with_udev();
        Self {
            state: tempfile::Builder::new()
                .prefix("state-")
                .tempdir_in("/var/lib/vss")
                .unwrap(),
        }
    }

    /// A path in the state folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vss"));
        command
            .arg("--state")
            .arg(self.state.path())
            .arg("--json")
            .args(arguments);
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the program answers.
    pub(crate) fn vss(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "vss {}: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// The error that the program ends with.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(
            !output.status.success(),
            "vss {} did not fail: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Makes a set; its id, and the device objects of its copies.
    pub(crate) fn create(&self, volumes: &[&str]) -> Created {
        let answer = self.vss(&[&["create"], volumes].concat());
        Created {
            set: text(&answer["set_id"]),
            devices: answer["snapshots"]
                .as_array()
                .unwrap()
                .iter()
                .map(|copy| PathBuf::from(text(&copy["device"])))
                .collect(),
            answer,
        }
    }
}

/// A set that was made.
pub(crate) struct Created {
    pub(crate) set: String,
    pub(crate) devices: Vec<PathBuf>,
    pub(crate) answer: Value,
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether the kernel refuses writes to a device.
pub(crate) fn is_read_only(device: &Path) -> bool {
    run("blockdev", &["--getro", &device.display().to_string()]).trim() == "1"
}

/// The kernel's name of a device, links followed.
pub(crate) fn kernel_name(device: &Path) -> String {
    let real = fs::canonicalize(device).unwrap();
    real.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Whether the kernel knows a device of this name.
pub(crate) fn is_in_sysfs(name: &str) -> bool {
    Path::new("/sys/class/block").join(name).exists()
}

/// Whether one block can be written to a device.
pub(crate) fn is_writable(device: &Path) -> bool {
    use std::os::unix::fs::FileExt;
    let Ok(file) = fs::OpenOptions::new().read(true).write(true).open(device) else {
        return false;
    };
    let mut block = [0; 4096];
    file.read_exact_at(&mut block, 0).unwrap();
    file.write_all_at(&block, 0)
        .and_then(|()| file.sync_all())
        .is_ok()
}
