//! Volume groups.

use std::process::Command;

use super::{LoopDisk, run};

/// A volume group on a loop device, with a thin pool if that is wanted; gone at the end with all that
/// was made in it.
#[derive(Debug)]
pub struct Group {
    name: String,
    _disk: LoopDisk,
}

impl Group {
    /// Makes a group of so many MiB without a pool.
    ///
    /// # Panics
    /// LVM refuses.
    #[must_use]
    pub fn new(name: &str, mib: u64, sector_size: u32) -> Self {
        let disk = LoopDisk::new(mib << 20, sector_size);
        run("pvcreate", &["-qq", "--yes", disk.device()]);
        run("vgcreate", &["-qq", "--yes", name, disk.device()]);
        Self {
            name: name.to_owned(),
            _disk: disk,
        }
    }

    /// The same, with a thin pool named `pool` over nearly all of it.
    ///
    /// # Panics
    /// LVM refuses.
    #[must_use]
    pub fn with_pool(name: &str, mib: u64, sector_size: u32) -> Self {
        let group = Self::new(name, mib, sector_size);
        make_thin_pool(name);
        group
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a thin volume in the pool; gives its path.
    ///
    /// # Panics
    /// LVM refuses.
    #[must_use]
    pub fn thin(&self, name: &str, mib: u64) -> String {
        make_thin(&self.name, name, mib);
        self.path(name)
    }

    /// Makes a linear volume; gives its path.
    ///
    /// # Panics
    /// LVM refuses.
    #[must_use]
    pub fn linear(&self, name: &str, mib: u64) -> String {
        run(
            "lvcreate",
            &[
                "-qq",
                "--yes",
                "--size",
                &format!("{mib}m"),
                "--name",
                name,
                &self.name,
            ],
        );
        self.path(name)
    }

    /// The path of a volume.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("/dev/{}/{name}", self.name)
    }

    /// Names of all volumes that people see, the pool included.
    ///
    /// # Panics
    /// LVM fails.
    #[must_use]
    pub fn volumes(&self) -> Vec<String> {
        run("lvs", &["--noheadings", "-o", "lv_name", &self.name])
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }

    /// [`check_thin_pool`].
    ///
    /// # Panics
    /// They are not.
    pub fn check(&self) {
        check_thin_pool(&self.name);
    }
}

/// Makes a thin pool named `pool` over nearly all of a group.
///
/// # Panics
/// LVM refuses.
pub fn make_thin_pool(group: &str) {
    run(
        "lvcreate",
        &[
            "-qq",
            "--yes",
            "--type",
            "thin-pool",
            "--extents",
            "80%FREE",
            "--chunksize",
            "64k",
            "--poolmetadatasize",
            "8m",
            "--zero",
            "y",
            "--name",
            "pool",
            group,
        ],
    );
}

/// Makes a thin volume of so many MiB in the pool of a group.
///
/// # Panics
/// LVM refuses.
pub fn make_thin(group: &str, name: &str, mib: u64) {
    run(
        "lvcreate",
        &[
            "-qq",
            "--yes",
            "--wipesignatures",
            "n",
            "--virtualsize",
            &format!("{mib}m"),
            "--thinpool",
            &format!("{group}/pool"),
            "--name",
            name,
        ],
    );
}

/// Checks that LVM and the pool of a group are content: `vgck`, and `thin_check` on the pool at rest. All
/// volumes are deactivated for that, and activated again.
///
/// # Panics
/// They are not.
pub fn check_thin_pool(group: &str) {
    run("vgck", &[group]);
    run("vgchange", &["-qq", "-an", group]);
    let metadata = format!("{group}/pool_tmeta");
    run("lvchange", &["-qq", "-ay", "--yes", &metadata]);
    run("thin_check", &["-q", &format!("/dev/{metadata}")]);
    run("lvchange", &["-qq", "-an", &metadata]);
    run("vgchange", &["-qq", "-ay", group]);
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("vgremove")
            .args(["-qq", "--force", "--force", "--yes", &self.name])
            .output();
        let listed = Command::new("dmsetup").args(["ls"]).output();
        let text = listed.map(|output| output.stdout).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some(device) = line
                .split_whitespace()
                .next()
                .filter(|device| device.starts_with(&format!("{}-", self.name.replace('-', "--"))))
            {
                let _ = Command::new("dmsetup")
                    .args(["remove", "--force", device])
                    .output();
            }
        }
    }
}
