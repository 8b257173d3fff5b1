//! Reading a disk once, and planning on what was read.

use crate::capture::{Capture, Recorder};
use crate::change::Change;
use crate::disk::DiskRead;
use crate::error::{Error, Warning};
use crate::gpt::PRIMARY;
use crate::gpt::probe::{self, Copies};
use crate::identity::{DiskId, Identity, TableKind};
use crate::mbr;
use crate::patch::{Patch, TableCopy};
use crate::plan::{Draft, Repair};
use crate::units::{ATOM, Geometry, SectorSize};

/// What was seen on a disk: its identity, and the raw bytes of its tables.
///
/// It owns everything that planning needs, so planning does no I/O and can be repeated, shown to
/// people and tested without a disk. It does not notice later changes of the disk; applying a patch
/// does.
#[derive(Debug, Clone)]
pub struct Observation {
    pub(crate) capture: Capture,
    pub(crate) layout: Layout,
    identity: Identity,
    warnings: Vec<Warning>,
}

/// Where the identity is on the disk.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// Nowhere.
    Bare,
    /// In the MBR, whose bytes these are.
    Mbr { record: Vec<u8> },
    /// In a GPT.
    Gpt {
        copies: Box<Copies>,
        record: Vec<u8>,
        hybrid: bool,
    },
}

/// Reads the identity of a disk.
///
/// `sector_size` is that of the device; with `None` the size is taken for which a GPT stands on the
/// disk, and 512 bytes if there is none.
///
/// # Errors
/// [`Error::Length`] and [`Error::Read`] if the disk does not answer; [`Error::NoValidTable`] if
/// the MBR announces a GPT of which no copy is valid. A disk which is too small for a table, or has
/// none, is no error: its table is [`TableKind::None`].
pub fn observe<D: DiskRead + ?Sized>(
    disk: &D,
    sector_size: Option<SectorSize>,
) -> Result<Observation, Error> {
    let len_bytes = disk
        .len_bytes()
        .map_err(|source| Error::Length { source })?;
    let geometry = |sector_size| Geometry {
        sector_size,
        len_bytes,
    };
    let recorder = Recorder::new(disk, geometry(SectorSize::B512));
    let sector_size = sector_size
        .or_else(|| probe::sector_size(&recorder, len_bytes))
        .unwrap_or_default();
    let geometry = geometry(sector_size);
    let (layout, identity, warnings) = parse(&recorder, geometry)?;
    Ok(Observation {
        capture: recorder.finish(geometry),
        layout,
        identity,
        warnings,
    })
}

fn parse(
    disk: &dyn DiskRead,
    geometry: Geometry,
) -> Result<(Layout, Identity, Vec<Warning>), Error> {
    let mut warnings = Vec::new();
    let rest = geometry.len_bytes % geometry.sector_size.bytes();
    if rest != 0 {
        warnings.push(Warning::PartialSector(rest));
    }
    let bare = Identity::bare(geometry.sector_size);
    if geometry.sectors() == 0 {
        return Ok((Layout::Bare, bare, warnings));
    }
    let mut record = vec![0; mbr::LEN];
    disk.read_exact_at(&mut record, 0)
        .map_err(|source| Error::Read {
            offset: 0,
            len: ATOM,
            source,
        })?;
    if mbr::probe::announces_gpt(&record) {
        let copies =
            probe::copies(disk, geometry, &mut warnings).map_err(|(primary, backup)| {
                Error::NoValidTable {
                    sector_size: geometry.sector_size,
                    primary,
                    backup,
                }
            })?;
        let hybrid = mbr::probe::is_hybrid(&record);
        let lead = copies.lead();
        let identity = Identity {
            table: TableKind::Gpt,
            disk_id: Some(DiskId::Guid(lead.header.disk_guid)).filter(|id| !id.is_nil()),
            hybrid_signature: mbr::probe::signature(&record).filter(|_| hybrid),
            partitions: lead
                .used()
                .map(|(index, entry)| entry.identity(index))
                .collect(),
            ..bare
        };
        let layout = Layout::Gpt {
            copies: Box::new(copies),
            record,
            hybrid,
        };
        return Ok((layout, identity, warnings));
    }
    if probe::valid_copies(disk, geometry, geometry.last()) != (false, false) {
        warnings.push(Warning::Unannounced);
    }
    if mbr::probe::is_mbr(&record) {
        let identity = mbr::probe::identity(disk, geometry, &record, &mut warnings);
        return Ok((Layout::Mbr { record }, identity, warnings));
    }
    Ok((Layout::Bare, bare, warnings))
}

