//! What the tests of the array share: an array in a folder of its own, and shadow copies of it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod bench;
pub(crate) mod harness;
pub(crate) mod loops;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;
use vss_model::{LunInformation, SetId, SnapshotAttributes, SnapshotId};
use vss_provider::{CreateSnapshotSet, HardwareProvider, Provider, ProviderResult};
use vss_provider_file::FileArray;

/// 1 MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// A folder with an array in `array` and its host in `host`, gone on drop.
pub(crate) struct Top {
    dir: TempDir,
}

impl Top {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::Builder::new()
                .prefix("openvss-file-test-")
                .tempdir()
                .unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn array(&self) -> PathBuf {
        self.path().join("array")
    }

    pub(crate) fn host(&self) -> PathBuf {
        self.path().join("host")
    }

    /// The array, opened and loaded.
    pub(crate) fn open(&self) -> FileArray {
        open_at(self.path())
    }

    pub(crate) fn reader(&self) -> FileArray {
        FileArray::open_read_only(&self.array(), &self.host()).unwrap()
    }

    /// The catalogue behind the array's back.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.array().join("array.db")).unwrap()
    }

    /// The names in the array's folder, but for the catalogue's.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        names(&self.array())
            .into_iter()
            .filter(|name| !["array.db", "array.db-wal", "array.db-shm"].contains(&name.as_str()))
            .collect()
    }

    /// The names in the host's folder.
    pub(crate) fn links(&self) -> BTreeSet<String> {
        names(&self.host())
    }

    /// Files and links are those of the LUNs, no more and no less.
    pub(crate) fn is_consistent(&self, array: &FileArray) {
        let luns = array.list().unwrap();
        let images = luns.iter().map(|lun| format!("{}.img", lun.name)).collect();
        assert_eq!(self.files(), images);
        let presented = luns
            .iter()
            .filter(|lun| lun.presented)
            .map(|lun| lun.name.clone())
            .collect();
        assert_eq!(self.links(), presented);
        let rows: i64 = self
            .sql()
            .query_row("SELECT count(*) FROM lun", [], |row| row.get(0))
            .unwrap();
        assert_eq!(usize::try_from(rows).unwrap(), luns.len());
    }
}

/// The array below a folder, opened and loaded.
pub(crate) fn open_at(top: &Path) -> FileArray {
    let array = FileArray::open(&top.join("array"), &top.join("host")).unwrap();
    array.on_load().unwrap();
    array
}

pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

pub(crate) fn write(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(bytes, at)
        .unwrap();
}

/// Announces and prepares a set of these LUNs.
pub(crate) fn prepare(array: &FileArray, names: &[&str]) -> ProviderResult<SetId> {
    let set = SetId::from_uuid(Uuid::new_v4());
    for name in names {
        array.begin_prepare_snapshot(
            set,
            SnapshotId::from_uuid(Uuid::new_v4()),
            SnapshotAttributes::empty(),
            &[array.get(name)?.image],
            &mut [array.get(name)?.information],
        )?;
    }
    array.end_prepare_snapshots(set)?;
    array.pre_commit_snapshots(set)?;
    Ok(set)
}

/// Takes a set from its instant to its end, located; gives the copies.
pub(crate) fn finish(
    array: &FileArray,
    set: SetId,
    names: &[&str],
) -> ProviderResult<Vec<LunInformation>> {
    array.commit_snapshots(set)?;
    array.post_commit_snapshots(set, u32::try_from(names.len()).unwrap())?;
    let sources: Vec<LunInformation> = names
        .iter()
        .map(|name| array.get(name).map(|lun| lun.information))
        .collect::<ProviderResult<_>>()?;
    let devices: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    let copies = array.get_target_luns(&devices, &sources)?;
    array.locate_luns(&copies)?;
    array.pre_final_commit_snapshots(set)?;
    array.post_final_commit_snapshots(set)?;
    Ok(copies)
}
