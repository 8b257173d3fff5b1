//! The phases of a shadow copy set, from the array's side.
//!
//! ```text
//! Preparing ──▶ Prepared ──▶ PreCommitted ──▶ Committed ──▶ PostCommitted ──▶ PreFinalCommitted
//! (in memory)   (rows:       (the same)       (partial       (rows: ready, masked, images
//!                splitting)                    images)        named and durable)
//! ```
//!
//! After a crash, a set that was not committed is gone. One that was committed but never settled is
//! settled at load, if the host has not been started anew since: its images were never synced, so
//! they are as good as the page cache that held them. One that was settled is found by its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};

use uuid::Uuid;
use vss_model::{ResultCode, SetId};
use vss_provider::failure::io_failed;
use vss_provider::{ProviderError, ProviderResult};

use crate::array::{FileArray, allocated};
use crate::copy;
use crate::folders::{HostEntry, exists, remove};
use crate::name;
use crate::rows::{self, LunRow, Origin, State};

/// How far the copying of a set has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyProgress {
    /// The LUN that is being copied.
    pub lun: String,
    /// Bytes of it dealt with, holes included.
    pub done_bytes: u64,
    /// Bytes of it in all.
    pub total_bytes: u64,
    /// Which LUN of the set it is, from 1.
    pub index: usize,
    /// How many LUNs the set copies.
    pub count: usize,
}

/// Who is told of progress; false stops the copying.
pub(crate) type ProgressFn = dyn Fn(CopyProgress) -> bool + Send + Sync;

/// How far a set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Preparing,
    Prepared,
    PreCommitted,
    Committed,
    PostCommitted,
    PreFinalCommitted,
}

/// A set whose creation has begun in this process.
#[derive(Debug, Clone)]
pub(crate) struct SetUnderWay {
    pub(crate) phase: Phase,
    /// The originals, each once, in the order in which they were announced.
    originals: Vec<Uuid>,
    /// Their copies, from `Prepared` on.
    pub(crate) copies: Vec<LunRow>,
}

impl FileArray {
    /// Names who is to be told how far copying has come; `None` for nobody.
    ///
    /// The callback runs in the thread that commits, between writes: it should return at once. When
    /// it returns false, the copying stops there and the commit fails.
    pub fn on_progress(&self, callback: Option<Arc<ProgressFn>>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = callback;
    }

