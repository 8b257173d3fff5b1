//! A software provider that makes nothing and keeps count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use vss_model::{
    ClassId, ProviderId, ProviderProperties, ProviderType, ProviderVersionId, ResultCode, SetId,
    SnapshotAttributes, SnapshotId,
};

use crate::error::{ProviderError, ProviderResult};
use crate::provider::{CreateSnapshotSet, Provider};
use crate::software::SoftwareProvider;

/// Id of the fake software provider.
const PROVIDER_ID: u128 = 0x9d02_6c7b_51f4_4b0a_8f37_0000_0000_0001;

#[derive(Debug, Clone, PartialEq, Eq)]
struct FakeCopy {
    volume: String,
    set: SetId,
    committed: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Sets whose creation is under way.
    sets: BTreeSet<SetId>,
    copies: BTreeMap<SnapshotId, FakeCopy>,
}

/// Supports the volumes that it is told to, in memory only.
#[derive(Debug)]
pub struct SimpleSoftware {
    volumes: Vec<String>,
    state: Mutex<State>,
}

impl SimpleSoftware {
    /// A provider for these volumes.
    #[must_use]
    pub fn new<V: Into<String>>(volumes: impl IntoIterator<Item = V>) -> Self {
        Self {
            volumes: volumes.into_iter().map(Into::into).collect(),
            state: Mutex::new(State::default()),
        }
    }

    /// The finished and unfinished copies with their volumes.
    #[must_use]
    pub fn copies(&self) -> Vec<(SnapshotId, String)> {
        self.state()
            .copies
            .iter()
            .map(|(id, copy)| (*id, copy.volume.clone()))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, set: SetId) -> ProviderResult<MutexGuard<'_, State>> {
        let state = self.state();
        if state.sets.contains(&set) {
            Ok(state)
        } else {
            Err(ProviderError::new(
                ResultCode::VSS_E_OBJECT_NOT_FOUND,
                format!("no creation of set {set} is under way"),
            ))
        }
    }
}

impl Provider for SimpleSoftware {
    fn properties(&self) -> ProviderProperties {
        let id = Uuid::from_u128(PROVIDER_ID);
        ProviderProperties {
            provider_id: ProviderId::from_uuid(id),
            provider_name: "openvss fake software provider".into(),
            provider_type: ProviderType::Software,
            provider_version: "1".into(),
            provider_version_id: ProviderVersionId::from_uuid(id),
            class_id: ClassId::from_uuid(id),
        }
    }
}

impl CreateSnapshotSet for SimpleSoftware {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.known(set).map(drop)
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.known(set).map(drop)
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let mut state = self.known(set)?;
        for copy in state.copies.values_mut().filter(|copy| copy.set == set) {
            copy.committed = true;
        }
        Ok(())
    }

    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.known(set).map(drop)
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.known(set).map(drop)
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.known(set)?.sets.remove(&set);
        Ok(())
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let mut state = self.state();
        if state.sets.remove(&set) {
            state.copies.retain(|_, copy| copy.set != set);
        }
        Ok(())
    }
}

impl SoftwareProvider for SimpleSoftware {
    fn is_volume_supported(
        &self,
        _context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<bool> {
        Ok(self.volumes.iter().any(|known| known == volume))
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<()> {
        if !self.is_volume_supported(context, volume)? {
            return Err(ProviderError::new(
                ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                format!("volume {volume} is not supported"),
            ));
        }
        let mut state = self.state();
        state.sets.insert(set);
        state.copies.insert(
            snapshot,
            FakeCopy {
                volume: volume.to_owned(),
                set,
                committed: false,
            },
        );
        Ok(())
    }

    fn snapshot_device(&self, snapshot: SnapshotId) -> ProviderResult<String> {
        match self.state().copies.get(&snapshot) {
            Some(copy) if copy.committed => Ok(format!("/dev/vss/{snapshot}")),
            _ => Err(ProviderError::new(
                ResultCode::VSS_E_OBJECT_NOT_FOUND,
                format!("there is no copy {snapshot}"),
            )),
        }
    }

    fn delete_snapshot(&self, snapshot: SnapshotId) -> ProviderResult<()> {
        self.state().copies.remove(&snapshot);
        Ok(())
    }
}
