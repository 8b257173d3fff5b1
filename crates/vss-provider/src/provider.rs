//! What every provider does (`IVssProviderNotifications`, `IVssProviderCreateSnapshotSet`).

use serde::{Deserialize, Serialize};
use vss_model::{ProviderProperties, SetId};

use crate::error::ProviderResult;

/// Who a provider is, and its loading.
pub trait Provider: Send + Sync {
    /// Id, name, kind and version.
    fn properties(&self) -> ProviderProperties;

    /// Called once before any other method (`OnLoad`). Leftovers of an earlier run are cleared here.
    ///
    /// # Errors
    /// The provider cannot work.
    fn on_load(&self) -> ProviderResult<()> {
        Ok(())
    }

    /// Called before the provider goes away (`OnUnload`). `Ok(false)` means "not now" and is
    /// honoured only when `force` is false.
    ///
    /// # Errors
    /// Ignored by the caller.
    fn on_unload(&self, force: bool) -> ProviderResult<bool> {
        let _ = force;
        Ok(true)
    }
}

/// A device of the device mapper.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MappedDevice {
    /// Its name below `/dev/mapper`, unescaped as the kernel has it.
    pub name: String,
    /// Its UUID, by which it is found: a name may be given anew.
    pub uuid: String,
}

/// The phases of a creation, each called once for a set and provider
/// (`IVssProviderCreateSnapshotSet`, spec: provider §5).
///
/// All providers of a set finish a phase before the next one begins.
pub trait CreateSnapshotSet: Send + Sync {
    /// Ends the preparation; may take long, writers still run (`EndPrepareSnapshots`).
    ///
    /// # Errors
    /// `VSS_E_INSUFFICIENT_STORAGE`, `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()>;

    /// Gets ready for the instant; writers are frozen (`PreCommitSnapshots`).
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()>;

    /// The device-mapper devices under the originals of the set whose suspension holds their writes.
    ///
    /// Asked after `PreCommitSnapshots`. The caller suspends all of them, of all providers of the set,
    /// before `CommitSnapshots`, and resumes them after it; a guard outside of this process does so
    /// when the service dies. Not a method of the public interface.
    ///
    /// # Errors
    /// The devices could not be looked up.
    fn suspensions(&self, set: SetId) -> ProviderResult<Vec<MappedDevice>> {
        let _ = set;
        Ok(Vec::new())
    }

    /// Takes the copies: the instant (`CommitSnapshots`). Either all or none is there afterwards.
    ///
    /// Room is set aside before, as far as that can be done. A provider that named
    /// [`suspensions`](Self::suspensions) finds these devices suspended, or, where a caller does not
    /// know of them, suspends them for itself.
    ///
    /// # Errors
    /// `VSS_E_INSUFFICIENT_STORAGE`, `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()>;

    /// Called once writes flow again (`PostCommitSnapshots`). `count` is the number of copies.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn post_commit_snapshots(&self, set: SetId, count: u32) -> ProviderResult<()>;

    /// Called before recovery of the copies (`PreFinalCommitSnapshots`).
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()>;

    /// Called after recovery; the copies are final (`PostFinalCommitSnapshots`).
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_VETO`.
    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()>;

    /// Gives up the set and frees all that it holds, whichever phase it reached (`AbortSnapshots`).
    ///
    /// Called only for sets that no requester ever saw; also by a later run of the service for a set
    /// whose creation a crash cut off. Repeatable: an unknown set is no error.
    ///
    /// # Errors
    /// Logged by the caller, which goes on.
    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()>;
}
