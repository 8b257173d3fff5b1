//! What an object does with copies that are there.

use std::sync::Arc;

use vss_model::{
    Error, ErrorKind, ObjectType, ProviderId, ProviderProperties, SetId, SnapshotId,
    SnapshotProperties,
};
use vss_service::{Service, SourceObject};

use super::operation::Operation;
use super::order::Call;
use super::properties::in_windows_names;
use super::{Requester, volumes_of};
use crate::volumes::{Drives, Volumes, device_of_mounted};

/// What a query found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// A copy.
    Snapshot(Box<SnapshotProperties>),
    /// A provider.
    Provider(ProviderProperties),
}

/// How far a deletion came.
#[derive(Debug)]
pub(crate) struct Deleted {
    /// Copies deleted.
    pub(crate) count: u32,
    /// The copy that could not be deleted, and why.
    pub(crate) failure: Option<(SnapshotId, Error)>,
}

impl Requester {
    /// `GetSnapshotProperties`. The files of the copy can be read through its device object from then on,
    /// where it has a file system; `noted` is told why not.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn snapshot_properties(
        &self,
        id: SnapshotId,
        noted: impl Fn(&Error),
    ) -> Result<SnapshotProperties, Error> {
        self.check(Call::AnyForBackup)?;
        let properties = self.session.get_snapshot_properties(id)?;
        Ok(self.with_files(in_windows_names(properties, self.volumes()?), noted))
    }

    /// With a device object through which the files of the copy can be read.
    fn with_files(
        &self,
        mut properties: SnapshotProperties,
        noted: impl Fn(&Error),
    ) -> SnapshotProperties {
        let id = properties.snapshot_id;
        match self.session.mount_snapshot(id) {
            Ok(folder) => {
                let folder = folder.to_string_lossy();
                properties.snapshot_device_object = device_of_mounted(&*self.drives, id, &folder);
            }
            Err(error) => noted(&error),
        }
        properties
    }

    /// Whether there is such a copy.
    fn exists(&self, id: SnapshotId) -> Result<(), Error> {
        self.check(Call::AnyForBackup)?;
        self.session.get_snapshot_properties(id).map(|_| ())
    }

    /// `Query` for copies of the object's context, or for providers. Copies that the object has made have
    /// device objects like those of `GetSnapshotProperties`; to mount all that others have made is not what
    /// who looks for them asks for.
    ///
    /// # Errors
    /// `E_INVALIDARG` for anything but (null, none, copy or provider); `VSS_E_BAD_STATE`.
    pub(crate) fn query(
        &self,
        queried: SnapshotId,
        queried_type: ObjectType,
        returned: ObjectType,
        noted: impl Fn(&Error),
    ) -> Result<Vec<Found>, Error> {
        let is_known = matches!(returned, ObjectType::Snapshot | ObjectType::Provider);
        if !queried.is_null() || queried_type != ObjectType::None || !is_known {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a query asks for all copies or all providers: null id, no type",
            ));
        }
        self.check(Call::AnyForBackup)?;
        if returned == ObjectType::Provider {
            let providers = self.service.status()?.providers;
            return Ok(providers.into_iter().map(Found::Provider).collect());
        }
        let copies = self.session.query(queried, queried_type, returned)?;
        let volumes = self.volumes()?;
        let own = self.state().set;
        let found = |copy| {
            let copy = in_windows_names(copy, volumes);
            let is_own = own == Some(copy.snapshot_set_id);
            Found::Snapshot(Box::new(if is_own {
                self.with_files(copy, &noted)
            } else {
                copy
            }))
        };
        Ok(copies.into_iter().map(found).collect())
    }

    /// `DeleteSnapshots`: one copy after the other, up to the first failure.
    ///
    /// # Errors
    /// `E_INVALIDARG` for other types; `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE`.
    pub(crate) fn delete_snapshots(
        &self,
        source: uuid::Uuid,
        kind: ObjectType,
    ) -> Result<Deleted, Error> {
        let object = match kind {
            ObjectType::SnapshotSet => SourceObject::Set(SetId::from_uuid(source)),
            ObjectType::Snapshot => SourceObject::Snapshot(SnapshotId::from_uuid(source)),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "copies and sets can be deleted, nothing else",
                ));
            }
        };
        self.check(Call::AnyForBackup)?;
        let outcome = self.session.delete_snapshots(object, None)?;
        Ok(Deleted {
            count: outcome.deleted,
            failure: outcome.failure,
        })
    }

    /// `BreakSnapshotSet`.
    ///
    /// # Errors
    /// As spec break §2.1.
    pub(crate) fn break_snapshot_set(&self, set: SetId) -> Result<(), Error> {
        self.check(Call::AnyForBackup)?;
        self.session.break_snapshot_set(set, None).map(|_| ())
    }

    /// `BreakSnapshotSetEx`: the place for the operation is checked by the caller.
    ///
    /// # Errors
    /// As the column "sync" of spec break §2.2.
    pub(crate) fn break_snapshot_set_ex(&self, set: SetId, flags: u32) -> Result<Operation, Error> {
        // Access, state, flags, id: the service has the order (spec: break §2.2).
        self.check(Call::AnyForBackup)?;
        let mut slot = None;
        self.session
            .break_snapshot_set_ex(set, flags, None, Some(&mut slot))?;
        let job =
            slot.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the break has no handle"))?;
        Ok(Operation::Running(Arc::from(job)))
    }

    /// `IsVolumeSupported`.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown volume, `VSS_E_PROVIDER_NOT_REGISTERED`.
    pub(crate) fn is_volume_supported(
        &self,
        provider: ProviderId,
        volume: &str,
    ) -> Result<bool, Error> {
        self.check(Call::AnyForBackup)?;
        let host = self.host_volume(volume)?;
        self.session.is_volume_supported(&host, provider)
    }

    /// `ExposeSnapshot`: nothing can expose copies yet.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown copy, `VSS_E_PROVIDER_VETO` for one that is there.
    pub(crate) fn expose_snapshot(&self, id: SnapshotId) -> Result<(), Error> {
        self.exists(id)?;
        Err(Error::new(
            ErrorKind::ProviderVeto,
            "copies cannot be exposed under a letter, folder or share yet",
        )
        .with_hint("read it through its device object"))
    }

    /// `UnexposeSnapshot`: no copy is exposed.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND`; `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn unexpose_snapshot(&self, id: SnapshotId) -> Result<(), Error> {
        self.check(Call::AnyForBackup)?;
        Err(Error::new(
            ErrorKind::ObjectNotFound,
            format!("copy {id} is not exposed"),
        ))
    }

    /// `RevertToSnapshot`: no provider can.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` for an unknown copy, else `E_NOTIMPL`.
    pub(crate) fn revert_to_snapshot(&self, id: SnapshotId) -> Result<(), Error> {
        self.exists(id)?;
        Err(Error::new(
            ErrorKind::NotImplemented,
            "no provider can revert a volume to a copy",
        )
        .with_hint("break the set with the identity of the originals instead"))
    }

    /// `QueryRevertStatus`: none runs.
    ///
    /// # Errors
    /// `VSS_E_OBJECT_NOT_FOUND` always, once the object is initialised.
    pub(crate) fn revert_status(&self, volume: &str) -> Result<Operation, Error> {
        self.check(Call::AnyForBackup)?;
        Err(Error::new(
            ErrorKind::ObjectNotFound,
            format!("nothing reverts {volume}"),
        ))
    }

    /// `EnableWriterClasses`, `DisableWriterClasses`, `DisableWriterInstances`: there are no writers to
    /// choose from, so that every choice is right.
    ///
    /// # Errors
    /// `VSS_E_BAD_STATE` before initialisation.
    pub(crate) fn choose_writers(&self) -> Result<(), Error> {
        self.check(Call::Any)
    }

    /// The host's name of a volume that a caller named.
    pub(super) fn host_volume(&self, name: &str) -> Result<String, Error> {
        host_volume(&*self.service, self.volumes()?, name)
    }
}

/// `IsVolumeSnapshotted`: whether there are copies of a volume.
///
/// # Errors
/// `VSS_E_OBJECT_NOT_FOUND` for a name that leads nowhere; the service cannot be reached.
pub(crate) fn is_snapshotted(
    service: &dyn Service,
    drives: &Arc<dyn Drives>,
    volume: &str,
) -> Result<bool, Error> {
    let host = host_volume(service, &volumes_of(service, drives)?, volume)?;
    // A mounted folder leads somewhere by links, too.
    let names = service.resolve_volumes(&[host])?;
    let copies = service.copies()?;
    Ok(copies.iter().any(|copy| names.contains(&copy.original)))
}

fn host_volume(service: &dyn Service, volumes: &Volumes, name: &str) -> Result<String, Error> {
    volumes.host_name(name, || {
        let copies = service.copies()?;
        Ok(copies.into_iter().map(|copy| copy.original).collect())
    })
}
