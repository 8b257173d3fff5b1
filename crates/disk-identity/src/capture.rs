//! What was read of a disk, kept so that planning needs no I/O.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use crate::disk::DiskRead;
use crate::error::Error;
use crate::patch::Edit;
use crate::units::{ATOM, Geometry};

const ATOM_LEN: usize = 512;

/// The answer of a [`Capture`] for bytes which were never read from the disk.
#[derive(Debug, thiserror::Error)]
#[error("these bytes were not read from the disk")]
pub(crate) struct NotCaptured;

/// True for an error that means [`NotCaptured`], not a fault of a disk.
pub(crate) fn is_not_captured(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<NotCaptured>())
}

/// Pieces of a disk, in atoms of 512 bytes.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    pub(crate) geometry: Geometry,
    atoms: BTreeMap<u64, [u8; ATOM_LEN]>,
}

impl Capture {
    pub(crate) const fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            atoms: BTreeMap::new(),
        }
    }

    /// The atom with this number (its offset divided by 512).
    pub(crate) fn atom(&self, number: u64) -> Option<&[u8; ATOM_LEN]> {
        self.atoms.get(&number)
    }

    /// Keeps `bytes` as what stands at `offset`. Only whole atoms are kept.
    fn keep(&mut self, bytes: &[u8], offset: u64) {
        if !offset.is_multiple_of(ATOM) {
            return;
        }
        let (atoms, _) = bytes.as_chunks::<ATOM_LEN>();
        for (number, atom) in (offset / ATOM..).zip(atoms) {
            self.atoms.insert(number, *atom);
        }
    }

    /// Bytes `offset..offset + len`.
    pub(crate) fn get(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len.min(1 << 23));
        let mut at = offset;
        while bytes.len() < len {
            let atom = self.atoms.get(&(at / ATOM))?;
            let skip = usize::try_from(at % ATOM).ok()?;
            let take = (ATOM_LEN - skip).min(len - bytes.len());
            bytes.extend_from_slice(atom.get(skip..skip + take)?);
            at = at.checked_add(u64::try_from(take).ok()?)?;
        }
        Some(bytes)
    }

    /// Replaces captured bytes; `None`, with nothing replaced, if some of them were never captured.
    pub(crate) fn set(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        let last = offset.checked_add(u64::try_from(bytes.len()).ok()?.checked_sub(1)?)?;
        for number in offset / ATOM..=last / ATOM {
            self.atoms.get(&number)?;
        }
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let atom = self.atoms.get_mut(&(at / ATOM))?;
            let skip = usize::try_from(at % ATOM).ok()?;
            let take = (ATOM_LEN - skip).min(rest.len());
            let (now, later) = rest.split_at(take);
            atom.get_mut(skip..skip + take)?.copy_from_slice(now);
            at = at.checked_add(u64::try_from(take).ok()?)?;
            rest = later;
        }
        Some(())
    }

    /// Replaces the bytes of one edit, which must now be `from`, by `to`.
    pub(crate) fn replace(&mut self, edit: &Edit, from: &[u8], to: &[u8]) -> Result<(), Error> {
        let offset = edit.offset;
        let now = self
            .get(offset, from.len())
            .ok_or(Error::NotObserved { offset })?;
        if now != from {
            return Err(Error::Changed { offset });
        }
        self.set(offset, to).ok_or(Error::NotObserved { offset })
    }
}

impl DiskRead for Capture {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.geometry.len_bytes)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self
            .get(offset, buf.len())
            .ok_or_else(|| io::Error::other(NotCaptured))?;
        buf.copy_from_slice(&bytes);
        Ok(())
    }
}

/// A disk of which everything read is kept; nothing is read twice, so what is parsed first and what
/// is planned later see the same bytes.
pub(crate) struct Recorder<'a, D: ?Sized> {
    disk: &'a D,
    capture: RefCell<Capture>,
}

impl<'a, D: DiskRead + ?Sized> Recorder<'a, D> {
    pub(crate) const fn new(disk: &'a D, geometry: Geometry) -> Self {
        Self {
            disk,
            capture: RefCell::new(Capture::new(geometry)),
        }
    }

    pub(crate) fn finish(self, geometry: Geometry) -> Capture {
        let mut capture = self.capture.into_inner();
        capture.geometry = geometry;
        capture
    }
}

impl<D: DiskRead + ?Sized> DiskRead for Recorder<'_, D> {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.capture.borrow().geometry.len_bytes)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(bytes) = self.capture.borrow().get(offset, buf.len()) {
            buf.copy_from_slice(&bytes);
            return Ok(());
        }
        self.disk.read_exact_at(buf, offset)?;
        self.capture.borrow_mut().keep(buf, offset);
        Ok(())
    }
}
