//! A provider around another one: records its calls and puts faults in their way.

use std::path::{Path, PathBuf};

use vss_model::{
    HardwareOptions, LunInformation, ProviderProperties, ResultCode, SetId, SnapshotAttributes,
    SnapshotId,
};

use crate::codes::Method;
use crate::error::{ProviderError, ProviderResult};
use crate::fake::recorder::{Call, Fault, Recorder};
use crate::hardware::{Access, HardwareProvider, HardwareProviderEx, PresentedLun};
use crate::provider::{CreateSnapshotSet, MappedDevice, Provider};
use crate::software::SoftwareProvider;

/// Records and injects, and leaves the work to the provider inside.
#[derive(Debug)]
pub struct RecordingProvider<P> {
    inner: P,
    recorder: Recorder,
}

impl<P> RecordingProvider<P> {
    /// Wraps a provider.
    #[must_use]
    pub fn wrap(inner: P) -> Self {
        Self {
            inner,
            recorder: Recorder::new(),
        }
    }

    /// The provider inside; calls on it are not recorded.
    #[must_use]
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// Gives the provider inside back.
    #[must_use]
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// A handle on the recording, which outlives the provider.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// See [`Recorder::calls`].
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.recorder.calls()
    }

    /// See [`Recorder::clear_calls`].
    pub fn clear_calls(&self) {
        self.recorder.clear_calls();
    }

    /// See [`Recorder::inject`].
    pub fn inject(&self, fault: Fault) {
        self.recorder.inject(fault);
    }

    fn of_set<T>(
        &self,
        method: Method,
        set: SetId,
        work: impl FnOnce() -> ProviderResult<T>,
    ) -> ProviderResult<T> {
        let mut call = Call::of(method);
        call.set = Some(set);
        self.recorder.around(call, work)
    }
}

impl<P: Provider> Provider for RecordingProvider<P> {
    fn properties(&self) -> ProviderProperties {
        self.inner.properties()
    }

    fn on_load(&self) -> ProviderResult<()> {
        self.recorder
            .around(Call::of(Method::OnLoad), || self.inner.on_load())
    }

    fn on_unload(&self, force: bool) -> ProviderResult<bool> {
        let mut call = Call::of(Method::OnUnload);
        call.force = Some(force);
        self.recorder.around(call, || self.inner.on_unload(force))
    }
}

impl<P: CreateSnapshotSet> CreateSnapshotSet for RecordingProvider<P> {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::EndPrepareSnapshots, set, || {
            self.inner.end_prepare_snapshots(set)
        })
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::PreCommitSnapshots, set, || {
            self.inner.pre_commit_snapshots(set)
        })
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::CommitSnapshots, set, || {
            self.inner.commit_snapshots(set)
        })
    }

    fn suspensions(&self, set: SetId) -> ProviderResult<Vec<MappedDevice>> {
        self.of_set(Method::Suspensions, set, || self.inner.suspensions(set))
    }

    fn post_commit_snapshots(&self, set: SetId, count: u32) -> ProviderResult<()> {
        let mut call = Call::of(Method::PostCommitSnapshots);
        call.set = Some(set);
        call.count = Some(count);
        self.recorder
            .around(call, || self.inner.post_commit_snapshots(set, count))
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::PreFinalCommitSnapshots, set, || {
            self.inner.pre_final_commit_snapshots(set)
        })
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::PostFinalCommitSnapshots, set, || {
            self.inner.post_final_commit_snapshots(set)
        })
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.of_set(Method::AbortSnapshots, set, || {
            self.inner.abort_snapshots(set)
        })
    }
}

