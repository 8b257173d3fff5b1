//! The service `Catalogue`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vss_model::{Error, OperationId, SetId, SnapshotId};
use vss_service::Served;

use crate::server::Handlers;
use crate::server::blocking::{answer, bad_request};
use crate::server::requester::operation_id;
use crate::v1;
use crate::v1::catalogue_server::Catalogue;
use crate::wire::{Wire, WireId, id, list_to};

fn field<T: WireId>(text: &str, name: &str) -> Result<T, Status> {
    id(text, name).map_err(|fault| bad_request(&fault))
}

/// More than the machine can count is all there is.
fn most(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Handlers {
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Served) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let service = Arc::clone(&self.shared.service);
        answer(move || call(&*service)).await
    }
}

#[tonic::async_trait]
impl Catalogue for Handlers {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let sessions = Arc::clone(&self.shared.sessions);
        self.ask(move |service| {
            let mut status = service.status()?;
            status.sessions = u64::try_from(sessions.count()).unwrap_or(u64::MAX);
            Ok(v1::GetStatusResponse {
                status: Some(status.to_wire()),
            })
        })
        .await
    }

    async fn list_sets(
        &self,
        _: Request<v1::ListSetsRequest>,
    ) -> Result<Response<v1::ListSetsResponse>, Status> {
        self.ask(|service| {
            Ok(v1::ListSetsResponse {
                sets: list_to(&service.sets()?),
            })
        })
        .await
    }

    async fn get_set(
        &self,
        request: Request<v1::GetSetRequest>,
    ) -> Result<Response<v1::GetSetResponse>, Status> {
        let set: SetId = field(&request.get_ref().set_id, "set_id")?;
        self.ask(move |service| {
            Ok(v1::GetSetResponse {
                set: Some(service.set(set)?.to_wire()),
            })
        })
        .await
    }

    async fn list_copies(
        &self,
        _: Request<v1::ListCopiesRequest>,
    ) -> Result<Response<v1::ListCopiesResponse>, Status> {
        self.ask(|service| {
            Ok(v1::ListCopiesResponse {
                copies: list_to(&service.copies()?),
            })
        })
        .await
    }

    async fn get_copy(
        &self,
        request: Request<v1::GetCopyRequest>,
    ) -> Result<Response<v1::GetCopyResponse>, Status> {
        let copy: SnapshotId = field(&request.get_ref().snapshot_id, "snapshot_id")?;
        self.ask(move |service| {
            Ok(v1::GetCopyResponse {
                properties: Some(service.copy(copy)?.to_wire()),
            })
        })
        .await
    }

    async fn find(
        &self,
        request: Request<v1::FindRequest>,
    ) -> Result<Response<v1::FindResponse>, Status> {
        let request = request.into_inner();
        self.ask(move |service| {
            let objects = service.find(&request.digits, most(request.most))?;
            Ok(v1::FindResponse {
                objects: list_to(&objects),
            })
        })
        .await
    }

    async fn get_record(
        &self,
        request: Request<v1::GetRecordRequest>,
    ) -> Result<Response<v1::GetRecordResponse>, Status> {
        let operation: OperationId = field(&request.get_ref().operation_id, "operation_id")?;
        self.ask(move |service| {
            Ok(v1::GetRecordResponse {
                record: Some(service.record(operation)?.to_wire()),
            })
        })
        .await
    }

    async fn get_creation(
        &self,
        request: Request<v1::GetCreationRequest>,
    ) -> Result<Response<v1::GetCreationResponse>, Status> {
        let set: SetId = field(&request.get_ref().set_id, "set_id")?;
        self.ask(move |service| {
            Ok(v1::GetCreationResponse {
                record: Some(service.creation(set)?.to_wire()),
            })
        })
        .await
    }

    async fn history(
        &self,
        request: Request<v1::HistoryRequest>,
    ) -> Result<Response<v1::HistoryResponse>, Status> {
        let limit = most(request.get_ref().limit);
        self.ask(move |service| {
            Ok(v1::HistoryResponse {
                records: list_to(&service.history(limit)?),
            })
        })
        .await
    }

    async fn refusals(
        &self,
        request: Request<v1::RefusalsRequest>,
    ) -> Result<Response<v1::RefusalsResponse>, Status> {
        let limit = most(request.get_ref().limit);
        self.ask(move |service| {
            Ok(v1::RefusalsResponse {
                refusals: list_to(&service.refusals(limit)?),
            })
        })
        .await
    }

    async fn list_volume_names(
        &self,
        _: Request<v1::ListVolumeNamesRequest>,
    ) -> Result<Response<v1::ListVolumeNamesResponse>, Status> {
        self.ask(|service| {
            Ok(v1::ListVolumeNamesResponse {
                names: list_to(&service.volume_names()?),
            })
        })
        .await
    }

    async fn resolve_volumes(
        &self,
        request: Request<v1::ResolveVolumesRequest>,
    ) -> Result<Response<v1::ResolveVolumesResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::ResolveVolumesResponse {
                names: service.resolve_volumes(&names)?,
            })
        })
        .await
    }

    async fn plan_break(
        &self,
        request: Request<v1::PlanBreakRequest>,
    ) -> Result<Response<v1::PlanBreakResponse>, Status> {
        let set: SetId = field(&request.get_ref().set_id, "set_id")?;
        let flags = request.get_ref().flags;
        self.ask(move |service| {
            Ok(v1::PlanBreakResponse {
                plan: Some(service.plan_break(set, flags)?.to_wire()),
            })
        })
        .await
    }

    async fn undo(
        &self,
        request: Request<v1::UndoRequest>,
    ) -> Result<Response<v1::UndoResponse>, Status> {
        let undone: OperationId = field(&request.get_ref().undone_id, "undone_id")?;
        let id = operation_id(request.get_ref().operation_id.as_deref())?;
        let starting = self.starting(id)?;
        self.ask(move |service| {
            let _until_the_end = starting;
            Ok(v1::UndoResponse {
                report: Some(service.undo(undone, Some(id))?.to_wire()),
            })
        })
        .await
    }
}
