//! What changes something outside a session.

use std::sync::Arc;

use uuid::Uuid;
use vss_model::{Context, Error, OperationId, SetId};
use vss_service::{
    AdoptLun, AuditRecord, BackupComponents, BreakPlan, Lun, LunChange, NewLun, Service,
};

use crate::client::Client;
use crate::client::queries::{catalogue, luns, message, messages};
use crate::client::session::Session;
use crate::v1;
use crate::wire::Wire;

/// The caller's id for an operation, else a new one: with it a repeat finds what the first call began.
pub(super) fn operation_id(id: Option<OperationId>) -> Option<String> {
    let id = id.unwrap_or_else(|| OperationId::from_uuid(Uuid::new_v4()));
    Some(id.to_string())
}

impl Service for Client {
    fn create_backup_components(&self) -> Result<Box<dyn BackupComponents>, Error> {
        Ok(Box::new(Session::open(Arc::clone(&self.link), None)?))
    }

    /// In one call instead of three.
    fn administration(&self) -> Result<Box<dyn BackupComponents>, Error> {
        let context = Some(Context::ALL.bits());
        Ok(Box::new(Session::open(Arc::clone(&self.link), context)?))
    }

    fn plan_break(&self, set: SetId, flags: u32) -> Result<BreakPlan, Error> {
        let request = v1::PlanBreakRequest {
            set_id: set.to_string(),
            flags,
        };
        let answer = self
            .link
            .long(|channel| async move { catalogue(channel).plan_break(request).await })?;
        message(answer.plan, "plan")
    }

    fn undo(&self, operation: OperationId, id: Option<OperationId>) -> Result<AuditRecord, Error> {
        let request = v1::UndoRequest {
            undone_id: operation.to_string(),
            operation_id: operation_id(id),
        };
        let answer = self
            .link
            .long(|channel| async move { catalogue(channel).undo(request).await })?;
        message(answer.report, "report")
    }

    fn create_lun(&self, lun: &NewLun) -> Result<Lun, Error> {
        let request = lun.to_wire();
        let answer = self
            .link
            .long(|channel| async move { luns(channel).create_lun(request).await })?;
        message(answer.lun, "lun")
    }

    fn adopt_lun(&self, lun: &AdoptLun) -> Result<Lun, Error> {
        let request = lun.to_wire();
        let answer = self
            .link
            .long(|channel| async move { luns(channel).adopt_lun(request).await })?;
        message(answer.lun, "lun")
    }

    fn mask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let request = v1::MaskLunsRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .long(|channel| async move { luns(channel).mask_luns(request).await })?;
        messages(answer.changes, "changes")
    }

    fn unmask_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let request = v1::UnmaskLunsRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .long(|channel| async move { luns(channel).unmask_luns(request).await })?;
        messages(answer.changes, "changes")
    }

    fn attach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let request = v1::AttachLunsRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .long(|channel| async move { luns(channel).attach_luns(request).await })?;
        messages(answer.changes, "changes")
    }

    fn detach_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let request = v1::DetachLunsRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .long(|channel| async move { luns(channel).detach_luns(request).await })?;
        messages(answer.changes, "changes")
    }

    fn delete_luns(&self, names: &[String]) -> Result<Vec<LunChange>, Error> {
        let request = v1::DeleteLunsRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .long(|channel| async move { luns(channel).delete_luns(request).await })?;
        messages(answer.changes, "changes")
    }
}
