//! Names of volumes: those that Windows programs use, and those of the host.
//!
//! A program names a volume by a drive (`E:\`), a mounted folder (`E:\mnt\`) or a volume GUID name
//! (`\\?\Volume{…}\`), always with the trailing backslash (spec: requester §5, `AddToSnapshotSet`). The
//! host knows mount points, block devices, and LUNs. Between them stand the table of the daemon's
//! settings, which is asked first, and the drives of the Windows side, which lead to folders of the
//! host.

use std::sync::Arc;

use uuid::{Uuid, uuid};
use vss_model::{Error, ErrorKind, SnapshotId};

/// Names of volumes without one on the Windows side are made from the host's name in this namespace.
const NAMESPACE: Uuid = uuid!("8f1de0a4-6d0e-4c8b-9a53-2f0c7f6c2a11");

/// What the Windows side knows of drives.
pub(crate) trait Drives: Send + Sync {
    /// Roots of the drives that there are: `C:\`.
    fn roots(&self) -> Vec<String>;
    /// Where a path of Windows lies on the host.
    fn host_path(&self, path: &str) -> Option<String>;
    /// The volume GUID name of a root or mounted folder.
    fn volume_name(&self, root: &str) -> Option<String>;
    /// Roots and mounted folders of a volume GUID name.
    fn paths_of(&self, volume: &str) -> Vec<String>;
    /// The root or mounted folder that a path lies in.
    fn root_of(&self, path: &str) -> Option<String>;
    /// A folder of the host as a path of Windows; `None` where that cannot be said.
    fn windows_path(&self, host: &str) -> Option<String>;
    /// Whether a path leads anywhere.
    fn is_there(&self, path: &str) -> bool;
}

/// A line of the table in the daemon's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableEntry {
    /// As Windows programs say it.
    pub(crate) windows: String,
    /// As `vss create` takes it.
    pub(crate) host: String,
}

/// Everything that names of volumes come from.
pub(crate) struct Volumes {
    drives: Arc<dyn Drives>,
    table: Vec<TableEntry>,
    /// Drives, and the volumes of the host that they lead to.
    roots: Vec<TableEntry>,
}

/// A name of a volume, by its form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// `\\?\Volume{…}\`.
    Guid(Uuid),
    /// `E:\` or `E:\mnt\`, in canonical form.
    Path(String),
}

impl Volumes {
    /// With the table of the settings, and what makes names of paths by which sets know volumes.
    ///
    /// # Errors
    /// Those of `resolve`.
    pub(crate) fn new(
        drives: Arc<dyn Drives>,
        table: Vec<TableEntry>,
        resolve: impl FnOnce(&[String]) -> Result<Vec<String>, Error>,
    ) -> Result<Self, Error> {
        let (roots, paths): (Vec<String>, Vec<String>) = drives
            .roots()
            .into_iter()
            .filter_map(|root| drives.host_path(&root).map(|path| (root, path)))
            .unzip();
        let roots = roots
            .into_iter()
            .zip(resolve(&paths)?)
            .map(|(windows, host)| TableEntry { windows, host })
            .collect();
        Ok(Self {
            drives,
            table,
            roots,
        })
    }

    /// The host's name of a volume. `others` are volumes of the host that may be meant by a name that
    /// [`windows_name`](Self::windows_name) made up.
    ///
    /// # Errors
    /// `E_INVALIDARG` for no name at all, `VSS_E_OBJECT_NOT_FOUND` for one that leads nowhere,
    /// `VSS_E_VOLUME_NOT_SUPPORTED` for a share.
    pub(crate) fn host_name(
        &self,
        name: &str,
        others: impl FnOnce() -> Result<Vec<String>, Error>,
    ) -> Result<String, Error> {
        match form(name)? {
            Form::Path(path) => self.of_path(&path).ok_or_else(|| not_found(name)),
            Form::Guid(id) => {
                if let Some(entry) = self.entry(&guid_name(id)) {
                    return Ok(entry.host.clone());
                }
                if let Some(host) = self.made_up(id, others)? {
                    return Ok(host);
                }
                self.drives
                    .paths_of(&guid_name(id))
                    .iter()
                    .find_map(|path| self.of_path(&canonical(path)))
                    // Windows names volumes of GPT disks by the GUID of the partition.
                    .map_or_else(|| Ok(format!("/dev/disk/by-partuuid/{id}")), Ok)
            }
        }
    }

    /// The volume GUID name of a volume of the host: always the same for the same volume.
    pub(crate) fn windows_name(&self, host: &str) -> String {
        let names = self.table.iter().filter(|entry| entry.host == host);
        for entry in names {
            match form(&with_backslash(&entry.windows)) {
                Ok(Form::Guid(id)) => return guid_name(id),
                Ok(Form::Path(path)) => {
                    if let Some(name) = self.drives.volume_name(&path) {
                        return name;
                    }
                }
                Err(_) => {}
            }
        }
        self.roots
            .iter()
            .find(|root| root.host == host)
            .and_then(|root| self.drives.volume_name(&root.windows))
            .unwrap_or_else(|| guid_name(made_up_id(host)))
    }

