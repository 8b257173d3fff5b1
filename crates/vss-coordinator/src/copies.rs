//! The copies of finished sets on this host: their names, and their return after a reboot.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use host_view::{DevNo, HostView};
use vss_model::{Error, ErrorKind, SetId, SnapshotId};
use vss_provider::Method;
use vss_service::{AuditRecord, Event, LunRecord, OperationKind, SetRecord, SetState};

use crate::catalogue::Instant;
use crate::create::look;
use crate::engine::Engine;
use crate::host::COPY_NAMES;
use crate::providers::{self, AnyProvider};
use crate::world::{self, Presented, find};

/// Gives every copy that is a block device its name, which becomes its device object.
///
/// A name that cannot be made is a note: the device itself is then the device object.
pub(crate) fn name(
    engine: &Engine,
    record: &mut SetRecord,
    instant: &Instant,
    audit: &mut AuditRecord,
) {
    let mut view = None;
    for index in 0..record.copies.len() {
        let Some(copy) = record.copies.get(index) else {
            continue;
        };
        let id = copy.id();
        let found = device_of(engine, record, index, instant, &mut view);
        let Some(device) = found else { continue };
        match engine.host.name_copy(id, Some(&device)) {
            Ok(Some(name)) => {
                if let Some(copy) = record.copies.get_mut(index) {
                    copy.properties.snapshot_device_object = name.display().to_string();
                }
            }
            Ok(None) => {}
            Err(error) => audit.note(format!(
                "copy {id} is at {}; its name could not be made: {error}",
                device.display()
            )),
        }
    }
}

/// The block device that is the copy of a volume: the LUN, its partition, or what a software provider
/// says. `None` for an image.
fn device_of(
    engine: &Engine,
    record: &SetRecord,
    index: usize,
    instant: &Instant,
    view: &mut Option<HostView>,
) -> Option<PathBuf> {
    let copy = record.copies.get(index)?;
    let Some(lun) = record.luns_of(copy).next() else {
        let Ok(AnyProvider::Software(provider)) = engine.providers.get(copy.properties.provider_id)
        else {
            return None;
        };
        let device = providers::call(
            &provider.properties(),
            Method::GetSnapshotProperties,
            &mut Vec::new(),
            || provider.snapshot_device(copy.id()),
        );
        let device = PathBuf::from(device.ok()?);
        engine.host.device_number(&device)?;
        return Some(device);
    };
    let number = engine.host.device_number(&lun.device)?;
    let Some(partition) = instant.partitions.get(&copy.id()) else {
        return Some(lun.device.clone());
    };
    if view.is_none() {
        *view = look(engine).ok();
    }
    let view = view.as_ref()?;
    // The kernel makes no partitions of device-mapper devices; the LUN is then all there is.
    let found = partition_of(view, number, *partition).and_then(|found| view.path(found));
    Some(found.unwrap_or_else(|| lun.device.clone()))
}

/// The partition with this number of a disk, if the kernel knows it.
pub(crate) fn partition_of(view: &HostView, disk: DevNo, number: u32) -> Option<DevNo> {
    view.devices()
        .find(|device| {
            device
                .partition
                .as_ref()
                .is_some_and(|one| one.disk == disk && one.number == number)
        })
        .map(|device| device.number)
}

/// Takes the names of copies away that are no longer on this host.
pub(crate) fn forget_names(engine: &Engine, gone: &[SnapshotId]) {
    for copy in gone {
        // It is a name in a file system that a reboot clears, and leads nowhere by now.
        let _ = engine.host.name_copy(*copy, None);
    }
}

/// Takes away where the service itself has mounted copies, for those who read their files.
///
/// # Errors
/// `VSS_E_VOLUME_IN_USE`, naming the copy, while somebody has files of it open.
pub(crate) fn unmount(
    engine: &Engine,
    copies: impl IntoIterator<Item = SnapshotId>,
) -> Result<(), Error> {
    let _right = engine.unmounting();
    for copy in copies {
        engine.host.unmount_copy(copy).map_err(|error| {
            Error::new(
                ErrorKind::VolumeInUse,
                format!("the files of copy {copy} could not be unmounted"),
            )
            .with_hint("close what is open in the copy, and call again; nothing was changed")
            .with_source(error)
        })?;
    }
    Ok(())
}

