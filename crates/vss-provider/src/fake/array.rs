//! A tiny array: LUNs are plain files in a folder, copies are file copies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vss_model::{LunInformation, SetId};

use crate::fake::record::{Phase, Record};

/// A LUN of a [`SimpleArray`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeLun {
    /// Its name; copies are called after their original and their number: `db.7`.
    pub name: String,
    /// Logical sector size in bytes.
    pub sector_size: u32,
    /// What inquiry says of it.
    pub information: LunInformation,
    /// Where the array keeps its bytes.
    pub image: PathBuf,
    /// Whether the host sees it.
    pub presented: bool,
    /// The set of which it is a copy.
    pub set: Option<SetId>,
    /// True for a copy whose instant has not come: storage set aside, without content.
    pub reserved: bool,
}

/// A hardware provider over a folder, independent of any real storage.
///
/// `luns/` holds the images, `host/` a hard link under the name of each LUN that the host sees, and
/// `array.json` the record. Identifiers derive from a seed and a counter, so that runs are alike.
/// Copies are full (plex) and independent; a differential copy is not to be had. Phases out of order
/// are vetoed, repeated ones are fine.
#[derive(Debug)]
pub struct SimpleArray {
    dir: PathBuf,
    pub(super) legacy: bool,
    record: Mutex<Record>,
}

impl SimpleArray {
    /// Opens the array in a folder, or makes one there. `seed` tells arrays of one test apart; an
    /// array that exists keeps its own.
    ///
    /// # Errors
    /// The folder cannot be written, or its record is not readable.
    pub fn open(dir: &Path, seed: u32) -> io::Result<Self> {
        fs::create_dir_all(dir.join("luns"))?;
        fs::create_dir_all(dir.join("host"))?;
        let record = match Record::load(&dir.join("array.json"))? {
            Some(record) => record,
            None => Record::new(seed),
        };
        let array = Self {
            dir: dir.to_owned(),
            legacy: false,
            record: Mutex::new(record),
        };
        array.drop_strays()?;
        Ok(array)
    }

