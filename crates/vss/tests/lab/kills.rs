//! The service, the keeper or both killed while file systems and devices are at rest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use vss_lab::guest::{
    Group, Ledger, Mount, check_ledger, fsck, mkfs, run, wait_until, without_udev,
};

use crate::world::{World, is_read_only, text};

/// For so long writes may be held, whoever dies.
const DEADLINE: Duration = Duration::from_secs(10);

/// Moments at which each victim is killed: spread over the keeper's life, and from the first suspended
/// device on. `VSS_KILL_POINTS` sets another number of each.
const POINTS: u32 = 2;
/// How long each ioctl of service and keeper is made to take, in microseconds, so that the time between
/// freeze and thaw is long enough to be hit.
const DELAY: &str = "inject=ioctl:delay_exit=15000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The service in the process of `vss`.
    Service,
    /// `vssd`, which serves a `vss`.
    Daemon,
    Keeper,
    Both,
}

/// When the blow falls.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after the keeper is there.
    After(Duration),
    /// As soon as a device is seen suspended, and so long after.
    Suspended(Duration),
}

/// Two mounted thin volumes with a ledger over both.
struct Scene {
    ledger: Ledger,
    mounts: [Mount; 2],
    group: Group,
    world: World,
    /// Where the kernel says whether the two are suspended.
    suspended: [PathBuf; 2],
}

/// A creation on its way.
struct Creation {
    /// Its end and exit status are those of the service.
    tracer: Child,
    /// Name of the service's program.
    service: &'static str,
    /// Who asked the service, if that is another process.
    client: Option<Child>,
    /// What all of them say.
    log: PathBuf,
}

impl Creation {
    /// The service below its tracer, and its keeper, once both are there.
    fn service_and_keeper(&mut self) -> (u32, u32) {
        let mut found = None;
        until("a keeper, or the end", || {
            found = child_of(self.tracer.id(), self.service)
                .and_then(|service| Some((service, child_of(service, "vss-keeper")?)));
            found.is_some() || self.is_over()
        });
        found.unwrap_or_else(|| {
            let said = fs::read_to_string(&self.log);
            panic!("no keeper was seen: {said:?}")
        })
    }

    /// Whether the one whose creation it is has ended.
    fn is_over(&mut self) -> bool {
        let creator = self.client.as_mut().unwrap_or(&mut self.tracer);
        creator.try_wait().unwrap().is_some()
    }

    /// Waits for its end; whether somebody was told that the set is there.
    fn wait(&mut self) -> bool {
        let ended = self.tracer.wait().unwrap().success();
        match &mut self.client {
            // It ends by itself, whatever became of its service.
            Some(client) => client.wait().unwrap().success(),
            None => ended,
        }
    }
}

/// Runs a program in which ioctls take their time; what it says is added to a file.
fn traced(program: &Command, log: &Path) -> Child {
    Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=ioctl",
            "-e",
            DELAY,
        ])
        .arg(program.get_program())
        .args(program.get_args())
        .stdout(appended(log))
        .stderr(appended(log))
        .spawn()
        .unwrap()
}

fn appended(log: &Path) -> Stdio {
    let file = fs::File::options().create(true).append(true).open(log);
    Stdio::from(file.unwrap())
}

const PLACES: [&str; 2] = ["/mnt/a", "/mnt/b"];

impl Scene {
    fn new(group: &str) -> Self {
        let world = World::new();
        without_udev();
        let group = Group::with_pool(group, 400, 512);
        let mounts = [("a", PLACES[0]), ("b", PLACES[1])].map(|(name, place)| {
            let volume = group.thin(name, 96);
            mkfs("ext4", &volume);
            Mount::new(&volume, place, "rw")
        });
        let suspended = ["a", "b"].map(|name| {
            let mapped = format!("{}-{name}", group.name());
            fs::read_dir("/sys/block")
                .unwrap()
                .map(|entry| entry.unwrap().path().join("dm"))
                .find(|dm| fs::read_to_string(dm.join("name")).is_ok_and(|is| is.trim() == mapped))
                .unwrap()
                .join("suspended")
        });
        let ledger = Ledger::start(mounts[0].place(), mounts[1].place());
        wait_until("entries in the ledger", || ledger.written() > 3);
        Self {
            ledger,
            mounts,
            group,
            world,
            suspended,
        }
    }

