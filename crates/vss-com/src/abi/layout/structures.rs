//! The structures, on x86-64.

use super::Structure;

/// Every structure that a requester's calls hand out.
pub const STRUCTURES: &[Structure] = &[
    Structure {
        name: "VSS_SNAPSHOT_PROP",
        size: 128,
        members: &[
            ("m_SnapshotId", 0, 16),
            ("m_SnapshotSetId", 16, 16),
            ("m_lSnapshotsCount", 32, 4),
            ("m_pwszSnapshotDeviceObject", 40, 8),
            ("m_pwszOriginalVolumeName", 48, 8),
            ("m_pwszOriginatingMachine", 56, 8),
            ("m_pwszServiceMachine", 64, 8),
            ("m_pwszExposedName", 72, 8),
            ("m_pwszExposedPath", 80, 8),
            ("m_ProviderId", 88, 16),
            ("m_lSnapshotAttributes", 104, 4),
            ("m_tsCreationTimestamp", 112, 8),
            ("m_eStatus", 120, 4),
        ],
    },
    Structure {
        name: "VSS_PROVIDER_PROP",
        size: 72,
        members: &[
            ("m_ProviderId", 0, 16),
            ("m_pwszProviderName", 16, 8),
            ("m_eProviderType", 24, 4),
            ("m_pwszProviderVersion", 32, 8),
            ("m_ProviderVersionId", 40, 16),
            ("m_ClassId", 56, 16),
        ],
    },
    Structure {
        name: "VSS_OBJECT_PROP",
        size: 136,
        members: &[("Type", 0, 4), ("Obj", 8, 128)],
    },
    Structure {
        name: "VSS_COMPONENTINFO",
        size: 72,
        members: &[
            ("type", 0, 4),
            ("bstrLogicalPath", 8, 8),
            ("bstrComponentName", 16, 8),
            ("bstrCaption", 24, 8),
            ("pbIcon", 32, 8),
            ("cbIcon", 40, 4),
            ("bRestoreMetadata", 44, 1),
            ("bNotifyOnBackupComplete", 45, 1),
            ("bSelectable", 46, 1),
            ("bSelectableForRestore", 47, 1),
            ("dwComponentFlags", 48, 4),
            ("cFileCount", 52, 4),
            ("cDatabases", 56, 4),
            ("cLogFiles", 60, 4),
            ("cDependencies", 64, 4),
        ],
    },
];
