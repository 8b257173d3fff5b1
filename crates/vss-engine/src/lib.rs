//! The shadow copy service of one state folder: the coordinator with the providers of this host.
//!
//! [`Embedded`] holds the folder and can do everything; [`Offline`] only looks at it, beside whoever
//! holds it. Both speak the traits of `vss-service`, as the client of a daemon does.
//!
//! ```
//! use vss_engine::Embedded;
//! use vss_coordinator::StatePaths;
//! use vss_service::{NewLun, Queries, Service};
//!
//! # fn main() -> Result<(), vss_model::Error> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let folder = folder.path();
//! let service = Embedded::open(StatePaths::new(folder.join("state")))?;
//! service.create_lun(&NewLun {
//!     name: "db".into(),
//!     size_bytes: 16 << 20,
//!     sector_size: 512,
//!     present: true,
//! })?;
//! let session = service.create_backup_components()?;
//! session.initialize_for_backup()?;
//! session.start_snapshot_set()?;
//! session.add_to_snapshot_set("db", vss_model::ProviderId::NULL)?;
//! let operation = session.do_snapshot_set(None)?;
//! operation.wait(None)?;
//! assert_eq!(service.sets()?.len(), 1);
//! drop(session);
//! assert_eq!(service.sets()?.len(), 0, "the default is a copy that ends with its session");
//! # Ok(())
//! # }
//! ```

mod embedded;
mod luns;
mod offline;
mod records;
mod storage;

pub use embedded::Embedded;
pub use offline::{Offline, Recovered};
