//! Writes the sysfs and procfs of a host that does not exist.

use std::fs;
use std::path::{Path, PathBuf};

use host_view::{DevNo, HostView, Roots};
use tempfile::TempDir;

/// A made-up host.
pub(crate) struct Tree {
    folder: TempDir,
    mounts: String,
    next_mount: u32,
}

impl Tree {
    /// A host with nothing but a root on a memory disk.
    pub(crate) fn new() -> Self {
        let mut tree = Self {
            folder: tempfile::tempdir().unwrap(),
            mounts: String::new(),
            next_mount: 21,
        };
        tree.folder("sys/block");
        tree.folder("proc/self");
        tree.mount_line("1 0 0:1 / / rw - rootfs rootfs rw");
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn folder(&self, path: &str) -> PathBuf {
        let path = self.root().join(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A whole device of 1000 sectors.
    pub(crate) fn device(&self, name: &str, number: &str) -> &Self {
        self.file(&format!("sys/block/{name}/dev"), format!("{number}\n"));
        self.file(&format!("sys/block/{name}/size"), "1000\n");
        self.file(&format!("sys/block/{name}/ro"), "0\n");
        self.file(
            &format!("sys/block/{name}/queue/logical_block_size"),
            "512\n",
        );
        self
    }

    /// A partition of a device.
    pub(crate) fn partition(&self, disk: &str, name: &str, number: &str, index: u32) -> &Self {
        let folder = format!("sys/block/{disk}/{name}");
        self.file(&format!("{folder}/dev"), format!("{number}\n"));
        self.file(&format!("{folder}/size"), "500\n");
        self.file(&format!("{folder}/start"), "100\n");
        self.file(&format!("{folder}/partition"), format!("{index}\n"));
        self
    }

    /// A device-mapper device over others.
    pub(crate) fn dm(&self, minor: u32, name: &str, uuid: &str, slaves: &[&str]) -> &Self {
        let kernel = format!("dm-{minor}");
        self.device(&kernel, &format!("253:{minor}"));
        self.file(&format!("sys/block/{kernel}/dm/name"), format!("{name}\n"));
        self.file(&format!("sys/block/{kernel}/dm/uuid"), format!("{uuid}\n"));
        self.slaves(&kernel, slaves)
    }

    pub(crate) fn slaves(&self, name: &str, slaves: &[&str]) -> &Self {
        for slave in slaves {
            self.folder(&format!("sys/block/{name}/slaves/{slave}"));
        }
        self
    }

    /// A loop device over a file.
    pub(crate) fn loop_device(&self, index: u32, file: &str) -> &Self {
        let name = format!("loop{index}");
        self.device(&name, &format!("7:{index}"));
        self.file(
            &format!("sys/block/{name}/loop/backing_file"),
            format!("{file}\n"),
        );
        self.file(&format!("sys/block/{name}/loop/offset"), "0\n");
        self
    }

    /// A mount of a file system's root upon `/`.
    pub(crate) fn mount(&mut self, number: &str, point: &str, fs_type: &str, source: &str) {
        let id = self.next_mount;
        self.next_mount += 1;
        self.mount_line(&format!(
            "{id} 1 {number} / {point} rw - {fs_type} {source} rw"
        ));
    }

    pub(crate) fn mount_line(&mut self, line: &str) {
        self.mounts.push_str(line);
        self.mounts.push('\n');
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::under(self.root())
    }

    pub(crate) fn view(&self) -> HostView {
        self.file("proc/self/mountinfo", &self.mounts);
        HostView::read(&Roots::under(self.root())).unwrap()
    }
}

/// A uuid as LVM gives it to its device-mapper devices.
pub(crate) fn lvm(suffix: &str) -> String {
    format!("LVM-{}{suffix}", "x".repeat(64))
}

/// A device number of its text.
pub(crate) fn no(text: &str) -> DevNo {
    text.parse().unwrap()
}
