//! Which disks there are: each once, however many nodes lead to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use vss_model::LunId;

use crate::device::BlockDevice;
use crate::number::DevNo;
use crate::view::HostView;

/// A disk: something that may carry a partition table and an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its devices; the first is the one to open. Paths of a multipath device follow it.
    pub nodes: Vec<DevNo>,
    /// The file behind a loop device.
    pub backing_file: Option<PathBuf>,
}

impl HostView {
    /// Every distinct disk: whole devices, without partitions, without what LVM and md keep to
    /// themselves, and with all paths of one LUN as one.
    #[must_use]
    pub fn disks(&self) -> Vec<Disk> {
        let mut disks: Vec<Disk> = self
            .devices()
            .filter(|device| self.is_disk(device))
            .map(|device| {
                let mut nodes = vec![device.number];
                if self.is_multipath(device.number) {
                    nodes.extend(self.below(device.number));
                }
                Disk {
                    nodes,
                    backing_file: device.backing_file.clone(),
                }
            })
            .collect();
        self.merge_paths(&mut disks);
        disks
    }

    fn is_disk(&self, device: &BlockDevice) -> bool {
        if device.partition.is_some() {
            return false;
        }
        if let Some(mapped) = &device.mapped
            && (mapped.is_lvm_internal() || mapped.partition().is_some())
        {
            return false;
        }
        // A path of a multipath device, or a member of an array, is seen through that.
        !self.above(device.number).into_iter().any(|upon| {
            self.is_multipath(upon) || self.device(upon).is_some_and(|device| device.md)
        })
    }

    /// Several SCSI disks that say they are one LUN are one, also without multipath.
    fn merge_paths(&self, disks: &mut Vec<Disk>) {
        let mut first: BTreeMap<LunId, usize> = BTreeMap::new();
        let mut merged: Vec<Disk> = Vec::with_capacity(disks.len());
        for disk in disks.drain(..) {
            let id = disk
                .nodes
                .iter()
                .find_map(|node| self.lun_information(*node))
                .and_then(|information| information.lun_id());
            match id.as_ref().and_then(|id| first.get(id)) {
                Some(index) => {
                    if let Some(known) = merged.get_mut(*index) {
                        known.nodes.extend(disk.nodes);
                    }
                }
                None => {
                    if let Some(id) = id {
                        first.insert(id, merged.len());
                    }
                    merged.push(disk);
                }
            }
        }
        *disks = merged;
    }
}
