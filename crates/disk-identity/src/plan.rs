//! From a change to the bytes wanted: the part that knows both kinds of tables.

use std::collections::{HashMap, HashSet};

use crate::capture::Capture;
use crate::change::Change;
use crate::error::Error;
use crate::gpt::GptCopy;
use crate::gpt::plan::{EntryChange, GptChange, Image};
use crate::gpt::probe::Copies;
use crate::identity::{DiskId, TableKind};
use crate::mbr;
use crate::observe::{Layout, Observation};
use crate::patch::build::{self, Touched};
use crate::patch::{FieldMap, Patch, TableCopy};
use crate::units::{Extent, Lba};

/// What to do about a copy of a GPT that is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Leave it.
    Never,
    /// Rebuild it if the valid copy changes.
    WithChange,
    /// Rebuild it.
    Always,
}

/// The bytes wanted.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    base: &'a Observation,
    capture: Capture,
    touched: Touched,
    fields: FieldMap,
}

impl<'a> Draft<'a> {
    /// Applies `change` to what `base` saw.
    pub(crate) fn new(
        base: &'a Observation,
        change: &Change,
        repair: Repair,
    ) -> Result<Self, Error> {
        let mut draft = Self {
            base,
            capture: base.capture.clone(),
            touched: Touched::default(),
            fields: FieldMap::new(base.capture.geometry),
        };
        match &base.layout {
            Layout::Bare if change.is_empty() => {}
            Layout::Bare => return Err(Error::NoTable),
            Layout::Mbr { record } => {
                if let Some(signature) = mbr_signature(base, change)? {
                    draft.put(
                        TableCopy::Mbr,
                        Lba(0),
                        &mbr::plan::changed(record, signature),
                    )?;
                }
            }
            Layout::Gpt {
                copies,
                record,
                hybrid,
            } => {
                let wanted = gpt_change(copies.lead(), change)?;
                if let Some(signature) = hybrid_signature(change, *hybrid)? {
                    draft.put(
                        TableCopy::Mbr,
                        Lba(0),
                        &mbr::plan::changed(record, signature),
                    )?;
                }
                draft.gpt(copies, &wanted, repair)?;
            }
        }
        Ok(draft)
    }

    /// The patch that leads from what `now` saw to this draft. `base` may differ from `now` in the
    /// bytes that `recorded` changed.
    pub(crate) fn patch_from(
        mut self,
        now: &Observation,
        recorded: &Patch,
    ) -> Result<Patch, Error> {
        let mut touched = Touched::default();
        for stage in recorded.stages() {
            for edit in &stage.edits {
                touched.add(stage.what, edit.offset, edit.new.len() as u64);
            }
        }
        touched.extend(self.touched);
        for (_, copy) in now
            .valid_copies()
            .into_iter()
            .chain(self.base.valid_copies())
        {
            self.fields.add(copy.lba, copy.header.array_lba, copy);
        }
        let backup = now.backup_lba().or_else(|| self.base.backup_lba());
        build::patch(&now.capture, &self.capture, &touched, &self.fields, backup)
    }

    fn gpt(&mut self, copies: &Copies, change: &GptChange, repair: Repair) -> Result<(), Error> {
        let lead = copies.lead();
        match copies {
            Copies::Both { primary, backup } => {
                for (which, copy) in [
                    (TableCopy::GptPrimary, primary),
                    (TableCopy::GptBackup, backup),
                ] {
                    self.put_image(which, &Image::changed(copy, lead, change), lead)?;
                }
            }
            Copies::One { valid, bad, place } => {
                let image = Image::changed(valid, lead, change);
                let rebuild = match repair {
                    Repair::Never => false,
                    Repair::WithChange => !image.is_same_as(valid),
                    Repair::Always => true,
                };
                if rebuild {
                    let place = place
                        .clone()
                        .map_err(|fault| Error::NoPlace { copy: *bad, fault })?;
                    self.put_image(*bad, &image.rebuilt(*bad, place), lead)?;
                }
                let which = match bad {
                    TableCopy::GptPrimary => TableCopy::GptBackup,
                    TableCopy::GptBackup | TableCopy::Mbr => TableCopy::GptPrimary,
                };
                self.put_image(which, &image, lead)?;
            }
        }
        Ok(())
    }

