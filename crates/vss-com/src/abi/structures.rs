//! The structures that calls hand out (spec: requester §7), and who frees what is in them.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr;

use vss_model::{Error, ObjectType, ProviderProperties, SnapshotProperties};
use windows_sys::core::GUID;

use super::memory::{free_task, guid, task_string};
use crate::requester::Found;

/// `VSS_SNAPSHOT_PROP`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct SnapshotProp {
    snapshot_id: GUID,
    set_id: GUID,
    count: i32,
    /// Device object, original volume, originating machine, service machine, exposed name, exposed path.
    strings: [*mut u16; 6],
    provider_id: GUID,
    attributes: i32,
    created: i64,
    status: i32,
}

/// `VSS_PROVIDER_PROP`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ProviderProp {
    provider_id: GUID,
    name: *mut u16,
    kind: i32,
    version: *mut u16,
    version_id: GUID,
    class_id: GUID,
}

/// `VSS_OBJECT_UNION`.
#[repr(C)]
#[derive(Clone, Copy)]
union ObjectUnion {
    snapshot: SnapshotProp,
    provider: ProviderProp,
}

/// `VSS_OBJECT_PROP`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ObjectProp {
    kind: i32,
    object: ObjectUnion,
}

// The same figures stand in `layout`, where a C++ compiler checks them.
const _: () = {
    assert!(size_of::<SnapshotProp>() == 128);
    assert!(offset_of!(SnapshotProp, strings) == 40);
    assert!(offset_of!(SnapshotProp, provider_id) == 88);
    assert!(offset_of!(SnapshotProp, created) == 112);
    assert!(offset_of!(SnapshotProp, status) == 120);
    assert!(size_of::<ProviderProp>() == 72);
    assert!(offset_of!(ProviderProp, version) == 32);
    assert!(offset_of!(ProviderProp, class_id) == 56);
    assert!(size_of::<ObjectProp>() == 136);
    assert!(offset_of!(ObjectProp, object) == 8);
};

impl SnapshotProp {
    /// With strings of its own, for the caller to free.
    pub(super) fn new(copy: &SnapshotProperties) -> Result<Self, Error> {
        let mut prop = Self {
            snapshot_id: guid(copy.snapshot_id.as_uuid()),
            set_id: guid(copy.snapshot_set_id.as_uuid()),
            count: i32::try_from(copy.snapshots_count).unwrap_or(i32::MAX),
            strings: [ptr::null_mut(); 6],
            provider_id: guid(copy.provider_id.as_uuid()),
            attributes: copy.snapshot_attributes.bits().cast_signed(),
            created: copy.creation_timestamp.0,
            status: copy.status.value(),
        };
        let texts = [
            Some(&copy.snapshot_device_object),
            Some(&copy.original_volume_name),
            Some(&copy.originating_machine),
            Some(&copy.service_machine),
            copy.exposed_name.as_ref(),
            copy.exposed_path.as_ref(),
        ];
        for (place, text) in prop.strings.iter_mut().zip(texts) {
            match text.map(|text| task_string(text)).transpose() {
                Ok(made) => *place = made.unwrap_or(ptr::null_mut()),
                Err(error) => {
                    prop.free();
                    return Err(error);
                }
            }
        }
        Ok(prop)
    }

    /// `VssFreeSnapshotProperties`: frees the strings and forgets them.
    pub(super) fn free(&mut self) {
        for string in &mut self.strings {
            // SAFETY: each is null or one of `task_string`, and is forgotten at once.
            unsafe { free_task(string.cast::<c_void>()) };
            *string = ptr::null_mut();
        }
    }
}

impl ProviderProp {
    fn new(provider: &ProviderProperties) -> Result<Self, Error> {
        let name = task_string(&provider.provider_name)?;
        let version = match task_string(&provider.provider_version) {
            Ok(version) => version,
            Err(error) => {
                // SAFETY: just made, and given to nobody.
                unsafe { free_task(name.cast()) };
                return Err(error);
            }
        };
        Ok(Self {
            provider_id: guid(provider.provider_id.as_uuid()),
            name,
            kind: provider.provider_type.value(),
            version,
            version_id: guid(provider.provider_version_id.as_uuid()),
            class_id: guid(provider.class_id.as_uuid()),
        })
    }
}

impl ObjectProp {
    /// With strings of its own, for the caller to free.
    pub(super) fn new(found: &Found) -> Result<Self, Error> {
        // Every byte counts: the union is longer than its second member.
        // SAFETY: zeroes are valid for numbers, GUIDs and pointers.
        let mut prop: Self = unsafe { std::mem::zeroed() };
        match found {
            Found::Snapshot(copy) => {
                prop.kind = ObjectType::Snapshot.value();
                prop.object.snapshot = SnapshotProp::new(copy)?;
            }
            Found::Provider(provider) => {
                prop.kind = ObjectType::Provider.value();
                prop.object.provider = ProviderProp::new(provider)?;
            }
        }
        Ok(prop)
    }

    /// Frees the strings of one that no caller has got.
    pub(super) fn free(&mut self) {
        // SAFETY: the type says which member was written; `free` takes every string of it once.
        unsafe {
            if self.kind == ObjectType::Snapshot.value() {
                self.object.snapshot.free();
            } else {
                free_task(self.object.provider.name.cast());
                free_task(self.object.provider.version.cast());
            }
        }
    }
}
