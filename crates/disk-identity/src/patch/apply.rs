//! Writing a patch, and asking how far one has been written.

use std::collections::BTreeMap;

use crate::disk::{DiskRead, DiskWrite};
use crate::error::Error;
use crate::patch::{Patch, Stage};
use crate::units::ATOM;

/// What applying a patch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Bytes were written.
    Changed,
    /// The disk held the new bytes already; they were only made durable.
    AlreadySo,
}

/// How far a patch has been written on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchState {
    /// Not at all.
    Before,
    /// Wholly. An empty patch always is.
    After,
    /// In part: some sectors hold old bytes, others new ones. Both the patch and its inverse can
    /// be applied.
    Mixed,
    /// Some bytes are neither old nor new: someone else changed them.
    Foreign,
}

/// The part of an edit that lies in one atom.
struct Piece<'a> {
    offset: u64,
    old: &'a [u8],
    new: &'a [u8],
}

/// Neighbouring sectors which are read and written at once.
struct Window<'a> {
    offset: u64,
    bytes: Vec<u8>,
    pieces: Vec<Piece<'a>>,
    /// True if an atom still holds old bytes.
    stale: bool,
    /// True if an atom holds new bytes.
    fresh: bool,
}

/// The pieces of a stage by the number of their atom.
fn pieces(stage: &Stage) -> BTreeMap<u64, Vec<Piece<'_>>> {
    let mut atoms: BTreeMap<u64, Vec<Piece<'_>>> = BTreeMap::new();
    for edit in &stage.edits {
        let mut offset = edit.offset;
        let (mut old, mut new) = (edit.old.as_slice(), edit.new.as_slice());
        while !new.is_empty() {
            let room = usize::try_from(ATOM - offset % ATOM).unwrap_or(usize::MAX);
            let take = room.min(new.len()).min(old.len());
            if take == 0 {
                break;
            }
            let (old_now, old_later) = old.split_at(take);
            let (new_now, new_later) = new.split_at(take);
            atoms.entry(offset / ATOM).or_default().push(Piece {
                offset,
                old: old_now,
                new: new_now,
            });
            (old, new) = (old_later, new_later);
            offset = offset.saturating_add(take as u64);
        }
    }
    atoms
}

impl<'a> Window<'a> {
    /// Reads the sectors of `align` bytes that a stage touches, and judges them atom by atom: a
    /// power cut may have left each with its old or its new bytes, but never with others.
    fn survey<D: DiskRead + ?Sized>(
        disk: &D,
        disk_len: u64,
        align: u64,
        stage: &'a Stage,
    ) -> Result<Vec<Self>, Error> {
        let mut windows: Vec<Self> = Vec::new();
        let mut ends: Vec<u64> = Vec::new();
        let atoms = pieces(stage);
        for (atom, pieces) in atoms {
            let start = atom * ATOM / align * align;
            // A file may end in the middle of a sector.
            let end = start.saturating_add(align).min(disk_len);
            match (windows.last_mut(), ends.last_mut()) {
                (Some(window), Some(last)) if start <= *last => {
                    window.pieces.extend(pieces);
                    *last = end.max(*last);
                }
                _ => {
                    windows.push(Window {
                        offset: start,
                        bytes: Vec::new(),
                        pieces,
                        stale: false,
                        fresh: false,
                    });
                    ends.push(end);
                }
            }
        }
        for (window, end) in windows.iter_mut().zip(ends) {
            window.read(disk, end)?;
            window.judge()?;
        }
        Ok(windows)
    }

    fn read<D: DiskRead + ?Sized>(&mut self, disk: &D, end: u64) -> Result<(), Error> {
        let (offset, len) = (self.offset, end - self.offset);
        let failed = |source| Error::Read {
            offset,
            len,
            source,
        };
        let room = usize::try_from(len).map_err(|error| failed(std::io::Error::other(error)))?;
        self.bytes.resize(room, 0);
        disk.read_exact_at(&mut self.bytes, offset).map_err(failed)
    }

