//! Interface and class ids of the public headers (spec: requester §1, provider §4, break §6.1).

use uuid::{Uuid, uuid};

use crate::ids::{ClassId, ProviderId};

macro_rules! interface_ids {
    ($($name:ident = $value:literal => $public:literal,)*) => {
        $(
            #[doc = concat!("`IID_", $public, "`.")]
            pub const $name: Uuid = uuid!($value);
        )*

        /// Every interface id with its public name.
        pub const ALL: &[(Uuid, &str)] = &[$(($name, $public),)*];
    };
}

interface_ids! {
    BACKUP_COMPONENTS = "665C1D5F-C218-414D-A05D-7FEF5F9D5C86" => "IVssBackupComponents",
    BACKUP_COMPONENTS_EX = "963F03AD-9E4C-4A34-AC15-E4B6174E5036" => "IVssBackupComponentsEx",
    BACKUP_COMPONENTS_EX2 = "ACFE2B3A-22C9-4EF8-BD03-2F9CA230084E" => "IVssBackupComponentsEx2",
    BACKUP_COMPONENTS_EX3 = "C191BFBC-B602-4675-8BD1-67D642F529D5" => "IVssBackupComponentsEx3",
    BACKUP_COMPONENTS_EX4 = "F434C2FD-B553-4961-A9F9-A8E90B673E53" => "IVssBackupComponentsEx4",
    EXAMINE_WRITER_METADATA = "902FCF7F-B7FD-42F8-81F1-B2E400B1E5BD" => "IVssExamineWriterMetadata",
    EXAMINE_WRITER_METADATA_EX = "0C0E5EC0-CA44-472B-B702-E652DB1C0451" => "IVssExamineWriterMetadataEx",
    EXAMINE_WRITER_METADATA_EX2 = "CE115780-A611-431B-B57F-C38303AB6AEE" => "IVssExamineWriterMetadataEx2",
    COMPONENT = "D2C72C96-C121-4518-B627-E5A93D010EAD" => "IVssComponent",
    COMPONENT_EX = "156C8B5E-F131-4BD7-9C97-D1923BE7E1FA" => "IVssComponentEx",
    COMPONENT_EX2 = "3B5BE0F2-07A9-4E4B-BDD3-CFDC8E2C0D2D" => "IVssComponentEx2",
    ASYNC = "507C37B4-CF5B-4E95-B0AF-14EB9767467E" => "IVssAsync",
    ENUM_OBJECT = "AE1C7110-2F60-11D3-8A39-00C04F72D8E3" => "IVssEnumObject",
    SNAPSHOT_MGMT = "FA7DF749-66E7-4986-A27F-E2F04AE53772" => "IVssSnapshotMgmt",
    SNAPSHOT_MGMT2 = "0F61EC39-FE82-45F2-A3F0-768B5D427102" => "IVssSnapshotMgmt2",
    ADMIN = "77ED5996-2F63-11D3-8A39-00C04F72D8E3" => "IVssAdmin",
    ADMIN_EX = "7858A9F8-B1FA-41A6-964F-B9B36B8CD8D8" => "IVssAdminEx",
    PROVIDER_CREATE_SNAPSHOT_SET = "5F894E5B-1E39-4778-8E23-9ABAD9F0E08C" => "IVssProviderCreateSnapshotSet",
    PROVIDER_NOTIFICATIONS = "E561901F-03A5-4AFE-86D0-72BAEECE7004" => "IVssProviderNotifications",
    HARDWARE_SNAPSHOT_PROVIDER = "9593A157-44E9-4344-BBEB-44FBF9B06B10" => "IVssHardwareSnapshotProvider",
    HARDWARE_SNAPSHOT_PROVIDER_EX = "7F5BA925-CDB1-4D11-A71F-339EB7E709FD" => "IVssHardwareSnapshotProviderEx",
}

/// `CLSID_VSSCoordinator`.
pub const VSS_COORDINATOR: ClassId =
    ClassId::from_uuid(uuid!("E579AB5F-1CC4-44B4-BED9-DE0991FF0623"));

/// `CLSID_VssSnapshotMgmt`.
pub const VSS_SNAPSHOT_MGMT: ClassId =
    ClassId::from_uuid(uuid!("0B5A2C52-3EB9-470A-96E2-6C6D4570E40F"));

/// Id of the system provider of Windows.
pub const SYSTEM_PROVIDER: ProviderId =
    ProviderId::from_uuid(uuid!("B5946137-7B9F-4925-AF80-51ABD60B20D5"));

/// Class of the system provider of Windows.
pub const SYSTEM_PROVIDER_CLASS: ClassId =
    ClassId::from_uuid(uuid!("65EE1DBA-8FF4-4A58-AC1C-3470EE2F376A"));

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique() {
        let ids: HashSet<_> = super::ALL.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), super::ALL.len());
    }
}
