//! The provider `lvm-snapshot`: classic copy-on-write snapshots of linear and striped volumes.
//!
//! A software provider: the copy is no disk of its own, and a set of such copies cannot be broken. LVM
//! suspends an origin while it puts a snapshot in place, and its file system with it, which fails when
//! that is frozen already. An origin that is suspended beforehand it takes as it is, and resumes it with
//! the snapshot in place; so all origins of a set are suspended first, and the copies are of one
//! instant, however long LVM takes for each.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use disk_identity::observe;
use uuid::Uuid;
use vss_model::{
    ProviderId, ProviderProperties, ProviderType, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};
use vss_provider::{
    CreateSnapshotSet, MappedDevice, Provider, ProviderError, ProviderResult, SoftwareProvider,
};
use vss_sys::dm::{Device, DmError};

use crate::error::{lvm_failed, mapper_failed, not_found};
use crate::lvm::{self, Lv};
use crate::mapper;
use crate::names::{LvId, copy_name};

/// The id of this provider, the same for all its versions.
pub const SNAPSHOT_PROVIDER_ID: ProviderId =
    ProviderId::from_uuid(Uuid::from_u128(0x81d4_0b6e_3f52_4c97_a6e8_15c3_9d70_42fb));

/// Bears every snapshot that this provider made; nothing without it is ever removed.
const TAG: &str = "openvss.snapshot";
/// Room for what changes, as one in so many of the origin's size.
const ROOM: u64 = 5;
/// Least room, in bytes.
const LEAST_ROOM: u64 = 16 << 20;

/// A copy on its way.
#[derive(Debug, Clone)]
struct Copy {
    snapshot: SnapshotId,
    origin: LvId,
    /// `GROUP/VOLUME` of the origin.
    origin_name: String,
    room_bytes: u64,
}

#[derive(Debug, Default)]
struct UnderWay {
    copies: Vec<Copy>,
    prepared: bool,
    committed: bool,
}

/// Classic snapshots.
#[derive(Debug, Default)]
pub struct LvmSnapshot {
    sets: Mutex<BTreeMap<SetId, UnderWay>>,
}

impl LvmSnapshot {
    /// The provider. It keeps no state of its own: LVM's metadata has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn sets(&self) -> MutexGuard<'_, BTreeMap<SetId, UnderWay>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copies(&self, set: SetId) -> ProviderResult<Vec<Copy>> {
        self.sets()
            .get(&set)
            .map(|under_way| under_way.copies.clone())
            .ok_or_else(|| unknown_set(set))
    }
}

fn unknown_set(set: SetId) -> ProviderError {
    not_found(format!("no set {set} of LVM snapshots is being created"))
}

fn set_tag(set: SetId) -> String {
    format!("{TAG}.set={}", set.as_uuid())
}

fn copy_tag(copy: SnapshotId) -> String {
    format!("{TAG}.id={}", copy.as_uuid())
}

fn volumes() -> ProviderResult<Vec<Lv>> {
    lvm::volumes().map_err(lvm_failed("list the logical volumes"))
}

