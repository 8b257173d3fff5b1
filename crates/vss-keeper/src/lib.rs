//! The freeze keeper: holds file systems and devices still for a moment, and lets go of them
//! whatever dies.
//!
//! A freeze outlives the process that made it, so it is made by a process apart, `vss-keeper`, whose
//! only work is to end it: when asked, at the deadline, on its client's death, on a signal. Should
//! the keeper itself be killed, its client ([`Keeper`]) lets go at once; should both be killed, the
//! next start does, from what a journal names ([`let_go()`]).
//!
//! ```no_run
//! use vss_keeper::{Keeper, Plan};
//!
//! # fn main() -> Result<(), vss_keeper::KeeperError> {
//! let plan = Plan::new(vec![/* file systems */], vec![/* mapped devices */]);
//! let mut keeper = Keeper::start(&vss_keeper::program()?, &plan)?;
//! keeper.flush()?;
//! keeper.freeze()?;
//! keeper.suspend()?;
//! // Nothing is written now: the instant of the copies.
//! let release = keeper.release()?;
//! assert!(release.is_whole());
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod let_go;
mod lock;
mod machine;
mod message;
mod plan;
mod process;
mod program;
mod thing;

pub use client::Keeper;
pub use error::{KeeperError, OpenError, Step};
pub use let_go::{Leftover, LeftoverState, Named, let_go};
pub use message::{End, Held, Outcome, Reason, Release};
pub use plan::{DEFAULT_DEADLINE, FileSystem, MappedDevice, Plan};
pub use process::run;
pub use program::program;
