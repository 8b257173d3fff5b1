//! From two captures to a patch: the smallest edits, in an order that no power cut can spoil.

use std::collections::BTreeMap;

use crate::capture::Capture;
use crate::error::Error;
use crate::gpt::probe::valid_copies;
use crate::patch::{Edit, FieldMap, Patch, Stage, TableCopy};
use crate::units::{ATOM, Lba};

/// A patch with more edits is refused: only a hostile table needs them.
const MAX_EDITS: usize = 1 << 18;

/// The atoms which may differ, and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Touched(BTreeMap<u64, TableCopy>);

impl Touched {
    pub(crate) fn add(&mut self, copy: TableCopy, offset: u64, len: u64) {
        let Some(last) = len.checked_sub(1).and_then(|n| offset.checked_add(n)) else {
            return;
        };
        for atom in offset / ATOM..=last / ATOM {
            self.0.insert(atom, copy);
        }
    }

    /// Adds what `other` touches; where both do, it is `other` that knows whose it is.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The patch that leads from `before` to `after`.
///
/// `backup` is where the backup's header stands, now or after.
pub(crate) fn patch(
    before: &Capture,
    after: &Capture,
    touched: &Touched,
    fields: &FieldMap,
    backup: Option<Lba>,
) -> Result<Patch, Error> {
    let mut edits: BTreeMap<TableCopy, Vec<Edit>> = BTreeMap::new();
    let mut budget = MAX_EDITS;
    for (atom, copy) in &touched.0 {
        let pair = before.atom(*atom).zip(after.atom(*atom));
        let offset = atom.saturating_mul(ATOM);
        let Some((old, new)) = pair else {
            return Err(Error::NotObserved { offset });
        };
        if old != new {
            let edits = edits.entry(*copy).or_default();
            diff(old, new, offset, fields, edits, &mut budget)?;
        }
    }
    let gpt = [TableCopy::GptBackup, TableCopy::GptPrimary].map(|copy| edits.contains_key(&copy));
    let [first, second] = order(before, after, gpt, backup)?;
    let stages = [first, second, TableCopy::Mbr]
        .into_iter()
        .filter_map(|what| {
            let edits = edits.remove(&what)?;
            Some(Stage { what, edits })
        })
        .collect();
    Ok(Patch {
        sector_size: before.geometry.sector_size,
        stages,
    })
}

/// The order in which the two copies of a GPT may be written, if they are to be written at all.
///
/// While one copy is being written it must count as lost. So the copy written second must be valid
/// as it was, and the copy written first must be valid as it will be. Read backwards this is the
/// same demand, so the inverse of a patch is as safe as the patch.
fn order(
    before: &Capture,
    after: &Capture,
    [write_backup, write_primary]: [bool; 2],
    backup: Option<Lba>,
) -> Result<[TableCopy; 2], Error> {
    const BACKUP_FIRST: [TableCopy; 2] = [TableCopy::GptBackup, TableCopy::GptPrimary];
    const PRIMARY_FIRST: [TableCopy; 2] = [TableCopy::GptPrimary, TableCopy::GptBackup];
    if !write_backup && !write_primary {
        return Ok(BACKUP_FIRST);
    }
    let (primary_was, backup_was) = valid_copies(before, before.geometry, backup);
    let (primary_will, backup_will) = valid_copies(after, after.geometry, backup);
    let backup_first = (!write_backup || primary_was) && (!write_primary || backup_will);
    let primary_first = (!write_primary || backup_was) && (!write_backup || primary_will);
    if backup_first {
        Ok(BACKUP_FIRST)
    } else if primary_first {
        Ok(PRIMARY_FIRST)
    } else {
        Err(Error::NoSafeOrder)
    }
}

/// Adds an edit for each run of differing bytes of one field.
fn diff(
    old: &[u8],
    new: &[u8],
    offset: u64,
    fields: &FieldMap,
    edits: &mut Vec<Edit>,
    budget: &mut usize,
) -> Result<(), Error> {
    for (at, (was, will)) in (offset..).zip(old.iter().zip(new)) {
        if was == will {
            continue;
        }
        let field = fields.at(at);
        if let Some(edit) = edits.last_mut()
            && edit.end() == Some(at)
            && edit.field == field
        {
            edit.old.push(*was);
            edit.new.push(*will);
            continue;
        }
        *budget = budget
            .checked_sub(1)
            .ok_or(Error::TooManyEdits { limit: MAX_EDITS })?;
        edits.push(Edit {
            offset: at,
            old: vec![*was],
            new: vec![*will],
            field,
        });
    }
    Ok(())
}