    /// Tells of progress.
    ///
    /// # Errors
    /// Whoever was told wants the copying to stop.
    pub(crate) fn tell(&self, progress: CopyProgress) -> io::Result<()> {
        let callback = self
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match callback {
            Some(callback) if !callback(progress) => Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the copying was stopped, as somebody asked",
            )),
            _ => Ok(()),
        }
    }

    /// Adds originals to a set; a new set makes the array forget those whose preparation never
    /// ended.
    pub(crate) fn announce(&self, set: SetId, originals: &[Uuid]) -> ProviderResult<()> {
        self.catalogue.must_own()?;
        let mut sets = self.sets();
        sets.retain(|id, entry| *id == set || entry.phase > Phase::Preparing);
        let entry = sets.entry(set).or_insert_with(|| SetUnderWay {
            phase: Phase::Preparing,
            originals: Vec::new(),
            copies: Vec::new(),
        });
        if entry.phase > Phase::Preparing {
            return Err(ProviderError::veto(format!(
                "set {set} is {:?} and takes no more LUNs",
                entry.phase
            )));
        }
        for original in originals {
            if !entry.originals.contains(original) {
                entry.originals.push(*original);
            }
        }
        Ok(())
    }

    /// Whether the set is still to be taken from phase `from` to `to`; false when it was before.
    pub(crate) fn is_due(&self, set: SetId, from: Phase, to: Phase) -> ProviderResult<bool> {
        let known = self.sets().get(&set).map(|entry| entry.phase);
        let phase = match known {
            Some(phase) => phase,
            // Of an earlier run, or finished in this one.
            None if self.is_durable(set)? => Phase::PreFinalCommitted,
            None => {
                return Err(ProviderError::new(
                    ResultCode::VSS_E_OBJECT_NOT_FOUND,
                    format!("the array knows no set {set}"),
                ));
            }
        };
        if phase >= to {
            return Ok(false);
        }
        if phase != from {
            return Err(ProviderError::veto(format!(
                "set {set} is {phase:?} and cannot become {to:?}"
            )));
        }
        Ok(true)
    }

    /// Whether copies of the set are in the catalogue as ready.
    fn is_durable(&self, set: SetId) -> ProviderResult<bool> {
        let rows = self
            .catalogue
            .read("find a set", |connection| rows::of_set(connection, set))?;
        Ok(rows.iter().any(|row| row.state == State::Ready))
    }

    pub(crate) fn snapshot_of(&self, set: SetId) -> ProviderResult<SetUnderWay> {
        self.sets().get(&set).cloned().ok_or_else(|| given_up(set))
    }

    /// Takes a set to a phase for which the array has nothing to do.
    pub(crate) fn step(&self, set: SetId, from: Phase, to: Phase) -> ProviderResult<()> {
        self.catalogue.must_own()?;
        if self.is_due(set, from, to)?
            && let Some(entry) = self.sets().get_mut(&set)
        {
            entry.phase = to;
        }
        Ok(())
    }

    /// Sees that there is room, and enters the copies as `splitting`.
    pub(crate) fn prepare(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change()?;
        if !self.is_due(set, Phase::Preparing, Phase::Prepared)? {
            return Ok(());
        }
        let mut copies = Vec::new();
        let mut names = BTreeSet::new();
        let mut needed = 0_u64;
        let hex = set.as_uuid().simple().to_string();
        let suffix = hex.get(..8).unwrap_or(&hex);
        for original in self.snapshot_of(set)?.originals {
            let original = self.row_of_guid(original)?.ok_or_else(|| {
                ProviderError::new(
                    ResultCode::VSS_E_OBJECT_NOT_FOUND,
                    format!("a LUN of set {set} is gone: {original}"),
                )
            })?;
            let name = name::of_copy(&original.name, suffix, |name| {
                Ok(names.contains(name) || self.is_taken(name)?)
            })?;
            names.insert(name.clone());
            let guid = Uuid::new_v4();
            let (size_bytes, bytes) = self.room_for(&original, guid)?;
            needed = needed.saturating_add(bytes);
            copies.push(LunRow {
                guid,
                name,
                state: State::Splitting,
                size_bytes,
                sector_size: original.sector_size,
                presented: false,
                linked: false,
                origin: Some(Origin {
                    set,
                    guid: original.guid,
                    name: original.name,
                }),
                attached: original.attached,
            });
        }
        self.must_have_room(needed)?;
        self.catalogue.write("enter the copies of a set", |rows| {
            copies.iter().try_for_each(|copy| rows::insert(rows, copy))
        })?;
        let mut sets = self.sets();
        let entry = sets.get_mut(&set).ok_or_else(|| given_up(set))?;
        entry.copies = copies;
        entry.phase = Phase::Prepared;
        Ok(())
    }

    /// Whether a name is taken in the catalogue, among the images or in the host's folder.
    fn is_taken(&self, name: &str) -> ProviderResult<bool> {
        let row = self
            .catalogue
            .read("find a LUN", |connection| rows::by_name(connection, name))?;
        Ok(row.is_some()
            || exists(&self.folders.image(name))?
            || self.folders.host_entry(name)? != HostEntry::Absent)
    }

    /// The size of an image, and the bytes that a copy of it will take up: none where extents can
    /// be shared, which is tried rather than guessed.
    fn room_for(&self, original: &LunRow, guid: Uuid) -> ProviderResult<(u64, u64)> {
        let image = self.folders.image(&original.name);
        let source = File::open(&image).map_err(io_failed("open the image", &image))?;
        let meta = source
            .metadata()
            .map_err(io_failed("look at the image", &image))?;
        let probe = self.folders.create_partial(guid)?;
        let cloned = copy::clone(&source, &probe).map_err(io_failed("clone the image", &image));
        remove(&self.folders.partial(guid))?;
        let bytes = if cloned? {
            0
        } else {
            allocated(&meta).min(meta.len())
        };
        Ok((meta.len(), bytes))
    }

    fn must_have_room(&self, needed: u64) -> ProviderResult<()> {
        if needed == 0 {
            return Ok(());
        }
        let folder = &self.folders.array;
        let file_system = rustix::fs::statvfs(folder)
            .map_err(|error| io_failed("ask for the free space of", folder)(error.into()))?;
        let blocks = if rustix::process::geteuid().is_root() {
            file_system.f_bfree
        } else {
            file_system.f_bavail
        };
        let free = blocks.saturating_mul(file_system.f_frsize);
        if needed <= free {
            return Ok(());
        }
        Err(ProviderError::new(
            ResultCode::VSS_E_INSUFFICIENT_STORAGE,
            format!(
                "the copies need {needed} bytes, and {} has {free} free",
                folder.display()
            ),
        )
        .with_hint(
            "on a file system with shared extents (XFS, Btrfs, bcachefs) copies take up no space \
             at first",
        ))
    }

    /// Ends the creation of a set; from now on only its rows tell of it.
    pub(crate) fn finish_set(&self, set: SetId) -> ProviderResult<()> {
        self.catalogue.must_own()?;
        let known = self.sets().get(&set).map(|entry| entry.phase);
        match known {
            Some(Phase::PreFinalCommitted) => {
                self.sets().remove(&set);
                Ok(())
            }
            Some(phase) => Err(ProviderError::veto(format!(
                "set {set} is {phase:?} and cannot be finished"
            ))),
            None if self.is_durable(set)? => Ok(()),
            None => Err(ProviderError::new(
                ResultCode::VSS_E_OBJECT_NOT_FOUND,
                format!("the array knows no set {set}"),
            )),
        }
    }

    /// Frees all that a set holds, in whichever phase and of whichever run.
    pub(crate) fn give_up(&self, set: SetId) -> ProviderResult<()> {
        let _change = self.begin_change()?;
        self.sets().remove(&set);
        let rows = self
            .catalogue
            .read("find a set", |connection| rows::of_set(connection, set))?;
        self.destroy(&rows)?;
        remove(&self.folders.split_mark(set)).map(drop)
    }

    /// The copies of the set committed last, by their originals.
    pub(crate) fn last_copies(&self) -> ProviderResult<BTreeMap<Uuid, Uuid>> {
        let rows =
            self.catalogue.read("find the last set", |connection| {
                match rows::last_set(connection)? {
                    Some(set) => rows::of_set(connection, set),
                    None => Ok(Vec::new()),
                }
            })?;
        Ok(rows
            .into_iter()
            .filter(|row| row.state == State::Ready)
            .filter_map(|row| row.origin.map(|origin| (origin.guid, row.guid)))
            .collect())
    }

    /// Whether a set is between its first announcement and its end.
    pub(crate) fn is_creating(&self) -> bool {
        !self.sets().is_empty()
    }
}

pub(crate) fn given_up(set: SetId) -> ProviderError {
    ProviderError::new(
        ResultCode::VSS_E_OBJECT_NOT_FOUND,
        format!("set {set} was given up meanwhile"),
    )
}
