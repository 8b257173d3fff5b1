//! The provider's own records: one file for each copy, since the target forgets.
//!
//! `SERIAL.json` holds `{"version": 1, "crc32": …, "record": "…"}`; the checksum (CRC-32 as in zlib) is that
//! of the text `record`, which is JSON again. A record is written aside, synced and renamed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vss_model::{LunInformation, SetId};
use vss_provider::failure::io_failed;
use vss_provider::{Access, ProviderError};

use crate::identity::information;
use crate::tree::{Inquiry, Port};

const VERSION: u32 = 1;
/// No record comes near this, in bytes.
const LONGEST: u64 = 1 << 20;

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Storage may be set aside, and may hold the copy already; there is no backstore for long.
    Preparing,
    /// The copy is whole and durable.
    Ready,
}

/// [`Access`], as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kept {
    Copy,
    ReadOnly,
    ReadWrite,
}

impl From<Access> for Kept {
    fn from(access: Access) -> Self {
        match access {
            Access::Copy => Self::Copy,
            Access::ReadOnly => Self::ReadOnly,
            Access::ReadWrite => Self::ReadWrite,
        }
    }
}

/// Where the bytes of a copy are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Storage {
    /// A file that shares the extents of the original's.
    File {
        original: PathBuf,
        image: PathBuf,
        buffered: bool,
    },
    /// A LUN of the provider of the volumes under the target, which has a set of its own for it.
    Volume {
        original: Box<LunInformation>,
        /// Known once it was taken.
        copy: Option<Box<LunInformation>>,
        set: SetId,
    },
}

/// A portal group in which a copy is to be seen, and the number that it had there last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) port: Port,
    pub(crate) number: Option<u32>,
}

/// A copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The serial number of the copy's backstore.
    pub(crate) serial: Uuid,
    /// The name of the copy's backstore.
    pub(crate) name: String,
    pub(crate) set: SetId,
    /// Sets with higher numbers were committed later; 0 before.
    pub(crate) order: u64,
    /// The serial number of the original's backstore.
    pub(crate) original: String,
    pub(crate) inquiry: Inquiry,
    pub(crate) block_size: u32,
    /// Attributes of the backstore that are to be as the original's.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) storage: Storage,
    pub(crate) places: Vec<Place>,
    pub(crate) presented: bool,
    pub(crate) state: State,
    pub(crate) access: Kept,
}

impl Record {
    pub(crate) fn serial_text(&self) -> String {
        self.serial.to_string()
    }

    pub(crate) fn information(&self) -> LunInformation {
        information(&self.inquiry, &self.serial_text())
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    version: u32,
    crc32: u32,
    record: String,
}

/// Why a file is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum BadRecord {
    #[error("it is not JSON of the expected form")]
    Form(#[from] serde_json::Error),
    #[error("its version is {0}, and this program knows {VERSION}")]
    Version(u32),
    #[error("its checksum is {found:08x}, and should be {expected:08x}")]
    Checksum { expected: u32, found: u32 },
    #[error("it is of the copy {0}")]
    Name(Uuid),
    #[error("it is longer than {LONGEST} bytes")]
    Length,
    #[error("it cannot be read")]
    Read(#[from] io::Error),
}

fn encode(record: &Record) -> Result<String, serde_json::Error> {
    let record = serde_json::to_string(record)?;
    serde_json::to_string_pretty(&Envelope {
        version: VERSION,
        crc32: crc32fast::hash(record.as_bytes()),
        record,
    })
}

fn decode(bytes: &[u8]) -> Result<Record, BadRecord> {
    let envelope: Envelope = serde_json::from_slice(bytes)?;
    if envelope.version != VERSION {
        return Err(BadRecord::Version(envelope.version));
    }
    let expected = crc32fast::hash(envelope.record.as_bytes());
    if envelope.crc32 != expected {
        return Err(BadRecord::Checksum {
            expected,
            found: envelope.crc32,
        });
    }
    Ok(serde_json::from_str(&envelope.record)?)
}

/// All records, in memory as on disk.
#[derive(Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    all: Mutex<BTreeMap<Uuid, Record>>,
}

impl Records {
    /// Reads all records; what is none of them is told beside.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<String>), ProviderError> {
        fs::create_dir_all(folder).map_err(io_failed("make the folder", folder))?;
        let mut all = BTreeMap::new();
        let mut problems = Vec::new();
        let failed = || io_failed("read the folder", folder);
        for entry in fs::read_dir(folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {}
                // Never finished, so never relied on.
                Some("new") => {
                    fs::remove_file(&path).map_err(io_failed("remove", &path))?;
                    continue;
                }
                _ => continue,
            }
            match read(&path) {
                Ok(record) => {
                    all.insert(record.serial, record);
                }
                Err(why) => {
                    problems.push(format!("{} is no record of a copy: {why}", path.display()))
                }
            }
        }
        let records = Self {
            folder: folder.to_owned(),
            all: Mutex::new(all),
        };
        Ok((records, problems))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Record>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn all(&self) -> Vec<Record> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn of_set(&self, set: SetId) -> Vec<Record> {
        self.lock()
            .values()
            .filter(|record| record.set == set)
            .cloned()
            .collect()
    }

    /// The copy that this information speaks of.
    pub(crate) fn find(&self, lun: &LunInformation) -> Option<Record> {
        self.lock()
            .values()
            .find(|record| record.information().is_same_lun(lun))
            .cloned()
    }

