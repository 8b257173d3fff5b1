//! The Writer Metadata Document (spec: writer §7 and §12).

use vss_model::{
    ComponentType, Error, RestoreMethod, SourceType, UsageType, WriterId, WriterInstanceId,
    WriterRestore,
};

use super::files::{Dependency, FileDescriptor};
use super::tree::{Element, OWN, Rest};
use super::value::{Attributes, boolean, bytes, hex};

/// The namespace of names that can be seen in public.
const PUBLIC: &str = "x-schema:#VssWriterMetadataInfo";

/// What a writer says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriterMetadata {
    /// The writer's class.
    pub(crate) writer_id: WriterId,
    /// Its running instance.
    pub(crate) instance_id: WriterInstanceId,
    /// Its name.
    pub(crate) writer_name: String,
    /// The name of the instance.
    pub(crate) instance_name: Option<String>,
    /// `VSS_USAGE_TYPE`.
    pub(crate) usage: UsageType,
    /// `VSS_SOURCE_TYPE`.
    pub(crate) source: SourceType,
    /// Major version.
    pub(crate) version_major: u32,
    /// Minor version.
    pub(crate) version_minor: u32,
    /// How its files are restored.
    pub(crate) restore_method: Option<Restore>,
    /// `VSS_BACKUP_SCHEMA`, a bit set.
    pub(crate) backup_schema: u32,
    /// Files that no backup needs.
    pub(crate) exclude_files: Vec<FileDescriptor>,
    /// Files that copies need not hold.
    pub(crate) exclude_from_snapshot_files: Vec<FileDescriptor>,
    /// Its components.
    pub(crate) components: Vec<MetadataComponent>,
    rest: Rest,
}

/// How files are restored (`SetRestoreMethod`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restore {
    /// `VSS_RESTOREMETHOD_ENUM`.
    pub(crate) method: RestoreMethod,
    /// A service to stop meanwhile.
    pub(crate) service: Option<String>,
    /// What a person has to do.
    pub(crate) user_procedure: Option<String>,
    /// `VSS_WRITERRESTORE_ENUM`.
    pub(crate) writer_restore: WriterRestore,
    /// Whether a restart follows.
    pub(crate) reboot_required: bool,
    /// Where files may go instead.
    pub(crate) mappings: Vec<FileDescriptor>,
    rest: Rest,
}

/// A component, as its writer describes it (`VSS_COMPONENTINFO` and its files).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataComponent {
    /// A database or a group of files.
    pub(crate) component_type: ComponentType,
    /// Where it stands among others.
    pub(crate) logical_path: Option<String>,
    /// Its name.
    pub(crate) component_name: String,
    /// For people.
    pub(crate) caption: Option<String>,
    /// An icon.
    pub(crate) icon: Vec<u8>,
    /// `bRestoreMetadata`.
    pub(crate) restore_metadata: bool,
    /// `bNotifyOnBackupComplete`.
    pub(crate) notify_on_backup_complete: bool,
    /// `bSelectable`.
    pub(crate) selectable: bool,
    /// `bSelectableForRestore`.
    pub(crate) selectable_for_restore: bool,
    /// `dwComponentFlags`.
    pub(crate) component_flags: u32,
    /// Files of a group.
    pub(crate) files: Vec<FileDescriptor>,
    /// Files of a database.
    pub(crate) database_files: Vec<FileDescriptor>,
    /// Log files of a database.
    pub(crate) database_log_files: Vec<FileDescriptor>,
    /// Components that must be backed up with it.
    pub(crate) dependencies: Vec<Dependency>,
    rest: Rest,
}

impl WriterMetadata {
    /// Reads a document.
    ///
    /// # Errors
    /// `VSS_E_INVALID_XML_DOCUMENT`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut root = Element::parse(text, PUBLIC, "WRITER_METADATA")?;
        let mut identity = root
            .take_one(PUBLIC, "IDENTIFICATION")
            .ok_or_else(|| super::tree::invalid("the document has no IDENTIFICATION"))?;
        let mut locations = root
            .take_one(PUBLIC, "BACKUP_LOCATIONS")
            .unwrap_or_else(|| Element::new(PUBLIC, "BACKUP_LOCATIONS"));
        let mut components = Vec::new();
        for (name, kind) in [
            ("DATABASE", ComponentType::Database),
            ("FILE_GROUP", ComponentType::FileGroup),
        ] {
            for element in locations.take_all(PUBLIC, name) {
                components.push(MetadataComponent::read(element, kind)?);
            }
        }
        Ok(Self {
            writer_id: WriterId::from_uuid(identity.guid("writerId")?),
            instance_id: WriterInstanceId::from_uuid(identity.guid("instanceId")?),
            writer_name: identity.take("friendlyName").unwrap_or_default(),
            instance_name: identity.take("instanceName"),
            usage: identity.one_of("usage", UsageType::from_value)?,
            source: identity.one_of("dataSource", SourceType::from_value)?,
            version_major: identity.number32("majorVersion")?,
            version_minor: identity.number32("minorVersion")?,
            restore_method: root
                .take_one(OWN, "RESTORE_METHOD")
                .map(Restore::read)
                .transpose()?,
            backup_schema: root.number32("backupSchema")?,
            exclude_files: FileDescriptor::take_all(&mut root, PUBLIC, "EXCLUDE_FILES")?,
            exclude_from_snapshot_files: FileDescriptor::take_all(
                &mut root,
                OWN,
                "EXCLUDE_FILES_FROM_SNAPSHOT",
            )?,
            components,
            rest: root.rest(),
        })
    }

    /// The document.
    pub(crate) fn to_xml(&self) -> String {
        let identity = Element::new(PUBLIC, "IDENTIFICATION")
            .with("writerId", self.writer_id.to_string())
            .with("instanceId", self.instance_id.to_string())
            .with("friendlyName", self.writer_name.as_str())
            .with_some("instanceName", self.instance_name.as_deref())
            .with("usage", self.usage.value().to_string())
            .with("dataSource", self.source.value().to_string())
            .with("majorVersion", self.version_major.to_string())
            .with("minorVersion", self.version_minor.to_string());
        let locations = Element::new(PUBLIC, "BACKUP_LOCATIONS")
            .holding_all(self.components.iter().map(MetadataComponent::write));
        let excluded =
            |space, name| move |file: &FileDescriptor| file.write(Element::new(space, name));
        Element::new(PUBLIC, "WRITER_METADATA")
            .with("backupSchema", self.backup_schema.to_string())
            .holding(identity)
            .holding_all(self.restore_method.iter().map(Restore::write))
            .holding(locations)
            .holding_all(
                self.exclude_files
                    .iter()
                    .map(excluded(PUBLIC, "EXCLUDE_FILES")),
            )
            .holding_all(
                self.exclude_from_snapshot_files
                    .iter()
                    .map(excluded(OWN, "EXCLUDE_FILES_FROM_SNAPSHOT")),
            )
            .and(&self.rest)
            .to_xml()
    }
}

