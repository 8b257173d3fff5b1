//! Volumes with file systems in use: frozen for their instant, and let go of whatever happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use host_view::{DevNo, Roots};
use vss_coordinator::{CatalogueReader, FileSystemAtRest, Freezing, Ground};
use vss_model::{Context, ProviderId, ResultCode, SetId};
use vss_provider::Method;
use vss_provider::fake::{Action, Fault};
use vss_service::{Consistency, VssAsync};

use crate::host::Script;
use crate::images::Kind;
use crate::world::World;

const NAMES: [&str; 2] = ["db", "log"];

/// The steps of a creation that goes well.
const STEPS: [&str; 6] = [
    "get ready",
    "flush",
    "freeze",
    "suspend",
    "CommitSnapshots",
    "release",
];

/// A world whose originals are block devices, each with a mounted file system.
struct Mounted {
    world: World,
    script: Arc<Script>,
}

impl Mounted {
    fn new() -> Self {
        let world = World::new();
        let roots = Roots::under(&world.dir.path().join("host"));
        let mut mounts = "1 0 0:1 / / rw - tmpfs none rw\n".to_owned();
        for ((index, name), kind) in (0..).zip(NAMES).zip([Kind::Gpt512, Kind::Mbr]) {
            world.original(name, kind, 1 + index);
            let minor = u32::from(index) * 16;
            let number = DevNo::new(8, minor);
            let disk = format!("sd{}", char::from(b'a' + index));
            let folder = roots.sys.join("block").join(&disk);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("dev"), format!("{number}\n")).unwrap();
            fs::write(folder.join("size"), "131072\n").unwrap();
            mounts += &format!(
                "{} 1 8:{minor} / {} rw - ext4 /dev/{disk} rw\n",
                2 + index,
                place(name)
            );
            let device = world.array.device_path(name);
            world.host.numbers.lock().unwrap().push((device, number));
            written(&roots, number, 8);
        }
        fs::create_dir_all(roots.proc.join("self")).unwrap();
        fs::write(roots.proc.join("self/mountinfo"), mounts).unwrap();
        let script = Arc::new(Script::default());
        *world.host.roots.lock().unwrap() = Some(roots);
        *world.host.rest.lock().unwrap() = Some(Arc::clone(&script));
        Self { world, script }
    }

    /// Runs a creation of both to its end.
    fn create(&self, allow_torn: bool) -> (SetId, Box<dyn VssAsync>) {
        let script = Arc::clone(&self.script);
        let hook = Action::Then(Box::new(move || script.step("CommitSnapshots")));
        self.world
            .array
            .inject(Fault::next(Method::CommitSnapshots, hook));
        let session = self.world.requester();
        session.initialize_for_backup().unwrap();
        session.set_context(Context::NAS_ROLLBACK.bits()).unwrap();
        session.allow_torn(allow_torn).unwrap();
        let set = session.start_snapshot_set().unwrap();
        for name in NAMES {
            session.add_to_snapshot_set(name, ProviderId::NULL).unwrap();
        }
        let job = session.do_snapshot_set(None).unwrap();
        job.wait(None).unwrap();
        self.world.array.recorder().clear_faults();
        (set, job)
    }

    /// A creation that goes well; what its set is worth.
    fn created(&self, allow_torn: bool) -> Consistency {
        let (set, job) = self.create(allow_torn);
        assert_eq!(
            job.query_status().unwrap(),
            ResultCode::VSS_S_ASYNC_FINISHED,
            "{:?}",
            job.state().unwrap().error.map(|error| error.chain())
        );
        self.world.service().set(set).unwrap().consistency
    }

    /// A creation that fails and leaves nothing; the words of its error.
    fn fails(&self, code: ResultCode) -> String {
        let (set, job) = self.create(false);
        assert_eq!(job.query_status().unwrap(), code);
        assert_eq!(self.world.array.luns().len(), NAMES.len());
        assert!(!self.world.is_listed(set));
        let reader = CatalogueReader::open(&self.world.paths().catalogue()).unwrap();
        assert!(reader.unfinished().unwrap().is_empty());
        let aborts = self.world.array.recorder().calls_of(Method::AbortSnapshots);
        assert_eq!(aborts.len(), 1);
        self.world.array.clear_calls();
        job.state().unwrap().error.unwrap().chain()
    }
}

fn place(name: &str) -> String {
    format!("/mnt/{name}")
}

