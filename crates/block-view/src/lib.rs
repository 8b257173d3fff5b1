//! What block devices, file systems and disks a Linux host has, and how they lie upon each other.
//!
//! [`HostView::read`] takes everything in at once, from sysfs and the list of mounts; the questions asked
//! of it afterwards look at memory alone, so that their answers fit together.
//!
//! ```no_run
//! use block_view::{Cut, HostView, Roots};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let view = HostView::read(&Roots::default())?;
//! let volume = view.resolve("/srv/db".as_ref())?;
//! for device in &volume.devices {
//!     // Down to the disks that have nothing below them.
//!     match view.cut(*device, &|one| view.below(one).is_empty()) {
//!         Cut::Covered(disks) => println!("{disks:?}"),
//!         Cut::Uncovered(leaf) => println!("{} is none", view.name_of(leaf)),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod device;
mod disks;
mod mounts;
mod number;
mod resolve;
mod scsi;
mod stack;
mod view;
mod writes;

pub use device::{BlockDevice, Mapped};
pub use disks::Disk;
pub use mounts::Mount;
pub use number::DevNo;
pub use resolve::{ResolveError, Volume};
pub use scsi::{designators, serial_number};
pub use stack::{Cut, MountedFileSystem, Position};
pub use view::{HostView, Roots, ViewError};
pub use writes::WriteCount;
