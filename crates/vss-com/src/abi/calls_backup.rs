//! Methods of a backup: initialisation, states, the set.

use vss_model::{BackupType, Error, ProviderId, RestoreType};
use windows_sys::core::GUID;

use super::answer::{Answer, OK, invalid};
use super::async_object::Async;
use super::backup_components::{AsyncPlace, BackupComponents};
use super::log;
use super::memory::{Out, bstr, guid, needed_wide, pointer, read_bstr, task_string, uuid};
use super::object::Object;
use crate::requester::Operation;

/// Makes a call that begins an operation, and hands its handle out.
///
/// # Safety
/// A place that is not null can be written.
pub(super) unsafe fn begin(
    place: AsyncPlace,
    call: impl FnOnce() -> Result<Operation, Error>,
) -> Answer {
    // SAFETY: passed on.
    let place = unsafe { pointer(place) }?;
    let operation = call()?;
    place.put(Object::create(Async(operation)));
    OK
}

impl BackupComponents {
    pub(super) unsafe fn initialize_for_backup(&self, xml: *const u16) -> Answer {
        // SAFETY: the caller vouches for the BSTR.
        let xml = unsafe { read_bstr(xml) }?;
        self.0.initialize_for_backup(xml.as_deref())?;
        OK
    }

    pub(super) unsafe fn initialize_for_restore(&self, xml: *const u16) -> Answer {
        // SAFETY: the caller vouches for the BSTR.
        let xml = unsafe { read_bstr(xml) }?.ok_or_else(|| invalid("there is no document"))?;
        self.0.initialize_for_restore(&xml)?;
        OK
    }

    pub(super) unsafe fn set_context(&self, context: i32) -> Answer {
        self.0.set_context(context.cast_unsigned())?;
        OK
    }

    pub(super) unsafe fn set_backup_state(
        &self,
        select: u8,
        bootable: u8,
        kind: i32,
        partial: u8,
    ) -> Answer {
        let kind = BackupType::from_value(kind).ok_or_else(|| invalid("no VSS_BACKUP_TYPE"))?;
        self.0
            .set_backup_state(select != 0, bootable != 0, kind, partial != 0)?;
        OK
    }

    pub(super) unsafe fn set_restore_state(&self, kind: i32) -> Answer {
        let kind = RestoreType::from_value(kind).ok_or_else(|| invalid("no VSS_RESTORE_TYPE"))?;
        self.0.set_restore_state(kind)?;
        OK
    }

    pub(super) unsafe fn prepare_for_backup(&self, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.prepare_for_backup()) }
    }

    pub(super) unsafe fn abort_backup(&self) -> Answer {
        self.0.abort_backup()?;
        OK
    }

    pub(super) unsafe fn backup_complete(&self, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.backup_complete()) }
    }

    pub(super) unsafe fn start_snapshot_set(&self, set: *mut GUID) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(set) }?;
        place.put(guid(self.0.start_snapshot_set()?.as_uuid()));
        OK
    }

    pub(super) unsafe fn add_to_snapshot_set(
        &self,
        volume: *const u16,
        provider: GUID,
        snapshot: *mut GUID,
    ) -> Answer {
        // SAFETY: the caller vouches for string and place.
        let (volume, place) = unsafe { (needed_wide(volume)?, Out::needed(snapshot)?) };
        let provider = ProviderId::from_uuid(uuid(&provider));
        let copy = self.0.add_to_snapshot_set(&volume, provider)?;
        place.put(guid(copy.as_uuid()));
        OK
    }

    pub(super) unsafe fn do_snapshot_set(&self, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.do_snapshot_set()) }
    }

    pub(super) unsafe fn import_snapshots(&self, place: AsyncPlace) -> Answer {
        log::once("ImportSnapshots");
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.import_snapshots()) }
    }

    pub(super) unsafe fn save_as_xml(&self, xml: *mut *mut u16) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { pointer(xml) }?;
        place.put(bstr(&self.0.save_as_xml()?)?);
        OK
    }

    pub(super) unsafe fn pre_restore(&self, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.pre_restore()) }
    }

    pub(super) unsafe fn post_restore(&self, place: AsyncPlace) -> Answer {
        // SAFETY: the caller vouches for the place.
        unsafe { begin(place, || self.0.post_restore()) }
    }

    pub(super) unsafe fn get_session_id(&self, session: *mut GUID) -> Answer {
        // SAFETY: the caller vouches for the place.
        let place = unsafe { Out::needed(session) }?;
        place.put(guid(self.0.session_id()?.as_uuid()));
        OK
    }

    pub(super) unsafe fn get_root_and_logical_prefix_paths(
        &self,
        path: *const u16,
        root: *mut *mut u16,
        prefix: *mut *mut u16,
        _normalise: i32,
    ) -> Answer {
        // SAFETY: the caller vouches for string and places.
        let (path, root, prefix) =
            unsafe { (needed_wide(path)?, pointer(root)?, pointer(prefix)?) };
        let found = self.0.root_of(&path)?;
        let first = task_string(&found)?;
        match task_string(&found) {
            Ok(second) => {
                root.put(first);
                prefix.put(second);
                OK
            }
            Err(error) => {
                // SAFETY: just made, and given to nobody.
                unsafe { super::memory::free_task(first.cast()) };
                Err(error)
            }
        }
    }
}
