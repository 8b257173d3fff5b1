//! From a volume down to the LUNs that it lies on.

use std::collections::BTreeSet;

use crate::dev_no::DevNo;
use crate::device::BlockDevice;
use crate::view::HostView;

/// Where a stack of devices meets LUNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// Every branch ends on a LUN. Each LUN is here once, in the order of the walk: first device
    /// first, slaves in order of number.
    Covered(Vec<Reached>),
    /// Some branch ends on a device which is no LUN: the first of those.
    Uncovered(DevNo),
}

/// A LUN under a volume, and how the volume lies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The LUN's device.
    pub lun: DevNo,
    /// How the volume lies on it.
    pub position: Position,
}

/// How a device lies on a LUN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// It is the LUN.
    Whole,
    /// It is this partition of the LUN, counted from 1.
    Partition(u32),
    /// It lies on the LUN through other devices, as one of many or changed.
    Stacked,
}

impl HostView {
    /// Walks down from `devices` (of one volume) through partitions, device mapper and software RAID
    /// to the first devices on each branch of which `is_lun` is true.
    ///
    /// The paths of a multipath device are one LUN: when it is no LUN itself, the first path which
    /// is one stands for all of them. A loop device's file is not followed: ask
    /// [`HostView::file_system_of`] for it.
    #[must_use]
    pub fn cut(&self, devices: &[DevNo], is_lun: &dyn Fn(DevNo) -> bool) -> Cut {
        let mut walk = Walk {
            view: self,
            is_lun,
            open: BTreeSet::new(),
            done: BTreeSet::new(),
            reached: Vec::new(),
        };
        for device in devices {
            if let Err(leaf) = walk.down(*device, Position::Whole) {
                return Cut::Uncovered(leaf);
            }
        }
        Cut::Covered(walk.reached)
    }
}

struct Walk<'a> {
    view: &'a HostView,
    is_lun: &'a dyn Fn(DevNo) -> bool,
    /// Devices on the way to where the walk is.
    open: BTreeSet<DevNo>,
    /// Devices of which every branch ends on a LUN.
    done: BTreeSet<DevNo>,
    reached: Vec<Reached>,
}

impl Walk<'_> {
    /// Depth first; `Err` is the first device that is neither a LUN nor lies on one. `position` is
    /// what the volume would have if `number` were a LUN.
    ///
    /// Recursion is as deep as devices are stacked, of which the kernel allows few levels; a ring ends
    /// it, since it ends on nothing.
    fn down(&mut self, number: DevNo, position: Position) -> Result<(), DevNo> {
        if (self.is_lun)(number) {
            // Where two branches meet on a LUN, the volume is no longer one part of it.
            match self.reached.iter_mut().find(|r| r.lun == number) {
                Some(known) if known.position != position => known.position = Position::Stacked,
                Some(_) => {}
                None => self.reached.push(Reached {
                    lun: number,
                    position,
                }),
            }
            return Ok(());
        }
        if self.done.contains(&number) {
            return Ok(());
        }
        let device = self.view.device(number).ok_or(number)?;
        let (below, position) = self.next(device, position);
        if below.is_empty() || !self.open.insert(number) {
            return Err(number);
        }
        for next in below {
            self.down(next, position)?;
        }
        self.open.remove(&number);
        self.done.insert(number);
        Ok(())
    }

    /// The devices to go on with, and what the volume's position on them would be.
    fn next(&self, device: &BlockDevice, position: Position) -> (Vec<DevNo>, Position) {
        let below = device.below();
        if device.is_multipath() {
            let path = below.iter().find(|path| (self.is_lun)(**path)).copied();
            return (path.map_or(below, |path| vec![path]), position);
        }
        let number = match (&device.partition, &device.dm) {
            (Some(partition), _) => Some(partition.number),
            (None, Some(dm)) => dm.kpartx_partition(),
            (None, None) => None,
        };
        let position = match (position, number) {
            (Position::Whole, Some(number)) => Position::Partition(number),
            _ => Position::Stacked,
        };
        (below, position)
    }
}
