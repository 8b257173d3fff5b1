//! The providers of this host besides the embedded array.

use std::sync::Arc;

use vss_coordinator::{AnyProvider, StatePaths};
use vss_lvm::{LvmSnapshot, LvmThin};
use vss_model::{Error, ProviderProperties};
use vss_provider::Provider;
use vss_provider_lio::LioProvider;

use crate::records::provider_error;

/// Logical volumes and LUNs of a target belong to root.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The provider of the kernel's target, with its records in the state folder.
pub(crate) fn lio(paths: &StatePaths) -> Result<Option<Arc<LioProvider>>, Error> {
    if !is_root() {
        return Ok(None);
    }
    LioProvider::open(&paths.lio())
        // A provider of its own: the same set may have thin volumes and LUNs on thin volumes.
        .map(|provider| Some(Arc::new(provider.on_volumes_of(Arc::new(LvmThin::new())))))
        .map_err(provider_error)
}

/// All of them, in the order of asking: hardware, then software.
pub(crate) fn providers(lio: Option<&Arc<LioProvider>>) -> Vec<AnyProvider> {
    if !is_root() {
        return Vec::new();
    }
    let mut all = vec![AnyProvider::Hardware(Arc::new(LvmThin::new()))];
    if let Some(lio) = lio {
        all.push(AnyProvider::Hardware(Arc::<LioProvider>::clone(lio)));
    }
    all.push(AnyProvider::Software(Arc::new(LvmSnapshot::new())));
    all
}

/// Who they are.
pub(crate) fn properties() -> Vec<ProviderProperties> {
    if !is_root() {
        return Vec::new();
    }
    vec![
        LvmThin::new().properties(),
        vss_provider_lio::properties(),
        LvmSnapshot::new().properties(),
    ]
}