impl Restore {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            method: element.one_of("method", RestoreMethod::from_value)?,
            service: element.take("service"),
            user_procedure: element.take("userProcedure"),
            writer_restore: element.one_of("writerRestore", WriterRestore::from_value)?,
            reboot_required: element.boolean("rebootRequired")?,
            mappings: FileDescriptor::take_all(&mut element, OWN, "ALTERNATE_LOCATION_MAPPING")?,
            rest: element.rest(),
        })
    }

    fn write(&self) -> Element {
        let mapping =
            |file: &FileDescriptor| file.write(Element::new(OWN, "ALTERNATE_LOCATION_MAPPING"));
        Element::new(OWN, "RESTORE_METHOD")
            .with("method", self.method.value().to_string())
            .with_some("service", self.service.as_deref())
            .with_some("userProcedure", self.user_procedure.as_deref())
            .with("writerRestore", self.writer_restore.value().to_string())
            .with("rebootRequired", boolean(self.reboot_required))
            .holding_all(self.mappings.iter().map(mapping))
            .and(&self.rest)
    }
}

impl MetadataComponent {
    fn read(mut element: Element, component_type: ComponentType) -> Result<Self, Error> {
        Ok(Self {
            component_type,
            logical_path: element.take("logicalPath"),
            component_name: element.needed("componentName")?,
            caption: element.take("caption"),
            icon: element
                .take_one(OWN, "ICON")
                .map_or(Ok(Vec::new()), |icon| bytes(icon.text().trim()))?,
            restore_metadata: element.boolean("restoreMetadata")?,
            notify_on_backup_complete: element.boolean("notifyOnBackupComplete")?,
            selectable: element.boolean("selectable")?,
            selectable_for_restore: element.boolean("selectableForRestore")?,
            component_flags: element.number32("componentFlags")?,
            files: FileDescriptor::take_all(&mut element, PUBLIC, "FILE_LIST")?,
            database_files: FileDescriptor::take_all(&mut element, PUBLIC, "DATABASE_FILES")?,
            database_log_files: FileDescriptor::take_all(
                &mut element,
                PUBLIC,
                "DATABASE_LOGFILES",
            )?,
            dependencies: element
                .take_all(OWN, "DEPENDENCY")
                .into_iter()
                .map(Dependency::read)
                .collect::<Result<_, _>>()?,
            rest: element.rest(),
        })
    }

    fn write(&self) -> Element {
        let name = match self.component_type {
            ComponentType::Database => "DATABASE",
            _ => "FILE_GROUP",
        };
        let files = |name: &'static str| {
            move |file: &FileDescriptor| file.write(Element::new(PUBLIC, name))
        };
        let icon =
            (!self.icon.is_empty()).then(|| Element::new(OWN, "ICON").saying(&hex(&self.icon)));
        Element::new(PUBLIC, name)
            .with_some("logicalPath", self.logical_path.as_deref())
            .with("componentName", self.component_name.as_str())
            .with_some("caption", self.caption.as_deref())
            .with("restoreMetadata", boolean(self.restore_metadata))
            .with(
                "notifyOnBackupComplete",
                boolean(self.notify_on_backup_complete),
            )
            .with("selectable", boolean(self.selectable))
            .with("selectableForRestore", boolean(self.selectable_for_restore))
            .with("componentFlags", self.component_flags.to_string())
            .holding_all(icon)
            .holding_all(self.files.iter().map(files("FILE_LIST")))
            .holding_all(self.database_files.iter().map(files("DATABASE_FILES")))
            .holding_all(
                self.database_log_files
                    .iter()
                    .map(files("DATABASE_LOGFILES")),
            )
            .holding_all(self.dependencies.iter().map(Dependency::write))
            .and(&self.rest)
    }
}
