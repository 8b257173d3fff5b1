//! The service `Luns`.

use tonic::{Request, Response, Status};
use vss_service::{AdoptLun, NewLun};

use crate::server::Handlers;
use crate::server::blocking::bad_request;
use crate::v1;
use crate::v1::luns_server::Luns;
use crate::wire::{Wire, list_to};

#[tonic::async_trait]
impl Luns for Handlers {
    async fn list_luns(
        &self,
        _: Request<v1::ListLunsRequest>,
    ) -> Result<Response<v1::ListLunsResponse>, Status> {
        self.ask(|service| {
            Ok(v1::ListLunsResponse {
                luns: list_to(&service.luns()?),
            })
        })
        .await
    }

    async fn get_lun(
        &self,
        request: Request<v1::GetLunRequest>,
    ) -> Result<Response<v1::GetLunResponse>, Status> {
        let name = request.into_inner().name;
        self.ask(move |service| {
            Ok(v1::GetLunResponse {
                detail: Some(service.lun(&name)?.to_wire()),
            })
        })
        .await
    }

    async fn create_lun(
        &self,
        request: Request<v1::CreateLunRequest>,
    ) -> Result<Response<v1::CreateLunResponse>, Status> {
        let lun = NewLun::from_wire(request.into_inner()).map_err(|fault| bad_request(&fault))?;
        self.ask(move |service| {
            Ok(v1::CreateLunResponse {
                lun: Some(service.create_lun(&lun)?.to_wire()),
            })
        })
        .await
    }

    async fn adopt_lun(
        &self,
        request: Request<v1::AdoptLunRequest>,
    ) -> Result<Response<v1::AdoptLunResponse>, Status> {
        let lun = AdoptLun::from_wire(request.into_inner()).map_err(|fault| bad_request(&fault))?;
        self.ask(move |service| {
            Ok(v1::AdoptLunResponse {
                lun: Some(service.adopt_lun(&lun)?.to_wire()),
            })
        })
        .await
    }

    async fn mask_luns(
        &self,
        request: Request<v1::MaskLunsRequest>,
    ) -> Result<Response<v1::MaskLunsResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::MaskLunsResponse {
                changes: list_to(&service.mask_luns(&names)?),
            })
        })
        .await
    }

    async fn unmask_luns(
        &self,
        request: Request<v1::UnmaskLunsRequest>,
    ) -> Result<Response<v1::UnmaskLunsResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::UnmaskLunsResponse {
                changes: list_to(&service.unmask_luns(&names)?),
            })
        })
        .await
    }

    async fn attach_luns(
        &self,
        request: Request<v1::AttachLunsRequest>,
    ) -> Result<Response<v1::AttachLunsResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::AttachLunsResponse {
                changes: list_to(&service.attach_luns(&names)?),
            })
        })
        .await
    }

    async fn detach_luns(
        &self,
        request: Request<v1::DetachLunsRequest>,
    ) -> Result<Response<v1::DetachLunsResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::DetachLunsResponse {
                changes: list_to(&service.detach_luns(&names)?),
            })
        })
        .await
    }

    async fn delete_luns(
        &self,
        request: Request<v1::DeleteLunsRequest>,
    ) -> Result<Response<v1::DeleteLunsResponse>, Status> {
        let names = request.into_inner().names;
        self.ask(move |service| {
            Ok(v1::DeleteLunsResponse {
                changes: list_to(&service.delete_luns(&names)?),
            })
        })
        .await
    }
}
