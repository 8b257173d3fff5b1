//! Thin volumes as the suite wants them: a group for each sector size, with a pool.
//!
//! Making a group takes LVM longer than all that a check does, so the groups are of all checks; each
//! leaves them as it found them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;
use vss_lab::guest::{Group, in_lab, read_at, run, without_udev, write_at};
use vss_lvm::LvmThin;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};
use vss_provider::conformance::Harness;

/// Size of the originals: one extent.
const MIB: u64 = 4;

/// The groups by sector size; the machine ends before they do.
static GROUPS: Mutex<BTreeMap<u32, Group>> = Mutex::new(BTreeMap::new());

pub(crate) struct ThinHarness {
    provider: LvmThin,
    /// Which group an original is in.
    originals: BTreeMap<String, String>,
}

impl ThinHarness {
    pub(crate) fn new() -> Self {
        in_lab();
        without_udev();
        Self {
            provider: LvmThin::new(),
            originals: BTreeMap::new(),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("/dev/{}/{name}", self.originals[name])
    }
}

/// All volumes of the groups but the pools.
fn volumes() -> Vec<String> {
    run(
        "lvs",
        &["--noheadings", "--separator", "/", "-o", "vg_name,lv_name"],
    )
    .split_whitespace()
    .filter(|name| !name.ends_with("/pool"))
    .map(str::to_owned)
    .collect()
}

impl Drop for ThinHarness {
    fn drop(&mut self) {
        let left = volumes();
        if !left.is_empty() {
            let names: Vec<&str> = left.iter().map(String::as_str).collect();
            run(
                "lvremove",
                &[&["-qq", "--force", "--yes"], &names[..]].concat(),
            );
        }
    }
}

impl Harness for ThinHarness {
    type Provider = LvmThin;

    fn provider(&self) -> &LvmThin {
        &self.provider
    }

    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32) {
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups
            .entry(sector_size)
            .or_insert_with(|| Group::with_pool(&format!("vsslab{sector_size}"), 160, sector_size));
        let path = group.thin(name, MIB);
        write_at(Path::new(&path), 0, content);
        self.originals
            .insert(name.to_owned(), group.name().to_owned());
    }

    fn presented_name(&self, name: &str) -> String {
        format!("{}/{name}", self.originals[name])
    }

    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        write_at(Path::new(&self.path(name)), offset, bytes);
    }

    fn mask_original(&mut self, name: &str) {
        run("lvchange", &["-qq", "-an", &self.path(name)]);
    }

    fn present_original(&mut self, name: &str) {
        run("lvchange", &["-qq", "-ay", &self.path(name)]);
    }

    fn read_device(&self, path: &Path, offset: u64, len: usize) -> Vec<u8> {
        read_at(path, offset, len)
    }

    fn write_device(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        write_at(path, offset, bytes);
        Ok(())
    }

    fn lun_exists_in_array(&self, info: &LunInformation) -> bool {
        run("lvs", &["--noheadings", "-o", "lv_uuid"])
            .split_whitespace()
            .any(|uuid| uuid == info.serial_number)
    }

    fn stored_luns(&self) -> usize {
        volumes().len()
    }

    fn restart(mut self) -> Self {
        self.provider = LvmThin::new();
        self
    }

    fn foreign_lun(&self) -> LunInformation {
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: true,
            bus_type: BusType::Scsi,
            vendor_id: "SOMEBODY".to_owned(),
            product_id: "ELSE".to_owned(),
            product_revision: "1".to_owned(),
            serial_number: "77".to_owned(),
            disk_signature: Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Binary,
                identifier_type: IdentifierType::FcphName,
                bytes: vec![0x60; 16],
            }],
            interconnects: Vec::new(),
        }
    }
}