impl Observation {
    /// Who the disk is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What is odd about it.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Plans a change.
    ///
    /// The patch is empty if the disk already is as wanted. A copy of a GPT that is not valid is
    /// rebuilt along with a change, never without one.
    ///
    /// # Errors
    /// Of kind [`InvalidChange`](crate::ErrorKind::InvalidChange) if the change does not fit the
    /// disk, of kind [`Unsafe`](crate::ErrorKind::Unsafe) if its table cannot be written safely.
    pub fn plan(&self, change: &Change) -> Result<Patch, Error> {
        Draft::new(self, change, Repair::WithChange)?.patch_from(self, &Patch::default())
    }

    /// Plans to take back `recorded`, a patch applied to this disk earlier, and to make `extra` on
    /// top; the result leads from the bytes of now straight to those.
    ///
    /// A copy of a GPT that was bad before `recorded` is bad again afterwards, byte for byte, and
    /// `extra` goes to the valid copy. If that cannot be done while one copy stays valid at every
    /// moment (because a copy has gone bad since), the bad copy is rebuilt after all.
    ///
    /// # Errors
    /// Of kind [`Changed`](crate::ErrorKind::Changed) unless every byte that `recorded` changed has
    /// its new value now; else as [`plan`](Self::plan).
    pub fn plan_restore(&self, recorded: &Patch, extra: &Change) -> Result<Patch, Error> {
        recorded.check(self.capture.geometry.len_bytes)?;
        let mut undone = self.capture.clone();
        for edit in recorded.edits() {
            undone.replace(edit, &edit.new, &edit.old)?;
        }
        let undone = Self::of(undone)?;
        match Draft::new(&undone, extra, Repair::Never)?.patch_from(self, recorded) {
            Err(Error::NoSafeOrder) => {
                Draft::new(&undone, extra, Repair::Always)?.patch_from(self, recorded)
            }
            done => done,
        }
    }

    /// What would be seen after `patch` was applied.
    ///
    /// # Errors
    /// Of kind [`Changed`](crate::ErrorKind::Changed) if the patch does not fit what was seen; as
    /// [`observe`] if what it leaves is no table.
    pub fn with_patch(&self, patch: &Patch) -> Result<Self, Error> {
        let disk_len = self.capture.geometry.len_bytes;
        patch.check(disk_len)?;
        for edit in patch.edits() {
            if self.capture.get(edit.offset, edit.new.len()).is_none() {
                return Err(Error::NotObserved {
                    offset: edit.offset,
                });
            }
        }
        patch.verify(&self.capture, disk_len)?;
        let mut capture = self.capture.clone();
        for edit in patch.edits() {
            // All of it was captured, as just checked.
            let _ = capture.set(edit.offset, &edit.new);
        }
        Self::of(capture)
    }

    fn of(capture: Capture) -> Result<Self, Error> {
        let (layout, identity, warnings) = parse(&capture, capture.geometry)?;
        Ok(Self {
            capture,
            layout,
            identity,
            warnings,
        })
    }

    /// Where the backup of a GPT is, or would be.
    pub(crate) fn backup_lba(&self) -> Option<crate::units::Lba> {
        match &self.layout {
            Layout::Gpt { copies, .. } => copies.backup_lba().filter(|at| *at != PRIMARY),
            Layout::Bare | Layout::Mbr { .. } => None,
        }
    }

    /// The valid copies of a GPT and which they are.
    pub(crate) fn valid_copies(&self) -> Vec<(TableCopy, &crate::gpt::GptCopy)> {
        let Layout::Gpt { copies, .. } = &self.layout else {
            return Vec::new();
        };
        match copies.as_ref() {
            Copies::Both { primary, backup } => vec![
                (TableCopy::GptPrimary, primary),
                (TableCopy::GptBackup, backup),
            ],
            Copies::One { valid, bad, .. } => {
                let which = match bad {
                    TableCopy::GptPrimary => TableCopy::GptBackup,
                    TableCopy::GptBackup | TableCopy::Mbr => TableCopy::GptPrimary,
                };
                vec![(which, valid)]
            }
        }
    }
}