    fn judge(&mut self) -> Result<(), Error> {
        for atom in self
            .pieces
            .chunk_by(|one, next| one.offset / ATOM == next.offset / ATOM)
        {
            let differs = |of: for<'p> fn(&'p Piece<'a>) -> &'p [u8]| {
                atom.iter().find(|piece| {
                    let start = usize::try_from(piece.offset - self.offset).ok();
                    let now = start.and_then(|start| {
                        let end = start.checked_add(piece.new.len())?;
                        self.bytes.get(start..end)
                    });
                    now != Some(of(piece))
                })
            };
            match (differs(|piece| piece.old), differs(|piece| piece.new)) {
                (None, None) => {}
                (None, Some(_)) => self.stale = true,
                (Some(_), None) => self.fresh = true,
                // The first edit which is neither, or, if old and new are mixed within an atom,
                // the later of the two that contradict each other.
                (Some(not_old), Some(not_new)) => {
                    return Err(Error::Changed {
                        offset: not_old.offset.max(not_new.offset),
                    });
                }
            }
        }
        Ok(())
    }

    fn renew(&mut self) {
        for piece in &self.pieces {
            let start = usize::try_from(piece.offset - self.offset).ok();
            let slot = start.and_then(|start| {
                let end = start.checked_add(piece.new.len())?;
                self.bytes.get_mut(start..end)
            });
            if let Some(slot) = slot {
                slot.copy_from_slice(piece.new);
            }
        }
    }
}

impl Patch {
    /// Writes the new bytes, stage by stage, each durable before the next.
    ///
    /// Nothing is written unless every atom of 512 bytes holds all its old or all its new bytes; so
    /// a patch can be applied again after a crash, however its writes were torn. Stages which are
    /// done already are only synced. Whole sectors are read, patched and written, neighbours in one
    /// write.
    ///
    /// # Errors
    /// [`Error::InvalidPatch`] or [`Error::Changed`] before anything is written; [`Error::Read`],
    /// [`Error::Write`] or [`Error::Sync`] when the disk fails.
    pub fn apply<D: DiskWrite + ?Sized>(&self, disk: &D) -> Result<Applied, Error> {
        let disk_len = disk
            .len_bytes()
            .map_err(|source| Error::Length { source })?;
        self.check(disk_len)?;
        let align = self.sector_size.bytes();
        for stage in &self.stages {
            Window::survey(disk, disk_len, align, stage)?;
        }
        let mut applied = Applied::AlreadySo;
        for stage in self.stages.iter().filter(|stage| !stage.edits.is_empty()) {
            let copy = stage.what;
            for mut window in Window::survey(disk, disk_len, align, stage)? {
                if !window.stale {
                    continue;
                }
                window.renew();
                let offset = window.offset;
                disk.write_all_at(&window.bytes, offset)
                    .map_err(|source| Error::Write {
                        copy,
                        offset,
                        len: window.bytes.len() as u64,
                        source,
                    })?;
                applied = Applied::Changed;
            }
            // Also without a write: the bytes of an earlier attempt may not be durable yet.
            disk.sync().map_err(|source| Error::Sync { copy, source })?;
        }
        Ok(applied)
    }

    /// Says how far the patch has been written on a disk.
    ///
    /// # Errors
    /// [`Error::InvalidPatch`] if it cannot belong to this disk; [`Error::Read`].
    pub fn state_on<D: DiskRead + ?Sized>(&self, disk: &D) -> Result<PatchState, Error> {
        let disk_len = disk
            .len_bytes()
            .map_err(|source| Error::Length { source })?;
        self.check(disk_len)?;
        let (mut stale, mut fresh) = (false, false);
        for stage in &self.stages {
            match Window::survey(disk, disk_len, ATOM, stage) {
                Ok(windows) => {
                    stale |= windows.iter().any(|window| window.stale);
                    fresh |= windows.iter().any(|window| window.fresh);
                }
                Err(Error::Changed { .. }) => return Ok(PatchState::Foreign),
                Err(error) => return Err(error),
            }
        }
        Ok(match (stale, fresh) {
            (true, true) => PatchState::Mixed,
            (true, false) => PatchState::Before,
            (false, _) => PatchState::After,
        })
    }

    /// Finds out whether the patch can be applied, without the sectors around its edits.
    pub(crate) fn verify<D: DiskRead + ?Sized>(
        &self,
        disk: &D,
        disk_len: u64,
    ) -> Result<(), Error> {
        for stage in &self.stages {
            Window::survey(disk, disk_len, ATOM, stage)?;
        }
        Ok(())
    }
}
