//! Power cuts: at every moment of a change one copy of the table is valid, and the change can then
//! be finished or taken back. A control shows that the checker would notice.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

use disk_identity::{Change, DiskRead, DiskWrite, MemoryDisk, Patch, attributes, observe};

use crate::checker::table_at;
use crate::gpt::{everything, seen};
use crate::images::Gpt;
use crate::tools::run;

const ATOM: usize = 512;

#[derive(Debug, Clone)]
enum Event {
    Write(usize, Vec<u8>),
    Sync,
}

/// A disk which remembers what was written and when it was made durable.
struct Recording {
    live: MemoryDisk,
    events: Mutex<Vec<Event>>,
}

impl DiskRead for Recording {
    fn len_bytes(&self) -> io::Result<u64> {
        self.live.len_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.live.read_exact_at(buf, offset)
    }
}

impl DiskWrite for Recording {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let event = Event::Write(usize::try_from(offset).unwrap(), buf.to_vec());
        self.events.lock().unwrap().push(event);
        self.live.write_all_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.events.lock().unwrap().push(Event::Sync);
        Ok(())
    }
}

fn events(patch: &Patch, image: &[u8]) -> (Vec<Event>, Vec<u8>) {
    let disk = Recording {
        live: MemoryDisk::new(image.to_vec()),
        events: Mutex::default(),
    };
    patch.apply(&disk).unwrap();
    (disk.events.into_inner().unwrap(), disk.live.into_bytes())
}

/// Calls `f` with every image that a cut may leave: what is synced is there; of the sectors written
/// since, in the order of writing, none, all, each prefix, each one alone, each one missing, and a
/// choice of random subsets.
fn each_cut(image: &[u8], events: &[Event], f: &mut dyn FnMut(&[u8])) {
    let mut durable = image.to_vec();
    let mut pending: BTreeMap<usize, [u8; ATOM]> = BTreeMap::new();
    let mut order = Vec::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for event in events {
        match event {
            Event::Write(offset, bytes) => {
                for (atom, bytes) in (offset / ATOM..).zip(bytes.chunks_exact(ATOM)) {
                    let bytes: [u8; ATOM] = bytes.try_into().unwrap();
                    if durable[atom * ATOM..(atom + 1) * ATOM] != bytes {
                        pending.insert(atom, bytes);
                        order.push(atom);
                    }
                }
            }
            Event::Sync => {
                let n = order.len();
                let mut cut = |keep: &dyn Fn(usize) -> bool| {
                    let mut image = durable.clone();
                    for (place, atom) in order.iter().enumerate() {
                        if keep(place) {
                            image[atom * ATOM..(atom + 1) * ATOM].copy_from_slice(&pending[atom]);
                        }
                    }
                    f(&image);
                };
                for end in 0..=n {
                    cut(&|place| place < end);
                    cut(&|place| place == end);
                    cut(&|place| place != end);
                }
                for _ in 0..64 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    cut(&|place| (random >> (place % 64)) & 1 == 1);
                }
                for (atom, bytes) in std::mem::take(&mut pending) {
                    durable[atom * ATOM..(atom + 1) * ATOM].copy_from_slice(&bytes);
                }
                order.clear();
            }
        }
    }
    f(&durable);
}

/// The valid tables in an image.
fn valid(image: &[u8], spec: &Gpt) -> usize {
    [1, spec.backup]
        .iter()
        .filter(|lba| table_at(image, spec.sector, **lba).is_some())
        .count()
}

/// Runs all cuts of `patch`, and of its inverse, and finishes and undoes one in `every`. Gives the
/// number of cuts.
fn survives(name: &str, spec: &Gpt, image: &[u8], patch: &Patch, every: usize) -> usize {
    let mut cuts = 0;
    for patch in [patch.clone(), patch.inverse()] {
        // The inverse starts where the patch ends.
        let start = if patch.state_on(&MemoryDisk::new(image.to_vec())).unwrap()
            == disk_identity::PatchState::Before
        {
            image.to_vec()
        } else {
            let disk = MemoryDisk::new(image.to_vec());
            patch.inverse().apply(&disk).unwrap();
            disk.into_bytes()
        };
        let (events, end) = events(&patch, &start);
        each_cut(&start, &events, &mut |torn| {
            cuts += 1;
            assert!(valid(torn, spec) > 0, "{name}: no valid copy");
            if cuts % every != 0 {
                return;
            }
            for (patch, wanted) in [(&patch, &end), (&patch.inverse(), &start)] {
                let disk = MemoryDisk::new(torn.to_vec());
                patch.apply(&disk).unwrap();
                assert!(disk.into_bytes() == *wanted, "{name}: not recovered");
            }
            // A reader which knows nothing of the patch finds a table as well. A backup in the
            // middle of a grown disk it can find only through the primary's header.
            if spec.backup == spec.sectors - 1 {
                assert!(
                    observe(&MemoryDisk::new(torn.to_vec()), None).is_ok(),
                    "{name}"
                );
            }
        });
    }
    cuts
}

