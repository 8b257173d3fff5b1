//! A whole service in a temporary folder: a fake array, a scripted host and a coordinator.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use disk_identity::{Identity, SectorSize, observe};
use tempfile::TempDir;
use vss_coordinator::{AnyProvider, Coordinator, StateDir, StatePaths};
use vss_model::{
    Context, Error, ObjectType, ProviderId, ResultCode, SetId, SnapshotId, SnapshotProperties,
};
use vss_provider::Method;
use vss_provider::fake::{Action, FakeProvider, FakeSoftwareProvider, Fault, Gate};
use vss_service::{AuditRecord, BackupComponents, Service, VssAsync};

use crate::host::FakeHost;
use crate::images::{Kind, image};
use crate::tier::Tier;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) array: Arc<FakeProvider>,
    pub(crate) software: Arc<FakeSoftwareProvider>,
    pub(crate) host: Arc<FakeHost>,
    tier: Option<Tier>,
    legacy: bool,
}

/// The volume that the software provider of every world can copy.
pub(crate) const SOFTWARE_VOLUME: &str = "soft";

impl World {
    pub(crate) fn new() -> Self {
        Self::build(false)
    }

    /// With a hardware provider that predates the `Ex` interface.
    pub(crate) fn legacy() -> Self {
        Self::build(true)
    }

