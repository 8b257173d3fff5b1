//! A component in a Backup Components Document (spec: requester §11, writer §8 and §9).

use vss_model::{
    ComponentType, Error, FileRestoreStatus, RestoreTarget, ResultCode, RollForwardType,
};

use super::files::FileDescriptor;
use super::tree::{Element, OWN, Rest};
use super::value::{Attributes, boolean};

/// A component that a backup holds, or a restore wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentComponent {
    /// A database or a group of files.
    pub(crate) component_type: ComponentType,
    /// Where it stands among others.
    pub(crate) logical_path: Option<String>,
    /// Its name.
    pub(crate) component_name: String,
    /// `SetBackupSucceeded`.
    pub(crate) backup_succeeded: bool,
    /// `SetSelectedForRestore`.
    pub(crate) selected_for_restore: bool,
    /// `SetAdditionalRestores`.
    pub(crate) additional_restores: bool,
    /// `SetAuthoritativeRestore`.
    pub(crate) authoritative_restore: bool,
    /// `SetRestoreTarget`.
    pub(crate) restore_target: RestoreTarget,
    /// `SetFileRestoreStatus`.
    pub(crate) file_restore_status: FileRestoreStatus,
    /// `SetRollForward`: how far.
    pub(crate) roll_forward_type: RollForwardType,
    /// `SetRollForward`: to where.
    pub(crate) roll_forward_point: Option<String>,
    /// `SetRestoreName`.
    pub(crate) restore_name: Option<String>,
    /// `SetBackupOptions`.
    pub(crate) backup_options: Option<String>,
    /// `SetRestoreOptions`.
    pub(crate) restore_options: Option<String>,
    /// `SetBackupStamp`.
    pub(crate) backup_stamp: Option<String>,
    /// `SetPreviousBackupStamp`.
    pub(crate) previous_backup_stamp: Option<String>,
    /// `SetBackupMetadata`.
    pub(crate) backup_metadata: Option<String>,
    /// `SetRestoreMetadata`.
    pub(crate) restore_metadata: Option<String>,
    /// `SetPreRestoreFailureMsg`.
    pub(crate) pre_restore_failure_msg: Option<String>,
    /// `SetPostRestoreFailureMsg`.
    pub(crate) post_restore_failure_msg: Option<String>,
    /// `SetPrepareForBackupFailureMsg`.
    pub(crate) prepare_for_backup_failure_msg: Option<String>,
    /// `SetPostSnapshotFailureMsg`.
    pub(crate) post_snapshot_failure_msg: Option<String>,
    /// `SetFailure`.
    pub(crate) failure: Option<Failure>,
    /// `AddAlternativeLocationMapping`.
    pub(crate) alternate_location_mappings: Vec<FileDescriptor>,
    /// `AddNewTarget`.
    pub(crate) new_targets: Vec<FileDescriptor>,
    /// `AddPartialFile`.
    pub(crate) partial_files: Vec<PartialFile>,
    /// `AddDirectedTarget`.
    pub(crate) directed_targets: Vec<DirectedTarget>,
    /// `AddRestoreSubcomponent`.
    pub(crate) restore_subcomponents: Vec<RestoreSubcomponent>,
    /// `AddDifferencedFilesByLastModifyTime`, `…LSN`.
    pub(crate) differenced_files: Vec<DifferencedFile>,
    rest: Rest,
}

/// Why a writer failed on a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `VSS_E_WRITERERROR_*`.
    pub(crate) code: ResultCode,
    /// A code of the application.
    pub(crate) application_code: u32,
    /// In words.
    pub(crate) application_message: Option<String>,
}

/// Parts of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialFile {
    /// The folder.
    pub(crate) path: String,
    /// The file.
    pub(crate) filename: String,
    /// Ranges, or a file of ranges.
    pub(crate) ranges: Option<String>,
    /// The writer's own.
    pub(crate) metadata: Option<String>,
}

/// Where parts of a file go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectedTarget {
    /// The folder in the backup.
    pub(crate) source_path: String,
    /// The file in the backup.
    pub(crate) source_filename: String,
    /// Ranges of it.
    pub(crate) source_ranges: Option<String>,
    /// The folder to restore to.
    pub(crate) destination_path: String,
    /// The file to restore to.
    pub(crate) destination_filename: String,
    /// Ranges of it.
    pub(crate) destination_ranges: Option<String>,
}

/// A part of a component that is restored by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RestoreSubcomponent {
    /// Its path.
    pub(crate) logical_path: Option<String>,
    /// Its name.
    pub(crate) component_name: String,
    /// Reserved.
    pub(crate) repair: bool,
}

