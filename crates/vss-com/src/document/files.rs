//! File descriptors and dependencies, which both documents hold.

use vss_model::{Error, WriterId};

use super::tree::{Element, OWN, Rest};
use super::value::{Attributes, boolean};

/// Files by folder and pattern (`IVssWMFiledesc`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FileDescriptor {
    /// The folder.
    pub(crate) path: Option<String>,
    /// The pattern.
    pub(crate) filespec: Option<String>,
    /// Whether folders in it count.
    pub(crate) recursive: bool,
    /// Where they lie, or go, instead.
    pub(crate) alternate_location: Option<String>,
    /// `VSS_FILE_SPEC_BACKUP_TYPE`, a bit set.
    pub(crate) backup_type_mask: u32,
    rest: Rest,
}

impl FileDescriptor {
    /// One that is put elsewhere.
    pub(crate) fn moved(path: String, filespec: String, recursive: bool, to: String) -> Self {
        Self {
            path: Some(path),
            filespec: Some(filespec),
            recursive,
            alternate_location: Some(to),
            ..Self::default()
        }
    }

    /// All of a name, out of the element around them.
    pub(super) fn take_all(
        around: &mut Element,
        space: &str,
        name: &str,
    ) -> Result<Vec<Self>, Error> {
        around
            .take_all(space, name)
            .into_iter()
            .map(Self::read)
            .collect()
    }

    fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            path: element.take("path"),
            filespec: element.take("filespec"),
            recursive: element.boolean("recursive")?,
            alternate_location: element.take("alternatePath"),
            backup_type_mask: element.number32("filespecBackupType")?,
            rest: element.rest(),
        })
    }

    /// As an element of a name that the parent knows.
    pub(super) fn write(&self, element: Element) -> Element {
        element
            .with_some("path", self.path.as_deref())
            .with_some("filespec", self.filespec.as_deref())
            .with("recursive", boolean(self.recursive))
            .with_some("alternatePath", self.alternate_location.as_deref())
            .with("filespecBackupType", self.backup_type_mask.to_string())
            .and(&self.rest)
    }
}

/// A component of another writer that belongs to it (`IVssWMDependency`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The other writer's class.
    pub(crate) writer_id: WriterId,
    /// The component's path.
    pub(crate) logical_path: Option<String>,
    /// Its name.
    pub(crate) component_name: String,
    rest: Rest,
}

impl Dependency {
    pub(super) fn read(mut element: Element) -> Result<Self, Error> {
        Ok(Self {
            writer_id: WriterId::from_uuid(element.guid("writerId")?),
            logical_path: element.take("logicalPath"),
            component_name: element.needed("componentName")?,
            rest: element.rest(),
        })
    }

    pub(super) fn write(&self) -> Element {
        Element::new(OWN, "DEPENDENCY")
            .with("writerId", self.writer_id.to_string())
            .with_some("logicalPath", self.logical_path.as_deref())
            .with("componentName", self.component_name.as_str())
            .and(&self.rest)
    }
}