/// Refuses to take copies away that somebody has mounted.
///
/// # Errors
/// `VSS_E_BAD_STATE`, naming the copy and the place.
pub(crate) fn refuse_used(
    engine: &Engine,
    presented: &[Presented],
    set: &SetRecord,
    going: &[SnapshotId],
) -> Result<(), Error> {
    let mut view = None;
    for copy in set.copies.iter().filter(|copy| going.contains(&copy.id())) {
        for lun in set.luns_of(copy) {
            let number =
                find(presented, lun).and_then(|found| engine.host.device_number(&found.lun.device));
            let Some(number) = number else { continue };
            if view.is_none() {
                view = Some(look(engine)?);
            }
            let mounted = view
                .as_ref()
                .and_then(|view: &HostView| view.file_systems_on(&[number]).into_iter().next());
            if let Some(mounted) = mounted {
                return Err(Error::new(
                    ErrorKind::BadState,
                    format!(
                        "copy {} is mounted at {}",
                        copy.id(),
                        mounted.mount_point.display()
                    ),
                )
                .with_hint(format!(
                    "umount {} first; nothing was deleted",
                    mounted.mount_point.display()
                )));
            }
        }
    }
    Ok(())
}

/// Brings the copies of all finished sets back to where they were: presented, read-only, with their
/// names, which a reboot takes away. Does nothing where no name is missing. What cannot be brought back
/// is told, and the set stays.
pub(crate) fn restore(engine: &Engine) -> Vec<(SetId, Event)> {
    let mut told = Vec::new();
    let sets = engine.catalogue().sets_named_in(COPY_NAMES);
    for id in sets.unwrap_or_default() {
        let found = {
            let catalogue = engine.catalogue();
            catalogue
                .set(id)
                .and_then(|set| Ok((set, catalogue.instant(id)?)))
        };
        let Ok((Some(record), instant)) = found else {
            continue;
        };
        if record.state == SetState::Created && is_missing(engine, &record) {
            let events = restore_set(engine, record, &instant);
            told.extend(events.into_iter().map(|event| (id, event)));
        }
    }
    told
}

fn restore_set(engine: &Engine, mut record: SetRecord, instant: &Instant) -> Vec<Event> {
    let mut audit = AuditRecord::new(
        engine.new_operation(),
        OperationKind::Create,
        record.set_id,
        record.created,
    );
    for lun in &mut record.luns {
        match present(engine, lun, &mut audit.events) {
            Ok(Some(device)) => lun.device = device,
            Ok(None) => audit.note(away(lun)),
            Err(error) => audit.note(format!("{}: {}", away(lun), error.chain())),
        }
    }
    name(engine, &mut record, instant, &mut audit);
    audit.events
}

fn away(lun: &LunRecord) -> String {
    format!(
        "the copy {} of LUN {} is not on this host",
        lun.name, lun.original_name
    )
}

/// Presents the copies of a set that are not on this host, which they are not after a reboot, read-only.
/// Those that are there are left as they are. Gives what providers said of those that they could not
/// present, by the names of the LUNs.
pub(crate) fn present_missing(
    engine: &Engine,
    set: &SetRecord,
    events: &mut Vec<Event>,
) -> HashMap<String, Error> {
    let mut refusals = HashMap::new();
    for lun in &set.luns {
        let is_there =
            world::presented(&engine.providers).is_ok_and(|luns| find(&luns, lun).is_some());
        if !is_there && let Err(error) = present(engine, lun, events) {
            refusals.insert(lun.name.clone(), error);
        }
    }
    refusals
}

/// Finds a copy, presenting it if need be, and sees that it is read-only. `None` where no provider has
/// anything to say against it, and it is not on this host all the same.
///
/// # Errors
/// The provider's.
fn present(
    engine: &Engine,
    lun: &LunRecord,
    events: &mut Vec<Event>,
) -> Result<Option<PathBuf>, Error> {
    let device_now = || {
        let presented = world::presented(&engine.providers).ok()?;
        find(&presented, lun).map(|found| found.lun.device.clone())
    };
    let mut device = device_now();
    if device.is_none() {
        world::locate(&engine.providers, lun.provider_id, &lun.snapshot, events)?;
        device = device_now();
    }
    let Some(device) = device else {
        return Ok(None);
    };
    if let Err(error) = engine.host.set_read_only(&device, true) {
        events.push(Event::plain(format!(
            "the copy {} could not be set read-only: {error}",
            device.display()
        )));
    }
    Ok(Some(device))
}

/// Whether a copy that has a name cannot be found by it.
fn is_missing(engine: &Engine, record: &SetRecord) -> bool {
    record.copies.iter().any(|copy| {
        let name = &copy.properties.snapshot_device_object;
        name.starts_with(COPY_NAMES) && engine.host.device_number(Path::new(name)).is_none()
    })
}