    fn build(legacy: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut world = Self {
            array: array(&dir, legacy),
            software: Arc::new(FakeSoftwareProvider::new([SOFTWARE_VOLUME])),
            host: Arc::new(FakeHost::default()),
            tier: None,
            legacy,
            dir,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let state = StateDir::acquire(self.paths()).unwrap();
        let providers = vec![
            AnyProvider::Hardware(self.array.clone()),
            AnyProvider::Software(self.software.clone()),
        ];
        let coordinator = Coordinator::open(state, self.host.clone(), providers).unwrap();
        self.tier = Some(Tier::new(coordinator, self.paths()));
    }

    /// The service ends and starts again on the same storage.
    pub(crate) fn restart(&mut self) {
        self.restart_with(Vec::new());
    }

    /// The same, with faults in the way of the start.
    pub(crate) fn restart_with(&mut self, faults: Vec<Fault>) {
        self.stop();
        self.array = array(&self.dir, self.legacy);
        for fault in faults {
            self.array.inject(fault);
        }
        self.start();
    }

    pub(crate) fn stop(&mut self) {
        self.tier = None;
    }

    pub(crate) fn paths(&self) -> StatePaths {
        StatePaths::new(self.dir.path().join("state"))
    }

    pub(crate) fn service(&self) -> &dyn Service {
        self.tier.as_ref().unwrap().service()
    }

    /// The coordinator itself, for what only those ask who have it in their own process.
    pub(crate) fn coordinator(&self) -> &Coordinator {
        self.tier.as_ref().unwrap().coordinator()
    }

    /// A fresh session of somebody with backup privilege.
    pub(crate) fn requester(&self) -> Box<dyn BackupComponents> {
        self.service().create_backup_components().unwrap()
    }

    /// A session of somebody without.
    pub(crate) fn unprivileged(&self) -> Result<Box<dyn BackupComponents>, Error> {
        self.tier.as_ref().unwrap().unprivileged()
    }

    /// An original with a table, presented.
    pub(crate) fn original(&self, name: &str, kind: Kind, seed: u8) {
        self.array
            .create_lun(name, &image(kind, seed), kind.sector_size())
            .unwrap();
        self.array.present(name).unwrap();
    }

    pub(crate) fn session(&self) -> Box<dyn BackupComponents> {
        self.service().administration().unwrap()
    }

    /// A persistent set of these volumes.
    pub(crate) fn create(&self, volumes: &[&str]) -> (SetId, Vec<SnapshotId>) {
        let (set, copies, job) = self.start_create(Context::NAS_ROLLBACK, volumes);
        assert_eq!(
            job.query_status().unwrap(),
            ResultCode::VSS_S_ASYNC_FINISHED,
            "{:?}",
            job.state().unwrap().error.map(|error| error.chain())
        );
        (set, copies)
    }

    /// Runs a creation to its end, whatever that is.
    pub(crate) fn start_create(
        &self,
        context: Context,
        volumes: &[&str],
    ) -> (SetId, Vec<SnapshotId>, Box<dyn VssAsync>) {
        let session = self.requester();
        session.initialize_for_backup().unwrap();
        session.set_context(context.bits()).unwrap();
        let set = session.start_snapshot_set().unwrap();
        let copies = volumes
            .iter()
            .map(|volume| {
                session
                    .add_to_snapshot_set(volume, ProviderId::NULL)
                    .unwrap()
            })
            .collect();
        let job = session.do_snapshot_set(None).unwrap();
        job.wait(None).unwrap();
        (set, copies, job)
    }

    /// `BreakSnapshotSetEx`, waited for: the code of the call, or the one of the async object.
    pub(crate) fn break_ex(&self, set: SetId, flags: u32) -> Result<ResultCode, ResultCode> {
        let mut slot = None;
        match self
            .session()
            .break_snapshot_set_ex(set, flags, None, Some(&mut slot))
        {
            Err(error) => {
                assert!(slot.is_none(), "a failed call leaves no async object");
                Err(error.code())
            }
            Ok(()) => {
                let job = slot.unwrap();
                job.wait(None).unwrap();
                Ok(job.query_status().unwrap())
            }
        }
    }

    /// Starts a break and lets it hang in a method of its provider, until the gate is opened.
    pub(crate) fn break_held_in(
        &self,
        method: Method,
        set: SetId,
        flags: u32,
    ) -> (Gate, Box<dyn VssAsync>) {
        let gate = Gate::new();
        self.array
            .inject(Fault::next(method, Action::Hang(gate.clone())));
        let mut slot = None;
        self.session()
            .break_snapshot_set_ex(set, flags, None, Some(&mut slot))
            .unwrap();
        gate.wait_until_entered();
        (gate, slot.unwrap())
    }

    pub(crate) fn query(&self) -> Vec<SnapshotProperties> {
        self.session()
            .query(SnapshotId::NULL, ObjectType::None, ObjectType::Snapshot)
            .unwrap()
    }

    pub(crate) fn is_listed(&self, set: SetId) -> bool {
        self.query().iter().any(|copy| copy.snapshot_set_id == set)
    }

    /// The image behind a LUN, presented or not.
    pub(crate) fn image_of(&self, lun: &str) -> PathBuf {
        self.array.image_path(lun).unwrap()
    }

    pub(crate) fn bytes(&self, lun: &str) -> Vec<u8> {
        fs::read(self.image_of(lun)).unwrap()
    }

    pub(crate) fn identity(&self, lun: &str, kind: Kind) -> Identity {
        let file = fs::File::open(self.image_of(lun)).unwrap();
        let size = SectorSize::try_from(kind.sector_size()).unwrap();
        observe(&file, Some(size)).unwrap().identity().clone()
    }

    /// Names of the LUNs that carry the copies of a set, in the order of the originals.
    pub(crate) fn luns_of(&self, set: SetId) -> Vec<String> {
        self.service()
            .set(set)
            .unwrap()
            .luns
            .iter()
            .map(|lun| lun.name.clone())
            .collect()
    }

    pub(crate) fn array_id(&self) -> ProviderId {
        use vss_provider::Provider;
        self.array.properties().provider_id
    }

    pub(crate) fn history(&self) -> Vec<AuditRecord> {
        vss_coordinator::CatalogueReader::open(&self.paths().catalogue())
            .unwrap()
            .history(100)
            .unwrap()
    }
}

fn array(dir: &TempDir, legacy: bool) -> Arc<FakeProvider> {
    let provider = FakeProvider::new(&dir.path().join("array")).unwrap();
    Arc::new(if legacy { provider.legacy() } else { provider })
}
