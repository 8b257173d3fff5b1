//! Thin volumes and pools, as the kernel has them: what must be quick asks it and not LVM.

use std::fs;
use std::path::{Path, PathBuf};

use vss_provider::{ProviderError, ProviderResult};
use vss_sys::dm::{Device, DeviceMapper, DmError, Suspend};

use crate::error::mapper_failed;
use crate::names::{LvId, unescape};

/// Sector size of a device that does not say.
const SECTOR: u32 = 512;

/// A thin volume that is active on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thin {
    pub(crate) id: LvId,
    /// `GROUP/VOLUME`.
    pub(crate) name: String,
    /// The device mapper's name.
    pub(crate) device_name: String,
    pub(crate) number: (u32, u32),
    pub(crate) pool: (u32, u32),
    /// Its number in the pool.
    pub(crate) thin_id: u32,
    pub(crate) open_count: i32,
    pub(crate) is_suspended: bool,
}

impl Thin {
    /// Where it can be opened.
    pub(crate) fn device(&self) -> PathBuf {
        Path::new("/dev/mapper").join(&self.device_name)
    }

    /// Logical sector size in bytes.
    pub(crate) fn sector_size(&self) -> u32 {
        let (major, minor) = self.number;
        fs::read_to_string(format!(
            "/sys/dev/block/{major}:{minor}/queue/logical_block_size"
        ))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(SECTOR)
    }
}

/// The device mapper; `None` on a host whose kernel has none.
pub(crate) fn open() -> ProviderResult<Option<DeviceMapper>> {
    if !Path::new("/dev/mapper/control").exists() {
        return Ok(None);
    }
    DeviceMapper::open()
        .map(Some)
        .map_err(mapper_failed("open the device mapper"))
}

/// The same, where there must be one.
pub(crate) fn must_open() -> ProviderResult<DeviceMapper> {
    open()?.ok_or_else(|| {
        ProviderError::veto("this kernel has no device mapper")
            .with_hint("load it: modprobe dm-thin-pool")
    })
}

/// All thin volumes of LVM that are active.
pub(crate) fn active() -> ProviderResult<Vec<Thin>> {
    let Some(mapper) = open()? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for listed in mapper
        .devices()
        .map_err(mapper_failed("list the devices of the device mapper"))?
    {
        let (major, minor) = listed.number;
        match thin(&mapper, Device::Number(major, minor)) {
            Ok(thin) => found.extend(thin),
            // It went away meanwhile.
            Err(DmError::NotFound { .. }) => {}
            Err(error) => return Err(mapper_failed("look at a device")(error)),
        }
    }
    found.sort_by(|a: &Thin, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The thin volume of this id, if it is active.
pub(crate) fn find(mapper: &DeviceMapper, id: &LvId) -> ProviderResult<Option<Thin>> {
    match thin(mapper, Device::Uuid(&id.device_uuid())) {
        Ok(thin) => Ok(thin),
        Err(DmError::NotFound { .. }) => Ok(None),
        Err(error) => Err(mapper_failed("look at a thin volume")(error)),
    }
}

fn thin(mapper: &DeviceMapper, device: Device<'_>) -> Result<Option<Thin>, DmError> {
    let status = mapper.status(device)?;
    let Some(id) = LvId::of_device(&status.uuid) else {
        return Ok(None);
    };
    let (major, minor) = status.number;
    let table = mapper.table(Device::Number(major, minor))?;
    let [target] = &table[..] else {
        return Ok(None);
    };
    let (Some((pool, thin_id)), "thin") = (thin_parameters(&target.parameters), &*target.kind)
    else {
        return Ok(None);
    };
    let Some(name) = unescape(&status.name) else {
        return Ok(None);
    };
    Ok(Some(Thin {
        id,
        name,
        device_name: status.name,
        number: status.number,
        pool,
        thin_id,
        open_count: i32::try_from(status.open_count).unwrap_or(i32::MAX),
        is_suspended: status.is_suspended,
    }))
}

/// `POOL ID`; with an external origin behind it, the volume does not lie in its pool alone.
fn thin_parameters(text: &str) -> Option<((u32, u32), u32)> {
    let mut words = text.split_whitespace();
    let (major, minor) = words.next()?.split_once(':')?;
    let id = words.next()?.parse().ok()?;
    if words.next().is_some() {
        return None;
    }
    Some(((major.parse().ok()?, minor.parse().ok()?), id))
}

/// How a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolStatus {
    pub(crate) used_metadata: u64,
    pub(crate) total_metadata: u64,
    pub(crate) used_data: u64,
    pub(crate) total_data: u64,
    /// Why nothing can be made in it, in words.
    pub(crate) refusal: Option<String>,
}

impl PoolStatus {
    /// From the kernel's line (see its `Documentation/admin-guide/device-mapper/thin-provisioning.rst`).
    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "Fail" {
            return Some(Self {
                used_metadata: 0,
                total_metadata: 0,
                used_data: 0,
                total_data: 0,
                refusal: Some("it has failed".to_owned()),
            });
        }
        let mut words = text.split_whitespace();
        let _transaction: u64 = words.next()?.parse().ok()?;
        let (used_metadata, total_metadata) = fraction(words.next()?)?;
        let (used_data, total_data) = fraction(words.next()?)?;
        let refusal = words.find_map(|word| match word {
            "ro" => Some("its metadata is read-only"),
            "out_of_data_space" => Some("it is out of data space"),
            "needs_check" => Some("its metadata needs a check"),
            _ => None,
        });
        Some(Self {
            used_metadata,
            total_metadata,
            used_data,
            total_data,
            refusal: refusal.map(str::to_owned),
        })
    }
}

