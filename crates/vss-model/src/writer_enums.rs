//! The enumerations of `vss.h` and `vswriter.h` about writers, their components and backups, with
//! their numeric values (spec: requester §8; writer §2.3, §4, §7).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::enums::enumeration;

/// Gives an enumeration its first value, which says nothing, as the default.
macro_rules! undefined_by_default {
    ($($name:ident,)*) => {
        $(impl Default for $name {
            fn default() -> Self {
                Self::Undefined
            }
        })*
    };
}

undefined_by_default! {
    BackupType, ComponentType, FileRestoreStatus, RestoreMethod, RestoreTarget, RestoreType,
    RollForwardType, SourceType, UsageType, WriterRestore,
}

enumeration! {
    /// Kinds of component (`VSS_COMPONENT_TYPE`).
    ComponentType {
        /// Not said.
        Undefined = 0 => "VSS_CT_UNDEFINED",
        /// A database, with files and log files.
        Database = 1 => "VSS_CT_DATABASE",
        /// Any other group of files.
        FileGroup = 2 => "VSS_CT_FILEGROUP",
    }
}

enumeration! {
    /// What a writer's data is to the machine (`VSS_USAGE_TYPE`).
    UsageType {
        /// Not said.
        Undefined = 0 => "VSS_UT_UNDEFINED",
        /// Needed to start the machine.
        BootableSystemState = 1 => "VSS_UT_BOOTABLESYSTEMSTATE",
        /// Data of a service of the system.
        SystemService = 2 => "VSS_UT_SYSTEMSERVICE",
        /// Data of users.
        UserData = 3 => "VSS_UT_USERDATA",
        /// Anything else.
        Other = 4 => "VSS_UT_OTHER",
    }
}

enumeration! {
    /// How a writer keeps its data (`VSS_SOURCE_TYPE`).
    SourceType {
        /// Not said.
        Undefined = 0 => "VSS_ST_UNDEFINED",
        /// A database with transactions.
        TransactedDb = 1 => "VSS_ST_TRANSACTEDDB",
        /// A database without transactions.
        NonTransactedDb = 2 => "VSS_ST_NONTRANSACTEDDB",
        /// No database.
        Other = 3 => "VSS_ST_OTHER",
    }
}

enumeration! {
    /// Kinds of backup (`VSS_BACKUP_TYPE`).
    BackupType {
        /// Not said.
        Undefined = 0 => "VSS_BT_UNDEFINED",
        /// Everything; begins the history anew.
        Full = 1 => "VSS_BT_FULL",
        /// Changes since the last full or incremental backup.
        Incremental = 2 => "VSS_BT_INCREMENTAL",
        /// Changes since the last full backup.
        Differential = 3 => "VSS_BT_DIFFERENTIAL",
        /// Log files only.
        Log = 4 => "VSS_BT_LOG",
        /// Everything; leaves the history alone.
        Copy = 5 => "VSS_BT_COPY",
        /// Anything else.
        Other = 6 => "VSS_BT_OTHER",
    }
}

enumeration! {
    /// Kinds of restore (`VSS_RESTORE_TYPE`).
    RestoreType {
        /// Not said.
        Undefined = 0 => "VSS_RTYPE_UNDEFINED",
        /// Files are copied back.
        ByCopy = 1 => "VSS_RTYPE_BY_COPY",
        /// Copies are imported.
        Import = 2 => "VSS_RTYPE_IMPORT",
        /// Anything else.
        Other = 3 => "VSS_RTYPE_OTHER",
    }
}

enumeration! {
    /// How far logs are replayed after a restore (`VSS_ROLLFORWARD_TYPE`).
    RollForwardType {
        /// Not said.
        Undefined = 0 => "VSS_RF_UNDEFINED",
        /// Not at all.
        None = 1 => "VSS_RF_NONE",
        /// To their end.
        All = 2 => "VSS_RF_ALL",
        /// To a point.
        Partial = 3 => "VSS_RF_PARTIAL",
    }
}

enumeration! {
    /// How a writer wants its files restored (`VSS_RESTOREMETHOD_ENUM`).
    RestoreMethod {
        /// Not said.
        Undefined = 0 => "VSS_RME_UNDEFINED",
        /// If none of the files is there.
        RestoreIfNotThere = 1 => "VSS_RME_RESTORE_IF_NOT_THERE",
        /// If all files can be overwritten.
        RestoreIfCanReplace = 2 => "VSS_RME_RESTORE_IF_CAN_REPLACE",
        /// The service is stopped, and started afterwards.
        StopRestoreStart = 3 => "VSS_RME_STOP_RESTORE_START",
        /// To the places of the mappings.
        RestoreToAlternateLocation = 4 => "VSS_RME_RESTORE_TO_ALTERNATE_LOCATION",
        /// At the next start of the machine.
        RestoreAtReboot = 5 => "VSS_RME_RESTORE_AT_REBOOT",
        /// At the next start, if a file cannot be overwritten now.
        RestoreAtRebootIfCannotReplace = 6 => "VSS_RME_RESTORE_AT_REBOOT_IF_CANNOT_REPLACE",
        /// By an interface of the writer's own.
        Custom = 7 => "VSS_RME_CUSTOM",
        /// Restored, then the service is restarted.
        RestoreStopStart = 8 => "VSS_RME_RESTORE_STOP_START",
    }
}