fn shapes() -> Vec<(&'static str, Gpt)> {
    let base = Gpt::new(512, 128);
    let mut many = base.clone();
    let first = many.parts.clone();
    for (n, part) in (1..).zip(first.into_iter().cycle().take(100)) {
        let mut part = part;
        part.index = n;
        part.id = uuid::Uuid::from_u128(u128::from(n) << 64);
        many.parts.retain(|p| p.index != n);
        many.parts.push(part);
    }
    many.parts.sort_by_key(|p| p.index);
    let mut grown = base.clone();
    grown.sectors += 64;
    let mut hybrid = base.clone();
    hybrid.hybrid = Some(0x1122_3344);
    vec![
        ("plain", base),
        ("100 partitions", many),
        ("256-byte entries", Gpt::new(512, 256)),
        ("4K sectors", Gpt::new(4096, 128)),
        ("grown", grown),
        ("hybrid", hybrid),
    ]
}

#[test]
fn a_change_survives_every_cut() {
    let mut cuts = 0;
    for (name, spec) in shapes() {
        let image = spec.build();
        let before = seen(&spec, &image);
        let patch = before.plan(&everything(&before)).unwrap();
        cuts += survives(name, &spec, &image, &patch, 1);
    }
    assert!(cuts > 1500, "only {cuts} cuts");
}

#[test]
fn rebuilding_a_copy_survives_every_cut() {
    for (name, spec) in shapes() {
        for (lba, array) in [(1, spec.primary_array), (spec.backup, spec.backup_array())] {
            if name == "grown" && lba == 1 {
                continue;
            }
            for (at, what) in [(lba, 0), (array, 3)] {
                let mut image = spec.build();
                spec.spoil(&mut image, at, what);
                let before = seen(&spec, &image);
                let patch = before.plan(&everything(&before)).unwrap();
                survives(name, &spec, &image, &patch, 11);
            }
        }
    }
}

#[test]
fn a_restore_survives_every_cut() {
    for (name, spec) in shapes() {
        if !matches!(name, "plain" | "4K sectors" | "grown") {
            continue;
        }
        for spoiled in [None, Some(1), Some(spec.backup)] {
            for (extra, since) in [(false, false), (true, false), (true, true)] {
                if name == "grown" && (spoiled == Some(1) || since) {
                    continue;
                }
                let mut image = spec.build();
                if let Some(lba) = spoiled.filter(|_| !since) {
                    spec.spoil(&mut image, lba, 5);
                }
                let before = seen(&spec, &image);
                let patch = before.plan(&everything(&before)).unwrap();
                let disk = MemoryDisk::new(image);
                patch.apply(&disk).unwrap();
                let mut now = disk.into_bytes();
                if let Some(lba) = spoiled.filter(|_| since) {
                    spec.spoil(&mut now, lba, 5);
                }
                let mut change = Change::default();
                if extra {
                    change = change.with_attributes(before.identity(), |p| {
                        p.attributes | attributes::READ_ONLY
                    });
                }
                let restore = seen(&spec, &now).plan_restore(&patch, &change).unwrap();
                survives(name, &spec, &now, &restore, 23);
            }
        }
    }
}

/// Guards the tests above: with the sync between the copies left out, the checker must find a
/// moment without a valid copy.
#[test]
fn control_without_a_sync_is_caught() {
    for (name, spec) in shapes() {
        let image = spec.build();
        let before = seen(&spec, &image);
        let patch = before.plan(&everything(&before)).unwrap();
        let (mut events, _) = events(&patch, &image);
        let last = events.len() - 1;
        let mut place = 0;
        events.retain(|event| {
            place += 1;
            matches!(event, Event::Write(..)) || place == last + 1
        });
        let mut lost = 0;
        each_cut(&image, &events, &mut |torn| {
            lost += usize::from(valid(torn, &spec) == 0);
        });
        assert!(lost > 0, "{name}: the checker notices nothing");
    }
}

/// The same control for the order: the valid copy written before the bad one is rebuilt.
#[test]
fn control_in_the_wrong_order_is_caught() {
    let spec = Gpt::new(512, 128);
    let mut image = spec.build();
    spec.spoil(&mut image, 1, 0);
    let before = seen(&spec, &image);
    let patch = before.plan(&everything(&before)).unwrap();
    let mut json = serde_json::to_value(&patch).unwrap();
    json["stages"].as_array_mut().unwrap().reverse();
    let wrong: Patch = serde_json::from_value(json).unwrap();
    let (events, _) = events(&wrong, &image);
    let mut lost = 0;
    each_cut(&image, &events, &mut |torn| {
        lost += usize::from(valid(torn, &spec) == 0);
    });
    assert!(lost > 0);
}

/// sgdisk, too, finds the table of before or of after in what a cut leaves.
#[test]
fn sgdisk_reads_what_a_cut_leaves() {
    const TEST: &str = "sgdisk_reads_what_a_cut_leaves";
    if run(TEST, "sgdisk", &["-V"], "").is_none() {
        return;
    }
    let spec = Gpt::new(512, 128);
    let image = spec.build();
    let before = seen(&spec, &image);
    let change = everything(&before);
    let patch = before.plan(&change).unwrap();
    let names = [before.identity().disk_id, change.disk_id]
        .map(|id| id.unwrap().to_string().to_uppercase());
    let (events, _) = events(&patch, &image);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.img");
    let (mut number, mut asked) = (0, 0);
    each_cut(&image, &events, &mut |torn| {
        number += 1;
        if number % 9 != 0 {
            return;
        }
        asked += 1;
        std::fs::write(&path, torn).unwrap();
        let (_, text) = run(TEST, "sgdisk", &["-p", path.to_str().unwrap()], "").unwrap();
        assert!(
            names.iter().any(|name| text.contains(name.as_str())),
            "{text}"
        );
    });
    assert!(asked > 5);
}
