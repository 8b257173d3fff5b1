//! LUNs as loop devices: block devices with partitions, which can be mounted.
//!
//! Being attached is a wish, kept with the LUN: it comes true whenever the LUN is presented, also after
//! a restart of the host, and its copies have it from the beginning. A LUN that is not attached is its
//! image and needs no privilege.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use vss_model::ResultCode;
use vss_provider::failure::io_failed;
use vss_provider::{ProviderError, ProviderResult};
use vss_sys::loop_device;

use crate::array::FileArray;
use crate::manage::Change;
use crate::rows::{self, LunRow};

impl FileArray {
    /// Attaches a LUN as a loop device from now on: at once when it is presented, else when it will be.
    /// Its copies are attached too. Repeatable.
    ///
    /// # Errors
    /// - `VSS_E_OBJECT_NOT_FOUND`;
    /// - there are no loop devices, or no privilege to use them; nothing is changed then.
    pub fn attach(&self, name: &str) -> ProviderResult<Change> {
        let _change = self.begin_change()?;
        let mut row = self.row(name)?;
        let was = row.attached;
        row.attached = true;
        let made = if row.presented {
            self.attach_now(&row)?
        } else {
            false
        };
        if !was {
            self.wish(&row)?;
        }
        Ok(change(!was || made))
    }

    /// Takes a LUN's loop device away; it stays presented as its image. Repeatable.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_PROVIDER_VETO` when the device is in use; nothing is changed
    /// then.
    pub fn detach(&self, name: &str) -> ProviderResult<Change> {
        let _change = self.begin_change()?;
        let mut row = self.row(name)?;
        let was = row.attached;
        let gone = self.detach_now(&row)?;
        if was {
            row.attached = false;
            self.wish(&row)?;
        }
        Ok(change(was || gone))
    }

    fn wish(&self, row: &LunRow) -> ProviderResult<()> {
        self.catalogue.write("attach or detach a LUN", |rows| {
            rows::set_attached(rows, row.guid, row.attached)
        })
    }

    /// The loop device of a LUN that is attached and has one.
    pub(crate) fn loop_device(&self, row: &LunRow) -> Option<PathBuf> {
        if !row.attached || !row.presented {
            return None;
        }
        loop_device::find(&self.folders.image(&row.name), row.sector_size).ok()?
    }

    /// Sees that a LUN has a loop device; true when it was made now.
    pub(crate) fn attach_now(&self, row: &LunRow) -> ProviderResult<bool> {
        let image = self.folders.image(&row.name);
        if loop_device::find(&image, row.sector_size)
            .map_err(io_failed("look for the loop device of", &image))?
            .is_some()
        {
            return Ok(false);
        }
        // The kernel keeps the path, and a link may be moved.
        let file = fs::canonicalize(&image).map_err(io_failed("find the image", &image))?;
        let read_only = fs::metadata(&file)
            .map_err(io_failed("look at", &file))?
            .permissions()
            .mode()
            & 0o222
            == 0;
        loop_device::attach(&file, row.sector_size, read_only).map_err(|error| {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let missing = error.kind() == io::ErrorKind::NotFound;
            let failure = io_failed("attach a loop device to", &file)(error);
            match (denied, missing) {
                (true, _) => failure.with_hint("only root attaches loop devices"),
                (_, true) => failure.with_hint("this kernel has no loop devices: modprobe loop"),
                _ => failure,
            }
        })?;
        Ok(true)
    }

    /// Sees that a LUN has no loop device of ours; true when one was taken away now.
    pub(crate) fn detach_now(&self, row: &LunRow) -> ProviderResult<bool> {
        if !row.attached {
            return Ok(false);
        }
        let image = self.folders.image(&row.name);
        // An image that is gone has no device that could be told to be its.
        let Ok(Some(device)) = loop_device::find(&image, row.sector_size) else {
            return Ok(false);
        };
        loop_device::detach(&device).map_err(|error| {
            if error.kind() == io::ErrorKind::ResourceBusy {
                in_use(row, &device)
            } else {
                io_failed("detach", &device)(error)
            }
        })?;
        Ok(true)
    }

    /// Sees that no LUN of these has a loop device of ours. When one is in use, all have theirs as before,
    /// though perhaps by another number.
    pub(crate) fn detach_together(&self, rows: &[LunRow]) -> ProviderResult<()> {
        let mut gone = Vec::new();
        let result = rows.iter().try_for_each(|row| {
            if self.detach_now(row)? {
                gone.push(row);
            }
            Ok(())
        });
        if result.is_err() {
            for row in gone {
                // Should this fail, `on_load` does it.
                let _ = self.attach_now(row);
            }
        }
        result
    }

    /// Writes what is in the memory of an attached LUN's device into its image.
    pub(crate) fn flush_device(&self, row: &LunRow) -> ProviderResult<()> {
        let Some(device) = self.loop_device(row) else {
            return Ok(());
        };
        File::open(&device)
            .and_then(|device| device.sync_all())
            .map_err(io_failed("flush", &device))
    }

    /// Attaches again what a restart of the host took away. An image that cannot be found is no reason
    /// to refuse the others; nor is a caller without privilege, who gets the images.
    pub(crate) fn attach_all(&self) -> ProviderResult<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let rows = self.catalogue.read("list the LUNs", rows::presented)?;
        let mut failure = None;
        for row in rows.iter().filter(|row| row.attached) {
            if !self.folders.image(&row.name).exists() {
                continue;
            }
            if let Err(error) = self.attach_now(row) {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

const fn change(changed: bool) -> Change {
    if changed {
        Change::Changed
    } else {
        Change::AlreadySo
    }
}

fn in_use(row: &LunRow, device: &std::path::Path) -> ProviderError {
    ProviderError::new(
        ResultCode::VSS_E_PROVIDER_VETO,
        format!("LUN {:?} is in use as {}", row.name, device.display()),
    )
    .with_hint(format!(
        "see who uses it with lsblk {}, unmount it, and try again",
        device.display()
    ))
}
