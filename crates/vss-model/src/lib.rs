//! The vocabulary of the Volume Shadow Copy Service in Rust: typed ids, flags, contexts, states,
//! property records, LUN information and result codes, under their standard names and values.
//!
//! No input or output, no clock, no threads.
//!
//! ```
//! use vss_model::{BreakFlags, ErrorKind, IdentityRevert};
//!
//! let flags = BreakFlags::from_bits(0x6)?;
//! assert_eq!(flags.identity(), IdentityRevert::All);
//! assert!(BreakFlags::from_bits(0xC).is_err());
//! assert_eq!(
//!     ErrorKind::BreakRevertIdFailed.code().to_string(),
//!     "VSS_E_BREAK_REVERT_ID_FAILED (0x800423F6)"
//! );
//! # Ok::<(), vss_model::IllegalBreakFlags>(())
//! ```

mod enums;
mod error;
mod flags;
mod ids;
pub mod interfaces;
mod lun;
mod properties;
mod result;
mod writer_enums;

pub use enums::{
    BusType, IdentifierCodeSet, IdentifierType, InterconnectAddressType, ObjectType, ProviderType,
    SnapshotPropertyId, SnapshotState,
};
pub use error::{Error, ErrorKind};
pub use flags::{
    BreakFlags, Context, Disposition, HardwareOptions, IdentityRevert, IllegalBreakFlags,
    IllegalContext, ProviderCapabilities, RecoveryOptions, SnapshotAttributes,
    SnapshotCompatibility, VolumeFlags,
};
pub use ids::{
    ClassId, InvalidId, OperationId, ProviderId, ProviderVersionId, SessionId, SetId, SnapshotId,
    WriterId, WriterInstanceId,
};
pub use lun::{Interconnect, LunId, LunInformation, StorageIdentifier};
pub use properties::{ProviderProperties, SnapshotProperties, Timestamp};
pub use result::ResultCode;
pub use writer_enums::{
    BackupType, ComponentType, FileRestoreStatus, RestoreMethod, RestoreTarget, RestoreType,
    RollForwardType, SourceType, UsageType, WriterRestore, WriterState,
};
