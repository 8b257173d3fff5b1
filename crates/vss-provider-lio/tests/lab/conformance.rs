//! The conformance suite over the loopback fabric and iSCSI.

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
use crate::wire::{Access, Wire};

/// What originals and copies lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Files,
    Thin,
}

/// How the host reaches its target.
enum Way {
    Loopback(Lab),
    Wire(Wire),
}

impl Way {
    fn lab(&mut self) -> &mut Lab {
        match self {
            Self::Loopback(lab) => lab,
            Self::Wire(wire) => &mut wire.lab,
        }
    }

    fn map(&mut self, store: &Store) {
        let number = self.lab().next_number();
        match self {
            Self::Loopback(lab) => lab.map(store, number),
            Self::Wire(wire) => drop(wire.map(store, number, number)),
        }
    }

    fn unmap(&mut self, name: &str) {
        let number = self.lab().number_of(name).unwrap();
        match self {
            Self::Loopback(lab) => lab.unmap(number),
            Self::Wire(wire) => wire.unmap(number),
        }
    }
}

struct Host {
    // Dropped before the target goes.
    provider: LioProvider,
    on: On,
    way: Way,
    /// Images of originals and copies.
    images: PathBuf,
    originals: BTreeMap<String, Store>,
}

impl Host {
    fn on_files() -> Self {
        Self::open(Way::Loopback(Lab::new()), On::Files, BTreeMap::new())
    }

    fn on_thin() -> Self {
        Self::open(Way::Loopback(Lab::new()), On::Thin, BTreeMap::new())
    }

    fn by_wire() -> Self {
        let way = Way::Wire(Wire::new(Access::Listed));
        Self::open(way, On::Files, BTreeMap::new())
    }

    fn open(mut way: Way, on: On, originals: BTreeMap<String, Store>) -> Self {
        let mut provider = way.lab().open();
        if on == On::Thin {
            provider = provider.on_volumes_of(Arc::new(LvmThin::new()));
        }
        Self {
            provider,
            on,
            images: way.lab().images.clone(),
            way,
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
impl Drop for Host {
    fn drop(&mut self) {
        if self.on == On::Thin && self.way.lab().port.exists() {
            self.way.lab().power_off();
            groups::clear();
        }
    }
}

impl Harness for Host {
    type Provider = LioProvider;

    fn provider(&self) -> &LioProvider {
        &self.provider
    }

    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32) {
        let store = match self.on {
            On::Files => self.way.lab().store(name, content, sector_size),
            On::Thin => {
                let device = PathBuf::from(groups::thin(sector_size, name));
                lio::write(&device, 0, content);
                self.way.lab().store_on(name, &device)
            }
        };
        self.way.map(&store);
        self.originals.insert(name.to_owned(), store);
    }

    fn presented_name(&self, name: &str) -> String {
        format!("lio:{name}")
    }

    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]) {
        lio::write(&self.device(name), offset, bytes);
    }

    fn mask_original(&mut self, name: &str) {
        self.way.unmap(name);
    }

    fn present_original(&mut self, name: &str) {
        self.way.map(&self.originals[name]);
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
            On::Files => fs::read_dir(&self.images).unwrap().count(),
            On::Thin => groups::count(),
        }
    }

    fn restart(self) -> Self {
        let mut old = self;
        let way = std::mem::replace(&mut old.way, Way::Loopback(Lab::default()));
        let (on, originals) = (old.on, std::mem::take(&mut old.originals));
        drop(old);
        Self::open(way, on, originals)
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
    vss_provider::conformance_tests!(super::Host::on_files);
}

macro_rules! checks {
    ($open:path: $($name:ident,)*) => {
        $(#[test]
        fn $name() -> Result<(), CheckFailure> {
            run_named(stringify!($name), $open)
        })*

        #[test]
        #[ignore = "takes minutes"]
        fn every_check() {
            run_all($open);
        }
    };
}

/// The checks in which the storage has a part: LVM's commands are slow in the lab.
mod on_thin {
    use vss_provider::conformance::{CheckFailure, run_all, run_named};

    use super::Host;

    checks! {
        Host::on_thin:
        copy_holds_the_instant,
        copy_keeps_the_sector_size,
        lun_of_two_volumes_is_copied_once,
        located_copy_is_read_write,
        abort_after_pre_commit,
        abort_after_locate,
        mask_withdraws_and_keeps,
        empty_reclaims,
        half_made_sets_go,
        finished_copies_outlive_a_crash,
    }
}

/// The checks in which the fabric has a part: so are the initiator's.
mod by_wire {
    use vss_provider::conformance::{CheckFailure, run_all, run_named};

    use super::Host;

    checks! {
        Host::by_wire:
        copy_holds_the_instant,
        copy_keeps_the_sector_size,
        mask_withdraws_and_keeps,
        finished_copies_outlive_a_crash,
    }
}
