//! The floor: the writes and syncs that a break cannot do without, and nothing else.
//!
//! For each disk, with the same bytes at the same places as the break wrote them: a flush before
//! anything is touched; the backup table, a sync; the primary table, a sync; the file's mode (its
//! read-only state), a sync.

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use disk_identity::Patch;
use vss_service::AuditRecord;

use crate::Result;

/// Threads of the parallel floor; as many as a break uses.
const THREADS: usize = 16;

/// How the floor is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// One disk after the other, with as many syncs as the break has.
    Loop,
    /// The same with threads.
    Threads,
    /// One disk after the other, with the two syncs that the order of writing demands.
    TwoSyncs,
}

/// Sectors that are written at once.
type Window = (u64, Vec<u8>);

/// What a break wrote to one disk.
pub(crate) struct Disk {
    path: PathBuf,
    stages: Vec<Vec<Window>>,
}

/// What breaks wrote, disk by disk.
pub(crate) fn of(audits: &[impl AsRef<AuditRecord>]) -> Result<Vec<Disk>> {
    let mut disks = Vec::new();
    for report in audits.iter().flat_map(|audit| &audit.as_ref().disks) {
        let path = report.device.clone().ok_or("a disk was masked")?;
        let stages = windows(&File::open(&path)?, &report.patch)?;
        if stages.len() != 2 {
            return Err(format!("{} stages were written, not 2", stages.len()).into());
        }
        disks.push(Disk { path, stages });
    }
    Ok(disks)
}

/// The whole sectors around the edits, stage by stage, neighbours together.
fn windows(file: &File, patch: &Patch) -> Result<Vec<Vec<Window>>> {
    let align = patch.sector_size().bytes();
    let mut stages = Vec::new();
    for stage in patch
        .stages()
        .iter()
        .filter(|stage| !stage.edits.is_empty())
    {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for edit in &stage.edits {
            let start = edit.offset / align * align;
            let end = (edit.offset + edit.new.len() as u64).next_multiple_of(align);
            match spans.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => spans.push((start, end)),
            }
        }
        let windows = spans.into_iter().map(|(start, end)| {
            let mut bytes = vec![0; usize::try_from(end - start)?];
            file.read_exact_at(&mut bytes, start)?;
            Ok((start, bytes))
        });
        stages.push(windows.collect::<Result<_>>()?);
    }
    Ok(stages)
}

/// Writes it all once.
pub(crate) fn write(disks: &[Disk], walk: Walk) -> Result<()> {
    match walk {
        Walk::Loop => disks.iter().try_for_each(|disk| disk.write(true)),
        Walk::TwoSyncs => disks.iter().try_for_each(|disk| disk.write(false)),
        Walk::Threads => {
            let next = AtomicUsize::new(0);
            let work = || {
                while let Some(disk) = disks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    disk.write(true)?;
                }
                Ok(())
            };
            thread::scope(|scope| {
                let helpers: Vec<_> = (0..THREADS.min(disks.len()))
                    .map(|_| scope.spawn(work))
                    .collect();
                helpers
                    .into_iter()
                    .try_for_each(|helper| helper.join().map_err(|_| "a thread died")?)
            })
        }
    }
}

impl Disk {
    fn write(&self, all_syncs: bool) -> Result<()> {
        let file = File::options().read(true).write(true).open(&self.path)?;
        if all_syncs {
            file.sync_data()?;
        }
        let last = self.stages.len().saturating_sub(1);
        for (number, stage) in self.stages.iter().enumerate() {
            for (offset, bytes) in stage {
                file.write_all_at(bytes, *offset)?;
            }
            if all_syncs || number < last {
                file.sync_data()?;
            }
        }
        // A mode that is set already would cost nothing.
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(Permissions::from_mode(mode ^ 0o040))?;
        file.sync_all()?;
        Ok(())
    }
}