/// Files of which a backup needs what has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DifferencedFile {
    /// The folder.
    pub(crate) path: String,
    /// The pattern.
    pub(crate) filespec: String,
    /// Whether folders in it count.
    pub(crate) recursive: bool,
    /// Since this log sequence number.
    pub(crate) lsn: Option<String>,
    /// Since this time (`FILETIME`); 0 leaves it to the requester.
    pub(crate) last_modify_time: u64,
}

impl DocumentComponent {
    /// One that was just added.
    pub(crate) fn new(
        component_type: ComponentType,
        logical_path: Option<String>,
        component_name: String,
    ) -> Self {
        Self {
            component_type,
            logical_path,
            component_name,
            backup_succeeded: false,
            selected_for_restore: false,
            additional_restores: false,
            authoritative_restore: false,
            restore_target: RestoreTarget::Undefined,
            file_restore_status: FileRestoreStatus::Undefined,
            roll_forward_type: RollForwardType::Undefined,
            roll_forward_point: None,
            restore_name: None,
            backup_options: None,
            restore_options: None,
            backup_stamp: None,
            previous_backup_stamp: None,
            backup_metadata: None,
            restore_metadata: None,
            pre_restore_failure_msg: None,
            post_restore_failure_msg: None,
            prepare_for_backup_failure_msg: None,
            post_snapshot_failure_msg: None,
            failure: None,
            alternate_location_mappings: Vec::new(),
            new_targets: Vec::new(),
            partial_files: Vec::new(),
            directed_targets: Vec::new(),
            restore_subcomponents: Vec::new(),
            differenced_files: Vec::new(),
            rest: Rest::default(),
        }
    }

    pub(super) fn read(mut element: Element) -> Result<Self, Error> {
        let e = &mut element;
        let kind = e.one_of("componentType", ComponentType::from_value)?;
        let path = e.take("logicalPath");
        let mut component = Self::new(kind, path, e.needed("componentName")?);
        component.backup_succeeded = e.boolean("backupSucceeded")?;
        component.selected_for_restore = e.boolean("selectedForRestore")?;
        component.additional_restores = e.boolean("additionalRestores")?;
        component.authoritative_restore = e.boolean("authoritativeRestore")?;
        component.restore_target = e.one_of("restoreTarget", RestoreTarget::from_value)?;
        component.file_restore_status =
            e.one_of("fileRestoreStatus", FileRestoreStatus::from_value)?;
        component.roll_forward_type = e.one_of("rollForwardType", RollForwardType::from_value)?;
        for (name, text) in component.texts_mut() {
            *text = e.take(name);
        }
        component.failure = e.take_one(OWN, "FAILURE").map(Failure::read).transpose()?;
        component.alternate_location_mappings =
            FileDescriptor::take_all(e, OWN, "ALTERNATE_LOCATION_MAPPING")?;
        component.new_targets = FileDescriptor::take_all(e, OWN, "NEW_TARGET")?;
        component.partial_files = all(e, "PARTIAL_FILE", PartialFile::read)?;
        component.directed_targets = all(e, "DIRECTED_TARGET", DirectedTarget::read)?;
        component.restore_subcomponents =
            all(e, "RESTORE_SUBCOMPONENT", RestoreSubcomponent::read)?;
        component.differenced_files = all(e, "DIFFERENCED_FILE", DifferencedFile::read)?;
        component.rest = element.rest();
        Ok(component)
    }

    pub(super) fn write(&self) -> Element {
        let mut element = Element::new(OWN, "COMPONENT")
            .with("componentType", self.component_type.value().to_string())
            .with_some("logicalPath", self.logical_path.as_deref())
            .with("componentName", self.component_name.as_str())
            .with("backupSucceeded", boolean(self.backup_succeeded))
            .with("selectedForRestore", boolean(self.selected_for_restore))
            .with("additionalRestores", boolean(self.additional_restores))
            .with("authoritativeRestore", boolean(self.authoritative_restore))
            .with("restoreTarget", self.restore_target.value().to_string())
            .with(
                "fileRestoreStatus",
                self.file_restore_status.value().to_string(),
            )
            .with(
                "rollForwardType",
                self.roll_forward_type.value().to_string(),
            );
        for (name, text) in self.clone().texts_mut() {
            element = element.with_some(name, text.as_deref());
        }
        let file =
            |name: &'static str| move |file: &FileDescriptor| file.write(Element::new(OWN, name));
        element
            .holding_all(self.failure.iter().map(Failure::write))
            .holding_all(
                self.alternate_location_mappings
                    .iter()
                    .map(file("ALTERNATE_LOCATION_MAPPING")),
            )
            .holding_all(self.new_targets.iter().map(file("NEW_TARGET")))
            .holding_all(self.partial_files.iter().map(PartialFile::write))
            .holding_all(self.directed_targets.iter().map(DirectedTarget::write))
            .holding_all(
                self.restore_subcomponents
                    .iter()
                    .map(RestoreSubcomponent::write),
            )
            .holding_all(self.differenced_files.iter().map(DifferencedFile::write))
            .and(&self.rest)
    }

