//! The conformance suite over the loopback fabric.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vss_lvm::LvmThin;
use vss_model::{BusType, IdentifierCodeSet, IdentifierType, LunInformation, StorageIdentifier};
use vss_provider::HardwareProvider;
use vss_provider::conformance::Harness;
use vss_provider_lio::LioProvider;

use crate::lio::{self, Lab, Store, groups};

/// What originals and copies lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Files,
    Thin,
}

struct Loopback {
    // Dropped before the target goes.
    provider: LioProvider,
    on: On,
    lab: Lab,
    originals: BTreeMap<String, Store>,
}

impl Loopback {
    fn on_files() -> Self {
        Self::open(Lab::new(), On::Files, BTreeMap::new())
    }

    fn on_thin() -> Self {
        Self::open(Lab::new(), On::Thin, BTreeMap::new())
    }

    fn open(lab: Lab, on: On, originals: BTreeMap<String, Store>) -> Self {
        let mut provider = lab.open();
        if on == On::Thin {
            provider = provider.on_volumes_of(Arc::new(LvmThin::new()));
        }
        Self {
            provider,
            on,
            lab,
            originals,
        }
    }

    fn device(&self, name: &str) -> PathBuf {
        let luns = self.provider.presented_luns().unwrap();
        let name = self.presented_name(name);
        luns.into_iter()
            .find(|lun| lun.name == name)
            .unwrap()
            .device
    }
}

/// Thin volumes outlive what they were made for.
impl Drop for Loopback {
    fn drop(&mut self) {
        if self.on == On::Thin && self.lab.port.exists() {
            self.lab.power_off();
            groups::clear();
        }
    }
}

impl Harness for Loopback {
    type Provider = LioProvider;

    fn provider(&self) -> &LioProvider {
        &self.provider
    }

    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32) {
        let store = match self.on {
            On::Files => self.lab.store(name, content, sector_size),
            On::Thin => {
                let device = PathBuf::from(groups::thin(sector_size, name));
                lio::write(&device, 0, content);
                self.lab.store_on(name, &device)
            }
        };
        self.lab.map(&store, self.lab.next_number());
        self.originals.insert(name.to_owned(), store);
    }

    fn presented_name(&self, name: &str) -> String {
        format!("lio:{name}")
    }

    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        lio::write(&self.device(name), offset, bytes);
    }

    fn mask_original(&mut self, name: &str) {
        self.lab.unmap(self.lab.number_of(name).unwrap());
    }

    fn present_original(&mut self, name: &str) {
        self.lab.map(&self.originals[name], self.lab.next_number());
    }

    fn read_device(&self, path: &Path, offset: u64, len: usize) -> Vec<u8> {
        lio::read(path, offset, len)
    }

    fn lun_exists_in_array(&self, info: &LunInformation) -> bool {
        let core = Path::new("/sys/kernel/config/target/core");
        fs::read_dir(core).unwrap().any(|hba| {
            fs::read_dir(hba.unwrap().path()).unwrap().any(|store| {
                fs::read_to_string(store.unwrap().path().join("wwn/vpd_unit_serial"))
                    .is_ok_and(|line| line.trim().ends_with(&info.serial_number))
            })
        })
    }

    fn stored_luns(&self) -> usize {
        match self.on {
            On::Files => fs::read_dir(&self.lab.images).unwrap().count(),
            On::Thin => groups::count(),
        }
    }

    fn restart(self) -> Self {
        let mut old = self;
        let lab = std::mem::take(&mut old.lab);
        let (on, originals) = (old.on, std::mem::take(&mut old.originals));
        drop(old);
        Self::open(lab, on, originals)
    }

    fn foreign_lun(&self) -> LunInformation {
        LunInformation {
            device_type: 0,
            device_type_modifier: 0,
            command_queueing: true,
            bus_type: BusType::Scsi,
            vendor_id: "LIO-ORG".into(),
            product_id: "FILEIO".into(),
            product_revision: "4.0".into(),
            serial_number: "00000000-1111".into(),
            disk_signature: uuid::Uuid::nil(),
            identifiers: vec![StorageIdentifier {
                code_set: IdentifierCodeSet::Ascii,
                identifier_type: IdentifierType::VendorId,
                bytes: b"LIO-ORG FILEIO:00000000-1111".to_vec(),
            }],
            interconnects: Vec::new(),
        }
    }
}

mod on_files {
    vss_provider::conformance_tests!(super::Loopback::on_files);
}

mod on_thin {
    vss_provider::conformance_tests!(super::Loopback::on_thin);
}
