//! The enumerations of `vss.h`, `vsbackup.h` and `vsprov.h` that sets, copies and providers need,
//! with their numeric values (spec: requester §8).

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal => $public:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(i32)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $value,)*
        }

        impl $name {
            /// Every value, in numeric order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The numeric value of the public header.
            #[must_use]
            pub const fn value(self) -> i32 {
                self as i32
            }

            /// The name in the public header.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $public,)*
                }
            }

            /// The value with this number, if there is one.
            #[must_use]
            pub fn from_value(value: i32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use enumeration;

enumeration! {
    /// What an id stands for (`VSS_OBJECT_TYPE`).
    ObjectType {
        /// Not known.
        Unknown = 0 => "VSS_OBJECT_UNKNOWN",
        /// No object; the only valid "queried object" of `Query`.
        None = 1 => "VSS_OBJECT_NONE",
        /// A shadow copy set.
        SnapshotSet = 2 => "VSS_OBJECT_SNAPSHOT_SET",
        /// A shadow copy.
        Snapshot = 3 => "VSS_OBJECT_SNAPSHOT",
        /// A provider.
        Provider = 4 => "VSS_OBJECT_PROVIDER",
    }
}

enumeration! {
    /// Where a shadow copy stands in its life (`VSS_SNAPSHOT_STATE`).
    ///
    /// Preparing → `ProcessingPrepare` → Prepared → `ProcessingPreCommit` → `PreCommitted` →
    /// `ProcessingCommit` → Committed → `ProcessingPostCommit` → `PostCommitted` →
    /// `ProcessingPreFinalCommit` → `PreFinalCommitted` → `ProcessingPostFinalCommit` → Created;
    /// Aborted from any of these before Created; Deleted after it. `PostCommitted` came late to the
    /// header, hence its number.
    SnapshotState {
        /// Not known.
        Unknown = 0 => "VSS_SS_UNKNOWN",
        /// `BeginPrepareSnapshot` succeeded.
        Preparing = 1 => "VSS_SS_PREPARING",
        /// `EndPrepareSnapshots` runs.
        ProcessingPrepare = 2 => "VSS_SS_PROCESSING_PREPARE",
        /// `EndPrepareSnapshots` returned.
        Prepared = 3 => "VSS_SS_PREPARED",
        /// `PreCommitSnapshots` runs.
        ProcessingPreCommit = 4 => "VSS_SS_PROCESSING_PRECOMMIT",
        /// `PreCommitSnapshots` returned.
        PreCommitted = 5 => "VSS_SS_PRECOMMITTED",
        /// `CommitSnapshots` runs.
        ProcessingCommit = 6 => "VSS_SS_PROCESSING_COMMIT",
        /// `CommitSnapshots` returned: the instant is past.
        Committed = 7 => "VSS_SS_COMMITTED",
        /// `PostCommitSnapshots` runs.
        ProcessingPostCommit = 8 => "VSS_SS_PROCESSING_POSTCOMMIT",
        /// `PreFinalCommitSnapshots` runs.
        ProcessingPreFinalCommit = 9 => "VSS_SS_PROCESSING_PREFINALCOMMIT",
        /// `PreFinalCommitSnapshots` returned.
        PreFinalCommitted = 10 => "VSS_SS_PREFINALCOMMITTED",
        /// `PostFinalCommitSnapshots` runs.
        ProcessingPostFinalCommit = 11 => "VSS_SS_PROCESSING_POSTFINALCOMMIT",
        /// The copy is complete; the only state that requesters see.
        Created = 12 => "VSS_SS_CREATED",
        /// The creation was given up.
        Aborted = 13 => "VSS_SS_ABORTED",
        /// The copy was deleted.
        Deleted = 14 => "VSS_SS_DELETED",
        /// `PostCommitSnapshots` returned.
        PostCommitted = 15 => "VSS_SS_POSTCOMMITTED",
    }
}

enumeration! {
    /// Kinds of provider (`VSS_PROVIDER_TYPE`).
    ProviderType {
        /// Not known.
        Unknown = 0 => "VSS_PROV_UNKNOWN",
        /// The system provider.
        System = 1 => "VSS_PROV_SYSTEM",
        /// Makes copies by software on this host.
        Software = 2 => "VSS_PROV_SOFTWARE",
        /// Makes copies as LUNs of an array; only such sets can be broken.
        Hardware = 3 => "VSS_PROV_HARDWARE",
        /// Makes copies of remote shares.
        FileShare = 4 => "VSS_PROV_FILESHARE",
    }
}

enumeration! {
    /// Properties a provider can be told (`VSS_SNAPSHOT_PROPERTY_ID`).
    SnapshotPropertyId {
        /// Not known.
        Unknown = 0 => "VSS_SPROPID_UNKNOWN",
        /// Id of the copy.
        SnapshotId = 1 => "VSS_SPROPID_SNAPSHOT_ID",
        /// Id of its set.
        SnapshotSetId = 2 => "VSS_SPROPID_SNAPSHOT_SET_ID",
        /// Copies in the set at creation.
        SnapshotsCount = 3 => "VSS_SPROPID_SNAPSHOTS_COUNT",
        /// Device object.
        SnapshotDevice = 4 => "VSS_SPROPID_SNAPSHOT_DEVICE",
        /// Name of the original volume.
        OriginalVolume = 5 => "VSS_SPROPID_ORIGINAL_VOLUME",
        /// Host of the original volume.
        OriginatingMachine = 6 => "VSS_SPROPID_ORIGINATING_MACHINE",
        /// Host where the service runs.
        ServiceMachine = 7 => "VSS_SPROPID_SERVICE_MACHINE",
        /// Letter, folder or share.
        ExposedName = 8 => "VSS_SPROPID_EXPOSED_NAME",
        /// Subtree of a remote exposure.
        ExposedPath = 9 => "VSS_SPROPID_EXPOSED_PATH",
        /// The provider.
        ProviderId = 10 => "VSS_SPROPID_PROVIDER_ID",
        /// Attribute bits.
        SnapshotAttributes = 11 => "VSS_SPROPID_SNAPSHOT_ATTRIBUTES",
        /// When it was made.
        CreationTimestamp = 12 => "VSS_SPROPID_CREATION_TIMESTAMP",
        /// State.
        Status = 13 => "VSS_SPROPID_STATUS",
    }
}

enumeration! {
    /// How the bytes of a page 0x83 identifier are coded (`VDS_STORAGE_IDENTIFIER_CODE_SET`).
    IdentifierCodeSet {
        /// Reserved.
        Reserved = 0 => "VDSStorageIdCodeSetReserved",
        /// Raw bytes.
        Binary = 1 => "VDSStorageIdCodeSetBinary",
        /// ASCII text.
        Ascii = 2 => "VDSStorageIdCodeSetAscii",
        /// UTF-8 text.
        Utf8 = 3 => "VDSStorageIdCodeSetUtf8",
    }
}

enumeration! {
    /// What a page 0x83 identifier is (`VDS_STORAGE_IDENTIFIER_TYPE`).
    ///
    /// A LUN needs at least one unique identifier of type 1, 2, 3 or 8 (spec: provider §10).
    IdentifierType {
        /// Meaning is the vendor's.
        VendorSpecific = 0 => "VDSStorageIdTypeVendorSpecific",
        /// T10 vendor id.
        VendorId = 1 => "VDSStorageIdTypeVendorId",
        /// EUI-64.
        Eui64 = 2 => "VDSStorageIdTypeEUI64",
        /// NAA (FC-PH) name.
        FcphName = 3 => "VDSStorageIdTypeFCPHName",
        /// Relative port.
        PortRelative = 4 => "VDSStorageIdTypePortRelative",
        /// Target port group.
        TargetPortGroup = 5 => "VDSStorageIdTypeTargetPortGroup",
        /// Logical unit group.
        LogicalUnitGroup = 6 => "VDSStorageIdTypeLogicalUnitGroup",
        /// MD5 identifier.
        Md5LogicalUnitIdentifier = 7 => "VDSStorageIdTypeMD5LogicalUnitIdentifier",
        /// SCSI name string.
        ScsiNameString = 8 => "VDSStorageIdTypeScsiNameString",
    }
}

enumeration! {
    /// The bus of a LUN (`VDS_STORAGE_BUS_TYPE`); ignored in comparisons.
    BusType {
        /// Not known.
        Unknown = 0 => "VDSBusTypeUnknown",
        /// SCSI.
        Scsi = 1 => "VDSBusTypeScsi",
        /// ATAPI.
        Atapi = 2 => "VDSBusTypeAtapi",
        /// ATA.
        Ata = 3 => "VDSBusTypeAta",
        /// IEEE 1394.
        Ieee1394 = 4 => "VDSBusType1394",
        /// SSA.
        Ssa = 5 => "VDSBusTypeSsa",
        /// Fibre Channel.
        Fibre = 6 => "VDSBusTypeFibre",
        /// USB.
        Usb = 7 => "VDSBusTypeUsb",
        /// RAID controller.
        Raid = 8 => "VDSBusTypeRAID",
        /// iSCSI.
        IScsi = 9 => "VDSBusTypeiScsi",
        /// SAS.
        Sas = 10 => "VDSBusTypeSas",
        /// SATA.
        Sata = 11 => "VDSBusTypeSata",
        /// SD card.
        Sd = 12 => "VDSBusTypeSd",
        /// MMC.
        Mmc = 13 => "VDSBusTypeMmc",
        /// Virtual.
        Virtual = 14 => "VDSBusTypeVirtual",
        /// Virtual, backed by a file.
        FileBackedVirtual = 15 => "VDSBusTypeFileBackedVirtual",
        /// Storage spaces.
        Spaces = 16 => "VDSBusTypeSpaces",
        /// NVMe.
        NVMe = 17 => "VDSBusTypeNVMe",
        /// Storage class memory.
        Scm = 18 => "VDSBusTypeScm",
        /// UFS.
        Ufs = 19 => "VDSBusTypeUfs",
    }
}

enumeration! {
    /// Address kind of an interconnect (`VDS_INTERCONNECT_ADDRESS_TYPE`).
    InterconnectAddressType {
        /// Not known.
        Unknown = 0 => "VDS_IA_UNKNOWN",
        /// FC, first come first served.
        Fcfs = 1 => "VDS_IA_FCFS",
        /// FC-PH.
        Fcph = 2 => "VDS_IA_FCPH",
        /// FC-PH-3.
        Fcph3 = 3 => "VDS_IA_FCPH3",
        /// Ethernet.
        Mac = 4 => "VDS_IA_MAC",
        /// SCSI.
        Scsi = 5 => "VDS_IA_SCSI",
    }
}

#[cfg(test)]
mod tests {
    use super::{BusType, IdentifierType, ObjectType, ProviderType, SnapshotState};

    #[test]
    fn values_follow_the_header() {
        assert_eq!(SnapshotState::Created.value(), 12);
        assert_eq!(SnapshotState::PostCommitted.value(), 15);
        assert_eq!(ObjectType::Snapshot.value(), 3);
        assert_eq!(ProviderType::Hardware.value(), 3);
        assert_eq!(IdentifierType::ScsiNameString.value(), 8);
        assert_eq!(BusType::FileBackedVirtual.value(), 0xF);
        assert_eq!(SnapshotState::from_value(16), None);
    }
}