    /// The optional texts and their names in the document.
    fn texts_mut(&mut self) -> [(&'static str, &mut Option<String>); 12] {
        [
            ("rollForwardPoint", &mut self.roll_forward_point),
            ("restoreName", &mut self.restore_name),
            ("backupOptions", &mut self.backup_options),
            ("restoreOptions", &mut self.restore_options),
            ("backupStamp", &mut self.backup_stamp),
            ("previousBackupStamp", &mut self.previous_backup_stamp),
            ("backupMetadata", &mut self.backup_metadata),
            ("restoreMetadata", &mut self.restore_metadata),
            ("preRestoreFailureMsg", &mut self.pre_restore_failure_msg),
            ("postRestoreFailureMsg", &mut self.post_restore_failure_msg),
            (
                "prepareForBackupFailureMsg",
                &mut self.prepare_for_backup_failure_msg,
            ),
            (
                "postSnapshotFailureMsg",
                &mut self.post_snapshot_failure_msg,
            ),
        ]
    }
}

fn all<T>(
    around: &mut Element,
    name: &str,
    read: impl Fn(Element) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    around.take_all(OWN, name).into_iter().map(read).collect()
}

impl Failure {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            code: element.code("code")?,
            application_code: element.code("applicationCode")?.0,
            application_message: element.take("applicationMessage"),
        })
    }

    fn write(&self) -> Element {
        Element::new(OWN, "FAILURE")
            .with("code", self.code.hex())
            .with("applicationCode", ResultCode(self.application_code).hex())
            .with_some("applicationMessage", self.application_message.as_deref())
    }
}

impl PartialFile {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            path: element.needed("path")?,
            filename: element.needed("filename")?,
            ranges: element.take("ranges"),
            metadata: element.take("metadata"),
        })
    }

    fn write(&self) -> Element {
        Element::new(OWN, "PARTIAL_FILE")
            .with("path", self.path.as_str())
            .with("filename", self.filename.as_str())
            .with_some("ranges", self.ranges.as_deref())
            .with_some("metadata", self.metadata.as_deref())
    }
}

impl DirectedTarget {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            source_path: element.needed("sourcePath")?,
            source_filename: element.needed("sourceFilename")?,
            source_ranges: element.take("sourceRanges"),
            destination_path: element.needed("destinationPath")?,
            destination_filename: element.needed("destinationFilename")?,
            destination_ranges: element.take("destinationRanges"),
        })
    }

    fn write(&self) -> Element {
        Element::new(OWN, "DIRECTED_TARGET")
            .with("sourcePath", self.source_path.as_str())
            .with("sourceFilename", self.source_filename.as_str())
            .with_some("sourceRanges", self.source_ranges.as_deref())
            .with("destinationPath", self.destination_path.as_str())
            .with("destinationFilename", self.destination_filename.as_str())
            .with_some("destinationRanges", self.destination_ranges.as_deref())
    }
}

impl RestoreSubcomponent {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            logical_path: element.take("logicalPath"),
            component_name: element.needed("componentName")?,
            repair: element.boolean("repair")?,
        })
    }

    fn write(&self) -> Element {
        Element::new(OWN, "RESTORE_SUBCOMPONENT")
            .with_some("logicalPath", self.logical_path.as_deref())
            .with("componentName", self.component_name.as_str())
            .with("repair", boolean(self.repair))
    }
}

impl DifferencedFile {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            path: element.needed("path")?,
            filespec: element.needed("filespec")?,
            recursive: element.boolean("recursive")?,
            lsn: element.take("lsn"),
            last_modify_time: element.number("lastModifyTime")?,
        })
    }

    fn write(&self) -> Element {
        Element::new(OWN, "DIFFERENCED_FILE")
            .with("path", self.path.as_str())
            .with("filespec", self.filespec.as_str())
            .with("recursive", boolean(self.recursive))
            .with_some("lsn", self.lsn.as_deref())
            .with("lastModifyTime", self.last_modify_time.to_string())
    }
}