fn fraction(word: &str) -> Option<(u64, u64)> {
    let (used, total) = word.split_once('/')?;
    Some((used.parse().ok()?, total.parse().ok()?))
}

/// Asks a pool how it is.
pub(crate) fn pool_status(
    mapper: &DeviceMapper,
    pool: (u32, u32),
) -> ProviderResult<Option<PoolStatus>> {
    let targets = mapper
        .target_status(Device::Number(pool.0, pool.1))
        .map_err(mapper_failed("ask the thin pool how it is"))?;
    Ok(targets
        .first()
        .filter(|target| target.kind == "thin-pool")
        .and_then(|target| PoolStatus::parse(&target.parameters)))
}

/// Takes a thin device out of a pool; LVM's record of it stays. One that is not there is fine.
pub(crate) fn forget_thin(
    mapper: &DeviceMapper,
    pool: (u32, u32),
    thin_id: u32,
) -> ProviderResult<()> {
    let text = format!("delete {thin_id}");
    match mapper.message(Device::Number(pool.0, pool.1), 0, &text) {
        Ok(_) => Ok(()),
        Err(error) if errno(&error) == Some(rustix::io::Errno::NODATA) => Ok(()),
        Err(error) => Err(mapper_failed("make room in the thin pool for a copy")(
            error,
        )),
    }
}

/// Makes a thin device a copy of another one, which is suspended.
pub(crate) fn snapshot(
    mapper: &DeviceMapper,
    pool: (u32, u32),
    copy: u32,
    origin: u32,
) -> ProviderResult<()> {
    mapper
        .message(
            Device::Number(pool.0, pool.1),
            0,
            &format!("create_snap {copy} {origin}"),
        )
        .map(drop)
        .map_err(mapper_failed("copy a thin volume"))
}

/// Suspends a device as far as that can be done: with its file system frozen, or, where somebody has
/// frozen it already, without.
pub(crate) fn suspend(mapper: &DeviceMapper, number: (u32, u32)) -> ProviderResult<()> {
    let device = Device::Number(number.0, number.1);
    let with = |skip_lockfs| {
        mapper.suspend(
            device,
            Suspend {
                skip_lockfs,
                no_flush: false,
            },
        )
    };
    let result = match with(false) {
        Err(error) if errno(&error) == Some(rustix::io::Errno::BUSY) => with(true),
        other => other,
    };
    result
        .map(drop)
        .map_err(mapper_failed("suspend a thin volume"))
}

/// Resumes a device.
pub(crate) fn resume(mapper: &DeviceMapper, number: (u32, u32)) -> ProviderResult<()> {
    mapper
        .resume(Device::Number(number.0, number.1))
        .map(drop)
        .map_err(mapper_failed("resume a thin volume"))
}

fn errno(error: &DmError) -> Option<rustix::io::Errno> {
    match error {
        DmError::Refused { source, .. } => source
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{PoolStatus, thin_parameters};

    #[test]
    fn tables_of_thin_volumes() {
        for (text, expected) in [
            ("254:2 1", Some(((254, 2), 1))),
            ("254:2 16777215", Some(((254, 2), 16_777_215))),
            // With an external origin.
            ("254:2 1 254:9", None),
            ("/dev/dm-2 1", None),
            ("254:2", None),
            ("", None),
        ] {
            assert_eq!(thin_parameters(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_pools() {
        let good = "4 115/1024 0/4800 - rw discard_passdown queue_if_no_space - 256";
        let pool = PoolStatus::parse(good).unwrap();
        assert_eq!((pool.used_metadata, pool.total_metadata), (115, 1024));
        assert_eq!((pool.used_data, pool.total_data), (0, 4800));
        assert_eq!(pool.refusal, None);
        for (text, why) in [
            (
                "4 115/1024 9/9 - out_of_data_space no_discard_passdown error_if_no_space - 256",
                "data",
            ),
            (
                "4 115/1024 9/9 - ro no_discard_passdown queue_if_no_space needs_check 256",
                "read-only",
            ),
            (
                "4 115/1024 9/9 - rw no_discard_passdown queue_if_no_space needs_check 256",
                "check",
            ),
            ("Fail", "failed"),
        ] {
            let refusal = PoolStatus::parse(text).unwrap().refusal.unwrap();
            assert!(refusal.contains(why), "{refusal}");
        }
        for bad in ["", "4", "4 1/2", "4 1 2", "x 1/2 3/4 - rw"] {
            assert_eq!(PoolStatus::parse(bad), None, "{bad}");
        }
    }
}
