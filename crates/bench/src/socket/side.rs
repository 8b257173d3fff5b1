//! One way to a service: its sets of one disk, and their breaks.

use std::fs::File;
use std::sync::Arc;

use vss_model::{Context, HardwareOptions, OperationId, ProviderId, ResultCode, SetId};
use vss_service::{AuditRecord, NewLun, Service, SourceObject};

use crate::{Result, gpt};

/// Size of a disk.
const SIZE: u64 = 1 << 20;
/// The disk that all copies are of.
const ORIGINAL: &str = "original";
/// Read-write (0x2). The disk would get its original's identity, were the original not visible: to find
/// that out, the break reads the tables of all visible disks.
pub(crate) const READ_WRITE: u32 = HardwareOptions::BREAKEX_MAKE_READ_WRITE.bits();
/// Read-write with the identity that the copy has (0xA): no other disk is looked at.
pub(crate) const KEEP_IDENTITY: u32 =
    READ_WRITE | HardwareOptions::BREAKEX_REVERT_IDENTITY_NONE.bits();

/// A service, and the disk whose copies it breaks.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) service: Box<dyn Service>,
}

impl Side {
    pub(crate) fn new(name: &'static str, service: Box<dyn Service>) -> Result<Self> {
        let lun = service.create_lun(&NewLun {
            name: ORIGINAL.to_owned(),
            size_bytes: SIZE,
            sector_size: 512,
            present: true,
        })?;
        gpt::write(&lun.image)?;
        Ok(Self { name, service })
    }

    /// Creates sets of one disk each.
    pub(crate) fn make(&self, count: usize) -> Result<Vec<SetId>> {
        (0..count)
            .map(|_| {
                let session = self.service.create_backup_components()?;
                session.initialize_for_backup()?;
                session.set_context(Context::NAS_ROLLBACK.bits())?;
                let set = session.start_snapshot_set()?;
                session.add_to_snapshot_set(ORIGINAL, ProviderId::NULL)?;
                let operation = session.do_snapshot_set(None)?;
                operation.wait(None)?;
                self.finished(operation.operation())?;
                Ok(set)
            })
            .collect()
    }

    /// Deletes sets that were not broken.
    pub(crate) fn delete(&self, sets: &[SetId]) -> Result<()> {
        let session = self.service.administration()?;
        for set in sets {
            let outcome = session.delete_snapshots(SourceObject::Set(*set), None)?;
            if let Some((copy, error)) = outcome.failure {
                return Err(format!("copy {copy}: {}", error.chain()).into());
            }
        }
        Ok(())
    }

    /// Deletes the disks that breaks have left.
    pub(crate) fn clear(&self) -> Result<()> {
        let broken: Vec<String> = self
            .service
            .luns()?
            .into_iter()
            .filter(|lun| lun.copy_of.is_some() && lun.set.is_none())
            .map(|lun| lun.name)
            .collect();
        self.service.delete_luns(&broken)?;
        Ok(())
    }

    fn finished(&self, operation: OperationId) -> Result<AuditRecord> {
        let state = self.service.operation(operation)?.state()?;
        match (state.report, state.error) {
            (Some(report), _) if report.code == ResultCode::VSS_S_ASYNC_FINISHED => {
                Ok(Arc::unwrap_or_clone(report))
            }
            (_, Some(error)) => Err(error.chain().into()),
            _ => Err(format!("operation {operation} ended with {}", state.code).into()),
        }
    }

    /// A break that did something else than was asked for would make every number a lie. Gives the
    /// records.
    pub(crate) fn check(&self, operations: &[OperationId]) -> Result<Vec<AuditRecord>> {
        operations
            .iter()
            .map(|&operation| {
                let record = self.finished(operation)?;
                let [disk] = &*record.disks else {
                    return Err(format!("{} disks were broken, not 1", record.disks.len()).into());
                };
                let device = disk.device.as_ref().ok_or("a disk was masked")?;
                let seen = disk_identity::observe(&File::open(device)?, None)?;
                if disk.read_only_before != Some(true)
                    || disk.read_only_after != Some(false)
                    || disk.patch.is_empty()
                    || disk.after.as_ref() != Some(seen.identity())
                {
                    return Err(format!("LUN {} was not changed as reported", disk.lun).into());
                }
                Ok(record)
            })
            .collect()
    }
}

/// A whole break, from the opening of the session to its end.
pub(crate) fn break_one(service: &dyn Service, set: SetId, flags: u32) -> Result<OperationId> {
    let session = service.administration()?;
    let mut slot = None;
    session.break_snapshot_set_ex(set, flags, None, Some(&mut slot))?;
    let operation = slot.ok_or("a break without a handle")?;
    operation.wait(None)?;
    Ok(operation.operation())
}