    /// Starts a creation, in the service that is to be hit if one is.
    fn create(&self, victim: Option<Victim>) -> Creation {
        let log = self.world.path("creation.log");
        fs::write(&log, "").unwrap();
        if victim != Some(Victim::Daemon) {
            let create = self.world.command(&[&["create"], &PLACES[..]].concat());
            return Creation {
                tracer: traced(&create, &log),
                service: "vss",
                client: None,
                log,
            };
        }
        let socket = self.world.path("run/vssd.sock");
        let settings = self.world.path("vssd.toml");
        let texts = "group = \"\"\n[log]\ntarget = \"stderr\"\n";
        fs::write(&settings, texts).unwrap();
        // A killed daemon leaves its socket; only a new one is waited for.
        let _ = fs::remove_file(&socket);
        let mut vssd = Command::new(Path::new(env!("CARGO_BIN_EXE_vss")).with_file_name("vssd"));
        vssd.arg("--config").arg(settings);
        vssd.arg("--state").arg(self.world.path("."));
        vssd.arg("--socket").arg(&socket);
        let tracer = traced(&vssd, &log);
        wait_until("the daemon's socket", || socket.exists());
        let client = Command::new(env!("CARGO_BIN_EXE_vss"))
            .arg("--connect")
            .arg(format!("unix:{}", socket.display()))
            .arg("create")
            .args(PLACES)
            .stdout(appended(&log))
            .stderr(appended(&log))
            .spawn()
            .unwrap();
        Creation {
            tracer,
            service: "vssd",
            client: Some(client),
            log,
        }
    }

