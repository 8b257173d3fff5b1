//! The files of a copy, for those who read them.

use std::path::PathBuf;

use vss_model::{Error, ErrorKind, SnapshotId};

use super::Requester;
use super::copies::copy_not_found;

impl Requester {
    /// Mounts the file system of a copy, read-only, and gives the folder. A copy that is mounted stays so,
    /// until it is deleted or its set is broken.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` while the set is in work;
    /// `VSS_E_VOLUME_NOT_SUPPORTED` for a copy that is no block device, or has no file system.
    pub fn mount_snapshot(&self, id: SnapshotId) -> Result<PathBuf, Error> {
        drop(self.ready()?);
        let set = self.engine.catalogue().set_of_copy(id)?;
        let set = set.ok_or_else(|| copy_not_found(id))?;
        // It is not deleted or broken meanwhile.
        let _right = self.engine.mounting(set)?;
        let record = self.visible(set)?;
        let copy = record.copies.iter().find(|copy| copy.id() == id);
        let copy = copy.ok_or_else(|| copy_not_found(id))?;
        let device = PathBuf::from(&copy.properties.snapshot_device_object);
        let unsupported = |what: &str| Error::new(ErrorKind::VolumeNotSupported, what.to_owned());
        if self.engine.host.device_number(&device).is_none() {
            return Err(unsupported(&format!(
                "copy {id} is the image {}, which cannot be mounted",
                device.display()
            ))
            .with_hint("attach the original with vss lun attach: its copies are devices then"));
        }
        self.engine.host.mount_copy(id, &device).map_err(|error| {
            unsupported(&format!(
                "copy {id} at {} cannot be mounted",
                device.display()
            ))
            .with_source(error)
        })
    }
}