/// The logical volume that this device is, if it is one of a kind that can be copied here.
fn origin(volume: &Path) -> ProviderResult<Option<Lv>> {
    let Ok(meta) = fs::metadata(volume) else {
        return Ok(None);
    };
    if !meta.file_type().is_block_device() {
        return Ok(None);
    }
    let Some(mapper) = mapper::open()? else {
        return Ok(None);
    };
    let number = (
        rustix::fs::major(meta.rdev()),
        rustix::fs::minor(meta.rdev()),
    );
    let status = match mapper.status(Device::Number(number.0, number.1)) {
        Ok(status) => status,
        Err(DmError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(mapper_failed("look at the volume")(error)),
    };
    // Only one that LVM made is worth asking LVM about.
    let Some(id) = LvId::of_device(&status.uuid) else {
        return Ok(None);
    };
    Ok(volumes()?.into_iter().find(|lv| {
        lv.id().as_ref() == Some(&id)
            && matches!(&*lv.segtype, "linear" | "striped")
            && lv.origin.is_empty()
            && lv.is_active()
    }))
}

/// A copy of a volume with a partition table would bear the identity of its original, beside it.
fn is_partitioned(volume: &Path) -> bool {
    fs::File::open(volume)
        .ok()
        .and_then(|file| observe(&file, None).ok())
        .is_none_or(|seen| seen.identity().ids().next().is_some())
}

fn is_supported(context: SnapshotAttributes) -> bool {
    !context.intersects(
        SnapshotAttributes::TRANSPORTABLE
            | SnapshotAttributes::PLEX
            | SnapshotAttributes::CLIENT_ACCESSIBLE
            | SnapshotAttributes::FILE_SHARE,
    )
}

impl Provider for LvmSnapshot {
    fn properties(&self) -> ProviderProperties {
        crate::thin::properties(SNAPSHOT_PROVIDER_ID, "lvm-snapshot", ProviderType::Software)
    }
}

impl CreateSnapshotSet for LvmSnapshot {
    fn end_prepare_snapshots(&self, set: SetId) -> ProviderResult<()> {
        let copies = self.copies(set)?;
        let known = volumes()?;
        // LVM looks for room copy by copy; here all of it is wanted together.
        let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
        for copy in &copies {
            let group = copy.origin_name.split('/').next().unwrap_or_default();
            *wanted.entry(group).or_default() += copy.room_bytes;
        }
        for (group, bytes) in wanted {
            let free = known
                .iter()
                .find(|lv| lv.vg_name == group)
                .and_then(Lv::free_bytes)
                .unwrap_or(0);
            if free < bytes {
                return Err(ProviderError::new(
                    ResultCode::VSS_E_INSUFFICIENT_STORAGE,
                    format!(
                        "volume group {group} has {free} bytes free, and the snapshots want {bytes}"
                    ),
                )
                .with_hint("add room: vgextend, or free some: lvremove"));
            }
        }
        if let Some(under_way) = self.sets().get_mut(&set) {
            under_way.prepared = true;
        }
        Ok(())
    }

    fn pre_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.copies(set).map(drop)
    }

    fn suspensions(&self, set: SetId) -> ProviderResult<Vec<MappedDevice>> {
        let mapper = mapper::must_open()?;
        self.copies(set)?
            .iter()
            .map(|copy| {
                let uuid = copy.origin.device_uuid();
                let status = mapper
                    .status(Device::Uuid(&uuid))
                    .map_err(mapper_failed("look at the origin of a snapshot"))?;
                Ok(MappedDevice {
                    name: status.name,
                    uuid,
                })
            })
            .collect()
    }

    fn commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        if self.sets().get(&set).is_some_and(|one| one.committed) {
            return Ok(());
        }
        let copies = self.copies(set)?;
        suspend_all(&copies)?;
        let all = copies.clone();
        for copy in copies {
            let lv = copy.origin_name.rsplit('/').next().unwrap_or_default();
            let tags = [TAG.to_owned(), set_tag(set), copy_tag(copy.snapshot)];
            let taken = lvm::create_snapshot(
                &copy.origin_name,
                &copy_name(lv, *copy.snapshot.as_uuid()),
                copy.room_bytes,
                &tags,
            )
            .map_err(lvm_failed(&format!(
                "take a snapshot of {}",
                copy.origin_name
            )));
            if let Err(error) = taken {
                resume_all(&all);
                return Err(error);
            }
        }
        if let Some(under_way) = self.sets().get_mut(&set) {
            under_way.committed = true;
        }
        Ok(())
    }

    fn post_commit_snapshots(&self, set: SetId, _count: u32) -> ProviderResult<()> {
        self.copies(set).map(drop)
    }

    fn pre_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.copies(set).map(drop)
    }

    fn post_final_commit_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.sets()
            .remove(&set)
            .map(drop)
            .ok_or_else(|| unknown_set(set))
    }

    fn abort_snapshots(&self, set: SetId) -> ProviderResult<()> {
        self.sets().remove(&set);
        remove(&set_tag(set))
    }
}