impl<P: HardwareProvider> HardwareProvider for RecordingProvider<P> {
    fn are_luns_supported(
        &self,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<bool> {
        let mut call = Call::of(Method::AreLunsSupported);
        call.context = Some(context);
        call.devices = devices.to_vec();
        call.original_luns = luns.to_vec();
        self.recorder.around(call, || {
            self.inner.are_luns_supported(context, devices, luns)
        })
    }

    fn fill_in_lun_info(&self, device: &Path, lun: &mut LunInformation) -> ProviderResult<bool> {
        let mut call = Call::of(Method::FillInLunInfo);
        call.devices = vec![device.to_owned()];
        call.snapshot_luns = vec![lun.clone()];
        self.recorder
            .around(call, || self.inner.fill_in_lun_info(device, lun))
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        devices: &[PathBuf],
        luns: &mut [LunInformation],
    ) -> ProviderResult<()> {
        let mut call = Call::of(Method::BeginPrepareSnapshot);
        call.set = Some(set);
        call.snapshot = Some(snapshot);
        call.context = Some(context);
        call.devices = devices.to_vec();
        call.original_luns = luns.to_vec();
        self.recorder.around(call, || {
            self.inner
                .begin_prepare_snapshot(set, snapshot, context, devices, luns)
        })
    }

    fn get_target_luns(
        &self,
        devices: &[PathBuf],
        sources: &[LunInformation],
    ) -> ProviderResult<Vec<LunInformation>> {
        let mut call = Call::of(Method::GetTargetLuns);
        call.devices = devices.to_vec();
        call.original_luns = sources.to_vec();
        self.recorder
            .around(call, || self.inner.get_target_luns(devices, sources))
    }

    fn locate_luns(&self, luns: &[LunInformation]) -> ProviderResult<()> {
        let mut call = Call::of(Method::LocateLuns);
        call.snapshot_luns = luns.to_vec();
        self.recorder.around(call, || self.inner.locate_luns(luns))
    }

    fn on_lun_empty(&self, device: &Path, lun: &LunInformation) -> ProviderResult<()> {
        let mut call = Call::of(Method::OnLunEmpty);
        call.devices = vec![device.to_owned()];
        call.snapshot_luns = vec![lun.clone()];
        self.recorder
            .around(call, || self.inner.on_lun_empty(device, lun))
    }

    fn presented_luns(&self) -> ProviderResult<Vec<PresentedLun>> {
        self.recorder.around(Call::of(Method::PresentedLuns), || {
            self.inner.presented_luns()
        })
    }

    fn set_access(&self, luns: &[LunInformation], access: Access) -> ProviderResult<()> {
        let mut call = Call::of(Method::SetAccess);
        call.access = Some(access);
        call.snapshot_luns = luns.to_vec();
        self.recorder
            .around(call, || self.inner.set_access(luns, access))
    }

    fn ex(&self) -> Option<&dyn HardwareProviderEx> {
        self.inner
            .ex()
            .map(|_inner| self as &dyn HardwareProviderEx)
    }
}

impl<P: HardwareProvider> HardwareProviderEx for RecordingProvider<P> {
    fn on_lun_state_change(
        &self,
        snapshot_luns: &[LunInformation],
        original_luns: &[LunInformation],
        flags: HardwareOptions,
    ) -> ProviderResult<()> {
        let mut call = Call::of(Method::OnLunStateChange);
        call.snapshot_luns = snapshot_luns.to_vec();
        call.original_luns = original_luns.to_vec();
        call.flags = Some(flags);
        self.recorder.around(call, || match self.inner.ex() {
            Some(ex) => ex.on_lun_state_change(snapshot_luns, original_luns, flags),
            None => Err(ProviderError::new(
                ResultCode::E_NOTIMPL,
                "the provider has no OnLunStateChange",
            )),
        })
    }
}

impl<P: SoftwareProvider> SoftwareProvider for RecordingProvider<P> {
    fn is_volume_supported(
        &self,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<bool> {
        let mut call = Call::of(Method::IsVolumeSupported);
        call.context = Some(context);
        call.volume = Some(volume.to_owned());
        self.recorder
            .around(call, || self.inner.is_volume_supported(context, volume))
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<()> {
        let mut call = Call::of(Method::BeginPrepareVolume);
        call.set = Some(set);
        call.snapshot = Some(snapshot);
        call.context = Some(context);
        call.volume = Some(volume.to_owned());
        self.recorder.around(call, || {
            self.inner
                .begin_prepare_snapshot(set, snapshot, context, volume)
        })
    }

    fn snapshot_device(&self, snapshot: SnapshotId) -> ProviderResult<String> {
        let mut call = Call::of(Method::GetSnapshotProperties);
        call.snapshot = Some(snapshot);
        self.recorder
            .around(call, || self.inner.snapshot_device(snapshot))
    }

    fn delete_snapshot(&self, snapshot: SnapshotId) -> ProviderResult<()> {
        let mut call = Call::of(Method::DeleteSnapshots);
        call.snapshot = Some(snapshot);
        self.recorder
            .around(call, || self.inner.delete_snapshot(snapshot))
    }
}
