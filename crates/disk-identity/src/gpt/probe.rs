//! Finding the copies of a GPT and judging them.

use crate::capture::is_not_captured;
use crate::disk::DiskRead;
use crate::error::{CopyFault, Warning};
use crate::gpt::{GptCopy, Header, PRIMARY};
use crate::patch::TableCopy;
use crate::units::{Extent, Geometry, Lba, SectorSize};

/// What was found where one copy should be.
pub(crate) type Found = Result<GptCopy, CopyFault>;

/// Where a bad copy can be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) header: Lba,
    pub(crate) array: Lba,
}

/// A GPT of which at least one copy is valid.
#[derive(Debug, Clone)]
pub(crate) enum Copies {
    /// Both are valid.
    Both { primary: GptCopy, backup: GptCopy },
    /// One is valid; the other could be rebuilt at `place`.
    One {
        valid: GptCopy,
        bad: TableCopy,
        place: Result<Place, CopyFault>,
    },
}

impl Copies {
    /// The copy that counts: the primary if it is valid.
    pub(crate) const fn lead(&self) -> &GptCopy {
        match self {
            Self::Both { primary, .. } => primary,
            Self::One { valid, .. } => valid,
        }
    }

    /// Where the header of the backup is, or would be rebuilt.
    pub(crate) fn backup_lba(&self) -> Option<Lba> {
        match self {
            Self::Both { backup, .. } => Some(backup.lba),
            Self::One {
                valid,
                bad: TableCopy::GptPrimary,
                ..
            } => Some(valid.lba),
            Self::One { place, .. } => place.as_ref().ok().map(|place| place.header),
        }
    }
}

fn read(
    disk: &dyn DiskRead,
    geometry: Geometry,
    first: Lba,
    sectors: u64,
) -> Result<Vec<u8>, CopyFault> {
    let extent = Extent::new(first, sectors).filter(|extent| extent.within(geometry));
    let place = extent.and_then(|_| {
        let offset = first.byte_offset(geometry.sector_size)?;
        let len = sectors.checked_mul(geometry.sector_size.bytes())?;
        Some((offset, usize::try_from(len).ok()?))
    });
    let Some((offset, len)) = place else {
        return Err(CopyFault::OutsideDisk(first));
    };
    let mut buf = vec![0; len];
    match disk.read_exact_at(&mut buf, offset) {
        Ok(()) => Ok(buf),
        Err(error) if is_not_captured(&error) => Err(CopyFault::NotObserved(first)),
        Err(_) => Err(CopyFault::Unreadable(first)),
    }
}

fn header_at(disk: &dyn DiskRead, geometry: Geometry, at: Lba) -> Result<Header, CopyFault> {
    Header::check(&read(disk, geometry, at, 1)?, at, geometry)
}

/// Reads and checks the copy whose header stands at `at`.
pub(crate) fn copy_at(disk: &dyn DiskRead, geometry: Geometry, at: Lba) -> Found {
    let header_sector = read(disk, geometry, at, 1)?;
    let header = Header::check(&header_sector, at, geometry)?;
    let misplaced = CopyFault::ArrayPlace(header.array_lba);
    let sectors = header.array_sectors(geometry);
    let extent = Extent::new(header.array_lba, sectors)
        .filter(|extent| extent.within(geometry) && !extent.contains(at))
        .filter(|extent| !extent.contains(Lba(0)));
    if extent.is_none() {
        return Err(misplaced);
    }
    let mut array = read(disk, geometry, header.array_lba, sectors)?;
    array.truncate(header.array_len);
    let stored = header.array_crc;
    let computed = crc32fast::hash(&array);
    if stored != computed {
        return Err(CopyFault::ArrayChecksum { stored, computed });
    }
    Ok(GptCopy {
        lba: at,
        header,
        header_sector,
        array,
    })
}

fn share_sectors(one: &GptCopy, other: &GptCopy, geometry: Geometry) -> bool {
    one.extents(geometry).into_iter().flatten().any(|mine| {
        other
            .extents(geometry)
            .into_iter()
            .flatten()
            .any(|theirs| mine.overlaps(theirs))
    })
}

/// Which of the two copies are valid: the primary, and the one whose header stands at `backup`.
pub(crate) fn valid_copies(
    disk: &dyn DiskRead,
    geometry: Geometry,
    backup: Option<Lba>,
) -> (bool, bool) {
    let primary = copy_at(disk, geometry, PRIMARY);
    let backup = backup.map(|at| copy_at(disk, geometry, at));
    match (&primary, &backup) {
        (Ok(primary), Some(Ok(backup))) => (true, !share_sectors(primary, backup, geometry)),
        (primary, backup) => (primary.is_ok(), matches!(backup, Some(Ok(_)))),
    }
}

/// The sector size for which a GPT header stands on the disk: at its start, else at its end.
pub(crate) fn sector_size(disk: &dyn DiskRead, len_bytes: u64) -> Option<SectorSize> {
    let sizes = [SectorSize::B512, SectorSize::B4096];
    let at = |place: fn(Geometry) -> Option<Lba>| {
        sizes.into_iter().find(|size| {
            let geometry = Geometry {
                sector_size: *size,
                len_bytes,
            };
            place(geometry).is_some_and(|at| header_at(disk, geometry, at).is_ok())
        })
    };
    at(|_| Some(PRIMARY)).or_else(|| at(Geometry::last))
}

