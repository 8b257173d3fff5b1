//! Properties as Windows programs read them.

use vss_model::SnapshotProperties;

use crate::volumes::{Volumes, device_object};

/// A copy's properties with the names that Windows programs know.
pub(crate) fn in_windows_names(
    properties: SnapshotProperties,
    volumes: &Volumes,
) -> SnapshotProperties {
    SnapshotProperties {
        snapshot_device_object: device_object(properties.snapshot_id),
        original_volume_name: volumes.windows_name(&properties.original_volume_name),
        ..properties
    }
}
