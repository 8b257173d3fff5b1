//! TEMPORARY
use vss_model::*;
#[derive(Debug, Clone, Default)]
pub(crate) struct FileDescriptor {
    pub path: Option<String>,
    pub filespec: Option<String>,
    pub recursive: bool,
    pub alternate_location: Option<String>,
    pub backup_type_mask: u32,
}
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub writer_id: WriterId,
    pub logical_path: Option<String>,
    pub component_name: String,
}
#[derive(Debug, Clone)]
pub(crate) struct MetadataComponent {
    pub component_type: ComponentType,
    pub logical_path: Option<String>,
    pub component_name: String,
    pub caption: Option<String>,
    pub icon: Vec<u8>,
    pub restore_metadata: bool,
    pub notify_on_backup_complete: bool,
    pub selectable: bool,
    pub selectable_for_restore: bool,
    pub component_flags: u32,
    pub files: Vec<FileDescriptor>,
    pub database_files: Vec<FileDescriptor>,
    pub database_log_files: Vec<FileDescriptor>,
    pub dependencies: Vec<Dependency>,
}
#[derive(Debug, Clone)]
pub(crate) struct Restore {
    pub method: RestoreMethod,
    pub service: Option<String>,
    pub user_procedure: Option<String>,
    pub writer_restore: WriterRestore,
    pub reboot_required: bool,
    pub mappings: Vec<FileDescriptor>,
}
#[derive(Debug, Clone)]
pub(crate) struct WriterMetadata {
    pub instance_id: WriterInstanceId,
    pub writer_id: WriterId,
    pub writer_name: String,
    pub instance_name: Option<String>,
    pub usage: UsageType,
    pub source: SourceType,
    pub version_major: u32,
    pub version_minor: u32,
    pub restore_method: Option<Restore>,
    pub backup_schema: u32,
    pub exclude_files: Vec<FileDescriptor>,
    pub exclude_from_snapshot_files: Vec<FileDescriptor>,
    pub components: Vec<MetadataComponent>,
}
impl WriterMetadata {
    pub(crate) fn parse(_: &str) -> Result<Self, Error> {
        Err(Error::new(ErrorKind::InvalidXmlDocument, "x"))
    }
    pub(crate) fn to_xml(&self) -> String {
        String::new()
    }
}
#[derive(Debug, Clone)]
pub(crate) struct RestoreSubcomponent {
    pub logical_path: Option<String>,
    pub component_name: String,
    pub repair: bool,
}
#[derive(Debug, Clone)]
pub(crate) struct PartialFile {
    pub path: String,
    pub filename: String,
    pub ranges: Option<String>,
    pub metadata: Option<String>,
}
#[derive(Debug, Clone)]
pub(crate) struct DirectedTarget {
    pub source_path: String,
    pub source_filename: String,
    pub source_ranges: Option<String>,
    pub destination_path: String,
    pub destination_filename: String,
    pub destination_ranges: Option<String>,
}
#[derive(Debug, Clone)]
pub(crate) struct DifferencedFile {
    pub path: String,
    pub filespec: String,
    pub recursive: bool,
    pub lsn: Option<String>,
    pub last_modify_time: u64,
}
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub code: ResultCode,
    pub application_code: u32,
    pub application_message: Option<String>,
}
#[derive(Debug, Clone)]
pub(crate) struct DocumentComponent {
    pub component_type: ComponentType,
    pub logical_path: Option<String>,
    pub component_name: String,
    pub backup_succeeded: bool,
    pub backup_metadata: Option<String>,
    pub selected_for_restore: bool,
    pub additional_restores: bool,
    pub restore_metadata: Option<String>,
    pub restore_target: RestoreTarget,
    pub pre_restore_failure_msg: Option<String>,
    pub post_restore_failure_msg: Option<String>,
    pub backup_stamp: Option<String>,
    pub previous_backup_stamp: Option<String>,
    pub backup_options: Option<String>,
    pub restore_options: Option<String>,
    pub file_restore_status: FileRestoreStatus,
    pub prepare_for_backup_failure_msg: Option<String>,
    pub post_snapshot_failure_msg: Option<String>,
    pub authoritative_restore: bool,
    pub roll_forward_type: RollForwardType,
    pub roll_forward_point: Option<String>,
    pub restore_name: Option<String>,
    pub failure: Option<Failure>,
    pub alternate_location_mappings: Vec<FileDescriptor>,
    pub partial_files: Vec<PartialFile>,
    pub new_targets: Vec<FileDescriptor>,
    pub directed_targets: Vec<DirectedTarget>,
    pub restore_subcomponents: Vec<RestoreSubcomponent>,
    pub differenced_files: Vec<DifferencedFile>,
}
#[derive(Debug, Clone)]
pub(crate) struct WriterComponents {
    pub instance_id: WriterInstanceId,
    pub writer_id: WriterId,
    pub components: Vec<DocumentComponent>,
}
#[derive(Debug, Clone)]
pub(crate) struct BackupComponentsDocument {
    pub context: Option<u32>,
    pub select_components: bool,
    pub bootable_system_state: bool,
    pub backup_type: BackupType,
    pub partial_file_support: bool,
    pub restore_type: RestoreType,
    pub writers: Vec<WriterComponents>,
}
impl Default for BackupComponentsDocument {
    fn default() -> Self {
        Self {
            context: None,
            select_components: false,
            bootable_system_state: false,
            backup_type: BackupType::Undefined,
            partial_file_support: false,
            restore_type: RestoreType::Undefined,
            writers: Vec::new(),
        }
    }
}
impl BackupComponentsDocument {
    pub(crate) fn parse(_: &str) -> Result<Self, Error> {
        Err(Error::new(ErrorKind::InvalidXmlDocument, "x"))
    }
    pub(crate) fn to_xml(&self) -> String {
        String::new()
    }
    pub(crate) fn component_mut(
        &mut self,
        _w: WriterId,
        _i: Option<WriterInstanceId>,
        _k: ComponentType,
        _p: Option<&str>,
        _n: &str,
    ) -> Result<&mut DocumentComponent, Error> {
        Err(Error::new(ErrorKind::ObjectNotFound, "x"))
    }
}