    fn put_image(&mut self, which: TableCopy, image: &Image, lead: &GptCopy) -> Result<(), Error> {
        let geometry = self.capture.geometry;
        let extents = [
            Extent::new(image.header_lba, 1),
            Extent::new(
                image.array_lba,
                geometry.sectors_for(image.array.len() as u64),
            ),
        ];
        for (index, entry) in lead.used() {
            let partition = Extent::between(entry.first_lba(), entry.last_lba());
            let over = partition.is_some_and(|partition| {
                extents
                    .into_iter()
                    .flatten()
                    .any(|extent| extent.overlaps(partition))
            });
            if over {
                return Err(Error::PartitionOverTable { index, copy: which });
            }
        }
        self.fields.add(image.header_lba, image.array_lba, lead);
        self.put(which, image.header_lba, &image.header_sector)?;
        self.put(which, image.array_lba, &image.array)
    }

    fn put(&mut self, which: TableCopy, at: Lba, bytes: &[u8]) -> Result<(), Error> {
        let offset = at
            .byte_offset(self.capture.geometry.sector_size)
            .unwrap_or(u64::MAX);
        self.capture
            .set(offset, bytes)
            .ok_or(Error::NotObserved { offset })?;
        self.touched.add(which, offset, bytes.len() as u64);
        Ok(())
    }
}

/// Checks a change of a disk with an MBR, of which only the signature can change.
fn mbr_signature(base: &Observation, change: &Change) -> Result<Option<u32>, Error> {
    let wrong = |wanted| Error::WrongKind {
        table: TableKind::Mbr,
        wanted,
    };
    if change.hybrid_signature.is_some() {
        return Err(wrong("hybrid signature"));
    }
    let mut seen = HashSet::new();
    let partitions: HashMap<_, _> = base
        .identity()
        .partitions
        .iter()
        .map(|p| (p.index, p.start_lba))
        .collect();
    for partition in &change.partitions {
        let (index, start) = (partition.index, Lba(partition.start_lba));
        if !seen.insert(index) {
            return Err(Error::Repeated { index });
        }
        if partitions.get(&index) != Some(&start.0) {
            return Err(Error::NoSuchPartition { index, start });
        }
        if partition.id.is_some() {
            return Err(wrong("partition GUID"));
        }
        if partition.attributes.is_some() {
            return Err(wrong("partition attributes"));
        }
    }
    match change.disk_id {
        None => Ok(None),
        Some(DiskId::Guid(_)) => Err(wrong("disk GUID")),
        Some(DiskId::Signature(0)) => Err(Error::NilId),
        Some(DiskId::Signature(signature)) => Ok(Some(signature)),
    }
}

fn hybrid_signature(change: &Change, hybrid: bool) -> Result<Option<u32>, Error> {
    match change.hybrid_signature {
        Some(_) if !hybrid => Err(Error::WrongKind {
            table: TableKind::Gpt,
            wanted: "hybrid signature, as its MBR is only protective",
        }),
        Some(0) => Err(Error::NilId),
        signature => Ok(signature),
    }
}

/// Checks a change of a GPT against the copy that counts.
fn gpt_change(lead: &GptCopy, change: &Change) -> Result<GptChange, Error> {
    let disk_guid = match change.disk_id {
        None => None,
        Some(DiskId::Signature(_)) => {
            return Err(Error::WrongKind {
                table: TableKind::Gpt,
                wanted: "disk signature",
            });
        }
        Some(DiskId::Guid(guid)) if guid.is_nil() => return Err(Error::NilId),
        Some(DiskId::Guid(guid)) => Some(guid),
    };
    let mut seen = HashSet::new();
    let mut entries = Vec::with_capacity(change.partitions.len());
    for partition in &change.partitions {
        let (index, start) = (partition.index, Lba(partition.start_lba));
        if !seen.insert(index) {
            return Err(Error::Repeated { index });
        }
        let there = lead
            .entry(index)
            .is_some_and(|entry| entry.is_used() && entry.first_lba() == start.0);
        if !there {
            return Err(Error::NoSuchPartition { index, start });
        }
        if partition.id.is_some_and(|guid| guid.is_nil()) {
            return Err(Error::NilId);
        }
        entries.push(EntryChange {
            index,
            guid: partition.id,
            attributes: partition.attributes,
        });
    }
    Ok(GptChange { disk_guid, entries })
}
