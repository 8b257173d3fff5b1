//! What changes nothing.

use std::sync::Arc;

use tonic::transport::Channel;
use vss_model::{Error, OperationId, SetId, SnapshotId, SnapshotProperties};
use vss_service::{
    AuditRecord, CopySummary, Lun, LunDetail, Object, OperationState, Queries, Refusal, SetRecord,
    SetSummary, Status, VolumeName, VssAsync,
};

use crate::client::Client;
use crate::client::link::{ANSWER_BYTES, bad_answer};
use crate::client::operation::Operation;
use crate::v1;
use crate::v1::catalogue_client::CatalogueClient;
use crate::v1::luns_client::LunsClient;
use crate::v1::operations_client::OperationsClient;
use crate::wire::{Fault, Wire, list_from, needed};

pub(super) fn catalogue(channel: Channel) -> CatalogueClient<Channel> {
    CatalogueClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}

pub(super) fn operations(channel: Channel) -> OperationsClient<Channel> {
    OperationsClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}

pub(super) fn luns(channel: Channel) -> LunsClient<Channel> {
    LunsClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}

/// The message in an answer.
pub(super) fn message<T: Wire>(message: Option<T::Message>, field: &str) -> Result<T, Error> {
    needed(message, field).map_err(|fault| bad_answer(&fault))
}

/// The messages in an answer.
pub(super) fn messages<T: Wire>(messages: Vec<T::Message>, field: &str) -> Result<Vec<T>, Error> {
    list_from(messages, field).map_err(|fault| bad_answer(&fault))
}

pub(super) fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Queries for Client {
    fn status(&self) -> Result<Status, Error> {
        let answer = self.link.short(|channel| async move {
            catalogue(channel).get_status(v1::GetStatusRequest {}).await
        })?;
        message(answer.status, "status")
    }

    fn sets(&self) -> Result<Vec<SetSummary>, Error> {
        let answer = self.link.short(|channel| async move {
            catalogue(channel).list_sets(v1::ListSetsRequest {}).await
        })?;
        messages(answer.sets, "sets")
    }

    fn copies(&self) -> Result<Vec<CopySummary>, Error> {
        let answer = self.link.short(|channel| async move {
            catalogue(channel)
                .list_copies(v1::ListCopiesRequest {})
                .await
        })?;
        messages(answer.copies, "copies")
    }

    fn set(&self, id: SetId) -> Result<SetRecord, Error> {
        let request = v1::GetSetRequest {
            set_id: id.to_string(),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).get_set(request).await })?;
        message(answer.set, "set")
    }

    fn copy(&self, id: SnapshotId) -> Result<SnapshotProperties, Error> {
        let request = v1::GetCopyRequest {
            snapshot_id: id.to_string(),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).get_copy(request).await })?;
        message(answer.properties, "properties")
    }

    fn find(&self, digits: &str, most: usize) -> Result<Vec<Object>, Error> {
        let request = v1::FindRequest {
            digits: digits.to_owned(),
            most: number(most),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).find(request).await })?;
        messages(answer.objects, "objects")
    }

    fn operations(&self) -> Result<Vec<OperationState>, Error> {
        let answer = self.link.short(|channel| async move {
            operations(channel)
                .list_operations(v1::ListOperationsRequest {})
                .await
        })?;
        messages(answer.operations, "operations")
    }

    fn operation(&self, id: OperationId) -> Result<Box<dyn VssAsync>, Error> {
        let state = Operation::look(&self.link, id)?;
        let link = Arc::clone(&self.link);
        Ok(Box::new(Operation::new(link, id, state.set)))
    }

    fn record(&self, id: OperationId) -> Result<AuditRecord, Error> {
        let request = v1::GetRecordRequest {
            operation_id: id.to_string(),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).get_record(request).await })?;
        message(answer.record, "record")
    }

    fn creation(&self, set: SetId) -> Result<AuditRecord, Error> {
        let request = v1::GetCreationRequest {
            set_id: set.to_string(),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).get_creation(request).await })?;
        message(answer.record, "record")
    }

    fn history(&self, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        let request = v1::HistoryRequest {
            limit: number(limit),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).history(request).await })?;
        messages(answer.records, "records")
    }

    fn refusals(&self, limit: usize) -> Result<Vec<Refusal>, Error> {
        let request = v1::RefusalsRequest {
            limit: number(limit),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).refusals(request).await })?;
        messages(answer.refusals, "refusals")
    }

    fn volume_names(&self) -> Result<Vec<VolumeName>, Error> {
        let answer = self.link.short(|channel| async move {
            catalogue(channel)
                .list_volume_names(v1::ListVolumeNamesRequest {})
                .await
        })?;
        messages(answer.names, "names")
    }

    fn resolve_volumes(&self, names: &[String]) -> Result<Vec<String>, Error> {
        let request = v1::ResolveVolumesRequest {
            names: names.to_vec(),
        };
        let answer = self
            .link
            .short(|channel| async move { catalogue(channel).resolve_volumes(request).await })?;
        if answer.names.len() == names.len() {
            Ok(answer.names)
        } else {
            Err(bad_answer(&Fault::new(
                "names",
                "are not as many as were asked for",
            )))
        }
    }

    fn luns(&self) -> Result<Vec<Lun>, Error> {
        let answer = self.link.short(|channel| async move {
            luns(channel).list_luns(v1::ListLunsRequest {}).await
        })?;
        messages(answer.luns, "luns")
    }

    fn lun(&self, name: &str) -> Result<LunDetail, Error> {
        let request = v1::GetLunRequest {
            name: name.to_owned(),
        };
        let answer = self
            .link
            .short(|channel| async move { luns(channel).get_lun(request).await })?;
        message(answer.detail, "detail")
    }
}