/// What the kernel is to have counted for a device by now.
fn written(roots: &Roots, device: DevNo, sectors: u64) {
    let folder = roots.sys.join(format!("dev/block/{device}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("stat"),
        format!("0 0 0 0 1 0 {sectors} 0 0 0 0 0 0 0 0 0 0\n"),
    )
    .unwrap();
}

fn ground() -> Ground {
    Ground {
        file_systems: NAMES
            .iter()
            .zip([0, 16])
            .map(|(name, minor)| FileSystemAtRest {
                mount_point: PathBuf::from(place(name)),
                device: (8, minor),
                level: 0,
            })
            .collect(),
        devices: Vec::new(),
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_order_of_the_instant() {
    let mounted = Mounted::new();
    assert_eq!(mounted.created(false), Consistency::FileSystem);
    assert_eq!(mounted.script.take_steps(), STEPS);
}

#[test]
fn each_step_failing_leaves_nothing_at_rest() {
    for (index, step) in STEPS.iter().enumerate() {
        let mounted = Mounted::new();
        if *step == "CommitSnapshots" {
            mounted
                .world
                .array
                .inject(Fault::next(Method::CommitSnapshots, Action::Veto));
            mounted.fails(ResultCode::VSS_E_PROVIDER_VETO);
            // The hook stands behind the failure.
            assert_eq!(
                mounted.script.take_steps(),
                [&STEPS[..index], &["dropped"]].concat()
            );
        } else {
            *mounted.script.fails.lock().unwrap() = Some(step);
            let code = if *step == "flush" {
                ResultCode::VSS_E_FLUSH_WRITES_TIMEOUT
            } else {
                ResultCode::VSS_E_HOLD_WRITES_TIMEOUT
            };
            let why = mounted.fails(code);
            assert!(why.contains(step), "{why}");
            let mut expected = STEPS[..=index].to_vec();
            if !["get ready", "release"].contains(step) {
                expected.push("dropped");
            }
            assert_eq!(mounted.script.take_steps(), expected, "{step}");
            *mounted.script.fails.lock().unwrap() = None;
        }
        assert_eq!(mounted.created(false), Consistency::FileSystem, "{step}");
    }
}

#[test]
fn what_was_let_go_of_too_early_is_torn() {
    let mounted = Mounted::new();
    *mounted.script.lost.lock().unwrap() = vec!["the time was over".to_owned()];
    let why = mounted.fails(ResultCode::VSS_E_HOLD_WRITES_TIMEOUT);
    assert!(why.contains("the time was over"), "{why}");
    assert_eq!(mounted.created(true), Consistency::Torn);
}

#[test]
fn what_somebody_wrote_to_is_torn() {
    let mounted = Mounted::new();
    let write = || {
        let roots = mounted.world.host.roots.lock().unwrap().clone().unwrap();
        Action::Then(Box::new(move || written(&roots, DevNo::new(8, 16), 16)))
    };
    let inject = |action| {
        mounted
            .world
            .array
            .inject(Fault::next(Method::CommitSnapshots, action));
    };
    inject(write());
    let why = mounted.fails(ResultCode::VSS_E_HOLD_WRITES_TIMEOUT);
    assert!(why.contains("log") && why.contains("wrote"), "{why}");
    let roots = mounted.world.host.roots.lock().unwrap().clone().unwrap();
    written(&roots, DevNo::new(8, 16), 8);
    inject(write());
    assert_eq!(mounted.created(true), Consistency::Torn);
    assert_eq!(mounted.created(false), Consistency::FileSystem);
}

#[test]
fn what_is_not_frozen_by_us_is_no_better_than_a_crash() {
    for other in [Freezing::Unsupported, Freezing::AlreadyFrozen] {
        let mounted = Mounted::new();
        *mounted.script.freezing.lock().unwrap() = vec![Freezing::Frozen, other];
        let (set, job) = mounted.create(false);
        assert_eq!(
            job.query_status().unwrap(),
            ResultCode::VSS_S_ASYNC_FINISHED
        );
        let record = mounted.world.service().set(set).unwrap();
        assert_eq!(record.consistency, Consistency::Crash);
        assert_eq!(record.freeze_micros, 3000);
        let record = mounted.world.history().remove(0);
        let told = record
            .events
            .iter()
            .any(|event| event.message.contains("/mnt/log"));
        assert!(told, "{:?}", record.events);
    }
}

/// The ground is durable before the first freeze, and the next start lets go of it before anything else.
#[test]
fn the_next_start_lets_go_before_any_provider_is_loaded() {
    let mut mounted = Mounted::new();
    let state = mounted.world.paths().root().to_owned();
    let saved = mounted.world.dir.path().join("saved");
    let (from, to) = (state.clone(), saved.clone());
    *mounted.script.at_freeze.lock().unwrap() = Some(Box::new(move || copy_folder(&from, &to)));
    *mounted.script.fails.lock().unwrap() = Some("freeze");
    mounted.fails(ResultCode::VSS_E_HOLD_WRITES_TIMEOUT);
    *mounted.script.fails.lock().unwrap() = None;
    // A start after an ordinary end has nothing to let go of.
    mounted.world.restart();
    assert!(mounted.world.host.let_go.lock().unwrap().is_empty());

    mounted.world.stop();
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&saved, &state).unwrap();
    mounted.script.take_steps();
    let script = Arc::clone(&mounted.script);
    let hook = Action::Then(Box::new(move || script.step("OnLoad")));
    mounted
        .world
        .restart_with(vec![Fault::next(Method::OnLoad, hook)]);
    assert_eq!(mounted.script.take_steps(), ["let go", "OnLoad"]);
    assert_eq!(*mounted.world.host.let_go.lock().unwrap(), [ground()]);
    let record = mounted.world.history().remove(0);
    assert!(record.recovered, "{record:?}");
    let aborts = mounted
        .world
        .array
        .recorder()
        .calls_of(Method::AbortSnapshots);
    assert_eq!(aborts.len(), 1);
    // Once only.
    mounted.world.restart();
    assert_eq!(mounted.world.host.let_go.lock().unwrap().len(), 1);
    assert_eq!(mounted.created(false), Consistency::FileSystem);
}

#[test]
fn sets_that_are_not_persistent_end_with_the_run_of_the_host() {
    let mut mounted = Mounted::new();
    let kept = mounted.world.create(&["db"]).0;
    let (passing, _, job) = mounted
        .world
        .start_create(Context::from_bits(0x18).unwrap(), &["log"]);
    assert_eq!(
        job.query_status().unwrap(),
        ResultCode::VSS_S_ASYNC_FINISHED
    );
    mounted.world.restart();
    assert!(mounted.world.is_listed(kept));
    assert!(mounted.world.is_listed(passing));
    mounted.world.host.boots.fetch_add(1, Ordering::SeqCst);
    mounted.world.restart();
    assert!(mounted.world.is_listed(kept));
    assert!(!mounted.world.is_listed(passing));
    assert_eq!(mounted.world.array.luns().len(), NAMES.len() + 1);
}