/// Sees that all origins are suspended before LVM comes to the first: it resumes each with its snapshot
/// in place. One that cannot be suspended lets the others go.
fn suspend_all(copies: &[Copy]) -> ProviderResult<()> {
    let mapper = mapper::must_open()?;
    let mut suspended = Vec::new();
    for copy in copies {
        let uuid = copy.origin.device_uuid();
        let one = mapper
            .status(Device::Uuid(&uuid))
            .map_err(mapper_failed("look at the origin of a snapshot"))
            .and_then(|status| {
                if status.is_suspended {
                    return Ok(());
                }
                mapper::suspend(&mapper, status.number)?;
                suspended.push(status.number);
                Ok(())
            });
        if let Err(error) = one {
            for number in suspended {
                // The first failure is told; what stays suspended is resumed by whoever looks next.
                let _ = mapper::resume(&mapper, number);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Lets go of the origins that LVM did not come to, or left suspended when it failed.
fn resume_all(copies: &[Copy]) {
    let Ok(mapper) = mapper::must_open() else {
        return;
    };
    for copy in copies {
        let uuid = copy.origin.device_uuid();
        if let Ok(status) = mapper.status(Device::Uuid(&uuid))
            && status.is_suspended
        {
            // The failure that led here is told.
            let _ = mapper::resume(&mapper, status.number);
        }
    }
}

/// Removes the snapshots with this tag.
fn remove(tag: &str) -> ProviderResult<()> {
    let doomed: Vec<String> = volumes()?
        .iter()
        .filter(|lv| lv.has_tag(TAG) && lv.has_tag(tag))
        .map(Lv::name)
        .collect();
    doomed.iter().try_for_each(|name| {
        lvm::remove(std::slice::from_ref(name)).map_err(lvm_failed(&format!("remove {name}")))
    })
}

impl SoftwareProvider for LvmSnapshot {
    fn is_volume_supported(
        &self,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<bool> {
        let volume = Path::new(volume);
        if !is_supported(context) || origin(volume)?.is_none() {
            return Ok(false);
        }
        if is_partitioned(volume) {
            return Err(ProviderError::veto(format!(
                "{} carries a partition table, and a snapshot of it would bear the same identity beside it",
                volume.display()
            )));
        }
        Ok(true)
    }

    fn begin_prepare_snapshot(
        &self,
        set: SetId,
        snapshot: SnapshotId,
        context: SnapshotAttributes,
        volume: &str,
    ) -> ProviderResult<()> {
        if !is_supported(context) {
            return Err(ProviderError::new(
                ResultCode::VSS_E_UNSUPPORTED_CONTEXT,
                format!("LVM has no snapshots of the kind 0x{:x}", context.bits()),
            ));
        }
        let lv = origin(Path::new(volume))?.ok_or_else(|| {
            ProviderError::new(
                ResultCode::VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER,
                format!("{volume} is no logical volume that LVM can take a snapshot of"),
            )
        })?;
        let (Some(origin), Some(size)) = (lv.id(), lv.size_bytes()) else {
            return Err(ProviderError::veto(format!(
                "LVM's report of {} is not understood",
                lv.name()
            )));
        };
        let mut sets = self.sets();
        sets.retain(|known, under_way| *known == set || under_way.prepared);
        let under_way = sets.entry(set).or_default();
        if !under_way
            .copies
            .iter()
            .any(|copy| copy.snapshot == snapshot)
        {
            under_way.copies.push(Copy {
                snapshot,
                origin,
                origin_name: lv.name(),
                room_bytes: (size / ROOM).max(LEAST_ROOM).min(size.max(LEAST_ROOM)),
            });
        }
        Ok(())
    }

    fn snapshot_device(&self, snapshot: SnapshotId) -> ProviderResult<String> {
        let tag = copy_tag(snapshot);
        volumes()?
            .iter()
            .find(|lv| lv.has_tag(TAG) && lv.has_tag(&tag))
            .map(|lv| format!("/dev/{}", lv.name()))
            .ok_or_else(|| not_found(format!("there is no LVM snapshot {snapshot}")))
    }

    fn delete_snapshot(&self, snapshot: SnapshotId) -> ProviderResult<()> {
        remove(&copy_tag(snapshot))
    }
}
