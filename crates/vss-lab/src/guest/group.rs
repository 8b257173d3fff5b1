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
                name,
            ],
        );
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
        let pool = format!("{}/pool", self.name);
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
                &pool,
                "--name",
                name,
            ],
        );
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

    /// Checks that LVM and the pool are content: `vgck`, and `thin_check` on the pool at rest. All
    /// volumes are deactivated for that, and activated again.
    ///
    /// # Panics
    /// They are not.
    pub fn check(&self) {
        run("vgck", &[&self.name]);
        run("vgchange", &["-qq", "-an", &self.name]);
        let metadata = format!("{}/pool_tmeta", self.name);
        run("lvchange", &["-qq", "-ay", "--yes", &metadata]);
        run("thin_check", &["-q", &format!("/dev/{metadata}")]);
        run("lvchange", &["-qq", "-an", &metadata]);
        run("vgchange", &["-qq", "-ay", &self.name]);
    }
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
