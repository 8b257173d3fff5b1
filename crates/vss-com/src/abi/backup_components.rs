//! `IVssBackupComponents` to `IVssBackupComponentsEx4`: the table of functions (spec: requester §3).
//!
//! The methods stand in files of their own, by what they are about; this one has their order.

use vss_model::interfaces;
use windows_sys::core::{BOOL, GUID};

use super::async_object::Async;
use super::enum_object::EnumObject;
use super::examine::ExamineWriterMetadata;
use super::object::{Object, class};
use super::structures::SnapshotProp;
use super::writer_components::WriterComponents;
use crate::requester::Requester;

/// A place for an `IVssAsync`.
pub(super) type AsyncPlace = *mut *mut Object<Async>;

/// A requester object.
pub(super) struct BackupComponents(pub(super) Requester);

class! {
    BackupComponents as BackupComponentsTable, &[
        interfaces::BACKUP_COMPONENTS,
        interfaces::BACKUP_COMPONENTS_EX,
        interfaces::BACKUP_COMPONENTS_EX2,
        interfaces::BACKUP_COMPONENTS_EX3,
        interfaces::BACKUP_COMPONENTS_EX4,
    ];
    "GetWriterComponentsCount" get_writer_components_count(count: *mut u32);
    "GetWriterComponents" get_writer_components(writer: u32, object: *mut *mut WriterComponents);
    "InitializeForBackup" initialize_for_backup(xml: *const u16);
    "SetBackupState" set_backup_state(select: u8, bootable: u8, kind: i32, partial: u8);
    "InitializeForRestore" initialize_for_restore(xml: *const u16);
    "SetRestoreState" set_restore_state(kind: i32);
    "GatherWriterMetadata" gather_writer_metadata(operation: AsyncPlace);
    "GetWriterMetadataCount" get_writer_metadata_count(count: *mut u32);
    "GetWriterMetadata" get_writer_metadata(
        writer: u32, instance: *mut GUID, object: *mut *mut Object<ExamineWriterMetadata>
    );
    "FreeWriterMetadata" free_writer_metadata();
    "AddComponent" add_component(
        instance: GUID, writer: GUID, kind: i32, path: *const u16, name: *const u16
    );
    "PrepareForBackup" prepare_for_backup(operation: AsyncPlace);
    "AbortBackup" abort_backup();
    "GatherWriterStatus" gather_writer_status(operation: AsyncPlace);
    "GetWriterStatusCount" get_writer_status_count(count: *mut u32);
    "FreeWriterStatus" free_writer_status();
    "GetWriterStatus" get_writer_status(
        writer: u32, instance: *mut GUID, id: *mut GUID, name: *mut *mut u16, state: *mut i32,
        failure: *mut i32
    );
    "SetBackupSucceeded" set_backup_succeeded(
        instance: GUID, writer: GUID, kind: i32, path: *const u16, name: *const u16, succeeded: u8
    );
    "SetBackupOptions" set_backup_options(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, options: *const u16
    );
    "SetSelectedForRestore" set_selected_for_restore(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, selected: u8
    );
    "SetRestoreOptions" set_restore_options(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, options: *const u16
    );
    "SetAdditionalRestores" set_additional_restores(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, additional: u8
    );
    "SetPreviousBackupStamp" set_previous_backup_stamp(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, stamp: *const u16
    );
    "SaveAsXML" save_as_xml(xml: *mut *mut u16);
    "BackupComplete" backup_complete(operation: AsyncPlace);
    "AddAlternativeLocationMapping" add_alternative_location_mapping(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, from: *const u16,
        filespec: *const u16, recursive: u8, to: *const u16
    );
    "AddRestoreSubcomponent" add_restore_subcomponent(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, sub_path: *const u16,
        sub_name: *const u16, repair: u8
    );
    "SetFileRestoreStatus" set_file_restore_status(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, status: i32
    );
    "AddNewTarget" add_new_target(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, from: *const u16,
        filename: *const u16, recursive: u8, to: *const u16
    );
    "SetRangesFilePath" set_ranges_file_path(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, index: u32,
        ranges: *const u16
    );
    "PreRestore" pre_restore(operation: AsyncPlace);
    "PostRestore" post_restore(operation: AsyncPlace);
    "SetContext" set_context(context: i32);
    "StartSnapshotSet" start_snapshot_set(set: *mut GUID);
    "AddToSnapshotSet" add_to_snapshot_set(
        volume: *const u16, provider: GUID, snapshot: *mut GUID
    );
    "DoSnapshotSet" do_snapshot_set(operation: AsyncPlace);
    "DeleteSnapshots" delete_snapshots(
        source: GUID, kind: i32, force: BOOL, deleted: *mut i32, failed: *mut GUID
    );
    "ImportSnapshots" import_snapshots(operation: AsyncPlace);
    "BreakSnapshotSet" break_snapshot_set(set: GUID);
    "GetSnapshotProperties" get_snapshot_properties(snapshot: GUID, prop: *mut SnapshotProp);
    "Query" query(
        queried: GUID, queried_type: i32, returned: i32, object: *mut *mut Object<EnumObject>
    );
    "IsVolumeSupported" is_volume_supported(
        provider: GUID, volume: *const u16, supported: *mut BOOL
    );
    "DisableWriterClasses" disable_writer_classes(ids: *const GUID, count: u32);
    "EnableWriterClasses" enable_writer_classes(ids: *const GUID, count: u32);
    "DisableWriterInstances" disable_writer_instances(ids: *const GUID, count: u32);
    "ExposeSnapshot" expose_snapshot(
        snapshot: GUID, from_root: *const u16, attributes: i32, name: *const u16,
        exposed: *mut *mut u16
    );
    "RevertToSnapshot" revert_to_snapshot(snapshot: GUID, force: BOOL);
    "QueryRevertStatus" query_revert_status(volume: *const u16, operation: AsyncPlace);
    "GetWriterMetadataEx" get_writer_metadata_ex(
        writer: u32, instance: *mut GUID, object: *mut *mut Object<ExamineWriterMetadata>
    );
    "SetSelectedForRestoreEx" set_selected_for_restore_ex(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, selected: u8, instance: GUID
    );
    "UnexposeSnapshot" unexpose_snapshot(snapshot: GUID);
    "SetAuthoritativeRestore" set_authoritative_restore(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, authoritative: u8
    );
    "SetRollForward" set_roll_forward(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, roll: i32, point: *const u16
    );
    "SetRestoreName" set_restore_name(
        writer: GUID, kind: i32, path: *const u16, name: *const u16, restore_name: *const u16
    );
    "BreakSnapshotSetEx" break_snapshot_set_ex(set: GUID, flags: u32, operation: AsyncPlace);
    "PreFastRecovery" pre_fast_recovery(set: GUID, flags: u32, operation: AsyncPlace);
    "FastRecovery" fast_recovery(set: GUID, flags: u32, operation: AsyncPlace);
    "GetWriterStatusEx" get_writer_status_ex(
        writer: u32, instance: *mut GUID, id: *mut GUID, name: *mut *mut u16, state: *mut i32,
        failure: *mut i32, application: *mut i32, message: *mut *mut u16
    );
    "AddSnapshotToRecoverySet" add_snapshot_to_recovery_set(
        snapshot: GUID, flags: u32, destination: *const u16
    );
    "RecoverSet" recover_set(flags: u32, operation: AsyncPlace);
    "GetSessionId" get_session_id(session: *mut GUID);
    "GetRootAndLogicalPrefixPaths" get_root_and_logical_prefix_paths(
        path: *const u16, root: *mut *mut u16, prefix: *mut *mut u16, normalise: BOOL
    );
}
