//! What a software provider does (`IVssSoftwareSnapshotProvider`, spec: provider §13).

use vss_model::{SetId, SnapshotAttributes, SnapshotId};

use crate::error::ProviderResult;
use crate::provider::{CreateSnapshotSet, Provider};

/// A provider whose copies exist only through itself; a set of such copies cannot be broken.
pub trait SoftwareProvider: Provider + CreateSnapshotSet {
    /// Says whether this provider can copy the volume (`IsVolumeSupported`). True also when only a
    /// momentary limit forbids it.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for a volume that is not there; `VSS_E_NESTED_VOLUME_LIMIT`.
    fn is_volume_supported(
        &self,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<bool>;

    /// Takes note that `snapshot` of `set` will copy the volume (`BeginPrepareSnapshot`).
    ///
    /// # Errors
    /// As spec provider §13 lists.
    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<()>;

    /// The device object of a copy of a committed set (`GetSnapshotProperties`).
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    fn snapshot_device(&self, snapshot: SnapshotId) -> ProviderResult<String>;

    /// Deletes one copy (`DeleteSnapshots`). Repeatable: a copy that is gone is no error.
    ///
    /// # Errors
    /// `VSS_E_PROVIDER_VETO`.
    fn delete_snapshot(&self, snapshot: SnapshotId) -> ProviderResult<()>;
}
