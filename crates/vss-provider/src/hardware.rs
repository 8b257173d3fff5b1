//! What a hardware provider does (`IVssHardwareSnapshotProvider` and its `Ex`, spec: provider §4–§12).

use std::path::{Path, PathBuf};

use vss_model::{HardwareOptions, LunInformation, SetId, SnapshotAttributes, SnapshotId};

use crate::error::ProviderResult;
use crate::provider::{CreateSnapshotSet, Provider};

/// A LUN that this host can see, as a scan of the bus would find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedLun {
    /// The name by which people call it.
    pub name: String,
    /// Where it can be opened: a block device or an image file.
    pub device: PathBuf,
    /// What inquiry says of it; `disk_signature` may be nil.
    pub information: LunInformation,
    /// Logical sector size in bytes: 512 or 4096.
    pub sector_size: u32,
    /// What lies behind it, where this host can see that too: the image of a loop device, the volume
    /// or file behind a LUN of this host's own target. The same disk by another way, not another disk.
    pub backing: Option<PathBuf>,
}

/// What a LUN is to be from now on, also after a reboot of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// A shadow copy: it appears only when it is asked for, read-only.
    Copy,
    /// An ordinary disk that refuses writes.
    ReadOnly,
    /// An ordinary disk.
    ReadWrite,
}

/// A provider whose copies are LUNs of an array, each with a life of its own.
///
/// Calls of one set come one after the other; calls of different sets may overlap, but never while
/// one of them is being created. Every method may be called again after a crash of the caller.
pub trait HardwareProvider: Provider + CreateSnapshotSet {
    /// Says whether this provider can copy all these LUNs, which together carry one volume
    /// (`AreLunsSupported`).
    ///
    /// `Ok(false)` for LUNs of others, or when the context (transportable, plex, differential)
    /// cannot be honoured; a momentary shortage is no reason. May normalise fields of `luns`, but
    /// not the interconnects. `devices` and `luns` run in parallel.
    ///
    /// # Errors
    /// The provider could not tell.
    fn are_luns_supported(
        &self,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<bool>;

    /// Normalises `lun`, read from `device`, to what `get_target_luns` gave for it
    /// (`FillInLunInfo`). `Ok(false)` for a LUN that is not this provider's.
    ///
    /// # Errors
    /// The provider could not tell; callers log it and compare what is in `lun` (spec: provider §6).
    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool>;

    /// Takes note that `snapshot` of `set` will copy these LUNs (`BeginPrepareSnapshot`).
    ///
    /// Returns fast. A LUN announced by an earlier call for this set is not copied twice. A new set
    /// id means that an earlier set, if its preparation never ended, was given up.
    ///
    /// # Errors
    /// `VSS_E_INSUFFICIENT_STORAGE` and the others of spec provider §9.
    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<()>;

    /// Describes the copies of these original LUNs in the set committed last, one for one
    /// (`GetTargetLuns`).
    ///
    /// The same original always gives the same answer, whichever volume it is asked for. The copies
    /// are not visible to this host yet, and `disk_signature` is nil.
    ///
    /// # Errors
    /// A LUN has no copy in the set.
    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>>;

    /// Makes the LUNs visible to this host, read-write (`LocateLuns`). A LUN may be listed twice.
    ///
    /// # Errors
    /// A LUN is unknown or cannot be presented.
    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()>;

    /// Tells that no shadow copy is left on the LUN: it may be reclaimed (`OnLunEmpty`).
    ///
    /// The only call that frees storage of a finished copy. Repeatable: a LUN that is gone is fine.
    ///
    /// # Errors
    /// The LUN could not be reclaimed; callers go on.
    fn on_lun_empty(&self, device: &Path, lun: &LunInformation) -> ProviderResult<()>;

    /// The LUNs that this host can see now: originals, copies and all others of this array.
    ///
    /// Stands for the scan of the bus; not a method of the public interface.
    ///
    /// # Errors
    /// The array could not be asked.
    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>>;

    /// Makes the storage remember what these LUNs are from now on. Repeatable.
    ///
    /// Comes once for all LUNs of a break that stay visible, after the point of no return, and again
    /// when a break is undone. The flag of the block device itself is the host's business. A provider
    /// whose LUNs come back after a reboot as they were has nothing to do. Not a method of the public
    /// interface.
    ///
    /// # Errors
    /// The storage could not be changed.
    fn set_access(&self, luns: &[LunInformation], access: Access) -> ProviderResult<()> {
        let _ = (luns, access);
        Ok(())
    }

    /// The `Ex` interface; `None` for a provider that predates it (spec: break §6.1).
    fn ex(&self) -> Option<&dyn HardwareProviderEx>;
}

/// What came with `IVssHardwareSnapshotProviderEx`.
pub trait HardwareProviderEx: Send + Sync {
    /// Tells of, or orders, a change of state of the LUNs of one shadow copy (`OnLunStateChange`).
    ///
    /// `snapshot_luns` and `original_luns` run in parallel. Exactly one flag is set. Only
    /// [`HardwareOptions::DO_MASK_LUNS`] asks for an action: withdraw the LUNs from this host and
    /// keep them. It is repeatable: a LUN already masked, by an earlier call or for another volume
    /// on it, is no error.
    ///
    /// # Errors
    /// `VSS_E_PROVIDER_VETO` to refuse.
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()>;
}