enumeration! {
    /// When a writer takes part in a restore (`VSS_WRITERRESTORE_ENUM`).
    WriterRestore {
        /// Not said.
        Undefined = 0 => "VSS_WRE_UNDEFINED",
        /// Never.
        Never = 1 => "VSS_WRE_NEVER",
        /// If a file could not be replaced.
        IfReplaceFails = 2 => "VSS_WRE_IF_REPLACE_FAILS",
        /// Always.
        Always = 3 => "VSS_WRE_ALWAYS",
    }
}

enumeration! {
    /// Where a writer wants a component restored (`VSS_RESTORE_TARGET`).
    RestoreTarget {
        /// Not said.
        Undefined = 0 => "VSS_RT_UNDEFINED",
        /// As the restore method says.
        Original = 1 => "VSS_RT_ORIGINAL",
        /// To the alternate locations.
        Alternate = 2 => "VSS_RT_ALTERNATE",
        /// As the directed targets say.
        Directed = 3 => "VSS_RT_DIRECTED",
        /// To where the files came from.
        OriginalLocation = 4 => "VSS_RT_ORIGINAL_LOCATION",
    }
}

enumeration! {
    /// What became of a component's files (`VSS_FILE_RESTORE_STATUS`).
    FileRestoreStatus {
        /// Not said.
        Undefined = 0 => "VSS_RS_UNDEFINED",
        /// Nothing was restored.
        None = 1 => "VSS_RS_NONE",
        /// Everything was restored.
        All = 2 => "VSS_RS_ALL",
        /// Something could not be restored.
        Failed = 3 => "VSS_RS_FAILED",
    }
}

enumeration! {
    /// Where a writer stands in a session (`VSS_WRITER_STATE`).
    WriterState {
        /// Not known.
        Unknown = 0 => "VSS_WS_UNKNOWN",
        /// Idle.
        Stable = 1 => "VSS_WS_STABLE",
        /// Prepared for the copy.
        WaitingForFreeze = 2 => "VSS_WS_WAITING_FOR_FREEZE",
        /// Frozen.
        WaitingForThaw = 3 => "VSS_WS_WAITING_FOR_THAW",
        /// Thawed.
        WaitingForPostSnapshot = 4 => "VSS_WS_WAITING_FOR_POST_SNAPSHOT",
        /// The copies are there.
        WaitingForBackupComplete = 5 => "VSS_WS_WAITING_FOR_BACKUP_COMPLETE",
        /// `Identify` failed.
        FailedAtIdentify = 6 => "VSS_WS_FAILED_AT_IDENTIFY",
        /// `PrepareForBackup` failed.
        FailedAtPrepareBackup = 7 => "VSS_WS_FAILED_AT_PREPARE_BACKUP",
        /// `PrepareForSnapshot` failed.
        FailedAtPrepareSnapshot = 8 => "VSS_WS_FAILED_AT_PREPARE_SNAPSHOT",
        /// `Freeze` failed.
        FailedAtFreeze = 9 => "VSS_WS_FAILED_AT_FREEZE",
        /// `Thaw` failed.
        FailedAtThaw = 10 => "VSS_WS_FAILED_AT_THAW",
        /// `PostSnapshot` failed.
        FailedAtPostSnapshot = 11 => "VSS_WS_FAILED_AT_POST_SNAPSHOT",
        /// `BackupComplete` failed.
        FailedAtBackupComplete = 12 => "VSS_WS_FAILED_AT_BACKUP_COMPLETE",
        /// `PreRestore` failed.
        FailedAtPreRestore = 13 => "VSS_WS_FAILED_AT_PRE_RESTORE",
        /// `PostRestore` failed.
        FailedAtPostRestore = 14 => "VSS_WS_FAILED_AT_POST_RESTORE",
        /// `BackupShutdown` failed.
        FailedAtBackupShutdown = 15 => "VSS_WS_FAILED_AT_BACKUPSHUTDOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BackupType, ComponentType, FileRestoreStatus, RestoreMethod, RestoreTarget, RestoreType,
        RollForwardType, SourceType, UsageType, WriterRestore, WriterState,
    };

    #[test]
    fn values_follow_the_headers() {
        assert_eq!(BackupType::Other.value(), 6);
        assert_eq!(ComponentType::FileGroup.value(), 2);
        assert_eq!(FileRestoreStatus::Failed.value(), 3);
        assert_eq!(RestoreMethod::Custom.value(), 7);
        assert_eq!(RestoreMethod::RestoreStopStart.value(), 8);
        assert_eq!(RestoreTarget::OriginalLocation.value(), 4);
        assert_eq!(RestoreType::Other.value(), 3);
        assert_eq!(RollForwardType::Partial.value(), 3);
        assert_eq!(SourceType::Other.value(), 3);
        assert_eq!(UsageType::Other.value(), 4);
        assert_eq!(WriterRestore::Always.value(), 3);
        assert_eq!(WriterState::FailedAtIdentify.value(), 6);
        assert_eq!(WriterState::FailedAtBackupShutdown.value(), 15);
        assert_eq!(WriterState::from_value(16), None);
        assert_eq!(ComponentType::default(), ComponentType::Undefined);
    }
}
