//! Who the arriving copies become (spec: break §4.2, §5). No input or output.

use std::collections::{HashMap, HashSet};

use disk_identity::{Change, Identifier, Identity, Observation, Patch, attributes};
use uuid::Uuid;
use vss_model::OperationId;

/// A copy that has arrived.
#[derive(Debug)]
pub(crate) struct ArrivedDisk<'a> {
    pub(crate) observation: &'a Observation,
}

/// What the import does to one disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportPlan {
    /// Who it was when it arrived: the original at the instant.
    pub(crate) original: Identity,
    /// Who it becomes.
    pub(crate) identity: Identity,
    /// True when its identifiers were in use and it got fresh ones.
    pub(crate) changed: bool,
    /// What is written.
    pub(crate) patch: Patch,
}

/// Plans the import of the copies of a set: a copy whose identifiers another visible disk, or a copy
/// before it, bears, or another operation is about to give, gets fresh ones; every copy gets the four attribute bits on its data volumes.
pub(crate) fn plan_import(
    arrived: &[ArrivedDisk<'_>],
    visible: &[&Identity],
    claimed: &HashMap<Identifier, OperationId>,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Vec<ImportPlan>, disk_identity::Error> {
    let mut taken: HashSet<Identifier> =
        visible.iter().flat_map(|identity| identity.ids()).collect();
    taken.extend(claimed.keys());
    arrived
        .iter()
        .map(|disk| {
            let original = disk.observation.identity().clone();
            let changed = original.ids().any(|id| taken.contains(&id));
            let change = if changed {
                Change::fresh(&original, new_id)
            } else {
                Change::default()
            }
            .with_attributes(&original, |partition| {
                partition.attributes | attributes::ALL_FOUR
            });
            let patch = disk.observation.plan(&change)?;
            let identity = disk.observation.with_patch(&patch)?.identity().clone();
            taken.extend(identity.ids());
            Ok(ImportPlan {
                original,
                identity,
                changed,
                patch,
            })
        })
        .collect()
}