    /// Root and logical prefix of a path (`GetRootAndLogicalPrefixPaths`), which are the same for a
    /// local one.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for a path on no volume, `VSS_E_VOLUME_NOT_SUPPORTED` for a share.
    pub(crate) fn root_of(&self, path: &str) -> Result<String, Error> {
        if is_share(path) {
            return Err(share(path));
        }
        self.drives
            .root_of(path)
            .map(|root| with_backslash(&root))
            .ok_or_else(|| not_found(path))
    }

    fn of_path(&self, path: &str) -> Option<String> {
        match self.entry(path) {
            Some(entry) => Some(entry.host.clone()),
            None => self.drives.host_path(path),
        }
    }

    fn entry(&self, name: &str) -> Option<&TableEntry> {
        self.table
            .iter()
            .chain(&self.roots)
            .find(|entry| with_backslash(&entry.windows).eq_ignore_ascii_case(name))
    }

    fn made_up(
        &self,
        id: Uuid,
        others: impl FnOnce() -> Result<Vec<String>, Error>,
    ) -> Result<Option<String>, Error> {
        if id.get_version_num() != 5 {
            return Ok(None);
        }
        let mut known = self.table.iter().chain(&self.roots);
        let known = known.find(|entry| made_up_id(&entry.host) == id);
        match known {
            Some(entry) => Ok(Some(entry.host.clone())),
            None => Ok(others()?.into_iter().find(|host| made_up_id(host) == id)),
        }
    }
}

/// The device object of a copy, as Windows would call it, without the trailing backslash (spec: requester
/// §7).
pub(crate) fn device_object(copy: SnapshotId) -> String {
    let number = copy.device_number();
    format!(r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy{number}")
}

/// The device object of a copy that is mounted on the host: the canonical name where that opens, else one
/// that does.
pub(crate) fn device_of_mounted(drives: &dyn Drives, copy: SnapshotId, host: &str) -> String {
    let canonical = device_object(copy);
    if drives.is_there(&format!(r"{canonical}\")) {
        return canonical;
    }
    drives.windows_path(host).unwrap_or(canonical)
}

fn made_up_id(host: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, host.as_bytes())
}

fn guid_name(id: Uuid) -> String {
    format!(r"\\?\Volume{{{id}}}\")
}

fn with_backslash(name: &str) -> String {
    if name.ends_with('\\') {
        name.to_owned()
    } else {
        format!(r"{name}\")
    }
}

/// One spelling for what is the same: capital drive letters, no doubled or forward slashes.
fn canonical(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        let c = if c == '/' { '\\' } else { c };
        if c != '\\' || !text.ends_with('\\') {
            text.push(c);
        }
    }
    if let Some(letter) = text.get(..1) {
        let upper = letter.to_ascii_uppercase();
        text.replace_range(..1, &upper);
    }
    text
}

fn form(name: &str) -> Result<Form, Error> {
    if name.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            "the name of the volume is empty",
        ));
    }
    if let Some(rest) = strip_prefix_ignoring_case(name, r"\\?\Volume{") {
        return rest
            .strip_suffix(r"}\")
            .and_then(|id| Uuid::try_parse(id).ok())
            .map(Form::Guid)
            .ok_or_else(|| not_found(name));
    }
    if is_share(name) {
        return Err(share(name));
    }
    let mut start = name.chars();
    let is_drive = start.next().is_some_and(|c| c.is_ascii_alphabetic())
        && start.next() == Some(':')
        && matches!(start.next(), Some('\\' | '/'));
    if is_drive && name.ends_with(['\\', '/']) {
        return Ok(Form::Path(canonical(name)));
    }
    Err(not_found(name))
}

fn is_share(name: &str) -> bool {
    name.starts_with(r"\\") && !name.starts_with(r"\\?\") && !name.starts_with(r"\\.\")
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))
        .flatten()
}

fn not_found(name: &str) -> Error {
    Error::new(
        ErrorKind::ObjectNotFound,
        format!("{name:?} names no volume"),
    )
    .with_hint(
        r"a name ends with a backslash and is a drive (E:\), a mounted folder (E:\mnt\) or \\?\Volume{GUID}\; give others one in [volumes] of vssd.toml",
    )
}

fn share(name: &str) -> Error {
    Error::new(
        ErrorKind::VolumeNotSupported,
        format!("{name:?} is a share of another machine"),
    )
    .with_hint("make the copy on the machine that has the volume")
}

#[cfg(test)]
mod tests;