    /// Both places are written to until `end`.
    fn goes_on(&self, end: Instant) -> Result<(), String> {
        let before = self.ledger.written();
        // Two more: the second one was begun, on both, after this.
        while self.ledger.written() < before + 2 {
            if Instant::now() >= end {
                return Err("the writers stand still".to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether one of the two is suspended; as quick as can be.
    fn is_suspended(&self) -> bool {
        self.suspended
            .iter()
            .any(|file| fs::read(file).is_ok_and(|state| state.starts_with(b"1")))
    }

    /// The copies that LVM has, whole or half made.
    fn copies(&self) -> usize {
        let tags = run("lvs", &["--noheadings", "-o", "lv_tags", self.group.name()]);
        tags.matches("openvss.copy").count()
    }

    /// Nothing is suspended, in work or left over; gives the sets that are there.
    fn judge(&self) -> Result<Vec<String>, String> {
        let suspended = suspended();
        if !suspended.is_empty() {
            return Err(format!("suspended: {suspended:?}"));
        }
        let status = self.world.vss(&["status"]);
        if status["operations"] != Value::Array(Vec::new()) {
            return Err(format!("in work: {}", status["operations"]));
        }
        let sets: Vec<String> = self.world.vss(&["list"])["sets"]
            .as_array()
            .ok_or("no list")?
            .iter()
            .map(|set| text(&set["set_id"]))
            .collect();
        let copies = self.copies();
        if copies != sets.len() * PLACES.len() {
            return Err(format!("{copies} copies in LVM for sets {sets:?}"));
        }
        Ok(sets)
    }

    /// A set that is there is whole: of one instant, and refusing writes.
    fn judge_set(&self, set: &str) {
        let shown = self.world.vss(&["show", set]);
        let devices: Vec<String> = shown["snapshots"]
            .as_array()
            .unwrap()
            .iter()
            .map(|copy| text(&copy["device"]))
            .collect();
        assert_eq!(devices.len(), PLACES.len(), "{shown}");
        let copies: Vec<Mount> = devices
            .iter()
            .zip(["/mnt/copy-a", "/mnt/copy-b"])
            .map(|(device, place)| {
                assert!(is_read_only(Path::new(device)), "{device}");
                Mount::new(device, place, "ro,noload")
            })
            .collect();
        let entries = check_ledger(copies[0].place(), copies[1].place());
        assert!(
            entries.clone().is_ok_and(|(first, _)| first > 3),
            "{entries:?}"
        );
    }

    fn end(self) {
        self.ledger.stop();
        for mount in self.mounts {
            mount.unmount();
        }
        for name in ["a", "b"] {
            fsck("ext4", &self.group.path(name));
        }
        self.group.check();
    }
}

/// The device mapper's devices that are suspended.
fn suspended() -> BTreeSet<String> {
    let Ok(devices) = fs::read_dir("/sys/class/block") else {
        return BTreeSet::new();
    };
    devices
        .filter_map(|entry| {
            let entry = entry.ok()?;
            if !entry.file_name().to_str()?.starts_with("dm-") {
                return None;
            }
            let path = entry.path().join("dm");
            let is = fs::read_to_string(path.join("suspended")).ok()?.trim() == "1";
            is.then(|| {
                fs::read_to_string(path.join("name"))
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            })
        })
        .collect()
}

/// Name, state and parent of a process that runs.
fn process(pid: u32) -> Option<(String, char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let mut fields = tail.split_whitespace();
    Some((
        head.split_once('(')?.1.to_owned(),
        fields.next()?.chars().next()?,
        fields.next()?.parse().ok()?,
    ))
}

/// The process of this name that another one started, once it is there.
fn child_of(parent: u32, wanted: &str) -> Option<u32> {
    fs::read_dir("/proc").ok()?.find_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let (name, _, of) = process(pid)?;
        (of == parent && name == wanted).then_some(pid)
    })
}

fn is_there(pid: u32) -> bool {
    process(pid).is_some_and(|(_, state, _)| state != 'Z' && state != 'X')
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Waits actively: the moments are short, and this shall hit them.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(300);
    while !condition() {
        assert!(Instant::now() < end, "waited for {what} in vain");
        std::thread::yield_now();
    }
}

/// How long a keeper lives when nobody is killed.
fn life_of_a_keeper(scene: &Scene) -> Duration {
    let mut creation = scene.create(None);
    let (_, keeper) = creation.service_and_keeper();
    let start = Instant::now();
    until("the end of the keeper", || !is_there(keeper));
    let life = start.elapsed();
    assert!(creation.wait());
    println!("the keeper lives for {life:?}");
    let sets = scene.judge().unwrap();
    assert_eq!(sets.len(), 1);
    scene.judge_set(&sets[0]);
    scene.world.vss(&["delete", &sets[0]]);
    life
}

/// What was seen of one blow.
struct Blow {
    /// Devices were suspended when it fell.
    at_rest: bool,
    /// A whole set is there nevertheless.
    whole: bool,
}

fn blow(scene: &Scene, victim: Victim, moment: Moment) -> Blow {
    let mut creation = scene.create(Some(victim));
    let (pid, keeper) = creation.service_and_keeper();
    let after = match moment {
        Moment::After(after) => after,
        Moment::Suspended(after) => {
            // The moment is short, and may be over before it is seen.
            until("a suspended device", || {
                scene.is_suspended() || !is_there(keeper)
            });
            after
        }
    };
    let start = Instant::now();
    until("the moment", || start.elapsed() >= after);
    let at_rest = scene.is_suspended();
    let fell = Instant::now();
    match victim {
        Victim::Service | Victim::Daemon => kill(pid),
        Victim::Keeper => kill(keeper),
        Victim::Both => {
            kill(keeper);
            kill(pid);
        }
    }
    // Who works on keeps the next one from recovering; the dead do not.
    if victim != Victim::Keeper {
        creation.wait();
    }
    let status = scene.world.output(&["status"]);
    let back = fell.elapsed();
    scene
        .goes_on(fell + DEADLINE)
        .unwrap_or_else(|why| panic!("{victim:?} {moment:?}: {why}; vss took {back:?}"));
    let goes_on = fell.elapsed();
    assert!(status.status.success(), "{victim:?} {moment:?}: {status:?}");
    let told = creation.wait();
    until("the end of the keeper", || !is_there(keeper));
    let sets = scene
        .judge()
        .unwrap_or_else(|why| panic!("{victim:?} {moment:?}: {why}"));
    println!(
        "{victim:?} {moment:?}: at rest {at_rest}, sets {}, vss back after {back:?}, writers after {goes_on:?}",
        sets.len()
    );
    assert!(
        sets.len() == usize::from(told) || (victim != Victim::Keeper && !told),
        "{victim:?} {moment:?}: told {told}, and sets {sets:?}"
    );
    for set in &sets {
        scene.judge_set(set);
        scene.world.vss(&["delete", set]);
    }
    Blow {
        at_rest,
        whole: !sets.is_empty(),
    }
}

fn killed_at_every_moment(victim: Victim, group: &str) {
    let scene = Scene::new(group);
    let life = life_of_a_keeper(&scene);
    let points = std::env::var("VSS_KILL_POINTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(POINTS)
        .max(2);
    let moments = (0..points)
        .map(|point| Moment::After(life * point / (points - 1)))
        .chain((0..points).map(|point| Moment::Suspended(Duration::from_millis(15) * point)));
    let blows: Vec<Blow> = moments.map(|moment| blow(&scene, victim, moment)).collect();
    assert!(
        blows.iter().any(|blow| blow.at_rest),
        "no blow fell while devices were suspended"
    );
    assert!(
        blows.iter().any(|blow| blow.at_rest && !blow.whole),
        "no blow hurt"
    );
    // After all that, as if nothing had been.
    let created = scene.world.create(&PLACES);
    assert_eq!(created.answer["consistency"], "file-system");
    scene.judge_set(&created.set);
    scene.world.vss(&["delete", &created.set]);
    scene.end();
}

#[test]
fn the_service_killed_while_writes_are_held() {
    killed_at_every_moment(Victim::Service, "vsslabkills");
}

#[test]
fn the_daemon_killed_while_writes_are_held() {
    killed_at_every_moment(Victim::Daemon, "vsslabkilld");
}

#[test]
fn the_keeper_killed_while_writes_are_held() {
    killed_at_every_moment(Victim::Keeper, "vsslabkillk");
}

#[test]
fn both_killed_while_writes_are_held() {
    killed_at_every_moment(Victim::Both, "vsslabkillb");
}

/// The control: what the tests above look for is seen when it is there.
#[test]
fn what_is_left_at_rest_is_seen() {
    let scene = Scene::new("vsslabkillc");
    assert_eq!(scene.judge(), Ok(Vec::new()));
    let soon = || Instant::now() + Duration::from_secs(2);
    run("fsfreeze", &["-f", PLACES[1]]);
    // An entry may be through already, a second one is not.
    let stands_still = scene.goes_on(soon());
    run("fsfreeze", &["-u", PLACES[1]]);
    assert!(stands_still.is_err(), "the ledger went on");
    scene.goes_on(soon() + DEADLINE).unwrap();

    let origin = format!("{}/a", scene.group.name());
    let mapped = format!("{}-a", scene.group.name());
    run("dmsetup", &["suspend", &mapped]);
    let seen = scene.judge();
    run("dmsetup", &["resume", "--noudevsync", &mapped]);
    assert!(seen.is_err_and(|why| why.contains(&mapped)));

    let tagged = [
        "-qq",
        "--yes",
        "-s",
        "--addtag",
        "openvss.copy",
        "-n",
        "left",
        &origin,
    ];
    run("lvcreate", &tagged);
    assert!(scene.judge().is_err());
    run("lvremove", &["-qq", "--yes", &scene.group.path("left")]);
    assert_eq!(scene.judge(), Ok(Vec::new()));
    scene.end();
}