/// Finds both copies. The backup is where the primary's header says; if that header or that backup
/// is bad, at the last sector. `Err` holds the faults of primary and backup if neither is valid.
pub(crate) fn copies(
    disk: &dyn DiskRead,
    geometry: Geometry,
    warnings: &mut Vec<Warning>,
) -> Result<Copies, (CopyFault, CopyFault)> {
    let primary = copy_at(disk, geometry, PRIMARY);
    let primary_header = header_at(disk, geometry, PRIMARY).ok();
    let end = geometry.last().filter(|end| *end != PRIMARY);
    let expected = primary_header.map(|header| header.alternate);
    let usable_backup = |at: Lba| {
        let backup = copy_at(disk, geometry, at)?;
        match &primary {
            Ok(primary) if share_sectors(primary, &backup, geometry) => Err(CopyFault::Shared),
            _ if at == PRIMARY => Err(CopyFault::Shared),
            _ => Ok(backup),
        }
    };
    let at_expected = expected.map(usable_backup);
    let at_end = end
        .filter(|end| Some(*end) != expected)
        .map(|end| (end, usable_backup(end)));

    let backup = match (at_expected, at_end) {
        (Some(Ok(backup)), other) => {
            if let Some((end, other)) = other {
                warnings.push(Warning::BackupNotAtEnd {
                    at: backup.lba,
                    end,
                });
                if other.is_ok() {
                    warnings.push(Warning::ThirdCopy(end));
                }
            }
            Ok(backup)
        }
        (Some(Err(_)), Some((_, Ok(backup)))) => {
            if let (Ok(_), Some(expected)) = (&primary, expected) {
                warnings.push(Warning::BackupMoved {
                    at: backup.lba,
                    expected,
                });
            }
            Ok(backup)
        }
        (Some(Err(fault)), _) => Err(fault),
        (None, Some((_, found))) => found,
        (None, None) => Err(CopyFault::OutsideDisk(end.unwrap_or(PRIMARY))),
    };

    let (valid, bad, fault) = match (primary, backup) {
        (Ok(primary), Ok(backup)) => {
            compare(&primary, &backup, warnings);
            return Ok(Copies::Both { primary, backup });
        }
        (Ok(primary), Err(fault)) => (primary, TableCopy::GptBackup, fault),
        (Err(fault), Ok(backup)) => (backup, TableCopy::GptPrimary, fault),
        (Err(primary), Err(backup)) => return Err((primary, backup)),
    };
    let place = place(disk, geometry, &valid, bad);
    warnings.push(Warning::OneValidCopy { copy: bad, fault });
    Ok(Copies::One { valid, bad, place })
}

/// Warns of what two valid copies do not have in common.
fn compare(primary: &GptCopy, backup: &GptCopy, warnings: &mut Vec<Warning>) {
    let common = |copy: &GptCopy| {
        let h = copy.header;
        (h.disk_guid, h.first_usable, h.last_usable, h.entry_size)
    };
    if common(primary) == common(backup) && primary.array == backup.array {
        return;
    }
    warnings.push(Warning::CopiesDisagree);
    let missing = |from: &GptCopy, of: &GptCopy| -> Vec<u32> {
        of.used()
            .filter(|(index, entry)| {
                !from
                    .entry(*index)
                    .is_some_and(|other| other.is_twin_of(*entry))
            })
            .map(|(index, _)| index)
            .collect()
    };
    let only_backup = missing(primary, backup);
    if !only_backup.is_empty() {
        warnings.push(Warning::OnlyInBackup(only_backup));
    }
    let only_primary = missing(backup, primary);
    if !only_primary.is_empty() {
        warnings.push(Warning::OnlyInPrimary(only_primary));
    }
}

/// Looks for room for the bad copy and reads what stands there, so that it can be put back.
fn place(
    disk: &dyn DiskRead,
    geometry: Geometry,
    valid: &GptCopy,
    bad: TableCopy,
) -> Result<Place, CopyFault> {
    let header = match bad {
        TableCopy::GptPrimary => PRIMARY,
        TableCopy::GptBackup | TableCopy::Mbr => valid.header.alternate,
    };
    let sectors = valid.header.array_sectors(geometry);
    let usable = Extent::between(valid.header.first_usable.0, valid.header.last_usable.0);
    let taken = |extent: Extent| {
        usable.is_some_and(|usable| usable.overlaps(extent))
            || extent.contains(Lba(0))
            || valid
                .extents(geometry)
                .into_iter()
                .flatten()
                .any(|mine| mine.overlaps(extent))
    };
    let free = |first: Lba, count: u64| {
        Extent::new(first, count).filter(|extent| extent.within(geometry) && !taken(*extent))
    };
    let on_its_side = bad == TableCopy::GptPrimary || header > valid.header.last_usable;
    if !on_its_side || free(header, 1).is_none() {
        return Err(CopyFault::HeaderPlace(header));
    }
    let own = header_at(disk, geometry, header)
        .ok()
        .map(|header| header.array_lba);
    let standard = match bad {
        TableCopy::GptPrimary => header.0.checked_add(1),
        TableCopy::GptBackup | TableCopy::Mbr => header.0.checked_sub(sectors),
    };
    // Next to the header and free of the usable sectors: so the standard place of a primary lies
    // before those, and that of a backup after them.
    let array = own
        .into_iter()
        .chain(standard.map(Lba))
        .find(|first| free(*first, sectors).is_some_and(|extent| !extent.contains(header)))
        .ok_or(CopyFault::ArrayPlace(standard.map_or(header, Lba)))?;
    read(disk, geometry, header, 1)?;
    read(disk, geometry, array, sectors)?;
    Ok(Place { header, array })
}
