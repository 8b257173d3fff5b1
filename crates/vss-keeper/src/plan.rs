//! What is to be held, as the client tells the keeper and a journal keeps it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vss_sys::dm::Device;

/// How long anything stays held at most, unless a plan says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// What one keeper freezes and suspends.
///
/// Each file system is named once, whatever the number of its mounts: the second freeze of one file
/// system finds it frozen already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Everything is let go when this has passed since the first freeze.
    pub deadline: Duration,
    /// The file systems to freeze.
    pub file_systems: Vec<FileSystem>,
    /// The mapped devices to suspend, once the file systems are frozen.
    pub devices: Vec<MappedDevice>,
}

impl Plan {
    /// A plan with the default deadline of ten seconds.
    #[must_use]
    pub const fn new(file_systems: Vec<FileSystem>, devices: Vec<MappedDevice>) -> Self {
        Self {
            deadline: DEFAULT_DEADLINE,
            file_systems,
            devices,
        }
    }
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// A folder of it: where it is mounted.
    #[serde(serialize_with = "write_path", deserialize_with = "read_path")]
    pub mount_point: PathBuf,
    /// Major and minor number that `stat` of the mount point gives (`st_dev`): proof that it is
    /// still this file system which is mounted there.
    pub device: (u32, u32),
    /// Its place in a stack of file systems: one that lies (by a loop device) in a file of another
    /// has the higher level, and is frozen before and thawed after the other. File systems of one
    /// level are frozen side by side.
    pub level: u32,
}

/// A device of the device mapper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedDevice {
    /// Its name, for people.
    pub name: String,
    /// Its uuid, by which it is found; where it is empty, the name is used.
    pub uuid: String,
}

impl MappedDevice {
    pub(crate) fn key(&self) -> Device<'_> {
        if self.uuid.is_empty() {
            Device::Name(&self.name)
        } else {
            Device::Uuid(&self.uuid)
        }
    }
}

/// A path as text where it is text, else as its bytes, so that none is lost.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathText {
    Text(String),
    Bytes(Vec<u8>),
}

fn write_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let text = path.to_str().map_or_else(
        || PathText::Bytes(path.as_os_str().as_bytes().to_vec()),
        |text| PathText::Text(text.to_owned()),
    );
    text.serialize(serializer)
}

fn read_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match PathText::deserialize(deserializer)? {
        PathText::Text(text) => PathBuf::from(text),
        PathText::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_text() {
        for mount_point in [&b"/srv/db"[..], b"/srv/\xff\n"] {
            let plan = Plan::new(
                vec![FileSystem {
                    mount_point: OsString::from_vec(mount_point.to_vec()).into(),
                    device: (253, 7),
                    level: 1,
                }],
                vec![MappedDevice {
                    name: "vg-db".to_owned(),
                    uuid: "LVM-abc".to_owned(),
                }],
            );
            let line = serde_json::to_string(&plan).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Plan>(&line).unwrap(), plan);
        }
    }
}