    /// Without the `Ex` interface: cannot mask, and is told nothing.
    #[must_use]
    pub const fn without_ex(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Creates a LUN with this content and presents it.
    ///
    /// # Errors
    /// The name is taken or no file name, the sector size is neither 512 nor 4096, or the file
    /// cannot be written.
    pub fn create_lun(
        &self,
        name: &str,
        content: &[u8],
        sector_size: u32,
    ) -> io::Result<LunInformation> {
        self.create(name, sector_size, |image| fs::write(image, content))
    }

    /// Creates a LUN of zeros, `size` bytes long and sparse, and presents it.
    ///
    /// # Errors
    /// As [`Self::create_lun`].
    pub fn create_blank_lun(
        &self,
        name: &str,
        size: u64,
        sector_size: u32,
    ) -> io::Result<LunInformation> {
        self.create(name, sector_size, |image| {
            fs::File::create(image)?.set_len(size)
        })
    }

    fn create(
        &self,
        name: &str,
        sector_size: u32,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<LunInformation> {
        let mut record = self.record();
        let is_file_name = Path::new(name).file_name().is_some_and(|file| file == name);
        if !is_file_name || record.by_name(name).is_some() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} is taken or no name for a LUN"),
            ));
        }
        if !matches!(sector_size, 512 | 4096) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{sector_size} is no sector size"),
            ));
        }
        let number = record.add(name.to_owned(), sector_size, None);
        let image = self.image(number);
        fill(&image)?;
        self.save(&record)?;
        fs::hard_link(&image, self.host(name))?;
        Ok(record.information(number))
    }

    /// Deletes a LUN, as an administrator of the array would.
    ///
    /// # Errors
    /// There is no such LUN, or it cannot be deleted.
    pub fn remove_lun(&self, name: &str) -> io::Result<()> {
        let mut record = self.record();
        let number = find(&record, name)?;
        self.remove(&mut record, &[number])
    }

    /// Presents a LUN to the host; fine if it is presented already.
    ///
    /// # Errors
    /// There is no such LUN, or the link cannot be made.
    pub fn present(&self, name: &str) -> io::Result<()> {
        let record = self.record();
        let number = find(&record, name)?;
        self.show(number, name)
    }

    /// Withdraws a LUN from the host and keeps it; fine if it is masked already.
    ///
    /// # Errors
    /// There is no such LUN, or the link cannot be removed.
    pub fn mask(&self, name: &str) -> io::Result<()> {
        let record = self.record();
        find(&record, name)?;
        self.hide(name)
    }

    /// True when the host sees a LUN of this name.
    #[must_use]
    pub fn is_presented(&self, name: &str) -> bool {
        self.host(name).exists()
    }

    /// Where the array keeps the bytes of a LUN, presented or not.
    ///
    /// # Errors
    /// There is no such LUN.
    pub fn image_path(&self, name: &str) -> io::Result<PathBuf> {
        Ok(self.image(find(&self.record(), name)?))
    }

    /// Where the host finds a LUN that is presented.
    #[must_use]
    pub fn device_path(&self, name: &str) -> PathBuf {
        self.host(name)
    }

    /// All LUNs, in the order of their creation.
    #[must_use]
    pub fn luns(&self) -> Vec<FakeLun> {
        let record = self.record();
        record
            .luns
            .iter()
            .map(|lun| FakeLun {
                name: lun.name.clone(),
                sector_size: lun.sector_size,
                information: record.information(lun.number),
                image: self.image(lun.number),
                presented: self.is_presented(&lun.name),
                set: lun.copy.map(|copy| copy.set),
                reserved: lun.copy.is_some_and(|copy| {
                    record
                        .sets
                        .iter()
                        .any(|entry| entry.set == copy.set && entry.phase < Phase::Committed)
                }),
            })
            .collect()
    }

    /// The LUN that the information speaks of.
    #[must_use]
    pub fn find(&self, information: &LunInformation) -> Option<FakeLun> {
        self.luns()
            .into_iter()
            .find(|lun| lun.information.is_same_lun(information))
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        // A hook that unwound elsewhere leaves the record whole: it changes only as a whole.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn save(&self, record: &Record) -> io::Result<()> {
        record.save(&self.dir.join("array.json"))
    }

    pub(super) fn image(&self, number: u64) -> PathBuf {
        self.dir.join("luns").join(format!("{number}.image"))
    }

    pub(super) fn host(&self, name: &str) -> PathBuf {
        self.dir.join("host").join(name)
    }

    pub(super) fn show(&self, number: u64, name: &str) -> io::Result<()> {
        match fs::hard_link(self.image(number), self.host(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn hide(&self, name: &str) -> io::Result<()> {
        gone(fs::remove_file(self.host(name)))
    }

    /// Deletes LUNs: first from the record, so that a crash leaves strays at worst.
    pub(super) fn remove(&self, record: &mut Record, numbers: &[u64]) -> io::Result<()> {
        let (doomed, kept) = record
            .luns
            .drain(..)
            .partition(|lun| numbers.contains(&lun.number));
        record.luns = kept;
        self.save(record)?;
        let doomed: Vec<super::record::LunRecord> = doomed;
        for lun in doomed {
            self.hide(&lun.name)?;
            gone(fs::remove_file(self.image(lun.number)))?;
        }
        Ok(())
    }

    /// Deletes files that a crash left without a record.
    fn drop_strays(&self) -> io::Result<()> {
        let record = self.record();
        for entry in fs::read_dir(self.dir.join("luns"))? {
            let path = entry?.path();
            if !record.luns.iter().any(|lun| self.image(lun.number) == path) {
                fs::remove_file(path)?;
            }
        }
        for entry in fs::read_dir(self.dir.join("host"))? {
            let path = entry?.path();
            if !record.luns.iter().any(|lun| self.host(&lun.name) == path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn find(record: &Record, name: &str) -> io::Result<u64> {
    record.by_name(name).map(|lun| lun.number).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("the array has no LUN {name:?}"),
        )
    })
}

/// What is gone need not be removed.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
