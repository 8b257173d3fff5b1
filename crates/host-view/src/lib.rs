//! What block devices, file systems and disks a Linux host has, and how they lie upon each other.
//!
//! [`HostView::read`] looks once; everything else is decided on what it saw, but for
//! [`HostView::lun_information`] and [`HostView::write_count`], which ask the kernel anew.
//!
//! - [`HostView::resolve`]: a mount point or device path → the [`Volume`].
//! - [`HostView::cut`]: the volume's devices → the LUNs that it lies on.
//! - [`HostView::file_systems_on`], [`HostView::volumes_on`]: LUNs → what lies upon them.
//! - [`HostView::file_system_of`]: a path → the [`Ground`] that it stands on.
//! - [`HostView::disks`]: every disk once, with all of its paths.
//! - [`vpd`], [`mounts`]: the parsers for what devices and the kernel say.
//!
//! ```no_run
//! use host_view::{Cut, DevNo, HostView, Roots};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let view = HostView::read(&Roots::default())?;
//! let volume = view.resolve("/srv/db".as_ref())?;
//! let disk = DevNo::new(8, 0);
//! if let Cut::Covered(reached) = view.cut(&volume.devices, &|device| device == disk) {
//!     println!("{} lies on {} LUNs", volume.name.display(), reached.len());
//! }
//! # Ok(())
//! # }
//! ```

mod cut;
mod dev_no;
mod device;
mod disks;
mod error;
mod file_systems;
mod ground;
mod lun_information;
pub mod mounts;
mod resolve;
mod roots;
mod stack;
mod sysfs;
mod view;
pub mod vpd;
mod write_count;

pub use cut::{Cut, Position, Reached};
pub use dev_no::{DevNo, InvalidDevNo};
pub use device::{BlockDevice, Dm, Loop, Md, Partition};
pub use disks::{Disk, DiskKind};
pub use error::{ResolveError, ViewError};
pub use file_systems::{Above, MountedFileSystem};
pub use ground::Ground;
pub use mounts::{Mount, Swap};
pub use resolve::Volume;
pub use roots::Roots;
pub use view::HostView;
pub use write_count::WriteCount;