    /// Writes a record; durable when it returns. Nothing is done where it is so already.
    pub(crate) fn put(&self, record: &Record) -> Result<(), ProviderError> {
        let mut all = self.lock();
        if all.get(&record.serial) == Some(record) {
            return Ok(());
        }
        let path = self.path(record.serial);
        let aside = path.with_extension("new");
        let text = encode(record).map_err(|error| {
            ProviderError::veto(format!("could not write {}", path.display())).with_source(error)
        })?;
        write(&aside, text.as_bytes()).map_err(io_failed("write", &aside))?;
        fs::rename(&aside, &path).map_err(io_failed("rename the record to", &path))?;
        sync(&self.folder)?;
        all.insert(record.serial, record.clone());
        Ok(())
    }

    /// Removes a record. Repeatable.
    pub(crate) fn remove(&self, serial: Uuid) -> Result<(), ProviderError> {
        let mut all = self.lock();
        remove(&self.path(serial))?;
        sync(&self.folder)?;
        all.remove(&serial);
        Ok(())
    }

    fn path(&self, serial: Uuid) -> PathBuf {
        self.folder.join(format!("{serial}.json"))
    }
}

fn read(path: &Path) -> Result<Record, BadRecord> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(BadRecord::Length);
    }
    let record = decode(&bytes)?;
    if path.file_stem().and_then(|stem| stem.to_str()) != Some(&record.serial_text()) {
        return Err(BadRecord::Name(record.serial));
    }
    Ok(record)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a file; false when it was not there.
pub(crate) fn remove(path: &Path) -> Result<bool, ProviderError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_failed("remove", path)(error)),
    }
}

/// Makes what happened in a folder durable.
pub(crate) fn sync(folder: &Path) -> Result<(), ProviderError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_failed("sync the folder", folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use uuid::Uuid;
    use vss_model::SetId;

    use super::{BadRecord, Kept, Place, Record, Records, State, Storage, decode, encode};
    use crate::tree::{Fabric, Inquiry, Port};

    fn record() -> Record {
        Record {
            serial: Uuid::from_u128(7),
            name: "db-vss-00000000".into(),
            set: SetId::from_uuid(Uuid::from_u128(1)),
            order: 3,
            original: "serial".into(),
            inquiry: Inquiry {
                vendor: "LIO-ORG".into(),
                product: "FILEIO".into(),
                revision: "4.0".into(),
                company: 0x1405,
            },
            block_size: 512,
            attributes: BTreeMap::from([("emulate_tpu".into(), "1".into())]),
            storage: Storage::File {
                original: "/srv/db.img".into(),
                image: "/srv/db-vss-00000000.img".into(),
                buffered: false,
            },
            places: vec![Place {
                port: Port {
                    fabric: Fabric::Loopback,
                    target: "naa.1".into(),
                    tag: 1,
                },
                number: Some(4),
            }],
            presented: true,
            state: State::Ready,
            access: Kept::Copy,
        }
    }

    #[test]
    fn records_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (records, problems) = Records::open(folder.path()).unwrap();
        assert!(problems.is_empty());
        records.put(&record()).unwrap();
        let (again, problems) = Records::open(folder.path()).unwrap();
        assert!(problems.is_empty());
        assert_eq!(again.all(), [record()]);
        assert_eq!(again.find(&record().information()), Some(record()));
        again.remove(record().serial).unwrap();
        again.remove(record().serial).unwrap();
        assert!(Records::open(folder.path()).unwrap().0.all().is_empty());
    }

    #[test]
    fn a_cut_leaves_the_old_record() {
        let folder = tempfile::tempdir().unwrap();
        let (records, _) = Records::open(folder.path()).unwrap();
        records.put(&record()).unwrap();
        let half = folder.path().join(format!("{}.new", record().serial));
        fs::write(&half, "{").unwrap();
        let (again, problems) = Records::open(folder.path()).unwrap();
        assert!(problems.is_empty());
        assert_eq!(again.all(), [record()]);
        assert!(!half.exists());
    }

    #[test]
    fn damage_is_told_and_not_believed() {
        let good = encode(&record()).unwrap();
        assert_eq!(decode(good.as_bytes()).unwrap(), record());
        assert!(matches!(
            decode(good.replace("\"version\": 1", "\"version\": 2").as_bytes()),
            Err(BadRecord::Version(2))
        ));
        assert!(matches!(
            decode(good.replace("db.img", "dc.img").as_bytes()),
            Err(BadRecord::Checksum { .. })
        ));
        for end in 0..good.len() {
            assert!(decode(&good.as_bytes()[..end]).is_err(), "{end}");
        }
        let mut bytes = good.clone().into_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                // Other blanks are no damage.
                assert!(decode(&bytes).map_or(true, |found| found == record()));
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn a_record_under_another_name_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join(format!("{}.json", Uuid::from_u128(8)));
        fs::write(other, encode(&record()).unwrap()).unwrap();
        let long = folder.path().join(format!("{}.json", Uuid::from_u128(9)));
        fs::write(long, vec![b' '; 2 << 20]).unwrap();
        let (records, problems) = Records::open(folder.path()).unwrap();
        assert!(records.all().is_empty());
        assert_eq!(problems.len(), 2);
    }
}
