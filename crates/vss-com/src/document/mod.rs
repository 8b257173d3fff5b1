//! The documents of a backup: what it holds, and what writers say of themselves (spec: requester §11,
//! writer §12).
//!
//! Names that can be seen in public stand in the public namespaces; everything else is of openvss and
//! in `urn:openvss:document:1`. Elements and attributes that nobody here knows are kept.

mod component;
mod files;
mod metadata;
mod snapshot_set;
mod tree;
mod value;

use vss_model::{
    BackupType, ComponentType, Error, ErrorKind, RestoreType, WriterId, WriterInstanceId,
};
use vss_service::SetRecord;

pub(crate) use component::{DocumentComponent, RestoreSubcomponent};
pub(crate) use files::{Dependency, FileDescriptor};
pub(crate) use metadata::{MetadataComponent, WriterMetadata};

use tree::{Element, OWN, Rest};
use value::{Attributes, boolean};

/// The namespace of names that can be seen in public.
const PUBLIC: &str = "x-schema:#VssComponentMetadata";
const ROOT: &str = "BACKUP_COMPONENTS";

/// A Backup Components Document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupComponentsDocument {
    /// `SetContext`.
    pub(crate) context: Option<u32>,
    /// `SetBackupState`: component mode.
    pub(crate) select_components: bool,
    /// `SetBackupState`: bootable system state.
    pub(crate) bootable_system_state: bool,
    /// `SetBackupState`: the type.
    pub(crate) backup_type: BackupType,
    /// `SetBackupState`: partial files.
    pub(crate) partial_file_support: bool,
    /// `SetRestoreState`.
    pub(crate) restore_type: RestoreType,
    /// Writers with components.
    pub(crate) writers: Vec<WriterComponents>,
    /// Shadow copy sets, as elements: nothing here reads them yet.
    sets: Vec<Element>,
    rest: Rest,
}

/// The components of one writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriterComponents {
    /// The writer's class.
    pub(crate) writer_id: WriterId,
    /// Its instance.
    pub(crate) instance_id: WriterInstanceId,
    /// Its components.
    pub(crate) components: Vec<DocumentComponent>,
    rest: Rest,
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
            sets: Vec::new(),
            rest: Rest::default(),
        }
    }
}

impl BackupComponentsDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// `VSS_E_INVALID_XML_DOCUMENT`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut root = Element::parse(text, PUBLIC, ROOT)?;
        let mut state = root
            .take_one(OWN, "BACKUP_STATE")
            .unwrap_or_else(|| Element::new(OWN, "BACKUP_STATE"));
        let context = state.take("context").map(|text| {
            text.parse()
                .map_err(|_| tree::invalid(format!("context {text:?} is no number")))
        });
        Ok(Self {
            context: context.transpose()?,
            select_components: state.boolean("selectComponents")?,
            bootable_system_state: state.boolean("bootableSystemState")?,
            backup_type: state.one_of("backupType", BackupType::from_value)?,
            partial_file_support: state.boolean("partialFileSupport")?,
            restore_type: state.one_of("restoreType", RestoreType::from_value)?,
            writers: root
                .take_all(PUBLIC, "WRITER_COMPONENTS")
                .into_iter()
                .map(WriterComponents::read)
                .collect::<Result<_, _>>()?,
            sets: root.take_all(PUBLIC, "SNAPSHOT_SET_DESCRIPTION"),
            rest: root.rest(),
        })
    }

    /// The document.
    pub(crate) fn to_xml(&self) -> String {
        let context = self.context.map(|context| context.to_string());
        let state = Element::new(OWN, "BACKUP_STATE")
            .with_some("context", context.as_deref())
            .with("selectComponents", boolean(self.select_components))
            .with("bootableSystemState", boolean(self.bootable_system_state))
            .with("backupType", self.backup_type.value().to_string())
            .with("partialFileSupport", boolean(self.partial_file_support))
            .with("restoreType", self.restore_type.value().to_string());
        Element::new(PUBLIC, ROOT)
            .holding(state)
            .holding_all(self.writers.iter().map(WriterComponents::write))
            .holding_all(self.sets.iter().cloned())
            .and(&self.rest)
            .to_xml()
    }

    /// Writes down the set that a backup has made; one that stands there already is replaced.
    pub(crate) fn describe(&mut self, set: &SetRecord) {
        self.sets = vec![snapshot_set::describe(set)];
    }

    /// A component: by writer, type, path and name, and by instance where one is given. Paths that are
    /// missing and empty ones are the same.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`.
    pub(crate) fn component_mut(
        &mut self,
        writer: WriterId,
        instance: Option<WriterInstanceId>,
        kind: ComponentType,
        path: Option<&str>,
        name: &str,
    ) -> Result<&mut DocumentComponent, Error> {
        let path = path.unwrap_or_default();
        self.writers
            .iter_mut()
            .filter(|one| one.writer_id == writer)
            .filter(|one| instance.is_none_or(|instance| one.instance_id == instance))
            .flat_map(|one| &mut one.components)
            .find(|one| {
                one.component_type == kind
                    && one.logical_path.as_deref().unwrap_or_default() == path
                    && one.component_name == name
            })
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::ObjectNotFound,
                    format!("the document has no component {path}\\{name} of writer {writer}"),
                )
            })
    }

    /// Adds a component (`AddComponent`).
    ///
    /// # Errors
    /// `VSS_E_OBJECT_ALREADY_EXISTS`.
    pub(crate) fn add_component(
        &mut self,
        writer: WriterId,
        instance: WriterInstanceId,
        component: DocumentComponent,
    ) -> Result<(), Error> {
        let path = component.logical_path.as_deref();
        let name = component.component_name.as_str();
        let kind = component.component_type;
        if self
            .component_mut(writer, Some(instance), kind, path, name)
            .is_ok()
        {
            return Err(Error::new(
                ErrorKind::ObjectAlreadyExists,
                format!("component {name} of writer {writer} is in the document already"),
            ));
        }
        let known = self
            .writers
            .iter_mut()
            .find(|one| one.writer_id == writer && one.instance_id == instance);
        match known {
            Some(known) => known.components.push(component),
            None => self.writers.push(WriterComponents {
                writer_id: writer,
                instance_id: instance,
                components: vec![component],
                rest: Rest::default(),
            }),
        }
        Ok(())
    }
}

impl WriterComponents {
    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            writer_id: WriterId::from_uuid(element.guid("writerId")?),
            instance_id: WriterInstanceId::from_uuid(element.guid("instanceId")?),
            components: element
                .take_all(OWN, "COMPONENT")
                .into_iter()
                .map(DocumentComponent::read)
                .collect::<Result<_, _>>()?,
            rest: element.rest(),
        })
    }

    fn write(&self) -> Element {
        Element::new(PUBLIC, "WRITER_COMPONENTS")
            .with("writerId", self.writer_id.to_string())
            .with("instanceId", self.instance_id.to_string())
            .holding_all(self.components.iter().map(DocumentComponent::write))
            .and(&self.rest)
    }
}

#[cfg(test)]
mod tests;
