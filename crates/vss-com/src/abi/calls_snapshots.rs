//! Methods for copies that are there.

use vss_model::{Error, ErrorKind, ObjectType, ProviderId, ResultCode, SetId, SnapshotId};
use windows_sys::core::{BOOL, GUID};

use super::answer::{Answer, OK, invalid};
use super::backup_components::{AsyncPlace, BackupComponents};
use super::calls_backup::begin;
use super::enum_object::EnumObject;
use super::log;
use super::memory::{Out, guid, needed_wide, pointer, uuid};
use super::object::Object;
use super::structures::SnapshotProp;

fn set(id: &GUID) -> SetId {
    SetId::from_uuid(uuid(id))
}

fn copy(id: &GUID) -> SnapshotId {
    SnapshotId::from_uuid(uuid(id))
}

fn object_type(value: i32) -> Result<ObjectType, Error> {
    ObjectType::from_value(value).ok_or_else(|| invalid("no VSS_OBJECT_TYPE"))
}

/// A reserved method: arguments are looked at, nothing else.
unsafe fn reserved(name: &'static str, place: AsyncPlace) -> Answer {
    log::once(name);
    // SAFETY: the caller vouches for the place.
    unsafe { pointer(place) }?;
    Err(Error::new(
        ErrorKind::NotImplemented,
        "the method is reserved",
    ))
}

impl BackupComponents {
    pub(super) unsafe fn break_snapshot_set(&self, id: GUID) -> Answer {
        self.0.break_snapshot_set(set(&id))?;
        OK
    }

    pub(super) unsafe fn break_snapshot_set_ex(
        &self,
        id: GUID,
        flags: u32,
        place: AsyncPlace,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.break_snapshot_set_ex(set(&id), flags)) }
    }

    pub(super) unsafe fn get_snapshot_properties(
        &self,
        id: GUID,
        prop: *mut SnapshotProp,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(prop) }?;
        let noted = |error: &Error| log::failure("GetSnapshotProperties: no files", error);
        let properties = self.0.snapshot_properties(copy(&id), noted)?;
        place.put(SnapshotProp::new(&properties)?);
        OK
    }

    pub(super) unsafe fn query(
        &self,
        queried: GUID,
        queried_type: i32,
        returned: i32,
        object: *mut *mut Object<EnumObject>,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { pointer(object) }?;
        let (queried_type, returned) = (object_type(queried_type)?, object_type(returned)?);
        let noted = |error: &Error| log::failure("Query: no files", error);
        let found = self
            .0
            .query(copy(&queried), queried_type, returned, noted)?;
        let is_empty = found.is_empty();
        place.put(Object::create(EnumObject::new(found)));
        Ok(if is_empty {
            ResultCode::S_FALSE
        } else {
            ResultCode::S_OK
        })
    }

    pub(super) unsafe fn delete_snapshots(
        &self,
        source: GUID,
        kind: i32,
        _force: BOOL,
        deleted: *mut i32,
        failed: *mut GUID,
    ) -> Answer {
        // SAFETY: the caller vouches for the places.
        let (deleted, failed) = unsafe { (Out::needed(deleted)?, Out::needed(failed)?) };
        deleted.put(0);
        failed.put(guid(&uuid::Uuid::nil()));
        let outcome = self.0.delete_snapshots(uuid(&source), object_type(kind)?)?;
        deleted.put(i32::try_from(outcome.count).unwrap_or(i32::MAX));
        match outcome.failure {
            None => OK,
            Some((id, error)) => {
                failed.put(guid(id.as_uuid()));
                Err(error)
            }
        }
    }

    pub(super) unsafe fn is_volume_supported(
        &self,
        provider: GUID,
        volume: *const u16,
        supported: *mut BOOL,
    ) -> Answer {
        // SAFETY: the caller vouches for string and place.
        let (volume, place) = unsafe { (needed_wide(volume)?, Out::needed(supported)?) };
        let provider = ProviderId::from_uuid(uuid(&provider));
        let is_supported = self.0.is_volume_supported(provider, &volume)?;
        place.put(BOOL::from(is_supported));
        OK
    }

    pub(super) unsafe fn expose_snapshot(
        &self,
        id: GUID,
        _from_root: *const u16,
        attributes: i32,
        _name: *const u16,
        exposed: *mut *mut u16,
    ) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { pointer(exposed) }?;
        let wanted = vss_model::SnapshotAttributes::from_bits_retain(attributes.cast_unsigned());
        let locally = vss_model::SnapshotAttributes::EXPOSED_LOCALLY;
        let remotely = vss_model::SnapshotAttributes::EXPOSED_REMOTELY;
        if wanted != locally && wanted != remotely {
            return Err(invalid("a copy is exposed locally or remotely"));
        }
        log::once("ExposeSnapshot");
        self.0.expose_snapshot(copy(&id))?;
        OK
    }

    pub(super) unsafe fn unexpose_snapshot(&self, id: GUID) -> Answer {
        log::once("UnexposeSnapshot");
        self.0.unexpose_snapshot(copy(&id))?;
        OK
    }

    pub(super) unsafe fn revert_to_snapshot(&self, id: GUID, _force: BOOL) -> Answer {
        log::once("RevertToSnapshot");
        self.0.revert_to_snapshot(copy(&id))?;
        OK
    }

    pub(super) unsafe fn query_revert_status(
        &self,
        volume: *const u16,
        place: AsyncPlace,
    ) -> Answer {
        log::once("QueryRevertStatus");
        // SAFETY: the caller vouches for the string.
        let volume = unsafe { needed_wide(volume) };
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.revert_status(&volume?)) }
    }

    pub(super) unsafe fn pre_fast_recovery(&self, _: GUID, _: u32, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { reserved("PreFastRecovery", place) }
    }

    pub(super) unsafe fn fast_recovery(&self, _: GUID, _: u32, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { reserved("FastRecovery", place) }
    }

    pub(super) unsafe fn add_snapshot_to_recovery_set(
        &self,
        id: GUID,
        flags: u32,
        _destination: *const u16,
    ) -> Answer {
        log::once("AddSnapshotToRecoverySet");
        self.0.add_snapshot_to_recovery_set(copy(&id), flags)?;
        OK
    }

    pub(super) unsafe fn recover_set(&self, flags: u32, place: AsyncPlace) -> Answer {
        log::once("RecoverSet");
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.recover_set(flags)) }
    }

    pub(super) unsafe fn disable_writer_classes(&self, ids: *const GUID, count: u32) -> Answer {
        self.choose_writers(ids, count)
    }

    pub(super) unsafe fn enable_writer_classes(&self, ids: *const GUID, count: u32) -> Answer {
        self.choose_writers(ids, count)
    }

    pub(super) unsafe fn disable_writer_instances(&self, ids: *const GUID, count: u32) -> Answer {
        self.choose_writers(ids, count)
    }

    /// There are no writers to choose from yet, so that every choice is right.
    fn choose_writers(&self, ids: *const GUID, count: u32) -> Answer {
        if ids.is_null() || count == 0 {
            return Err(invalid("no writers are named"));
        }
        self.0.choose_writers()?;
        OK
    }
}
