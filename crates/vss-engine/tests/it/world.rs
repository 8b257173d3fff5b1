//! A state folder with disks in it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use vss_coordinator::StatePaths;
use vss_engine::Embedded;
use vss_model::{Context, ProviderId, SetId};
use vss_service::{Adopt, AdoptLun, BackupComponents, Lun, Service, VssAsync};

pub(crate) const MIB: usize = 1 << 20;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    service: Option<Embedded>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self {
            folder,
            service: None,
        };
        world.service = Some(Embedded::open(world.paths()).unwrap());
        world
    }

    pub(crate) fn paths(&self) -> StatePaths {
        StatePaths::new(self.folder.path().join("state"))
    }

    pub(crate) fn service(&self) -> &Embedded {
        self.service.as_ref().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.service = None;
    }

    /// An image with an MBR of this signature, every byte after it written.
    pub(crate) fn image(&self, name: &str, signature: u8, size: usize) -> PathBuf {
        let file = self.folder.path().join(format!("{name}.img"));
        let mut bytes = vec![signature; size];
        bytes[..512].fill(0);
        bytes[440] = signature;
        bytes[446 + 4] = 0x83;
        bytes[446 + 8] = 1;
        bytes[446 + 12] = 1;
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        fs::write(&file, bytes).unwrap();
        file
    }

    pub(crate) fn adopt(
        &self,
        name: &str,
        file: PathBuf,
        present: bool,
    ) -> Result<Lun, vss_model::Error> {
        self.service().adopt_lun(&AdoptLun {
            name: name.to_owned(),
            file,
            how: Adopt::Link,
            sector_size: None,
            present,
        })
    }

    /// A session with an open set of these volumes.
    pub(crate) fn open_set(&self, volumes: &[&str]) -> (Box<dyn BackupComponents>, SetId) {
        let session = self.service().create_backup_components().unwrap();
        session.initialize_for_backup().unwrap();
        session.set_context(Context::NAS_ROLLBACK.bits()).unwrap();
        let set = session.start_snapshot_set().unwrap();
        for volume in volumes {
            session
                .add_to_snapshot_set(volume, ProviderId::NULL)
                .unwrap();
        }
        (session, set)
    }

    pub(crate) fn create(&self, volumes: &[&str]) -> SetId {
        let (session, set) = self.open_set(volumes);
        ended(&*session.do_snapshot_set(None).unwrap());
        set
    }
}

/// Waits for a good end.
pub(crate) fn ended(operation: &dyn VssAsync) {
    operation.wait(None).unwrap();
    let state = operation.state().unwrap();
    let error = state.error.map(|error| error.chain());
    assert_eq!(error, None);
    assert!(state.report.is_some());
}
